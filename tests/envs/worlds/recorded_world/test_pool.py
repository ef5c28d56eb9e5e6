"""Candidates of a recorded world: recorded texts, samples, costs and misses."""

import asyncio

import pytest

from router_r1 import RouterAgent
from router_r1.ledger import Ledger
from router_r1.testing import ScriptedPolicy
from router_r1.token_prices import Price, cost_usd
from router_r1.transport.messages import FailureKind
from router_r1_envs.worlds.base import start
from router_r1_envs.worlds.recorded_world.pool import as_booked


async def test_a_route_gets_the_recorded_text_at_the_recorded_cost(colours, find, ask) -> None:
    world = colours()
    ledger = Ledger()
    response = await ask(world, find(world, 1), "large", ledger=ledger)
    assert response.text == "Surely (C)."
    assert (response.usage.prompt, response.usage.completion) == (40, 10)
    assert response.cost_usd == pytest.approx(50 * 10 / 1e6)
    (entry,) = ledger
    assert (entry.cost_usd, entry.billed, entry.source) == (response.cost_usd, False, "replay")


async def test_estimated_tokens_are_estimated_in_the_ledger_too(
    question, outcome, world_of, find, ask
) -> None:
    names = ("small", "large")
    rows = [outcome(n, name, estimated=name == "small") for n in range(60) for name in names]
    world = world_of([question(n) for n in range(60)], rows)
    for name in names:
        ledger = Ledger()
        await ask(world, find(world, 1), name, ledger=ledger)
        assert ledger.usage().estimated == (name == "small")


async def test_a_missing_outcome_is_a_counted_miss_that_costs_nothing(colours, find, ask) -> None:
    world = colours()
    ledger = Ledger()
    response = await ask(world, find(world, 0), "small", ledger=ledger)
    assert response.failure.kind is FailureKind.NOT_RECORDED
    assert (response.cost_usd, len(ledger)) == (0, 0)
    assert world.misses == {"small": 1}


async def test_asking_again_gets_the_next_sample_or_is_a_miss(
    question, outcome, world_of, find, ask
) -> None:
    rows = [outcome(n, "large") for n in range(60)]
    rows += [outcome(1, "small", "A"), outcome(1, "small", "B", sample=1)]
    world = world_of([question(n) for n in range(60)], rows)
    texts = [(await ask(world, find(world, 1), "small", sample=n)).text for n in range(3)]
    assert texts == ["Surely (A).", "Surely (B).", ""]
    assert world.misses == {"small": 1}


def test_a_second_call_of_a_candidate_without_a_second_sample_shows_a_notice(colours, find) -> None:
    world = colours(view="answer")
    asked = find(world, 1)
    episode = start(world, asked, world.levels[0])
    route = '<think>?</think><route model="large">question</route>'
    seen = []
    for _ in range(2):
        step = episode.step(route)
        pool = world.pool(asked)
        replies = [
            asyncio.run(pool.ask(c.model, c.query, sample_index=c.sample_index)) for c in step.calls
        ]
        seen.append(episode.observe(replies))
    assert "; answer x" in seen[0]
    assert 'notice="not_recorded"' in seen[1]


async def test_several_candidates_can_be_asked_at_once(colours, find) -> None:
    world = colours()
    asked = find(world, 2)
    policy = ScriptedPolicy(
        [
            '<think>?</think><route model="small">question</route><route model="large">question</route>',
            "<think>!</think><answer>C</answer>",
        ]
    )
    async with RouterAgent(policy=policy, pool=world.pool(asked), limits=world.limits) as agent:
        result = await agent.aask(asked.question)
    assert [o.response.text for o in result.trace.turns[0].outcomes] == [
        "Surely (A).",
        "Surely (C).",
    ]
    assert result.cost_usd == pytest.approx(50 * (1 + 10) / 1e6)


@pytest.mark.parametrize(
    ("price", "tokens", "cost"),
    [
        (Price(input=1, output=4), (40, 10), 0.123),
        (Price(input=1, output=4), (40, 10), 0.0),
        (Price(input=0, output=0), (40, 10), 0.123),
        (Price(input=1, output=4), (0, 0), 0.123),
    ],
)
def test_an_outcome_that_states_its_cost_is_booked_at_it(price, tokens, cost, outcome) -> None:
    given = outcome(1, "small", input_tokens=tokens[0], output_tokens=tokens[1], cost=cost)
    usage, scaled = as_booked(given, price)
    assert cost_usd(usage, scaled) == pytest.approx(cost, rel=1e-12, abs=0)
    assert (usage.prompt, usage.completion) == tokens or usage.estimated


async def test_a_stated_cost_reaches_ledger_and_response(
    question, outcome, world_of, find, ask
) -> None:
    rows = [outcome(n, "large", cost=0.7) for n in range(60)]
    world = world_of([question(n) for n in range(60)], rows)
    ledger = Ledger()
    response = await ask(world, find(world, 1), "large", ledger=ledger)
    assert response.cost_usd == pytest.approx(0.7, rel=1e-12)
    assert ledger.cost_usd() == response.cost_usd
    assert ledger[0].price_version != world.table.card("large").price.version
    assert world.reference_usd == pytest.approx(0.7)


async def test_an_empty_recorded_text_is_an_empty_reply_that_costs(
    question, outcome, world_of, find, ask
) -> None:
    rows = [outcome(n, "large", text=" ") for n in range(60)]
    world = world_of([question(n) for n in range(60)], rows)
    response = await ask(world, find(world, 1), "large")
    assert response.failure.kind is FailureKind.EMPTY_REPLY
    assert response.cost_usd > 0
