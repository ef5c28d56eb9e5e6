"""The agent: sync, async, streaming and many questions over scripted policies and pools; traces on disk."""

import asyncio
import gc
import json
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from router_r1 import (
    CallFinished,
    CallStarted,
    Finished,
    Limits,
    Price,
    RouterAgent,
    StopReason,
    TurnWritten,
    read_traces,
)
from router_r1.episode import Episode
from router_r1.errors import CallerError, ConfigError
from router_r1.ledger import Role
from router_r1.testing import Script, ScriptedPolicy, ScriptedPool

ROUTE = '<think>Who knows?</think><route model="a">2+2</route><route model="b">2+2</route>'
ANSWER = "<think>They agree.</think><answer>4</answer>"
SCRIPTS: dict[str, Script] = {"a": "It is 4.", "b": "4"}


def agent(turns: list[str] | None = None, **options: object) -> RouterAgent:
    policy = ScriptedPolicy(turns or [ROUTE, ANSWER])
    return RouterAgent(policy=policy, pool=ScriptedPool(SCRIPTS), **options)  # type: ignore[arg-type]


def test_ask_returns_answer_cost_rounds_and_trace() -> None:
    with agent() as router:
        result = router.ask("What is 2+2?")
    assert result.answer == "4"
    assert result.rounds == 1
    assert result.stop_reason is StopReason.ANSWERED
    candidates = [entry for entry in result.ledger if entry.role is Role.CANDIDATE]
    assert {entry.model for entry in candidates} == {"a", "b"}
    assert result.cost_usd == sum(entry.cost_usd or 0 for entry in candidates) > 0
    assert result.trace.turns[0].outcomes[0].response is not None


async def test_ask_works_inside_a_running_event_loop() -> None:
    with agent() as router:
        assert router.ask("What is 2+2?").answer == "4"
        assert (await router.aask("What is 2+2?")).answer == "4"


async def test_a_stream_yields_each_event_as_it_happens_and_ends_with_the_result() -> None:
    router = agent()
    events = [event async for event in router.astream("What is 2+2?")]
    await router.aclose()
    assert [type(event) for event in events] == [
        TurnWritten,
        CallStarted,
        CallStarted,
        CallFinished,
        CallFinished,
        TurnWritten,
        Finished,
    ]
    last = events[-1]
    assert isinstance(last, Finished) and last.result.answer == "4"


async def test_leaving_a_stream_early_ends_the_episode_as_cancelled(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    router = agent(traces=traces)
    stream = router.astream("What is 2+2?")
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]
    await router.aclose()
    assert [trace.stop_reason for trace in read_traces(traces)] == [StopReason.CANCELLED]


def test_many_questions_come_back_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    def turn(episode: Episode) -> str:
        number = episode.question.split()[-1]
        return f"<think>t</think><answer>{number}</answer>"

    router = RouterAgent(policy=ScriptedPolicy(turn), pool=ScriptedPool(SCRIPTS))
    questions = [f"What is {number}" for number in range(50)]
    with router:
        results = router.ask_many(questions, concurrency=7)
        assert [result.answer for result in results] == [str(n) for n in range(50)]
        assert "50 of 50" in capsys.readouterr().err
        assert router.ask_many([], progress=False) == []


async def test_concurrency_limits_the_episodes_that_run_at_once() -> None:
    running = most = 0

    async def slow(query: str) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        return "4"

    pool = ScriptedPool({"a": slow, "b": "4"})
    turns = ['<think>t</think><route model="a">2+2</route>', ANSWER]
    router = RouterAgent(policy=ScriptedPolicy(turns), pool=pool)
    await router.aask_many([f"q{n}" for n in range(12)], concurrency=3)
    assert most == 3


@pytest.mark.parametrize("concurrency", [0, -1])
def test_a_concurrency_below_one_is_refused(concurrency: int) -> None:
    with agent() as router, pytest.raises(ConfigError, match="at least 1"):
        router.ask_many(["q"], concurrency=concurrency, progress=False)


