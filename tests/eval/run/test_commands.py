"""`router-r1 eval` and `rescore` as a person runs them: a process, files, exit status. Servers are on loopback."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question, read_questions, write_questions
from router_r1.testing import Exchange, LoopbackServer, Served, chat_reply, usage
from router_r1.trace import read_traces
from router_r1_eval.run.grader import MetricGrader
from router_r1_eval.run.rescore import rescore
from router_r1_eval.run.run_folder import RunFolder

SUMS = {f"What is {n} + {n}?": str(2 * n) for n in range(1, 9)}
COMMAND = [sys.executable, "-c", "from router_r1.cli import main; main()"]


class Script:
    """What the server does, set by tests: which models are down, how long a reply takes; and how often each was asked."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.when_down = Served(status=400, body={"error": {"message": "no such model"}})
        self.delay_s = 0.0
        self.asked: Counter[str] = Counter()
        self.judge_reply: str | None = None
        self.finish = "stop"

    def handle(self, exchange: Exchange) -> Served:
        """The policy asks `large` and repeats its answer; `large` is right, `small` only about small numbers."""
        body = exchange.body
        model, messages = body["model"], body["messages"]
        text = "\n".join(m["content"] for m in messages)
        answer = next(gold for question, gold in SUMS.items() if question in text)
        time.sleep(self.delay_s)
        self.asked[model] += 1
        if model == "judge":
            judged = text.partition("BEGIN ANSWER")[2].partition("END ANSWER")[0]
            right = f"is {answer}." in judged or judged.split("\n")[1] == answer
            verdict = f"It says so.\nVERDICT: {'CORRECT' if right else 'INCORRECT'}"
            return _served(self.judge_reply or verdict)
        if model in self.down:
            return self.when_down
        if model == "policy":
            if any(m["role"] == "assistant" for m in messages):
                return _served(f"<think>Fine.</think><answer>{answer}</answer>")
            question = next(q for q in SUMS if q in text)
            return _served(f'<think>Who?</think><route model="large">{question}</route>')
        if model == "small" and int(answer) > 8:
            return _served("I think that it must be 3.")
        return _served(f"Adding up gives\nthe answer is {answer}.", self.finish)


def _served(text: str, finish: str = "stop") -> Served:
    return Served(chat_reply(text, usage=usage(100, 10), finish=finish))


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def files(tmp_path: Path, script: Script) -> Iterator[Path]:
    """`pool.yaml`, `agent.yaml` and `sums.jsonl` for a server that follows the script."""
    with LoopbackServer(script.handle) as server:
        (tmp_path / "pool.yaml").write_text(
            textwrap.dedent(f"""\
                endpoints:
                  here: {{base_url: "{server.base_url}"}}
                candidates:
                  - {{name: small, endpoint: here, price: {{input: 1, output: 1}}, limits: {{max_attempts: 1}}}}
                  - {{name: large, endpoint: here, price: {{input: 10, output: 10, as_of: 2026-11-01}}, limits: {{max_attempts: 1}}}}
                """)
        )
        (tmp_path / "judges.yaml").write_text(
            textwrap.dedent(f"""\
                endpoints:
                  here: {{base_url: "{server.base_url}"}}
                candidates:
                  - {{name: judge, endpoint: here, price: {{input: 5, output: 5}}}}
                """)
        )
        (tmp_path / "agent.yaml").write_text(
            textwrap.dedent(f"""\
                pool: pool.yaml
                policy: {{kind: openai, base_url: "{server.base_url}", model: policy, price: {{input: 0, output: 0}}}}
                """)
        )
        write_questions(
            tmp_path / "sums.jsonl",
            [
                Question(
                    id=f"s{number}",
                    question=question,
                    answer=gold,
                    metric="em",
                    category="small" if int(gold) < 9 else "large",
                )
                for number, (question, gold) in enumerate(SUMS.items())
            ],
        )
        yield tmp_path


