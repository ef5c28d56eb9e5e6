"""`router-r1 init`: finds what runs here and which keys are set, asks three questions, writes files that load."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from router_r1.agent_file import load_agent
from router_r1.errors import ConfigError
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.serve.quick_start import init_command
from router_r1.serve.quick_start.init_command import default_budget, default_policy
from router_r1.serve.quick_start.known_models import model_at
from router_r1.serve.quick_start.known_providers import PROVIDERS
from router_r1.testing import Exchange, LoopbackServer, Served, chat_reply, usage

app = typer.Typer()
app.callback()(lambda: None)  # keeps `init` a command with a name although it is the only one
init_command.register(app)

OLLAMA_MODELS = {
    "llama3.1:8b": ("8.0B", ["completion", "tools"]),
    "llava:7b": ("7B", ["completion", "vision"]),
    "deepseek-r1:7b": ("7.6B", ["completion", "thinking"]),
    "tuned-by-me:latest": ("8.0B", ["completion", "tools"]),
    "bert-of-mine:latest": ("109M", ["embedding"]),
    "nomic-embed-text:latest": ("137M", ["embedding"]),
}
NOWHERE = ["--server", "ollama=127.0.0.1:9"]


def ollama(exchange: Exchange) -> Served:
    """Ollama's lists, its `/api/show`, and chat."""
    if exchange.path == "/v1/models":
        return Served({"object": "list", "data": [{"id": name} for name in OLLAMA_MODELS]})
    if exchange.path == "/api/tags":
        rows = [
            {"name": name, "details": {"parameter_size": size}}
            for name, (size, _) in OLLAMA_MODELS.items()
        ]
        return Served({"models": rows})
    if exchange.path == "/api/show":
        return Served({"capabilities": OLLAMA_MODELS[exchange.body["model"]][1]})
    if exchange.path == "/v1/chat/completions":
        return Served(chat_reply("<answer>Danube</answer>", usage=usage(10, 5)))
    return Served({"error": "no such path"}, status=404)


def lists(models: dict[str, Any]) -> Callable[[Exchange], Served]:
    """A server that has `GET /v1/models` and nothing else, as vLLM."""

    def handle(exchange: Exchange) -> Served:
        if exchange.path != "/v1/models":
            return Served({"error": "no such path"}, status=404)
        return Served({"data": [{"id": name, **more} for name, more in models.items()]})

    return handle


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for provider in PROVIDERS:
        for name in provider.keys:
            monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ollama_server() -> Iterator[LoopbackServer]:
    with LoopbackServer(ollama) as server:
        yield server


