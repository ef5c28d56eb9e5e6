"""Traces: what is written reads back as equal objects, and replays to the same episode."""

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_r1 import (
    Failure,
    FailureKind,
    ModelCard,
    Price,
    RouterAgent,
    StopReason,
    Trace,
    TraceWriter,
    read_traces,
)
from router_r1.errors import TraceError
from router_r1.testing import ScriptedPolicy, ScriptedPool

PRICE = Price(input=1, output=2)
ROUTES = '<think>t</think><route model="org/a:free">x</route><route model="b">y</route>'


def run(turns: list[str], **options: object) -> Trace:
    cards = [
        ModelCard(name="org/a:free", price=PRICE, context_window=4000, description="fast"),
        ModelCard(name="b", price=PRICE),
    ]
    scripts = {"org/a:free": "It is 4.", "b": Failure(FailureKind.SERVER_ERROR, "boom", 500)}
    pool = ScriptedPool(scripts, cards=cards)
    policy = ScriptedPolicy(turns, price=PRICE)
    with RouterAgent(policy=policy, pool=pool, **options) as agent:  # type: ignore[arg-type]
        return agent.ask("What is 2+2?").trace


EPISODES = {
    "answered": ([ROUTES, "<think>t</think><answer>4</answer>"], {"aggregator": "vote"}),
    "adopted": ([ROUTES, '<think>t</think><answer model="org/a:free"></answer>'], {}),
    "malformed": (["", "hm", "<think>"], {}),
    "out of rounds": ([ROUTES] * 3, {"max_rounds": 2}),
    "refused": ([ROUTES, "<think>t</think><answer>4</answer>"], {"budget_usd": 0.0003}),
    "budget gone": ([ROUTES] * 5, {"budget_usd": 0.001}),
    "policy failed": ([ROUTES], {}),
}


@pytest.mark.parametrize(("turns", "options"), EPISODES.values(), ids=EPISODES)
def test_a_trace_reads_back_equal_and_replays_to_the_same_episode(
    turns: list[str], options: dict[str, object]
) -> None:
    trace = run(turns, **options)
    again = Trace.from_json(trace.to_json())
    assert again == trace

    episode = again.replay()
    assert episode.turns == trace.turns
    assert episode.stop_reason is trace.stop_reason
    assert episode.answer == trace.policy_answer
    assert episode.rounds == trace.rounds


def test_the_cost_of_a_trace_is_the_sum_of_its_ledger() -> None:
    trace = run(EPISODES["answered"][0])
    assert trace.cost_usd == pytest.approx(sum(e.cost_usd or 0 for e in trace.ledger))


def test_a_trace_has_no_endpoints() -> None:
    card = json.loads(run(EPISODES["answered"][0]).to_json())["candidates"][0]
    assert card["name"] == "org/a:free" and card["price"] == {"input": 1.0, "output": 2.0}
    assert "endpoint" not in card and "limits" not in card


@given(text=st.text(st.characters()))
def test_whatever_a_policy_writes_survives_the_file(text: str) -> None:
    trace = run([text, text, text])
    assert Trace.from_json(trace.to_json()) == trace


def test_traces_are_appended_and_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "traces.jsonl"
    first, second = run(EPISODES["answered"][0]), run(EPISODES["malformed"][0])
    with TraceWriter(path) as writer:
        writer.write(first)
    with TraceWriter(path) as writer:
        writer.write(second)
    assert list(read_traces(path)) == [first, second]


def test_an_unfinished_last_line_is_skipped_and_removed_by_the_next_writer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "traces.jsonl"
    trace = run(EPISODES["answered"][0])
    line = trace.to_json()
    path.write_text(f"{line}\n{line[:500]}")
    with caplog.at_level(logging.WARNING):
        assert list(read_traces(path)) == [trace]
    assert f"{path}:2" in caplog.text
    with TraceWriter(path) as writer:
        writer.write(trace)
    assert list(read_traces(path)) == [trace, trace]


def test_an_unfinished_line_of_another_writer_does_not_spoil_the_next_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "traces.jsonl"
    trace = run(EPISODES["answered"][0])
    with TraceWriter(path) as writer:
        writer.write(trace)
        with path.open("a") as killed:
            killed.write(trace.to_json()[:1000])
        writer.write(trace)
    assert list(read_traces(path)) == [trace, trace]


@pytest.mark.parametrize(
    ("line", "says"),
    [("{}", "required"), ("not json", "JSON"), ('{"schema": "other/9"}', "required"), ("[]", "")],
)
def test_a_line_that_is_not_a_trace_is_an_error_with_file_and_line(
    tmp_path: Path, line: str, says: str
) -> None:
    path = tmp_path / "traces.jsonl"
    trace = run(EPISODES["answered"][0])
    path.write_text(f"{trace.to_json()}\n{line}\n")
    reading = read_traces(path)
    assert next(reading) == trace
    with pytest.raises(TraceError) as error:
        next(reading)
    assert f"{path}:2" in str(error.value) and says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_trace_of_another_format_is_refused() -> None:
    data = run(EPISODES["answered"][0]).to_dict() | {"schema": "router-r1.trace/99"}
    with pytest.raises(TraceError, match=r"router-r1\.trace/1"):
        Trace.from_json(json.dumps(data))


def test_only_a_finished_episode_has_a_trace() -> None:
    from router_r1 import Episode, Ledger

    episode = Episode("What?", [ModelCard(name="a", price=PRICE)])
    with pytest.raises(TraceError, match="finished"):
        Trace.of(
            episode,
            Ledger(),
            policy="p",
            pool_version="v",
            answer=None,
            aggregation=None,
            started_at=0.0,
            latency_s=0.0,
        )
    episode.stop(StopReason.CANCELLED)