def evaluate(files: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    given = [str(files / "sums.jsonl"), "--config", str(files / "agent.yaml")]
    given += ["--out", str(files / "run"), *arguments]
    return subprocess.run(
        [*COMMAND, "eval", *given], capture_output=True, text=True, timeout=100, check=False
    )


def _rescore(files: Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "rescore", str(files / "run")]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def results(files: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((files / "run" / "results.json").read_text())
    return found


def test_agent_and_single_models_are_asked_scored_and_compared(files: Path, script: Script) -> None:
    done = evaluate(files, "--single", "all")
    assert done.returncode == 0, done.stderr
    assert "24 of 24" in done.stderr
    found = results(files)
    rows = {row["name"]: row for row in found["rows"]}
    assert {name: row["kind"] for name, row in rows.items()} == {
        "agent": "agent",
        "small": "baseline",
        "large": "baseline",
    }
    assert {name: row["accuracy"] for name, row in rows.items()} == {
        "agent": 1.0,
        "small": 0.5,
        "large": 1.0,
    }
    assert found["questions"] == 8 and found["settings"]["best_single"] == "large"
    assert rows["large"]["cost_usd"] == pytest.approx(110 * 10e-6)
    assert rows["small"]["vs_best_single"]["accuracy_diff"] == -0.5
    assert rows["small"]["categories"]["large"] == {"questions": 4, "accuracy": 0.0}
    speeds = found["efficiency"]
    assert speeds["small"]["attempts"] == 8 and speeds["large"]["attempts"] == 16
    assert speeds["policy (policy)"]["attempts"] == 16
    assert speeds["large"]["price"] == {"input": 10.0, "output": 10.0, "as_of": "2026-11-01"}
    assert script.asked == {"policy": 16, "small": 8, "large": 16}


def test_the_answers_of_single_models_are_an_outcome_table(files: Path) -> None:
    assert evaluate(files, "--single", "all", "--no-agent").returncode == 0
    table = OutcomeTable.load(files / "run" / "table")
    assert table.names == ("small", "large") and len(table) == 16
    outcome = table.outcome("s7", "small")
    assert outcome is not None and outcome.text == "I think that it must be 3."
    assert outcome.score == 0 and outcome.cost == pytest.approx(110e-6)


def test_a_rerun_asks_only_what_is_missing_or_failed(files: Path, script: Script) -> None:
    script.down = {"small"}
    first = evaluate(files, "--single", "small", "--limit", "4")
    assert first.returncode == 1 and "small: not one question was answered" in first.stderr
    assert "bad_request" in first.stdout
    assert "4 failed, which --resume asks again" in first.stdout
    assert {r["name"]: r["accuracy"] for r in results(files)["rows"]} == {"agent": 1, "small": 0}

    refused = evaluate(files, "--single", "small", "--limit", "4")
    assert refused.returncode == 2 and "--resume" in refused.stderr

    script.down.clear()
    script.asked.clear()
    again = evaluate(files, "--single", "small", "--limit", "5", "--resume")
    assert again.returncode == 0, again.stderr
    assert script.asked == {"policy": 2, "large": 1, "small": 5}
    assert "they still count" not in again.stderr
    rows = {row["name"]: row for row in results(files)["rows"]}
    asked = read_questions(files / "run" / "questions.jsonl")
    easy = sum(q.category == "small" for q in asked) / 5
    assert rows["agent"]["accuracy"] == 1 and rows["small"]["accuracy"] == pytest.approx(easy)
    assert rows["small"]["failed"] == 0

    fewer = evaluate(files, "--limit", "4", "--resume")
    assert "keeps 6 episodes of questions, samples or models not requested now" in fewer.stderr
    assert results(files)["questions"] == 5

    other = evaluate(files, "--resume", "--set", "limits.max_rounds=1")
    assert other.returncode == 2 and "started with another agent" in other.stderr


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no credit left", "code": 402}},
        {"error": {"message": "No endpoints found", "code": 404}},
        {"error": {"message": "Provider returned error", "code": 502}},
        {"error": {"code": "insufficient_quota"}, "choices": None},
        b"<html>Bad gateway</html>",
    ],
)
def test_a_question_that_met_an_error_inside_status_200_is_asked_again(
    body, files: Path, script: Script
) -> None:
    script.down, script.when_down = {"small"}, Served(body)
    first = evaluate(files, "--single", "small", "--limit", "1")
    assert "1 failed, which --resume asks again" in first.stdout
    script.down.clear()
    script.asked.clear()
    assert evaluate(files, "--single", "small", "--limit", "1", "--resume").returncode == 0
    assert script.asked == {"small": 1}


