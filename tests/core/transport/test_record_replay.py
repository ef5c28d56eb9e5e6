"""Recording and replay: exactness, misses, equal requests in flight together, failures.

Recordings are made from a real server on this machine and replayed after it is gone. The file is tested in
`test_record_store.py`, several processes in `test_several_processes.py`.
"""

import asyncio
from dataclasses import replace

import pytest

from router_r1 import OpenAIPolicy, Price, Response, RouterAgent
from router_r1.errors import ConfigError, ReplayMissError
from router_r1.ledger import Ledger
from router_r1.model_cards import Endpoint, ModelCard
from router_r1.pool import Account, ModelPool
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_reply, usage
from router_r1.trace import read_traces
from router_r1.transport.live import LiveTransport
from router_r1.transport.record_replay import StoreTransport
from router_r1.transport.record_store import RecordStore

GONE = "http://127.0.0.1:9/v1"

ANSWER = "<think>!</think><answer>4</answer>"


def route(*models: str, query: str = "2+2?") -> str:
    routes = "".join(f'<route model="{model}">{query}</route>' for model in models)
    return f"<think>?</think>{routes}"


def rows(ledger) -> list[tuple]:
    """What a replay must repeat: the rows without times, source and billing."""
    return [
        (e.role, e.round, e.model, e.attempt, e.cause, e.outcome, e.usage, e.cost_usd)
        for e in ledger
    ]


# --- exactness


async def test_a_replay_repeats_answers_costs_and_transcript_without_a_server(
    tmp_path, numbered, pool_at
):
    turns = [route("a", "b"), route("a", query="and 3+3?"), ANSWER]

    def handler(exchange) -> Served:
        if exchange.body["model"] == "policy":
            number = sum(m["role"] == "assistant" for m in exchange.body["messages"])
            return Served(chat_reply(turns[number], usage=usage(100, 20 + number, cached=50)))
        if exchange.body["model"] == "b":
            return Served({"error": {"message": "broken"}}, status=500)
        if exchange.number == 1:
            return Served(chat_reply(""))  # an empty answer, which is billed, before a good one
        return numbered(exchange)

    def agent_at(base_url: str, *, recording: bool) -> RouterAgent:
        store = tmp_path / "store.sqlite"
        live = pool_at(base_url, "a", "b")
        pool = live.recording(store) if recording else live.replaying(store)
        server = LiveTransport({"policy": Endpoint(base_url=base_url)}) if recording else None
        on_miss = "live" if recording else "error"
        policy = OpenAIPolicy(
            base_url,
            "policy",
            price=Price(input=0.1, output=0.2, cached=0.01),
            transport=StoreTransport(RecordStore(store), server, on_miss=on_miss),
        )
        return RouterAgent(policy=policy, pool=pool, aggregator="select")

    with LoopbackServer(handler) as server:
        recording = agent_at(server.base_url, recording=True)
        recorded = await recording.aask("What is 2+2, and 3+3?")
        again = await recording.aask("What is 2+2, and 3+3?")
        await recording.aclose()
    replaying = agent_at(GONE, recording=False)
    replayed = await replaying.aask("What is 2+2, and 3+3?")
    await replaying.aclose()

    assert recorded.rounds == 2
    outcomes = [row.outcome for row in recorded.ledger]
    assert outcomes.count("empty_reply") == 1
    assert outcomes.count("server_error") == 2
    for result in (again, replayed):
        assert (result.answer, result.cost_usd) == (recorded.answer, recorded.cost_usd)
        assert result.stop_reason == recorded.stop_reason
        assert [t.observation for t in result.trace.turns] == [
            t.observation for t in recorded.trace.turns
        ]
        assert [t.turn for t in result.trace.turns] == [t.turn for t in recorded.trace.turns]
    assert sorted(map(str, rows(replayed.ledger))) == sorted(map(str, rows(recorded.ledger)))
    assert {row.source for row in replayed.ledger} == {"replay"}
    assert recorded.ledger.billed_usd > 0
    assert replayed.ledger.billed_usd == 0.0
    # While recording, an answer is paid for once, but the failed model `b` is called again.
    assert {row.model for row in again.ledger if row.source == "live"} == {"b"}


