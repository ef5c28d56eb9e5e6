"""Candidates vary between training questions, and nothing else does: the same models answer, at the stated prices."""

import asyncio

import pytest

from router_r1 import Ledger
from router_r1.data.splits import Split
from router_r1.protocol import Route, render_turn
from router_r1.rollout import roll_out
from router_r1.testing import ScriptedPolicy
from router_r1_envs.verl_training.dataset import make_rows, read_row
from router_r1_envs.worlds.base import start
from router_r1_envs.worlds.candidate_variation import original_name
from router_r1_envs.worlds.load import load_world

ALL = {"sage", "abacus", "scribe", "atlas", "ledger", "parrot"}


def rows_of(settings=(), split=Split.TRAIN, seed=0, **options):
    world = load_world("generated", ["prompt=full", *settings])
    return world, make_rows(world, split, 60, seed=seed, **options)


def cards(world, row):
    question, _ = read_row(world, row["extra_info"])
    return world.pool(question).cards


def test_names_order_number_and_prices_differ_between_training_questions():
    world, rows = rows_of()
    pools = [cards(world, row) for row in rows]
    originals = [
        tuple(
            original_name(world.pool(read_row(world, row["extra_info"])[0]), c.name) for c in pool
        )
        for row, pool in zip(rows, pools, strict=True)
    ]
    assert {len(pool) for pool in pools} == {2, 3, 4, 5, 6}
    assert len(set(originals)) > 50, "order and choice"
    own = [{c.name for c in pool} <= ALL for pool in pools]
    assert 15 < sum(own) < 45, "about half have their own names"
    ratios = [
        c.price.output / next(o for o in world.cards if o.name == name).price.output
        for pool, names in zip(pools, originals, strict=True)
        for c, name in zip(pool, names, strict=True)
    ]
    assert 0.49 < min(ratios) < 0.6 and 1.7 < max(ratios) < 2.02
    # The policy reads the variant.
    for row, pool in zip(rows, pools, strict=True):
        text = row["prompt"][0]["content"]
        assert all(f"- {card.name} (" in text for card in pool)
        assert text.count("per million tokens") == len(pool)


def test_a_variant_depends_on_seed_and_question_only():
    world, rows = rows_of()
    again, same = rows_of()
    assert [row["prompt"] for row in same] == [row["prompt"] for row in rows]
    assert [cards(again, row) for row in rows] == [cards(world, row) for row in rows]
    _, others = rows_of(seed=1)
    assert [row["prompt"] for row in others] != [row["prompt"] for row in rows]


def test_validation_and_compact_prompts_have_the_pool_as_it_is():
    world, rows = rows_of(split=Split.VALIDATION, every_level=True)
    assert all(cards(world, row) == world.cards for row in rows)
    world, rows = rows_of(["vary=null"])
    assert all(cards(world, row) == world.cards for row in rows)
    compact = load_world("generated")
    question = compact.questions(Split.TRAIN, 1)[0]
    assert compact.varied(question, 3) is question


def test_the_original_candidate_answers_and_the_stated_price_is_booked():
    world, rows = rows_of()
    for row in rows[:10]:
        question, level = read_row(world, row["extra_info"])
        pool = world.pool(question)
        card = pool.cards[0]
        query = question.metadata["hops"][0]
        ledger = Ledger()
        episode = start(world, question, level.model_copy(update={"budget_usd": 1.0}))
        turns = [render_turn("?", [Route(card.name, query)]), render_turn("!", answer="x")]
        asyncio.run(roll_out(episode, ScriptedPolicy(turns), pool, ledger))
        (outcome,) = episode.turns[0].outcomes
        original = original_name(pool, card.name)
        assert outcome.response.text == world.answer(original, query)[0]
        (entry,) = [e for e in ledger if e.cost_usd]
        assert entry.model == card.name and entry.price_version == card.price.version
        tokens = entry.usage.prompt + entry.usage.completion
        assert entry.cost_usd == pytest.approx(tokens * card.price.output / 1e6, rel=0.01)
        assert episode.spent_usd == pytest.approx(entry.cost_usd)