def interrupted(files: Path, *arguments: str) -> int:
    """Start a run and interrupt it after at least two answers. Returns how many there were."""
    out = files / "run"
    given = [str(files / "sums.jsonl"), "--config", str(files / "agent.yaml"), "--out", str(out)]
    process = subprocess.Popen(
        [*COMMAND, "eval", *given, "--concurrency", "2", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        env={**os.environ},
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if (out / "traces.jsonl").exists() and (out / "traces.jsonl").read_text().count("\n") >= 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 and b"continue from here with --resume" in stderr
    answered = [t for t in read_traces(out / "traces.jsonl") if t.stop_reason == "answered"]
    assert 2 <= len(answered) < 8
    return len(answered)


def test_an_interrupted_run_loses_only_what_was_in_flight(files: Path, script: Script) -> None:
    script.delay_s = 0.3
    answered = interrupted(files)

    script.delay_s = 0.0
    script.asked.clear()
    assert evaluate(files, "--resume").returncode == 0
    assert script.asked["large"] == 8 - answered
    assert results(files)["rows"][0]["accuracy"] == 1


@pytest.mark.parametrize("concurrency", ["1", "64"])
def test_the_limit_in_dollars_covers_all_starts_of_a_run(files: Path, concurrency: str) -> None:
    done = evaluate(files, "--concurrency", concurrency, "--max-usd", "0.003")
    assert done.returncode == 0 and "stopped near $0.003" in done.stderr
    assert len(list(read_traces(files / "run" / "traces.jsonl"))) == 2  # of $0.0011 each
    assert "6 questions are left out" in done.stdout
    evaluate(files, "--concurrency", concurrency, "--max-usd", "0.005", "--resume")
    assert len(list(read_traces(files / "run" / "traces.jsonl"))) == 4


def test_questions_asked_during_an_outage_are_asked_again(files: Path, script: Script) -> None:
    script.down = {"large"}
    assert evaluate(files, "--single", "large", "--limit", "3").returncode == 1
    found = results(files)
    assert [row["failed"] for row in found["rows"]] == [3, 3]
    assert {row["name"]: row["accuracy"] for row in found["rows"]} == {"agent": 1, "large": 0}
    path = files / "run" / "traces.jsonl"
    cut = [
        json.loads(line) | {"stop_reason": "cancelled"} for line in path.read_text().splitlines()
    ]
    with path.open("a") as traces:  # asked again and interrupted
        traces.writelines(json.dumps(trace) + "\n" for trace in cut)
    assert _rescore(files).returncode == 1
    assert {r["name"]: r["accuracy"] for r in results(files)["rows"]} == {"agent": 1, "large": 0}
    script.down.clear()
    assert evaluate(files, "--single", "large", "--limit", "3", "--resume").returncode == 0
    found = results(files)
    assert [row["accuracy"] for row in found["rows"]] == [1, 1]
    assert [row["asked_again"] for row in found["rows"]] == [3, 3]
    assert [row["failed"] for row in found["rows"]] == [0, 0]


def test_a_pool_file_is_enough_to_record_single_models(files: Path) -> None:
    done = evaluate(files, "--config", str(files / "pool.yaml"), "--single", "all", "--no-agent")
    assert done.returncode == 0, done.stderr
    assert [row["name"] for row in results(files)["rows"]] == ["small", "large"]
    refused = evaluate(files, "--config", str(files / "pool.yaml"), "--single", "all")
    assert "this is a pool file" in refused.stderr


def test_cut_replies_are_reported(files: Path, script: Script) -> None:
    script.finish = "length"
    done = evaluate(files, "--limit", "2", "--single", "large", "--no-agent")
    assert "large: 2 of 2 replies were cut at max_output_tokens; raise it" in done.stdout
    assert results(files)["efficiency"]["large"]["cut"] == 2


def test_failed_tries_count_in_the_costs(files: Path, script: Script) -> None:
    agent = files / "agent.yaml"
    agent.write_text(agent.read_text().replace("{input: 0, output: 0}", "{input: 1, output: 1}"))
    script.down = {"large"}
    assert "2 failed, which --resume asks again" in evaluate(files, "--limit", "2").stdout
    script.down.clear()
    done = evaluate(files, "--limit", "2", "--resume")
    assert done.returncode == 0
    traces = list(read_traces(files / "run" / "traces.jsonl"))
    assert len(traces) == 4
    found = results(files)
    assert found["rows"][0]["cost_usd"] == pytest.approx(sum(t.cost_usd for t in traces) / 2)
    assert found["efficiency"]["policy (policy)"]["attempts"] == 8
    assert found["efficiency"]["large"]["failed"] == 2
    assert found["spent_usd"] == pytest.approx(sum(t.cost_usd for t in traces))
    failed = sum(t.cost_usd for t in traces[:2])
    assert found["spent_on_failed_usd"] == pytest.approx(failed) and failed > 0
    line = f"spent ${found['spent_usd']:.4f} in all; the figures below include ${failed:.4f} for failed tries"
    assert line in done.stdout.splitlines()


def test_an_episode_that_was_interrupted_counts_as_not_asked(files: Path) -> None:
    assert evaluate(files).returncode == 0
    path = files / "run" / "traces.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]) + lines[-1].replace('"answered"', '"cancelled"'))
    assert _rescore(files).returncode == 0
    found = results(files)
    assert found["rows"][0]["accuracy"] == 1 and found["left_out"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metric": "foo"}, "question 's0': there is no metric 'foo'"),
        ({"metric": "choice", "choices": ["x", "y"], "answer": "F"}, "question 's0': the gold"),
        ({"metric": "code"}, "question 's0': its metadata has no tests"),
    ],
)
def test_questions_that_cannot_be_graded_are_rejected_before_any_model_is_called(
    files: Path, script: Script, change: dict[str, Any], message: str
) -> None:
    path = files / "sums.jsonl"
    first, *others = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | change), *others]))
    refused = evaluate(files, "--allow-code")
    assert refused.returncode == 2 and message in refused.stderr
    assert not script.asked