def run(*args: str | Path, answers: str = "") -> str:
    """The output of `router-r1 init ARGS`; errors are raised."""
    result = CliRunner().invoke(
        app, ["init", *map(str, args)], input=answers, catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


def at(kind: str, server: LoopbackServer) -> list[str]:
    return ["--server", f"{kind}={server.base_url}"]


def test_the_defaults_with_ollama_alone_make_an_agent_that_answers(
    tmp_path: Path, ollama_server: LoopbackServer
) -> None:
    folder = tmp_path / "new"
    output = run(folder, "--yes", *at("ollama", ollama_server))
    assert f"next: router-r1 serve {folder / 'agent.yaml'}" in output
    with load_agent(folder / "agent.yaml") as agent:
        by_name = {card.name: card for card in agent.pool.cards}
        result = agent.ask("Which river flows through Vienna?")
    assert result.answer == "Danube"
    # Models that only embed are left out, also if their name does not tell.
    assert [name.removeprefix("ollama/") for name in by_name] == list(OLLAMA_MODELS)[:4]
    llama, llava, thinking, tuned = by_name.values()
    assert tuned.tools, "Ollama says so; its name tells nothing"
    assert llama.tools and llama.price.output == 0 and llama.parameters_billions == 8
    assert llava.modalities == ("text", "image") and not llava.tools
    assert thinking.max_output_tokens == 4096
    assert isinstance(agent.policy, OpenAIPolicy) and agent.policy.name == "llama3.1:8b"
    assert agent.limits.budget_usd is None, "what is free has no budget"
    assert "OLLAMA_CONTEXT_LENGTH" in (folder / "pool.yaml").read_text()


def test_an_older_ollama_without_capabilities_will_do(tmp_path: Path) -> None:
    def older(exchange: Exchange) -> Served:
        if exchange.path == "/api/show":
            return Served({"modelfile": "FROM x"})
        return ollama(exchange)

    with LoopbackServer(older) as server:
        run(tmp_path, "--yes", *at("ollama", server))
    with load_agent(tmp_path / "agent.yaml") as agent:
        assert agent.pool.card("ollama/llama3.1:8b").tools, "known by its name"
        assert agent.pool.card("ollama/llava:7b").modalities == ("text", "image")
        assert not agent.pool.card("ollama/tuned-by-me:latest").tools


def test_three_questions_answered_on_standard_input(
    tmp_path: Path, ollama_server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    answers = [
        "9",  # no such number: asked again
        "openai/no-such-model",  # no price: asked again
        "1 openai/gpt-6-luna, vllm/tiny@http://127.0.0.1:8001/v1{tools=true,name=tiny}",
        "tiny?",  # not one of them: asked again
        "openai/gpt-6-luna",
        "free",  # no dollars: asked again
        "$0.05",
    ]
    output = run(tmp_path, *at("ollama", ollama_server), answers="\n".join(answers) + "\n")
    assert output.count("Which models?") == 3
    assert "no model has the number 9; expected 1 to 6" in output
    assert "no price per token" in output and "models: 'openai/no-such-model'" in output
    assert "expected dollars, such as 0.01, or none" in output
    with load_agent(tmp_path / "agent.yaml") as agent:
        assert agent.pool.names == ("ollama/llama3.1:8b", "openai/gpt-6-luna", "tiny")
        assert agent.pool.card("tiny").tools
        assert agent.pool.endpoints["vllm at http://127.0.0.1:8001/v1"].api_key_env is None
        assert agent.limits.budget_usd == 0.05
        # A thinking model gets room to think, and none of what it refuses.
        assert agent.limits.max_turn_tokens == 4096
    text = (tmp_path / "agent.yaml").read_text()
    assert "model: gpt-6-luna" in text and "temperature: null" in text
    assert "secret-key" not in text + (tmp_path / "pool.yaml").read_text() + output


def test_empty_answers_take_the_defaults_that_yes_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "x")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "x")
    run(tmp_path / "asked", *NOWHERE, answers="\n\n\n")
    run(tmp_path / "yes", "--yes", *NOWHERE)
    for name in ("pool.yaml", "agent.yaml"):
        assert (tmp_path / "asked" / name).read_text() == (tmp_path / "yes" / name).read_text()
    with load_agent(tmp_path / "yes" / "agent.yaml") as agent:
        assert {card.endpoint for card in agent.pool.cards} == {"groq", "deepseek"}
        highest = max(card.price.output * card.max_output_tokens / 1e6 for card in agent.pool.cards)
        assert agent.limits.budget_usd is not None
        assert agent.limits.budget_usd >= 3 * highest, "or no budget would pay for its calls"


def test_every_provider_makes_files_that_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted = [one for one in PROVIDERS if not one.local]
    for provider in hosted:
        monkeypatch.setenv(provider.keys[-1], "x")
    served = {"my/model": {"max_model_len": 32768}, "google/gemma-2-9b-it": {}}
    with LoopbackServer(lists(served)) as one, LoopbackServer(lists({"phi-4": {}})) as two:
        servers = [*at("vllm", one), *at("lm-studio", two), *at("llama.cpp", two)]
        run(tmp_path, "--yes", *servers)
    with load_agent(tmp_path / "agent.yaml") as agent:
        agent.pool.check()
        assert len(agent.pool.cards) == 4 + sum(len(one.suggested) for one in hosted)
        assert agent.pool.card("vllm/my/model").context_window == 32768
        assert agent.pool.card("vllm/google/gemma-2-9b-it").system_role == "merge"
        assert (
            agent.pool.card("lmstudio/phi-4").endpoint != agent.pool.card("llamacpp/phi-4").endpoint
        )
        assert all(card.price.as_of for card in agent.pool.cards if card.price.output)


