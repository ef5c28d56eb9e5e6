"""Demonstrations carry out the planner's decisions and think what it believes, and their letters are permuted."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.splits import Split
from router_r1.episode import StopReason
from router_r1.errors import ConfigError
from router_r1_envs.supervised.demonstrations import to_example
from router_r1_envs.supervised.planner_demonstrations import (
    demonstrations,
    drawn_demonstrations,
    mask_routes,
    planner_decisions,
    render_thought,
)
from router_r1_envs.verl_training.dataset import make_rows, read_row
from router_r1_envs.worlds.recorded_world.world import RecordedWorld


def test_a_demonstration_makes_the_planners_calls_and_gives_its_answer(
    recorded_world, planner
) -> None:
    misses = recorded_world.misses.copy()
    played = list(demonstrations(recorded_world, planner))
    assert [d for _, d in played] == [d for d, _ in planner_decisions(recorded_world, planner)]
    assert len(played) == len(recorded_world.levels) * len(recorded_world.questions(Split.TRAIN))
    for episode, decision in played:
        assert decision.prescribed == 0
        assert episode.stop_reason is StopReason.ANSWERED
        asked = [outcome for turn in episode.turns for outcome in turn.outcomes]
        assert tuple(outcome.model for outcome in asked) == decision.calls
        assert all(outcome.response.failure is None for outcome in asked)
        assert episode.answer == (decision.answer or "none")
        assert episode.spent_usd == pytest.approx(decision.cost_usd)
    assert recorded_world.misses == misses


def test_a_thought_lists_calls_answers_confidences_and_the_leader(recorded_world, planner) -> None:
    confidences, answer_counts, changes, missing = set(), set(), 0, 0
    for episode, decision in demonstrations(recorded_world, planner, detours=1):
        asked = [o for turn in episode.turns for o in turn.outcomes]
        leader = None
        for number, turn in enumerate(episode.turns):
            assert turn.turn.thought == render_thought(decision, number)
            words = iter(turn.turn.thought.split())
            if not number:
                assert list(words) == ["none"]
                continue
            # Calls are listed in their order, so that the policy can copy its last thought and update it.
            by_answer = {}
            for outcome, belief in zip(asked[:number], decision.beliefs[number], strict=True):
                assert next(words) == outcome.model
                text, answer = outcome.response.text, next(words)
                if answer == "none":
                    assert not text.startswith("The answer")
                    missing += 1
                    continue
                assert text.startswith(f"The answer is ({answer}).")
                confidence = next(words)
                assert confidence == f"p{int(10 * belief.confidence)}"
                assert by_answer.setdefault(answer, confidence) == confidence
            mark, best = words
            assert mark == "so"
            assert by_answer.get(best) == max(by_answer.values(), default=None)
            changes += leader not in (None, "none", best)
            leader = best
            confidences.update(by_answer.values())
            answer_counts.add(len(by_answer))
        assert episode.turns[-1].turn.thought.endswith(f"so {episode.answer}")
    assert answer_counts == {0, 1, 2, 3}
    assert len(confidences) > 2
    assert changes
    assert missing


def test_confidence_is_written_as_at_most_nine_tenths(recorded_world, planner) -> None:
    decision = next(
        d for d, _ in planner_decisions(recorded_world, planner) if d.leaders[1] is not None
    )
    sure = tuple(tuple(replace(b, confidence=1.0) for b in given) for given in decision.beliefs)
    best = decision.leaders[1]
    assert (
        render_thought(replace(decision, beliefs=sure), 1)
        == f"{decision.calls[0]} {best} p9 so {best}"
    )


def test_after_a_detour_of_random_calls_the_planner_decides(recorded_world, planner) -> None:
    every = [d for d, _ in planner_decisions(recorded_world, planner, copies=1, detours=1)]
    plain, detours = every[: len(every) // 2], every[len(every) // 2 :]
    assert plain == [d for d, _ in planner_decisions(recorded_world, planner)]
    assert {d.prescribed for d in detours} == {1, 2, 3}
    assert len({d.calls[: d.prescribed] for d in detours}) > 6
    for decision in detours:
        drawn, own = decision.calls[: decision.prescribed], decision.calls[decision.prescribed :]
        assert len(set(own) - set(drawn)) == len(own)
        assert len(decision.calls) <= planner.settings.max_calls
    # Some repeat a call, which the planner never does; the next call, if there is one, is its own.
    again = [d for d in detours if len(set(d.calls)) < len(d.calls)]
    assert 0.05 < len(again) / len(detours) < 0.4
    assert any(
        d.calls[d.prescribed - 1] in d.calls[: d.prescribed - 1]
        for d in again
        if len(d.calls) > d.prescribed
    )
    # A detour of the calls that the planner makes by itself ends in the same way.
    fold = list(recorded_world.questions(Split.TRAIN))[:: planner.settings.folds]
    alone = planner.plan(fold, recorded_world.levels[0], fold=0)
    prescribed = planner.plan(
        fold, recorded_world.levels[0], fold=0, begin=[d.calls[:1] for d in alone]
    )
    assert [replace(d, prescribed=0) for d in prescribed] == alone
    assert {d.prescribed for d in prescribed} == {1}


def test_detours_repeat_no_call_that_has_a_second_sample(recorded_world, planner) -> None:
    table = recorded_world.table
    second = [o.model_copy(update={"sample": 1}) for o in table]
    twice = RecordedWorld(
        OutcomeTable(table.cards, table.questions, [*table, *second]), recorded_world.settings
    )
    for decision, _ in planner_decisions(twice, planner, copies=0, detours=1):
        assert len(set(decision.calls)) == len(decision.calls)


def test_each_demonstration_states_its_level(recorded_world, planner) -> None:
    played = [episode for episode, _ in demonstrations(recorded_world, planner)]
    worths = Counter(episode.opening[-1]["content"].split(";")[0] for episode in played)
    assert worths == {"worth $0.10": len(played) // 2, "worth $0.0005": len(played) // 2}
    assert all('worth="$0.0005"' in e.turns[0].observation for e in played[len(played) // 2 :])


def test_letters_are_permuted_consistently_and_differ_between_copies(
    recorded_world, planner
) -> None:
    of_question = {}
    for decision, _ in planner_decisions(recorded_world, planner, copies=2):
        shown = decision.question
        original = recorded_world.table.question(shown.id)
        gold = "ABCD".index(original.answer)
        assert shown.choices["ABCD".index(shown.answer)] == original.choices[gold]
        of_question.setdefault(shown.id, []).append(shown.choices)
    orders = [len(set(choices)) for choices in of_question.values()]
    assert all(len(choices) == 2 * len(recorded_world.levels) for choices in of_question.values())
    assert np.mean(orders) > 3


def test_the_seed_determines_the_letters(recorded_world, planner) -> None:
    def shown(seed):
        return [
            d.question.choices for d, _ in planner_decisions(recorded_world, planner, seed=seed)
        ]

    assert shown(0) == shown(0)
    assert shown(0) != shown(1)


def test_each_training_row_has_its_own_order_of_the_options(
    recorded_world,
) -> None:
    rows = make_rows(recorded_world, Split.TRAIN, passes=4)
    every = [read_row(recorded_world, row["extra_info"]) for row in rows]
    many = len(recorded_world.questions(Split.TRAIN))
    assert [question.id for question, _ in every] == 4 * [
        q.id for q in recorded_world.questions(Split.TRAIN)
    ]
    orders = [{every[n + many * i][0].choices for i in range(4)} for n in range(many)]
    assert np.mean([len(found) for found in orders]) > 3
    for (question, _), row in zip(every, rows, strict=True):
        original = recorded_world.table.question(question.id)
        assert row["reward_model"]["ground_truth"] == [question.answer]
        place = "ABCD".index(question.answer)
        assert question.choices[place] == original.choices["ABCD".index(original.answer)]
    assert make_rows(recorded_world, Split.TRAIN) == rows[:many]


def test_routes_of_a_detour_are_not_learned(recorded_world, planner, imitation) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(imitation[0])
    played = list(demonstrations(recorded_world, planner, copies=0, detours=1))[::7]
    for episode, decision in played:
        whole = to_example(episode, tokenizer)
        example = mask_routes(whole, tokenizer, decision.prescribed)
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
            assert ("<route" in text) == (decision.prescribed <= number < len(decision.calls))
        assert learned[-1].endswith("</answer>")


@pytest.mark.parametrize(("prompt", "roles"), [("full", ["system", "user"]), ("compact", ["user"])])
def test_in_the_text_view_routes_repeat_the_question_and_replies_are_real(
    make_recorded_world, planner, prompt, roles
) -> None:
    world = make_recorded_world(view="text", prompt=prompt)
    played = list(drawn_demonstrations(world, planner, 60))
    assert len(played) == 60 and {d.prescribed > 0 for _, d in played} == {False, True}
    for episode, decision in played:
        question = world.table.question(decision.question.id)
        assert [message["role"] for message in episode.opening] == roles
        assert question.question in episode.opening[-1]["content"]
        asked = [outcome for turn in episode.turns for outcome in turn.outcomes]
        assert tuple(outcome.model for outcome in asked) == decision.calls
        assert all(outcome.query == decision.question.question for outcome in asked)
        texts = {outcome.response.text for outcome in asked if outcome.response.failure is None}
        assert texts == {"..."}  # as recorded
        assert episode.answer == decision.answer is not None
    assert {d.question.id for _, d in played} <= {q.id for q in world.questions(Split.TRAIN)}
    short, _ = next(drawn_demonstrations(world, planner, 1, copy_question=False))
    assert {o.query for turn in short.turns for o in turn.outcomes} == {"question"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"view": "text"}, "view=answer"),
        ({"max_routes": 4}, "max_routes=1"),
        ({"max_rounds": 2}, "asks up to 3 candidates"),
    ],
)
def test_worlds_in_which_the_planner_cannot_be_played_are_rejected(
    make_recorded_world, planner, settings, message
) -> None:
    with pytest.raises(ConfigError, match=message):
        next(demonstrations(make_recorded_world(**settings), planner))