def test_two_processes_do_not_share_a_run(files: Path) -> None:
    with RunFolder(files / "run").alone():
        refused = evaluate(files)
    assert refused.returncode == 2 and "another process runs here" in refused.stderr
    assert evaluate(files, "--limit", "1").returncode == 0
    (files / "run" / "results.json").unlink()
    with RunFolder(files / "run").alone():
        refused = _rescore(files)
    assert refused.returncode == 2 and "another process runs here" in refused.stderr
    assert not (files / "run" / "results.json").exists()


def test_a_router_with_only_interrupted_episodes_is_named(files: Path) -> None:
    assert evaluate(files, "--single", "small").returncode == 0
    path = files / "run" / "traces.jsonl"
    traces = [json.loads(line) for line in path.read_text().splitlines()]
    cut = [
        t | {"stop_reason": "cancelled"} if t["metadata"]["router"] == "small" else t
        for t in traces
    ]
    path.write_text("".join(json.dumps(trace) + "\n" for trace in cut))
    done = _rescore(files)
    assert done.returncode == 0 and "small was asked 0 questions, too few" in done.stdout
    found = results(files)
    assert found["unfinished"] == {"small": 0}
    assert [row["name"] for row in found["rows"]] == ["agent"] and found["questions"] == 8


def test_rescoring_removes_the_page_of_earlier_results(files: Path) -> None:
    assert evaluate(files).returncode == 0
    for name in ("report.html", "curve.svg"):
        (files / "run" / name).write_text("a page")
    assert _rescore(files).returncode == 0
    assert not (files / "run" / "report.html").exists() and (files / "run" / "curve.svg").exists()
    assert not list((files / "run").glob("*.new"))


def test_a_changed_question_is_an_error_that_says_what_to_do(files: Path) -> None:
    assert evaluate(files, "--limit", "2").returncode == 0
    for path in (files / "run" / "questions.jsonl", files / "sums.jsonl"):
        changed = [
            json.loads(line) | {"answer": ["7", "8"]} for line in path.read_text().splitlines()
        ]
        path.write_text("".join(json.dumps(question) + "\n" for question in changed))
        done = evaluate(files, "--limit", "2", "--resume")
        if path.parent.name == "run":
            assert done.returncode == 2
            assert f"make the same change in {path} too" in done.stderr
    assert done.returncode == 0, done.stderr