def test_an_empty_question_among_many_is_named_before_any_model_is_called(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    with agent(traces=traces) as router, pytest.raises(ConfigError, match="question 2 of 3"):
        router.ask_many(["one", " ", "three"], progress=False)
    assert not traces.exists()


# --- policies that do not do their part


def test_a_policy_that_never_answers_still_gives_a_result_and_a_trace(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    with agent(turns=["hm"] * 9, traces=traces) as router:
        result = router.ask("What is 2+2?")
    assert result.answer is None and result.stop_reason is StopReason.MALFORMED
    assert next(read_traces(traces)) == result.trace


def test_a_policy_that_stops_writing_ends_the_episode() -> None:
    with agent(turns=[ROUTE]) as router:
        result = router.ask("What is 2+2?")
    assert result.stop_reason is StopReason.POLICY_FAILED
    assert "the script has 1 turns" in result.trace.stop_detail


def test_votes_answer_where_the_policy_did_not() -> None:
    with agent(turns=[ROUTE], aggregator="vote") as router:
        result = router.ask("What is 2+2?")
    assert result.answer == "4" and result.trace.policy_answer is None


def test_a_question_that_takes_too_long_ends_with_the_responses_so_far() -> None:
    async def never(query: str) -> str:
        await asyncio.sleep(60)
        return "too late"

    pool = ScriptedPool({"a": never, "b": "4"})
    turns = ['<think>t</think><route model="b">2+2</route>', ROUTE, ANSWER]
    policy = ScriptedPolicy(turns)
    with RouterAgent(policy=policy, pool=pool, aggregator="vote", timeout_s=0.2) as router:
        result = router.ask("What is 2+2?")
    assert result.stop_reason is StopReason.DEADLINE
    assert result.answer == "4"


def test_a_bug_in_a_policy_is_raised_and_its_trace_is_on_disk(tmp_path: Path) -> None:
    def broken(episode: Episode) -> str:
        raise ZeroDivisionError("a bug")

    traces = tmp_path / "traces.jsonl"
    router = RouterAgent(policy=ScriptedPolicy(broken), pool=ScriptedPool(SCRIPTS), traces=traces)
    with router, pytest.raises(ZeroDivisionError):
        router.ask("What is 2+2?")
    trace = next(read_traces(traces))
    assert trace.stop_reason is StopReason.ERROR
    assert trace.stop_detail == "ZeroDivisionError: a bug"


# --- settings


def test_budget_and_rounds_take_precedence_over_the_limits() -> None:
    router = agent(budget_usd=0.5, max_rounds=2, limits=Limits(max_rounds=9, max_routes=3))
    assert router.limits == Limits(budget_usd=0.5, max_rounds=2, max_routes=3)
    router.close()


@pytest.mark.parametrize(
    "wrong", [{"budget_usd": -1.0}, {"max_rounds": -1}, {"timeout_s": 0.0}, {"aggregator": "judge"}]
)
def test_settings_out_of_range_are_refused_in_one_line(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as error:
        agent(**wrong)
    assert "\n" not in str(error.value)


def test_the_policys_tokens_are_priced_if_it_has_a_price_and_counted_if_not() -> None:
    price = Price(input=1, output=1)
    pool = ScriptedPool(SCRIPTS)
    with RouterAgent(policy=ScriptedPolicy([ROUTE, ANSWER], price=price), pool=pool) as router:
        priced = router.ask("What is 2+2?")
    assert priced.ledger.cost_usd(Role.POLICY) > 0
    assert priced.ledger.unpriced_tokens == 0
    assert priced.cost_usd == pytest.approx(
        priced.ledger.cost_usd(Role.POLICY) + priced.ledger.cost_usd(Role.CANDIDATE)
    )
    with agent() as router:
        unpriced = router.ask("What is 2+2?")
    assert unpriced.ledger.cost_usd(Role.POLICY) == 0
    assert unpriced.ledger.unpriced_tokens > 0
    assert all(e.cost_usd is None for e in unpriced.ledger if e.role is Role.POLICY)


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        (lambda: RouterAgent(policy="gpt", pool=ScriptedPool(SCRIPTS)), "policy is a str"),  # type: ignore[arg-type]
        (lambda: RouterAgent(policy=ScriptedPolicy([]), pool={}), "pool is a dict"),  # type: ignore[arg-type]
        (lambda: agent().ask_many("Who?"), "list of questions"),
        (lambda: agent().ask_many(["a", None]), "question 2 of 2"),  # type: ignore[list-item]
        (lambda: agent().ask("a", metadata={"id": object()}), "metadata"),
    ],
)
def test_simple_mistakes_are_named_before_any_model_is_called(
    mistake: Callable[[], object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        mistake()


async def test_an_agent_is_an_asynchronous_context_manager(tmp_path: Path) -> None:
    traces = tmp_path / "traces.jsonl"
    async with agent(traces=traces) as router:
        async for event in router.astream("What is 2+2?"):
            if isinstance(event, CallStarted):
                break
    for _ in range(100):  # the stream that was left is closed by the event loop
        await asyncio.sleep(0.01)
        if traces.exists() and traces.read_text():
            break
    assert [trace.stop_reason for trace in read_traces(traces)] == [StopReason.CANCELLED]


def test_the_trace_file_has_only_complete_lines(tmp_path: Path) -> None:
    traces = tmp_path / "deep" / "traces.jsonl"
    with agent(traces=traces) as router:
        router.ask_many(["q"] * 20, progress=False)
    lines = traces.read_text().splitlines()
    assert len(lines) == 20
    assert all(json.loads(line)["schema"] == "router-r1.trace/1" for line in lines)


def test_a_deadline_keeps_the_responses_that_came_by_then() -> None:
    async def never(query: str) -> str:
        await asyncio.sleep(60)
        return "too late"

    pool = ScriptedPool({"a": "It is 4.", "b": never})
    policy = ScriptedPolicy([ROUTE, ANSWER])
    with RouterAgent(policy=policy, pool=pool, aggregator="synthesize", timeout_s=0.2) as router:
        result = router.ask("What is 2+2?")
    assert result.stop_reason is StopReason.DEADLINE and result.answer == "4"
    rows = [(e.model, e.outcome) for e in result.ledger if e.role is Role.CANDIDATE]
    assert sorted(rows) == [("a", "ok"), ("b", "cancelled")]
    assert result.trace.aggregation is not None
    assert result.trace.aggregation.fallback == "deadline"
    assert result.trace.replay().turns == result.trace.turns


def test_closing_twice_is_harmless_and_a_closed_agent_can_be_asked_again(
    tmp_path: Path,
) -> None:
    traces = tmp_path / "traces.jsonl"
    router = agent(traces=traces)
    router.ask("What is 2+2?")
    router.close()
    router.close()
    other = tmp_path / "other.txt"
    with other.open("w") as file:  # takes the file descriptor that the traces had
        file.write("no newline at the end")
        file.flush()
        assert router.ask("What is 2+2?").answer == "4"
    router.close()
    assert other.read_text() == "no newline at the end"
    assert len(list(read_traces(traces))) == 2


def test_closing_cancels_running_questions(tmp_path: Path) -> None:
    started, outcome = threading.Event(), []

    async def never(query: str) -> str:
        started.set()
        await asyncio.sleep(60)
        return "too late"

    traces = tmp_path / "traces.jsonl"
    pool = ScriptedPool({"a": never, "b": "4"})
    router = RouterAgent(policy=ScriptedPolicy([ROUTE, ANSWER]), pool=pool, traces=traces)

    def ask() -> None:
        try:
            router.ask("What is 2+2?")
        except BaseException as error:
            outcome.append(type(error).__name__)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert started.wait(10)
    router.close()
    thread.join(10)
    assert outcome == ["CancelledError"]
    assert [trace.stop_reason for trace in read_traces(traces)] == [StopReason.CANCELLED]


def test_closing_ends_what_a_question_left_open() -> None:
    """A stream that was not read to its end, for example."""
    ended: list[str] = []

    async def stream() -> AsyncIterator[str]:
        try:
            yield "first"
            yield "second"
        finally:
            await asyncio.sleep(0)
            ended.append("closed")

    left_open = stream()

    async def reply(query: str) -> str:
        return await anext(left_open)

    pool = ScriptedPool({"a": reply, "b": "4"})
    with RouterAgent(policy=ScriptedPolicy([ROUTE, ANSWER]), pool=pool) as router:
        router.ask("What is 2+2?")
        assert not ended
    assert ended == ["closed"]


def test_the_thread_of_an_agent_that_is_never_closed_ends_with_it() -> None:
    before = threading.active_count()
    for _ in range(5):
        agent().ask("What is 2+2?")
    for _ in range(100):
        gc.collect()
        if threading.active_count() <= before:
            break
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_asking_and_closing_from_several_threads_does_not_deadlock() -> None:
    router = agent()
    outcomes: list[str] = []

    def ask() -> None:
        for _ in range(5):
            try:
                outcomes.append(router.ask("What is 2+2?").answer or "")
            except BaseException as error:
                outcomes.append(type(error).__name__)

    def close() -> None:
        for _ in range(5):
            router.close()
            outcomes.append("closed")

    threads = [threading.Thread(target=work, daemon=True) for work in (ask, close, ask, close)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    router.close()
    assert len(outcomes) == 20
    assert set(outcomes) <= {"4", "closed", "CancelledError"}


@pytest.mark.parametrize("waiting", ["close", "ask"])
def test_waiting_inside_a_callback_is_an_error_not_a_deadlock(waiting: str) -> None:
    router = agent()
    errors: list[str] = []

    def emit(event: object) -> None:
        try:
            router.close() if waiting == "close" else router.ask("What?")
        except CallerError as error:
            errors.append(str(error))

    assert router.ask("What is 2+2?", emit=emit).answer == "4"
    router.close()
    assert errors and all("aclose()" in error for error in errors)
