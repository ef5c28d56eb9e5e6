"""Demonstrations carry out the planner's decisions and think what it believes, and labels stand for answers."""

import asyncio
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
from router_r1.episode import StopReason, adopted_reply
from router_r1.errors import ConfigError
from router_r1_envs.planner.planner import Decision
from router_r1_envs.supervised.demonstrations import play_episode, to_example
from router_r1_envs.supervised.planner_demonstrations import (
    DecisionPolicy,
    demonstrations,
    drawn_demonstrations,
    leading_reply,
    mask_routes,
    planner_decisions,
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
        last = episode.turns[-1].turn
        assert (last.adopted, last.adopted_reply) == leading_reply(decision, len(decision.calls))
        assert adopted_reply(episode.turns).score == decision.value
        assert episode.spent_usd == pytest.approx(decision.cost_usd)
    assert recorded_world.misses == misses


def test_a_thought_lists_calls_labels_confidences_and_the_leader(recorded_world, planner) -> None:
    confidences, label_counts, changes, missing = set(), set(), 0, 0
    for episode, decision in demonstrations(recorded_world, planner, detours=1):
        asked = [o for turn in episode.turns for o in turn.outcomes]
        leader = None
        for number, turn in enumerate(episode.turns):
            words = iter(turn.turn.thought.split())
            if not number:
                assert list(words) == ["none"]
                continue
            # Calls are listed in their order, so that the policy can copy its last thought and update it.
            by_label, of_name = {}, {}
            for outcome, belief in zip(asked[:number], decision.beliefs[number], strict=True):
                assert next(words) == outcome.model
                text, label = outcome.response.text, next(words)
                if label == "none":
                    assert "answer x" not in text
                    missing += 1
                    continue
                assert text.endswith(f"; answer {label}")
                confidence = next(words)
                assert confidence == f"p{int(10 * belief)}"
                assert by_label.setdefault(label, confidence) == confidence
                of_name[outcome.model] = confidence
            mark, best = words
            assert mark == "so"
            assert of_name.get(best) == max(by_label.values(), default=None)
            changes += leader not in (None, best)
            leader = best
            confidences.update(by_label.values())
            label_counts.add(len(by_label))
        assert episode.turns[-1].turn.adopted == leader
    assert label_counts == {0, 1, 2, 3}
    assert len(confidences) > 2
    assert changes
    assert missing


def decided(calls, beliefs, given=None) -> Decision:
    """A decision whose calls have these beliefs at the end; `given`: whether each has a reply."""
    question = Question(id="q", question="?", answer="A", metric="em")
    fields = {"text": "A", "answer": "A", "score": 1, "input_tokens": 1, "output_tokens": 1}
    outcomes = [
        Outcome(id="q", model=name, **fields) if has else None
        for name, has in zip(calls, given or [True] * len(calls), strict=True)
    ]
    every = tuple(tuple(beliefs[:n]) for n in range(len(calls) + 1))
    best = max(range(len(calls)), key=beliefs.__getitem__)
    leaders = (None, *[best] * len(calls))
    return Decision(question, tuple(calls), tuple(outcomes), every, leaders, 0.0, 1.0)


@pytest.mark.parametrize(
    ("calls", "beliefs", "given", "leading"),
    [
        (["a", "b"], [0.4, 0.6], None, "b"),
        (["a", "b"], [0.5, 0.5], None, "a"),  # they agree: the earlier
        (["a", "a", "b"], [0.6, 0.2, 0.3], None, ("a", 1)),  # not its last
        (["a", "b", "a", "a"], [0.2, 0.3, 0.6, 0.1], None, ("a", 2)),
        (["a", "a", "b"], [0.6, 0.2, 0.6], None, "b"),  # needs no number
        (["a", "a"], [0.6, 0.6], None, "a"),
        (["a", "b"], [0.0, 0.0], None, "a"),  # nobody answers
        (["a", "a"], [0.6, 0.0], [True, False], "a"),  # the second call got nothing
        (["a"], [0.0], [False], None),
    ],
)
def test_the_leading_reply_is_the_one_most_likely_right(calls, beliefs, given, leading) -> None:
    found = leading_reply(decided(calls, beliefs, given), len(calls))
    assert found == ((leading, None) if isinstance(leading, str) else leading)


def test_confidence_is_written_as_at_most_nine_tenths(recorded_world, planner) -> None:
    decision = next(
        d for d, _ in planner_decisions(recorded_world, planner) if d.leaders[1] is not None
    )
    sure = replace(decision, beliefs=tuple(tuple(1.0 for _ in b) for b in decision.beliefs))
    question, level = decision.question, recorded_world.levels[0]
    policy = DecisionPolicy(sure, recorded_world)
    episode = asyncio.run(play_episode(recorded_world, question, level, policy))
    label = recorded_world.answer_view.label(question, decision.outcomes[0])
    name = decision.calls[0]
    assert episode.turns[1].turn.thought == f"{name} {label} p9 so {name}"


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


def first_texts(world, planner, **options) -> list[str]:
    """What the first reply of each demonstration says."""
    played = demonstrations(world, planner, **options)
    return [episode.turns[0].outcomes[0].response.text for episode, _ in played]


def test_labels_differ_between_copies_and_the_seed_determines_them(recorded_world, planner) -> None:
    texts = first_texts(recorded_world, planner, copies=2)
    half = len(texts) // 2
    assert np.mean([a != b for a, b in zip(texts[:half], texts[half:], strict=True)]) > 0.6
    assert texts[:half] == first_texts(recorded_world, planner)
    assert texts[:half] != first_texts(recorded_world, planner, seed=1)


def test_each_training_row_has_its_own_labels(recorded_world) -> None:
    rows = make_rows(recorded_world, Split.TRAIN, passes=4)
    every = [read_row(recorded_world, row["extra_info"])[0] for row in rows]
    many = len(recorded_world.questions(Split.TRAIN))
    assert [q.id for q in every] == 4 * [q.id for q in recorded_world.questions(Split.TRAIN)]
    view, table = recorded_world.answer_view, recorded_world.table
    labels = [view.label(q, table.outcome(q.id, "dear")) for q in every]
    assert np.mean([len({labels[n + many * i] for i in range(4)}) for n in range(many)]) > 2.5
    for question, row in zip(every, rows, strict=True):
        assert row["reward_model"]["ground_truth"] == [table.question(question.id).answer]
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
        assert episode.answer == decision.final.short_answer is not None
    assert {d.question.id for _, d in played} <= {q.id for q in world.questions(Split.TRAIN)}
    short, _ = next(drawn_demonstrations(world, planner, 1, copy_question=False))
    assert {r.query for turn in short.turns for r in turn.turn.routes} == {"question"}


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