def test_a_run_that_was_interrupted_while_asking_keeps_its_judge(
    files: Path, script: Script
) -> None:
    script.delay_s = 0.3
    interrupted(files, "--judge", "judge", "--judge-pool", str(files / "judges.yaml"))
    script.delay_s = 0.0
    assert evaluate(files, "--resume").returncode == 0
    assert results(files)["settings"]["judge"]["model"] == "judge"


def test_a_router_that_was_asked_too_few_questions_is_not_compared(files: Path) -> None:
    assert evaluate(files).returncode == 0
    done = evaluate(files, "--resume", "--single", "small", "--limit", "2")
    assert "small was asked 2 questions, too few to compare" in done.stdout
    assert [row["name"] for row in results(files)["rows"]] == ["agent"]
    assert results(files)["questions"] == 8


def test_rescoring_calls_no_model(files: Path, script: Script) -> None:
    assert evaluate(files, "--single", "small").returncode == 0
    script.asked.clear()
    questions = files / "run" / "questions.jsonl"
    questions.write_text(
        questions.read_text().replace('"16"', '["16", "I think that it must be 3"]')
    )
    again = subprocess.run(
        [*COMMAND, "rescore", str(files / "run")], capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    assert not script.asked
    assert "scoring: " in again.stderr and "$" not in again.stderr
    rows = {row["name"]: row["accuracy"] for row in results(files)["rows"]}
    assert rows == {"agent": 1.0, "small": 5 / 8}
    lines = (files / "run" / "scores.jsonl").read_text().splitlines()
    scores = [json.loads(line) for line in lines]
    assert {s["answer"] for s in scores if s["id"] == "s7"} == {
        "16",
        "I think that it must be 3.",
    }


def test_repeated_samples_are_separate_outcomes(files: Path) -> None:
    assert evaluate(files, "--single", "small", "--no-agent", "--samples", "3").returncode == 0
    table = OutcomeTable.load(files / "run" / "table")
    assert sorted({o.sample for o in table}) == [0, 1, 2] and len(table) == 24
    assert results(files)["questions"] == 8


def test_a_run_can_be_reported_and_its_table_enter_a_tournament(files: Path) -> None:
    assert evaluate(files, "--single", "all").returncode == 0
    run = files / "run"
    report = subprocess.run([*COMMAND, "report", str(run)], capture_output=True, text=True)
    assert report.returncode == 0, report.stderr
    page = (run / "report.html").read_text()
    assert 'data-kind="right"' in page and 'data-kind="wrong"' in page
    assert "best single" in page and "small" in page and "agent" in page

    given = ["--table", str(run / "table"), "--router", "label", "--out", str(files / "compared")]
    given += ["--set", "validation=0.2"]
    held = subprocess.run([*COMMAND, "tournament", *given], capture_output=True, text=True)
    assert held.returncode == 0, held.stderr
    assert "label" in held.stdout


def test_a_policy_behind_a_server_enters_a_tournament_by_its_agent_file(
    files: Path, script: Script
) -> None:
    assert evaluate(files, "--single", "all", "--no-agent").returncode == 0
    given = ["--table", str(files / "run" / "table"), "--out", str(files / "compared")]
    given += ["--set", "validation=0.2", "--policy", str(files / "agent.yaml")]
    command = [*COMMAND, "tournament", *given]
    letters = [*command, "--set", "view=answer"]
    refused = subprocess.run(letters, capture_output=True, text=True, check=False)
    assert refused.returncode == 2 and "--set view=text" in refused.stderr

    script.asked.clear()
    held = subprocess.run(command, capture_output=True, text=True, check=False)
    assert held.returncode == 0, held.stderr
    found = json.loads((files / "compared" / "results.json").read_text())
    (row,) = [row for row in found["rows"] if row["kind"] == "agent"]
    assert (row["name"], row["accuracy"], row["calls"]) == ("agent", 1, 1)  # it asks `large`
    assert set(script.asked) == {"policy"}

    script.down = {"policy"}
    script.asked.clear()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0 and not script.asked, "all episodes were played"
    other = [str(files / "other") if part == str(files / "compared") else part for part in command]
    down = subprocess.run(other, capture_output=True, text=True, check=False)
    assert down.returncode == 2 and "agent" not in down.stdout
    assert "could not be reached" in down.stderr and "start again to go on" in down.stderr


def test_a_judge_grades_each_answer_once(files: Path, script: Script) -> None:
    assert evaluate(files, "--single", "small", "--limit", "5").returncode == 0
    before = results(files)["rows"]
    given = ["rescore", str(files / "run"), "--judge", "judge", "--judge-pool"]
    command = [*COMMAND, *given, str(files / "judges.yaml")]
    for asked in (10, 0):
        script.asked.clear()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert script.asked["judge"] == asked
    verdicts = files / "run" / "verdicts.jsonl"  # cut off in the middle of a line
    verdicts.write_bytes(verdicts.read_bytes()[:-30])
    script.asked.clear()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert script.asked["judge"] == 1 and len(verdicts.read_text().splitlines()) == 10
    found = results(files)
    assert [row["accuracy"] for row in found["rows"]] == [row["accuracy"] for row in before]
    assert found["settings"]["judge"]["model"] == "judge"

    def rescored(*arguments: str) -> Any:
        done = subprocess.run(
            [*COMMAND, "rescore", str(files / "run"), *arguments], capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return results(files)["settings"]["judge"]

    assert rescored()["model"] == "judge"  # a run keeps its judge
    without_judge = rescore(files / "run", MetricGrader())
    assert without_judge.settings.judge is None
    assert rescored("--by-metric") is None and rescored() is None

    script.judge_reply = "I would rather not."
    (files / "run" / "verdicts.jsonl").unlink()
    kept = (files / "run" / "results.json").read_bytes()
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2 and "gave no verdict" in failed.stderr
    assert (files / "run" / "results.json").read_bytes() == kept


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--no-agent",), "leaves no model to ask"),
        (("--single", "medium"), "no candidate 'medium'"),
        (("--name", "small"), "a candidate of the pool has this name"),
        (("--judge", "small"), "--judge and --judge-pool belong together"),
    ],
)
def test_options_that_cannot_work_are_rejected_before_any_model_is_called(
    files: Path, script: Script, arguments: tuple[str, ...], message: str
) -> None:
    refused = evaluate(files, *arguments)
    assert refused.returncode == 2 and message in refused.stderr
    assert not script.asked and not (files / "run").exists()


