"""`router-r1 ask` as a person runs it: a process, its output, its exit status. Servers are on loopback."""

import json
import logging
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router_r1 import read_traces
from router_r1.cli import app
from router_r1.errors import ConfigError
from router_r1.testing import Exchange, LoopbackServer, Served, chat_reply, usage

KEY = "a-very-secret-value"

Program = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(program: Program, files: Path) -> Program:
    """Ask the agent of `files` one question, with the key its pool needs."""
    config = str(files / "agent.yaml")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return program("ask", "What is 2+2?", "--config", config, *arguments, env={"POOL_KEY": KEY})

    return run


def test_ask_prints_the_answer_on_stdout_and_the_rounds_and_the_cost_on_stderr(
    ask: Program,
) -> None:
    done = ask()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "4\n"
    assert "org/small:free -> It is 4." in done.stderr
    assert "1 round" in done.stderr and "candidate" in done.stderr and "policy" in done.stderr


def test_ask_as_json_prints_answer_cost_rounds_and_trace(ask: Program, files: Path) -> None:
    done = ask("--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    assert printed["answer"] == "4" and printed["rounds"] == 1
    candidate = (10 * 1 + 5 * 2) / 1e6
    policy = 2 * (100 * 0.5 + 10 * 1) / 1e6
    assert printed["cost_usd"] == pytest.approx(candidate + policy)
    assert printed["trace"] == next(read_traces(files / "traces.jsonl")).to_dict()
    assert done.stderr == ""
    assert KEY not in done.stdout


def test_a_question_can_come_from_standard_input(program: Program, files: Path) -> None:
    config = str(files / "agent.yaml")
    env = {"POOL_KEY": KEY}
    done = program("ask", "-", "--config", config, "--quiet", env=env, stdin="What is 2+2?\n")
    assert (done.returncode, done.stdout) == (0, "4\n"), done.stderr


def test_settings_can_be_overridden_on_the_command_line(ask: Program) -> None:
    done = ask("--set", "limits.max_rounds=0", "--set", "aggregator=vote")
    assert done.returncode == 2
    assert "no answer: rounds" in done.stderr and "limits.max_rounds" in done.stderr


def test_a_route_that_is_not_called_is_shown_as_such(ask: Program) -> None:
    done = ask("--set", "limits.budget_usd=0.0001", "--set", "policy.price.output=0")
    assert "org/small:free not called: 2+2" in done.stderr
    assert "malformed" not in done.stderr


def test_a_policy_that_never_answers_is_one_line_and_exit_status_2(
    ask: Program, files: Path
) -> None:
    done = ask("--quiet", "--set", "policy.model=mute")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "malformed" in done.stderr and "stronger one" in done.stderr
    assert len(list(read_traces(files / "traces.jsonl"))) == 1  # the episode is kept all the same


def test_a_recording_is_replayed_without_a_network(
    ask: Program, program: Program, files: Path, server: LoopbackServer
) -> None:
    record = ("--set", "store={path: pool.sqlite, mode: record}")
    replay = ("--set", "store={path: pool.sqlite, mode: replay}")
    first = ask("--json", *record)
    assert first.returncode == 0, first.stderr
    asked = len(server.exchanges)
    config = str(files / "agent.yaml")
    again = program(
        "ask", "What is 2+2?", "--config", config, "--json", *replay
    )  # and without a key
    assert again.returncode == 0, again.stderr
    assert len(server.exchanges) == asked
    before, after = json.loads(first.stdout), json.loads(again.stdout)
    assert (after["answer"], after["cost_usd"]) == (before["answer"], before["cost_usd"])
    assert {row["source"] for row in after["trace"]["ledger"]} == {"replay"}
    shown = program("ask", "What is 2+2?", "--config", config, *replay)
    assert "$0 of it billed" in shown.stderr

    missed = program("ask", "Something else?", "--config", config, *replay)
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
    ask: Program, files: Path, file: str, old: str, new: str, named: str
) -> None:
    path = files / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    done = ask()
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("router-r1: ") and done.stderr.count("\n") == 1
    assert named in done.stderr and ".yaml" in done.stderr
    assert not (files / "traces.jsonl").exists()


def test_a_missing_environment_variable_is_named(program: Program, files: Path) -> None:
    done = program("ask", "What is 2+2?", "--config", str(files / "agent.yaml"))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "POOL_KEY is not set" in done.stderr
    assert not (files / "traces.jsonl").exists()


HOSTILE = "\x1b[2J\x1b]52;c;cm0=\x07 4 \x9b31m\u202e [red]x[/red]"


def test_what_models_write_reaches_neither_the_terminal_nor_a_pipe_as_a_control_sequence(
    program: Program, tmp_path: Path
) -> None:
    turns = [
        f'<think>{HOSTILE}</think><route model="a">{HOSTILE}</route>',
        f"<think>t</think><answer>{HOSTILE}</answer>",
    ]

    def handle(exchange: Exchange) -> Served:
        body = exchange.body
        written = sum(m["role"] == "assistant" for m in body["messages"])
        text = turns[written] if body["model"] == "policy" else HOSTILE
        return Served(chat_reply(text, usage=usage(1, 1)))

    with LoopbackServer(handle) as server:
        price = "price: {input: 0, output: 0}"
        (tmp_path / "pool.yaml").write_text(
            f"endpoints: {{e: {{base_url: '{server.base_url}'}}}}\n"
            f"candidates: [{{name: a, endpoint: e, {price}}}]\n"
        )
        (tmp_path / "agent.yaml").write_text(
            f"pool: pool.yaml\npolicy: {{kind: openai, base_url: '{server.base_url}', model: policy, {price}}}\n"
        )
        config = ("ask", "2+2?", "--config", str(tmp_path / "agent.yaml"))
        shown, as_json = program(*config), program(*config, "--json")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == r"\x1b[2J\x1b]52;c;cm0=\x07 4 \x9b31m\u202e [red]x[/red]" + "\n"
    assert r"a -> \x1b[2J" in shown.stderr and "[red]x[/red]" in shown.stderr
    assert json.loads(as_json.stdout)["answer"] == HOSTILE
    for text in (shown.stdout, shown.stderr, as_json.stdout):
        assert not set(text) & set("\x1b\x07\x9b\u202e")


def test_the_command_leaves_the_log_of_the_agent_as_it_was(files: Path) -> None:
    log = logging.getLogger("router_r1.agent")
    before = list(log.filters)
    done = CliRunner().invoke(app, ["ask", "2+2?", "--config", str(files / "agent.yaml")])
    assert isinstance(done.exception, ConfigError)
    assert log.filters == before
