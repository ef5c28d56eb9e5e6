"""`router-r1` as a person runs it: a process, its output, its exit status. Servers are on loopback."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from router_r1 import read_traces
from router_r1.testing import Exchange, LoopbackServer, Served, chat_events, chat_reply, usage

ROUTE = '<think>Who knows?</think><route model="org/small:free">2+2</route>'
ANSWER = "<think>Fine.</think><answer>4</answer>"
KEY = "a-very-secret-value"


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from router_r1.cli import main; main()", *arguments]
    environment = {k: v for k, v in os.environ.items() if k != "POOL_KEY"} | (env or {})
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment, check=False
    )


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A policy that routes once and answers, and a candidate that always says it is 4."""

    def handle(exchange: Exchange) -> Served:
        body = exchange.body
        if body["model"] == "policy":
            said = sum(m["role"] == "assistant" for m in body["messages"])
            return Served(chat_reply([ROUTE, ANSWER][said], usage=usage(100, 10)))
        if body["model"] == "mute":
            return Served(chat_reply("I will not use tags.", usage=usage(100, 10)))
        if body.get("stream"):
            events = chat_events("1 2 3", usage=usage(10, 3))
            return Served(events=events, event_delay_s=0.01)
        return Served(chat_reply("It is 4.", usage=usage(10, 5)))

    with LoopbackServer(handle) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path, server: LoopbackServer) -> Path:
    """`pool.yaml` and `agent.yaml` for that server."""
    (tmp_path / "pool.yaml").write_text(
        textwrap.dedent(f"""\
            endpoints:
              here: {{base_url: "{server.base_url}", api_key_env: POOL_KEY}}
            candidates:
              - name: org/small:free
                endpoint: here
                price: {{input: 1, output: 2}}
            """)
    )
    (tmp_path / "agent.yaml").write_text(
        textwrap.dedent(f"""\
            pool: pool.yaml
            policy:
              kind: openai
              base_url: {server.base_url}
              model: policy
              price: {{input: 0.5, output: 1}}
            limits: {{max_rounds: 2, budget_usd: 0.01}}
            traces: traces.jsonl
            """)
    )
    return tmp_path