def test_a_judge_grades_answers_given_during_an_outage(files: Path, script: Script) -> None:
    script.down = {"large"}
    judge = ("--judge", "judge", "--judge-pool", str(files / "judges.yaml"))
    assert evaluate(files, "--single", "large", "--limit", "3", *judge).returncode == 1
    assert script.asked["judge"] == 3  # the single model gave no answer
    assert {r["name"]: r["accuracy"] for r in results(files)["rows"]} == {"agent": 1, "large": 0}


def test_a_run_stops_paying_when_its_traces_cannot_be_written_and_loses_none(
    files: Path, script: Script
) -> None:
    """A limit on the size of files stands for a full disk."""
    given = [str(files / "sums.jsonl"), "--config", str(files / "agent.yaml")]
    given += ["--out", str(files / "run"), "--concurrency", "1"]
    limited = ["bash", "-c", 'ulimit -f 20; exec "$@"', "bash", *COMMAND, "eval", *given]
    environment = {**os.environ, "TMPDIR": str(files)}
    done = subprocess.run(
        limited, capture_output=True, text=True, timeout=100, check=False, env=environment
    )
    assert done.returncode == 1, done.stderr
    assert "traces.jsonl: the trace cannot be written: File too large" in done.stderr
    assert "stopped asking; 1 answer for $" in done.stderr
    kept = list(read_traces(files / "run" / "traces.jsonl"))
    (place,) = files.glob("router-r1-traces-*.jsonl")
    assert str(place) in done.stderr
    rescued = list(read_traces(place))
    assert 0 < len(kept) < 8 and len(rescued) == 1 and rescued[0].answer is not None
    assert sum(script.asked.values()) == 3 * (len(kept) + 1)  # not one question more was paid for

    with (files / "run" / "traces.jsonl").open("ab") as traces:
        traces.write(place.read_bytes())
    assert evaluate(files, "--resume").returncode == 0
    assert sum(script.asked.values()) == 3 * 8
