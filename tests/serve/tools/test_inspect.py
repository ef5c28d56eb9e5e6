"""Inspect (`inspect_ai`) scores the agent and a candidate through its provider `openai-api`.

`scripts/checks/clients.sh` installs it and runs this.
"""

from pathlib import Path
from typing import Any

import pytest
from gateway_process import GatewayProcess
from moons import RAIN
from serving import LARGE

pytest.importorskip(
    "inspect_ai", reason="inspect_ai is not installed; scripts/checks/clients.sh runs this"
)

from inspect_ai import Task
from inspect_ai import eval as evaluate
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import includes
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import Tool, tool

MODELS = ["router-r1", "router-r1:cheap", LARGE]
SAMPLES = [
    Sample(input="How wide is Arna?", target="612"),
    Sample(input="How wide is Besk?", target="28"),
]


@pytest.fixture(autouse=True)
def _environment(gateway: GatewayProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    """How Inspect is pointed at the gateway: the word after `openai-api/` names the variables."""
    monkeypatch.setenv("ROUTER_BASE_URL", gateway.base_url)
    monkeypatch.setenv("ROUTER_API_KEY", "none")


def score(task: Task, model: str, folder: Path, **options: Any) -> Any:
    """The log of an evaluation."""
    (log,) = evaluate(
        task,
        model=f"openai-api/router/{model}",
        display="none",
        log_dir=str(folder),
        max_retries=0,
        **options,
    )
    return log


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "arguments",
    [{}, {"stream": True}, {"responses_api": True}],
    ids=["whole", "stream", "responses"],
)
def test_two_samples(
    gateway: GatewayProcess, tmp_path: Path, model: str, arguments: dict[str, Any]
) -> None:
    config = GenerateConfig(max_tokens=50, temperature=0.2, seed=7, top_p=0.9)
    task = Task(dataset=SAMPLES, solver=generate(), scorer=includes(), config=config)
    log = score(task, model, tmp_path, model_args=arguments)
    assert log.status == "success"
    assert log.results.scores[0].metrics["accuracy"].value == 0.5
    tokens = 50 if model == LARGE else 270  # two turns of the policy more
    assert log.stats.model_usage[f"openai-api/router/{model}"].total_tokens == 2 * tokens
    assert len(gateway.received) == 2
    for body in gateway.received:
        assert (body["temperature"], body["top_p"]) == (0.2, 0.9)
        assert body.get("max_tokens", body.get("max_completion_tokens")) == 50


@tool
def weather() -> Tool:
    """A tool of the task."""

    async def execute(city: str) -> str:
        """The weather of a city.

        Args:
            city: its name.
        """
        return f"rain in {city}"

    return execute


@pytest.mark.parametrize("model", MODELS)
def test_a_tool_is_called_and_its_result_is_answered(
    gateway: GatewayProcess, tmp_path: Path, model: str
) -> None:
    sample = Sample(input="How is the weather in Oslo?", target=RAIN)
    task = Task(dataset=[sample], solver=[use_tools(weather()), generate()], scorer=includes())
    log = score(task, model, tmp_path)
    assert log.status == "success"
    assert log.results.scores[0].metrics["accuracy"].value == 1.0
    called, answered = gateway.received
    assert called["tools"][0]["function"]["name"] == "weather"
    assert answered["messages"][-1]["content"] == "rain in Oslo"


def test_what_the_agent_cannot_do_ends_the_evaluation_with_its_name(tmp_path: Path) -> None:
    config = GenerateConfig(num_choices=2)
    log = score(Task(dataset=SAMPLES, scorer=includes(), config=config), "router-r1", tmp_path)
    assert log.status == "error"
    assert "n: the agent gives one reply" in log.error.message
