"""Imitation of the planner: demonstrations do what it decided and think what it believes, letters move together, a checkpoint results."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import StopReason
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.policies import token_ids
from router_r1.pricing import Price
from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.planner import Planner
from router_r1_envs.supervised.demonstrations import example_of
from router_r1_envs.supervised.imitation import (
    ImitationConfig,
    decisions,
    demonstrations,
    imitate,
    said,
    without_routes,
)
from router_r1_envs.verl_training.dataset import make_rows, read_row
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

LEVELS = (Level(name="rich", worth_usd=0.1), Level(name="poor", worth_usd=0.0005))
QUICK = PlannerConfig(
    max_calls=3, posterior_steps=60, value_steps=60, hidden=16, batch=64, members=1, checkpoints=1
)
SKILLS = {"cheap-1.0": (0.8, 1.0), "twin-2": (0.7, 1.0), "dear": (0.9, 10.0)}


def world_of(**settings) -> RecordedWorld:
    """240 questions with four options, three candidates; `cheap-1.0` has no answer to every tenth."""
    rng = np.random.default_rng(0)
    asked, outcomes = [], []
    for number in range(240):
        gold = int(rng.integers(4))
        asked.append(
            Question(
                id=f"q{number}",
                question=f"Question {number}?",
                answer="ABCD"[gold],
                metric="choice",
                category="ab"[number % 2],
                choices=("w", "x", "y", "z"),
            )
        )
        for name, (skill, _) in SKILLS.items():
            right = rng.random() < skill
            place = gold if right else (gold + int(rng.integers(1, 4))) % 4
            answer = None if name == "cheap-1.0" and number % 10 == 0 else "ABCD"[place]
            outcomes.append(
                Outcome(
                    id=f"q{number}",
                    model=name,
                    text="...",
                    answer=answer,
                    score=float(right and answer is not None),
                    input_tokens=60,
                    output_tokens=int(rng.integers(30, 50)),
                )
            )
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, (_, p) in SKILLS.items()]
    fields = {"view": "answer", "levels": LEVELS, "max_routes": 1} | settings
    return RecordedWorld(
        OutcomeTable(cards, asked, outcomes), RecordedWorldConfig(table="drawn", **fields)
    )


@pytest.fixture(scope="module")
def world() -> RecordedWorld:
    return world_of()


@pytest.fixture(scope="module")
def planner(world) -> Planner:
    return Planner.fit(TableSplits.of(world), seed=0, settings=QUICK)


@pytest.fixture(scope="module")
def policy(world, planner, tmp_path_factory):
    """A checkpoint after a few steps, and what was reported of it."""
    folder = tmp_path_factory.mktemp("policy")
    settings = ImitationConfig(copies=1, steps=3, batch_size=8, hidden=32, layers=1)
    return folder, imitate(world, planner, folder, settings)


def test_a_demonstration_asks_whom_the_planner_asks_and_answers_its_leader(world, planner) -> None:
    played = list(demonstrations(world, planner))
    assert [d for _, d in played] == [d for d, _ in decisions(world, planner)]
    assert len(played) == len(LEVELS) * len(world.questions(Split.TRAIN))
    for episode, decision in played:
        assert decision.begun == 0
        assert episode.stop_reason is StopReason.ANSWERED
        asked = [outcome for turn in episode.turns for outcome in turn.outcomes]
        assert tuple(outcome.model for outcome in asked) == decision.calls
        assert all(outcome.response.failure is None for outcome in asked)
        assert episode.answer == (decision.answer or "none")
        assert episode.spent_usd == pytest.approx(decision.cost_usd)
    assert not world.misses


def test_a_thought_holds_who_said_what_how_likely_it_is_and_who_leads(world, planner) -> None:
    doubts, widths, changes, silent = set(), set(), 0, 0
    for episode, decision in demonstrations(world, planner, detours=1):
        asked = [o for turn in episode.turns for o in turn.outcomes]
        leader = None
        for number, turn in enumerate(episode.turns):
            assert turn.turn.thought == said(decision, number)
            words = iter(turn.turn.thought.split())
            if not number:
                assert list(words) == ["none"]
                continue
            # In the order in which they came: what was thought before is copied, and brought up to date.
            chances = {}
            for outcome, belief in zip(asked[:number], decision.beliefs[number], strict=True):
                assert next(words) == outcome.model
                text, answer = outcome.response.text, next(words)
                if answer == "none":
                    assert not text.startswith("The answer")
                    silent += 1
                    continue
                assert text.startswith(f"The answer is ({answer}).")
                chance = next(words)
                assert chance == f"p{int(10 * belief.confidence)}"
                assert chances.setdefault(answer, chance) == chance
            so, best = words
            assert so == "so"
            assert chances.get(best) == max(chances.values(), default=None)
            changes += leader not in (None, "none", best)
            leader = best
            doubts.update(chances.values())
            widths.add(len(chances))
        assert episode.turns[-1].turn.thought.endswith(f"so {episode.answer}")
    assert widths == {0, 1, 2, 3}
    assert len(doubts) > 2
    assert changes
    assert silent


def test_certainty_beyond_nine_tenths_is_nine(world, planner) -> None:
    decision = next(d for d, _ in decisions(world, planner) if d.leaders[1] is not None)
    sure = tuple(tuple(replace(b, confidence=1.0) for b in given) for given in decision.beliefs)
    best = decision.leaders[1]
    assert said(replace(decision, beliefs=sure), 1) == f"{decision.calls[0]} {best} p9 so {best}"


def test_a_detour_begins_with_candidates_that_were_drawn_and_goes_on_as_the_planner_would(
    world, planner
) -> None:
    every = [d for d, _ in decisions(world, planner, copies=1, detours=1)]
    plain, detours = every[: len(every) // 2], every[len(every) // 2 :]
    assert plain == [d for d, _ in decisions(world, planner)]
    assert {d.begun for d in detours} == {1, 2, 3}
    assert len({d.calls[: d.begun] for d in detours}) > 6
    for decision in detours:
        drawn, own = decision.calls[: decision.begun], decision.calls[decision.begun :]
        assert len(set(own) - set(drawn)) == len(own)
        assert len(decision.calls) <= QUICK.max_calls
    # Some ask somebody again, which the planner never does; the next route is then its own, if there is one.
    again = [d for d in detours if len(set(d.calls)) < len(d.calls)]
    assert 0.05 < len(again) / len(detours) < 0.4
    assert any(
        d.calls[d.begun - 1] in d.calls[: d.begun - 1] for d in again if len(d.calls) > d.begun
    )
    # One whose first calls are those the planner makes by itself ends as that does.
    fold = list(world.questions(Split.TRAIN))[:: QUICK.folds]
    alone = planner.plan(fold, LEVELS[0], fold=0)
    begun = planner.plan(fold, LEVELS[0], fold=0, begin=[d.calls[:1] for d in alone])
    assert [replace(d, begun=0) for d in begun] == alone
    assert {d.begun for d in begun} == {1}


def test_a_second_sample_is_no_miss_so_nobody_is_asked_again_for_one(world, planner) -> None:
    table = world.table
    second = [o.model_copy(update={"sample": 1}) for o in table]
    twice = RecordedWorld(
        OutcomeTable(table.cards, table.questions, [*table, *second]), world.settings
    )
    for decision, _ in decisions(twice, planner, copies=0, detours=1):
        assert len(set(decision.calls)) == len(decision.calls)


def test_each_demonstration_states_its_level(world, planner) -> None:
    played = [episode for episode, _ in demonstrations(world, planner)]
    worths = Counter(episode.opening[-1]["content"].split(";")[0] for episode in played)
    assert worths == {"worth $0.10": len(played) // 2, "worth $0.0005": len(played) // 2}
    assert all('worth="$0.0005"' in e.turns[0].observation for e in played[len(played) // 2 :])


def test_letters_move_together_and_differ_between_copies(world, planner) -> None:
    of_question = {}
    for decision, _ in decisions(world, planner, copies=2):
        shown = decision.question
        original = world.table.question(shown.id)
        gold = "ABCD".index(original.answer)
        assert shown.choices["ABCD".index(shown.answer)] == original.choices[gold]
        of_question.setdefault(shown.id, []).append(shown.choices)
    orders = [len(set(choices)) for choices in of_question.values()]
    assert all(len(choices) == 2 * len(LEVELS) for choices in of_question.values())
    assert np.mean(orders) > 3


def test_other_seeds_are_other_letters_and_the_same_seed_is_the_same(world, planner) -> None:
    def shown(seed):
        return [d.question.choices for d, _ in decisions(world, planner, seed=seed)]

    assert shown(0) == shown(0)
    assert shown(0) != shown(1)


def test_training_rows_have_one_order_of_the_options_for_a_group_and_others_for_others(
    world,
) -> None:
    rows = make_rows(world, Split.TRAIN, passes=4)
    every = [read_row(world, row["extra_info"]) for row in rows]
    many = len(world.questions(Split.TRAIN))
    assert [question.id for question, _ in every] == 4 * [
        q.id for q in world.questions(Split.TRAIN)
    ]
    orders = [{every[n + many * i][0].choices for i in range(4)} for n in range(many)]
    assert np.mean([len(found) for found in orders]) > 3
    for (question, _), row in zip(every, rows, strict=True):
        original = world.table.question(question.id)
        assert row["reward_model"]["ground_truth"] == [question.answer]
        place = "ABCD".index(question.answer)
        assert question.choices[place] == original.choices["ABCD".index(original.answer)]
    assert make_rows(world, Split.TRAIN) == rows[:many]


def test_routes_that_were_drawn_are_read_and_not_learned(world, planner, policy) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(policy[0])
    played = list(demonstrations(world, planner, copies=0, detours=1))[::7]
    for episode, decision in played:
        whole = example_of(episode, tokenizer)
        example = without_routes(whole, tokenizer, decision.begun)
        assert example.ids == whole.ids
        learned = [
            "".join(tokenizer.decode([i]) for i, _ in group)
            for own, group in itertools.groupby(
                zip(example.ids, example.mask, strict=True), key=lambda pair: pair[1]
            )
            if own
        ]
        assert len(learned) == len(episode.turns)
        for number, text in enumerate(learned):
            assert text.count("<think>") == 1
            assert ("<route" in text) == (decision.begun <= number < len(decision.calls))
        assert learned[-1].endswith("</answer>")


def test_names_are_one_token_and_a_letter_the_same_one_everywhere(policy) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(policy[0])
    for name in SKILLS:
        ids = token_ids.encode_text(tokenizer, f'<route model="{name}">question</route>')
        assert [tokenizer.decode([i]).strip() for i in ids][1] == name
        assert len(ids) == 5
    for letter in "ABCD":
        (own,) = (
            i for i in token_ids.encode_text(tokenizer, letter) if tokenizer.decode([i]) == letter
        )
        assert own in token_ids.encode_text(tokenizer, f"The answer is ({letter}).")
        assert own in token_ids.encode_text(tokenizer, f"<think>dear {letter} p2</think>")


def test_the_checkpoint_loads_and_reads_demonstrations(world, planner, policy) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, report = policy
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    token_ids.check_tokenizer(tokenizer, str(folder))
    assert report["demonstrations"] == 3 * len(LEVELS) * len(world.questions(Split.TRAIN))
    lengths = []
    for episode, _ in itertools.islice(demonstrations(world, planner), 20):
        example = example_of(episode, tokenizer)
        assert tokenizer.unk_token_id not in example.ids
        assert max(example.ids) < model.config.vocab_size
        lengths.append(len(example.ids))
    assert max(lengths) <= report["longest_episode"] <= model.config.max_position_embeddings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"view": "text"}, "view=answer"),
        ({"max_routes": 4}, "max_routes=1"),
        ({"max_rounds": 2}, "asks up to 3 candidates"),
    ],
)
def test_worlds_that_the_planner_can_not_be_played_in_are_refused(
    planner, settings, message
) -> None:
    with pytest.raises(ConfigError, match=message):
        next(demonstrations(world_of(**settings), planner))
