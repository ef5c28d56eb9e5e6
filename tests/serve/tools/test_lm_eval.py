"""lm-evaluation-harness scores the agent and a candidate on a task of its own file format.

`scripts/checks/clients.sh` installs it and runs this; nothing is downloaded.
"""

import json
import sys
from pathlib import Path

import pytest
from gateway_process import GatewayProcess, run
from serving import LARGE, SMALL

pytest.importorskip(
    "lm_eval", reason="lm_eval is not installed; scripts/checks/clients.sh runs this"
)

TASK = r"""
task: moons
dataset_path: json
dataset_kwargs: {data_files: {test: questions.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
filter_list:
  - name: number
    filter: [{function: regex, regex_pattern: "(\\d+)"}, {function: take_first}]
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]
"""
QUESTIONS = {"How wide is Arna, in km?": "612", "How wide is Besk, in km?": "28"}
SENT = {"max_tokens": 256, "temperature": 0.0, "stop": ["\n\n"], "seed": 1234}
"""What the harness sends with every question, unless the task says otherwise."""


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """A folder with the task: two questions, the second of which gets a wrong answer."""
    (tmp_path / "moons.yaml").write_text(TASK)
    rows = [json.dumps({"question": q, "answer": a}) for q, a in QUESTIONS.items()]
    (tmp_path / "questions.jsonl").write_text("\n".join(rows))
    return tmp_path


def test_the_command_scores_the_agent(gateway: GatewayProcess, task: Path) -> None:
    url = f"{gateway.base_url}/chat/completions"
    run(
        [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "local-chat-completions"),
            *("--model_args", f"model=router-r1,base_url={url}", "--apply_chat_template"),
            *("--tasks", "moons", "--include_path", ".", "--output_path", "out", "--log_samples"),
        ],
        task,
        OPENAI_API_KEY="none",
        HF_HUB_OFFLINE="1",
        HF_DATASETS_OFFLINE="1",
        HF_HOME=str(task / "cache"),
    )
    (results,) = task.glob("out/*/results_*.json")
    assert json.loads(results.read_text())["results"]["moons"]["exact_match,number"] == 0.5
    (samples,) = task.glob("out/*/samples_*.jsonl")
    given = [json.loads(line)["filtered_resps"][0] for line in samples.read_text().splitlines()]
    assert sorted(given) == ["27", "612"]
    # The agent forwards the question with the harness's settings to the candidate that answers.
    assert [body["messages"][-1]["content"] for body in gateway.received] == list(QUESTIONS)
    assert all(body["model"] == LARGE and SENT.items() <= body.items() for body in gateway.received)


def test_the_library_scores_a_candidate_with_several_requests_at_once(
    gateway: GatewayProcess, task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lm_eval
    from lm_eval.tasks import TaskManager

    monkeypatch.chdir(task)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    arguments = {
        "model": SMALL,
        "base_url": f"{gateway.base_url}/chat/completions",
        "num_concurrent": 2,
        "max_retries": 1,
    }
    results = lm_eval.simple_evaluate(
        model="local-chat-completions",
        model_args=arguments,
        tasks=["moons"],
        task_manager=TaskManager(include_path=str(task), include_defaults=False),
        apply_chat_template=True,
    )
    assert results["results"]["moons"]["exact_match,number"] == 0.5
    assert len(gateway.received) == 2
    assert all(body["model"] == SMALL and SENT.items() <= body.items() for body in gateway.received)
