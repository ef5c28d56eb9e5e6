"""The answer view: labels of equal answers, lengths within a category, and what an adopted reply scores."""

from collections import Counter

import pytest

from router_r1.data.splits import Split
from router_r1_envs.worlds.base import start
from router_r1_envs.worlds.recorded_world.answer_view import LENGTHS
from router_r1_reward import RewardConfig, score


async def label(ask, world, question, model, sample=0) -> str:
    return (await ask(world, question, model, sample=sample)).text.split("answer ")[-1]


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ("C", "C", True),
        ("C", "A", False),
        ("18", "18.0", True),
        ("18", "81", False),
        ("The Nile", "nile", True),
        ("[[1, 2], [3, 4]]", "[[1, 2], [3, 5]]", False),
    ],
)
async def test_equal_answers_have_one_label_and_it_is_not_the_answer(
    first, second, equal, question, outcome, world_of, find, ask
) -> None:
    rows = [outcome(n, "large", first) for n in range(60)]
    rows += [outcome(n, "small", second) for n in range(60)]
    world = world_of([question(n) for n in range(60)], rows, view="answer")
    for seed in range(10):
        asked = world.varied(find(world, 1), seed)
        shown = [await label(ask, world, asked, name) for name in ("large", "small")]
        assert (shown[0] == shown[1]) == equal
        assert set(shown) <= set(world.answer_view.labels)
        assert asked.answer == find(world, 1).answer


async def test_labels_differ_between_questions_and_seeds_and_are_all_as_likely(
    question, outcome, world_of, ask
) -> None:
    questions = [question(n) for n in range(60)]
    world = world_of(questions, [outcome(n, "large") for n in range(60)], view="answer")
    seen = Counter()
    for asked in world.questions(Split.TRAIN):
        for seed in range(20):
            varied = world.varied(asked, seed)
            seen[await label(ask, world, varied, "large")] += 1
            assert world.varied(asked, seed) == varied
    assert set(seen) == set(world.answer_view.labels)
    assert max(seen.values()) < 2 * min(seen.values())


async def test_samples_of_one_candidate_have_labels_of_their_own(
    question, outcome, world_of, find, ask
) -> None:
    rows = [outcome(n, "large", "CAC"[k], sample=k) for n in range(60) for k in range(3)]
    world = world_of([question(n) for n in range(60)], rows, view="answer")
    asked = find(world, 1)
    first, second, third = [await label(ask, world, asked, "large", k) for k in range(3)]
    assert first == third != second


async def test_a_reply_without_an_answer_says_so(question, outcome, world_of, find, ask) -> None:
    rows = [outcome(n, "large") for n in range(60)] + [outcome(1, "small", None)]
    world = world_of([question(n) for n in range(60)], rows, view="answer")
    assert (await ask(world, find(world, 1), "small")).text.endswith("; no answer")


async def test_lengths_are_compared_with_the_candidates_own_in_the_category(
    question, outcome, world_of, ask
) -> None:
    """Category `long` is written about at ten times the length; within both, lengths rise with the number."""

    def tokens(number: int, model: str) -> int:
        usual = 10 if number % 2 else 1
        return usual * (100 + number if model == "large" else 3000 - 10 * number)

    asked = [question(n, category="long" if n % 2 else "short") for n in range(200)]
    rows = [
        outcome(n, model, output_tokens=tokens(n, model))
        for n in range(200)
        for model in ("large", "small")
    ]
    world = world_of(asked, rows, view="answer")
    training = sorted(world.questions(Split.TRAIN), key=lambda q: int(q.id[1:]))
    for model, falling in (("large", False), ("small", True)):
        for category in ("long", "short"):
            shown = [
                (await ask(world, q, model)).text.split(";")[0]
                for q in training
                if q.category == category
            ]
            assert shown == sorted(shown, key=LENGTHS.index, reverse=falling)
            counts = [shown.count(length) for length in LENGTHS]
            assert min(counts) > len(shown) / 8


async def test_an_episode_that_adopts_a_reply_scores_what_was_recorded(
    question, outcome, world_of, find, ask
) -> None:
    questions = [question(n, metric="unheard_of") for n in range(60)]
    rows = [outcome(n, "large", score=0.4) for n in range(60)]
    world = world_of(questions, rows, view="answer", graded=False)
    asked = find(world, 1)
    episode = start(world, asked, world.levels[0])
    episode.step('<think>?</think><route model="large">question</route>')
    episode.observe([await ask(world, asked, "large")])
    episode.step('<think>!</think><answer model="large"></answer>')
    found = score(episode, asked.answers, asked.metric, RewardConfig(), question=asked)
    assert found.parts["correct"] == 0.4


def test_its_words_are_all_that_it_says(question, outcome, world_of) -> None:
    rows = [outcome(n, "large", None if n % 3 else "C", output_tokens=n) for n in range(60)]
    world = world_of([question(n) for n in range(60)], rows, view="answer")
    words = set(world.answer_view.words())
    for asked in world.questions(Split.TRAIN):
        shown = world.answer_view(asked, world.table.outcome(asked.id, "large"))
        assert set(shown.split()) <= words