def ask(files: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = str(files / "agent.yaml")
    return run("ask", "What is 2+2?", "--config", config, *arguments, env={"POOL_KEY": KEY})


def test_ask_prints_the_answer_on_stdout_and_the_rounds_and_the_cost_on_stderr(files: Path) -> None:
    done = ask(files)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "4\n"
    assert "org/small:free -> It is 4." in done.stderr
    assert "1 round" in done.stderr and "candidate" in done.stderr and "policy" in done.stderr


def test_ask_as_json_prints_answer_cost_rounds_and_trace(files: Path) -> None:
    done = ask(files, "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["answer"] == "4" and printed["rounds"] == 1
    candidate = (10 * 1 + 5 * 2) / 1e6
    policy = 2 * (100 * 0.5 + 10 * 1) / 1e6
    assert printed["cost_usd"] == pytest.approx(candidate + policy)
    assert printed["trace"] == next(read_traces(files / "traces.jsonl")).to_dict()
    assert done.stderr == ""
    assert KEY not in done.stdout


def test_a_question_can_come_from_standard_input(files: Path) -> None:
    command = [sys.executable, "-c", "from router_r1.cli import main; main()", "ask", "-"]
    command += ["--config", str(files / "agent.yaml"), "--quiet"]
    done = subprocess.run(
        command,
        input="What is 2+2?\n",
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "POOL_KEY": KEY},
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr


def test_settings_can_be_overridden_on_the_command_line(files: Path) -> None:
    done = ask(files, "--set", "limits.max_rounds=0", "--set", "aggregator=vote")
    assert done.returncode == 2
    assert "no answer: rounds" in done.stderr and "limits.max_rounds" in done.stderr


def test_a_route_that_is_not_called_is_shown_as_such(files: Path) -> None:
    done = ask(files, "--set", "limits.budget_usd=0.0001", "--set", "policy.price.output=0")
    assert "org/small:free not called: 2+2" in done.stderr
    assert "malformed" not in done.stderr


def test_a_policy_that_never_answers_is_one_line_and_exit_status_2(files: Path) -> None:
    done = ask(files, "--quiet", "--set", "policy.model=mute")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "malformed" in done.stderr and "stronger one" in done.stderr
    assert len(list(read_traces(files / "traces.jsonl"))) == 1  # the episode is kept all the same


def test_a_recording_is_replayed_without_a_network(files: Path, server: LoopbackServer) -> None:
    record = ("--set", "store={path: pool.sqlite, mode: record}")
    replay = ("--set", "store={path: pool.sqlite, mode: replay}")
    first = ask(files, "--json", *record)
    assert first.returncode == 0, first.stderr
    asked = len(server.exchanges)
    config = str(files / "agent.yaml")
    again = run("ask", "What is 2+2?", "--config", config, "--json", *replay)  # and without a key
    assert again.returncode == 0, again.stderr
    assert len(server.exchanges) == asked
    before, after = json.loads(first.stdout), json.loads(again.stdout)
    assert (after["answer"], after["cost_usd"]) == (before["answer"], before["cost_usd"])
    assert {row["source"] for row in after["trace"]["ledger"]} == {"replay"}
    shown = run("ask", "What is 2+2?", "--config", config, *replay)
    assert "$0 of it billed" in shown.stderr

    missed = run("ask", "Something else?", "--config", config, *replay)
    assert missed.returncode == 2 and missed.stderr.count("\n") == 1
    assert "no recorded answer" in missed.stderr


BROKEN = {
    "unknown field": ("agent.yaml", "traces:", "trace_file:", "trace_file"),
    "missing policy price": ("agent.yaml", "price:", "extra:", "price"),
    "missing pool file": ("agent.yaml", "pool.yaml", "other.yaml", "other.yaml"),
    "missing candidate price": ("pool.yaml", "price: {input: 1, output: 2}", "", "price"),
    "price out of range": ("pool.yaml", "input: 1", "input: -1", "price.input"),
    "unknown endpoint": ("pool.yaml", "endpoint: here", "endpoint: there", "'there'"),
}


@pytest.mark.parametrize(("file", "old", "new", "named"), BROKEN.values(), ids=BROKEN)
def test_bad_input_is_one_line_that_names_it_and_exit_status_2(
    files: Path, file: str, old: str, new: str, named: str
) -> None:
    path = files / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    done = ask(files)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("router-r1: ") and done.stderr.count("\n") == 1
    assert named in done.stderr and ".yaml" in done.stderr
    assert not (files / "traces.jsonl").exists()


def test_a_missing_environment_variable_is_named(files: Path) -> None:
    done = run("ask", "What is 2+2?", "--config", str(files / "agent.yaml"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "POOL_KEY is not set" in done.stderr
    assert not (files / "traces.jsonl").exists()


# --- pool check


def test_pool_check_validates_without_a_key_or_a_call(files: Path, server: LoopbackServer) -> None:
    done = run("pool", "check", str(files / "pool.yaml"))
    assert done.returncode == 0, done.stderr
    assert "org/small:free" in done.stdout and "$2.00" in done.stdout
    assert not server.exchanges


def test_pool_check_live_measures_each_candidate(files: Path) -> None:
    done = run("pool", "check", str(files / "pool.yaml"), "--live", env={"POOL_KEY": KEY})
    assert done.returncode == 0, done.stderr
    assert "first token" in done.stdout and " ms" in done.stdout and "$0.000016" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_pool_check_live_needs_the_key(files: Path) -> None:
    done = run("pool", "check", str(files / "pool.yaml"), "--live")
    assert done.returncode == 2 and "POOL_KEY is not set" in done.stderr


def test_pool_check_live_says_what_is_down_and_exits_with_1(tmp_path: Path) -> None:
    with LoopbackServer(lambda _: Served({"error": {"message": "boom"}}, status=400)) as server:
        (tmp_path / "pool.yaml").write_text(
            f"endpoints: {{e: {{base_url: '{server.base_url}'}}}}\n"
            "candidates: [{name: down, endpoint: e, price: {input: 1, output: 1}}]\n"
        )
        done = run("pool", "check", str(tmp_path / "pool.yaml"), "--live")
    assert done.returncode == 1
    assert "bad_request" in done.stdout and "1 of 1 failed: down" in done.stderr


def test_pool_check_names_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text("candidates: []\n")
    done = run("pool", "check", str(tmp_path / "pool.yaml"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "pool is empty" in done.stderr


# --- help


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["pool", "check", "--help"]])
def test_help_teaches(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_the_version_is_the_installed_one() -> None:
    from importlib.metadata import version

    assert run("--version").stdout.strip() == version("router-r1")