async def test_a_replayed_response_is_the_recorded_one(tmp_path, pool_at):
    def handler(exchange) -> Served:
        reply = chat_reply("4", usage=usage(10, 5, 3, 2), model="a-2026", finish="length")
        return Served(reply)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            recorded = await pool.ask("a", "2+2?")
    async with pool_at(GONE).replaying(tmp_path / "store") as pool:
        replayed = await pool.ask("a", "2+2?")
    assert replayed == replace(recorded, source="replay")
    assert (replayed.served_by, replayed.finish_reason) == ("a-2026", "length")


async def test_a_replay_is_priced_by_the_pool_that_replays_it(tmp_path, numbered, pool_at):
    with LoopbackServer(numbered) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            recorded = await pool.ask("a", "2+2?")
    cheaper = ModelPool([ModelCard(name="a", price=Price(input=1.0, output=2.0))])
    async with cheaper.replaying(tmp_path / "store") as pool:
        replayed = await pool.ask("a", "2+2?")
    assert recorded.cost_usd == (10 * 3.0 + 5 * 15.0) / 1_000_000
    assert replayed.cost_usd == (10 * 1.0 + 5 * 2.0) / 1_000_000


async def test_samples_of_one_request_are_kept_apart(tmp_path, numbered, pool_at):
    policy = ScriptedPolicy([route("a"), route("a"), ANSWER])

    def texts(result) -> list[str]:
        return [outcome.response.text for turn in result.trace.turns for outcome in turn.outcomes]

    async def ask(pool: ModelPool) -> list[list[str]]:
        agent = RouterAgent(policy=policy, pool=pool)
        results = [await agent.aask("2+2?", sample_index=index) for index in (0, 10)]
        await agent.aclose()
        return [texts(result) for result in results]

    with LoopbackServer(numbered) as server:
        recorded = await ask(pool_at(server.base_url).recording(tmp_path / "store"))
    replayed = await ask(pool_at(GONE).replaying(tmp_path / "store"))
    assert recorded == replayed == [["answer 0", "answer 1"], ["answer 2", "answer 3"]]


@pytest.mark.parametrize(
    "changed", [{"model": "c"}, {"max_output_tokens": 7}, {"system_prompt": "Be brief."}]
)
async def test_every_setting_that_changes_an_answer_is_part_of_the_key(
    tmp_path, changed, numbered, pool_at
):
    with LoopbackServer(numbered) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            await pool.ask("a", "2+2?")
    other = ModelCard(**({"name": "a", "price": Price(input=1, output=1)} | changed))
    async with ModelPool([other]).replaying(tmp_path / "store") as pool:
        with pytest.raises(ReplayMissError):
            await pool.ask("a", "2+2?")


# --- misses


async def test_a_miss_is_an_error_with_a_remedy_and_leaves_a_trace(store, tmp_path, pool_at):
    traces = tmp_path / "traces.jsonl"
    policy = ScriptedPolicy([route("a"), route("a", query="9+9?"), ANSWER])
    agent = RouterAgent(policy=policy, pool=pool_at(GONE).replaying(store), traces=traces)
    with pytest.raises(ReplayMissError, match=r"no recorded answer of 'a'.*record it") as raised:
        await agent.aask("?")
    await agent.aclose()
    assert "\n" not in str(raised.value)
    (trace,) = read_traces(traces)
    assert (trace.stop_reason, trace.rounds) == ("error", 1)
    assert "no recorded answer" in trace.stop_detail


async def test_a_miss_can_be_a_failure_that_the_policy_sees(store, pool_at):
    policy = ScriptedPolicy([route("a"), route("a", query="9+9?"), ANSWER])
    pool = pool_at(GONE).replaying(store, on_miss="failure")
    agent = RouterAgent(policy=policy, pool=pool)
    result = await agent.aask("?")
    await agent.aclose()
    assert (result.answer, result.rounds) == ("4", 2)
    assert result.cost_usd == (10 * 3.0 + 5 * 15.0) / 1_000_000
    assert 'notice="not_recorded"' in result.trace.turns[1].observation
    assert "No reply: a has no recorded answer to this." in result.trace.turns[1].observation