def test_files_are_overwritten_only_with_force(
    tmp_path: Path, ollama_server: LoopbackServer
) -> None:
    (tmp_path / "agent.yaml").write_text("mine")
    with pytest.raises(
        ConfigError, match=r"agent.yaml exists; choose another folder, or .* --force"
    ):
        run(tmp_path, "--yes", *at("ollama", ollama_server))
    assert not ollama_server.exchanges, "refused before anything is asked"
    assert (tmp_path / "agent.yaml").read_text() == "mine" and not (tmp_path / "pool.yaml").exists()
    run(tmp_path, "--yes", "--force", *at("ollama", ollama_server))
    load_agent(tmp_path / "agent.yaml").close()


def test_an_unfinished_dialogue_writes_nothing(
    tmp_path: Path, ollama_server: LoopbackServer
) -> None:
    with pytest.raises(ConfigError, match=r"standard input ended .* --yes"):
        run(tmp_path, *at("ollama", ollama_server), answers="1 2\n")
    assert not list(tmp_path.iterdir())


def test_odd_names_are_left_out_and_named(tmp_path: Path) -> None:
    with LoopbackServer(lists({"a<b>": {}, "Twin": {}, "twin": {}, "plain": {}})) as server:
        output = run(tmp_path, "--yes", *at("vllm", server))
    assert "left out: vllm serves a<b>: name: a name must not contain '<'" in output
    assert "left out: vllm/twin differs from another name only in case" in output
    with load_agent(tmp_path / "agent.yaml") as agent:
        assert agent.pool.names == ("vllm/Twin", "vllm/plain")


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("vllm", "expected KIND=URL"),
        ("openai=127.0.0.1:1", "expected one of ollama, lm-studio, llama.cpp, vllm"),
        ("sglang=127.0.0.1:1", "no provider 'sglang'"),
        ("ollama=127.0.0.1:99999", "a port from 1 to 65535"),
    ],
)
def test_a_wrong_server_says_what_is_expected(tmp_path: Path, server: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(tmp_path, "--yes", "--server", server)


def test_nothing_found_says_what_to_start_or_export(tmp_path: Path) -> None:
    # As a user runs it: the program, its exit status, one line on standard error.
    program = """
from router_r1 import cli
from router_r1.serve.quick_start import init_command

if "init" not in [command.callback.__name__ for command in cli.app.registered_commands]:
    init_command.register(cli.app)
cli.main()
"""
    arguments = ["init", str(tmp_path), *NOWHERE]
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("router-r1: no models: ") and "ollama at http://127.0.0.1:9/v1" in last
    assert "`ollama pull llama3.1:8b`" in last and "OPENAI_API_KEY" in last
    assert not list(tmp_path.iterdir())


def test_the_default_policy_is_neither_the_smallest_nor_the_dearest() -> None:
    models = [
        model_at("groq/llama-3.1-8b-instant{input=0.05,output=0.08}", {}),
        model_at("openai/gpt-6-sol{input=2,output=10}", {}),
        model_at("openai/gpt-6-luna{input=0.1,output=0.5}", {}),
        model_at("ollama/llama3.3:70b", {}),
    ]
    assert default_policy(models).card.model_id == "gpt-6-luna"
    assert default_policy([models[0], models[3]]).card.model_id == "llama3.3:70b"
    assert default_policy(models[:1]).card.model_id == "llama-3.1-8b-instant"
    assert default_policy([model_at("ollama/x:1b", {}), models[3]]).card.model_id == "llama3.3:70b"
    assert default_budget(models) == pytest.approx(
        0.2
    )  # 3 answers of 4096 tokens at $10 are $0.123
    assert default_budget(models[:1]) == 0.01