async def test_a_miss_can_be_recorded(store, numbered, pool_at):
    with LoopbackServer(numbered) as server:
        async with pool_at(server.base_url).replaying(store, on_miss="live") as pool:
            known, new = await pool.ask("a", "2+2?"), await pool.ask("a", "9+9?")
        assert (known.source, new.source) == ("replay", "live")
        assert len(server.exchanges) == 1
    async with pool_at(GONE).replaying(store) as pool:
        assert (await pool.ask("a", "9+9?")).text == new.text


def test_recording_needs_a_live_transport(tmp_path):
    with pytest.raises(ConfigError, match="needs a live transport"):
        StoreTransport(RecordStore(tmp_path / "store"), on_miss="live")


async def test_a_replay_needs_no_key_and_a_recording_does(store):
    card = ModelCard(name="a", endpoint="server", price=Price(input=1, output=1))
    pool = ModelPool([card], {"server": Endpoint(base_url=GONE, api_key_env="NO_SUCH_KEY")})
    pool.replaying(store).check()
    with pytest.raises(ConfigError, match="NO_SUCH_KEY is not set"):
        pool.recording(store).check()


# --- equal requests, and failures


async def test_equal_requests_at_once_are_sent_once(tmp_path, numbered, pool_at):
    def slow(exchange) -> Served:
        return replace(numbered(exchange), delay_s=0.2)

    with LoopbackServer(slow) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            ledger = Ledger()
            same = [pool.ask("a", "2+2?", Account(ledger)) for _ in range(20)]
            others = [pool.ask("a", f"{n}?") for n in range(5)]
            responses = await asyncio.gather(*same, *others)
        assert len(server.exchanges) == 6
    assert len({response.text for response in responses[:20]}) == 1
    assert sorted(row.source for row in ledger) == ["live"] + ["replay"] * 19
    assert ledger.billed_usd == responses[0].cost_usd
    assert ledger.cost_usd() == pytest.approx(20 * responses[0].cost_usd)


async def test_a_call_that_waits_for_an_equal_request_does_not_share_its_failure(
    tmp_path, numbered, pool_at
):
    def handler(exchange) -> Served:
        if exchange.number == 0:
            return Served(status=500, delay_s=0.2)
        return numbered(exchange)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url, max_attempts=1).recording(tmp_path / "store") as pool:
            first, second = await asyncio.gather(pool.ask("a", "?"), pool.ask("a", "?"))
    assert [first.ok, second.ok] == [False, True]
    assert len(server.exchanges) == 2


async def test_a_call_that_waits_for_an_equal_request_is_sent_if_that_is_cancelled(
    tmp_path, numbered, pool_at
):
    def handler(exchange) -> Served:
        return replace(numbered(exchange), delay_s=30 if exchange.number == 0 else 0)

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            first = asyncio.ensure_future(pool.ask("a", "?"))
            second = asyncio.ensure_future(pool.ask("a", "?"))
            while not server.exchanges:
                await asyncio.sleep(0.01)
            first.cancel()
            assert (await asyncio.wait_for(second, 5)).text == "answer 1"


async def test_a_failure_is_replayed_but_called_again_while_recording(tmp_path, numbered, pool_at):
    broken = True

    def handler(exchange) -> Served:
        return Served(status=500) if broken else numbered(exchange)

    async def replayed() -> Response:
        async with pool_at(GONE).replaying(tmp_path / "store") as pool:
            return await pool.ask("a", "?")

    with LoopbackServer(handler) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as pool:
            failed = await pool.ask("a", "?")
            kept = await replayed()
            assert kept == replace(failed, source="replay")
            assert (kept.failure.kind, kept.failure.status, kept.attempts) == (
                "server_error",
                500,
                2,
            )
            broken = False
            answered = await pool.ask("a", "?")
            assert answered.ok
        assert len(server.exchanges) == 3
    assert (await replayed()).text == answered.text
