"""Permuted letters and digits: question, gold answer and recorded answers change together."""

import pytest

from router_r1.errors import ConfigError
from router_r1_envs.worlds.recorded_world.answer_permutation import translate
from router_r1_reward.metrics import grade


async def test_permuted_digits_change_gold_answer_and_responses_alike(
    question, outcome, world_of, find, ask
) -> None:
    gold = "$1,050.50"
    questions = [question(n, choices=None, answer=gold, metric="math") for n in range(60)]
    rows = [outcome(n, "large", "1050.5", score=1) for n in range(60)]
    rows += [outcome(n, "small", "-7.0", score=0) for n in range(60)]
    world = world_of(questions, rows, view="answer")
    asked = find(world, 1)
    seen = set()
    for seed in range(20):
        moved = world.permuted(asked, seed)
        assert moved == world.permuted(asked, seed), "the same seed gives the same digits"
        digits = moved.metadata["digits"]
        assert sorted(digits) == list("0123456789")
        assert digits[0] == "0"
        one, five, seven = (digits[d] for d in (1, 5, 7))
        assert moved.answer == f"${one},0{five}0.{five}0"
        right, wrong = [(await ask(world, moved, name)).text for name in ("large", "small")]
        assert right.startswith(f"The answer is {one}0{five}0.{five}. ")
        assert wrong.startswith(f"The answer is -{seven}.0. ")
        answers = moved.answers
        assert grade(f"{one}0{five}0.{five}", answers, "math") == 1
        assert grade(f"-{seven}.0", answers, "math") == 0
        seen.add(moved.answer)
    assert len(seen) > 10
    assert world.permuted(find(world, 2), 0).metadata != world.permuted(asked, 0).metadata


@pytest.mark.parametrize("other", ["Paris", "1/2", "3 km"])
def test_a_question_with_an_answer_that_is_no_plain_number_is_not_permuted(
    other, question, outcome, world_of, find
) -> None:
    questions = [question(n, choices=None, answer="18", metric="math") for n in range(60)]
    rows = [outcome(n, "large", "18", score=1) for n in range(60)]
    rows += [outcome(n, "small", other, score=0) for n in range(60)]
    world = world_of(questions, rows, view="answer")
    assert world.permuted(find(world, 1), 1) == find(world, 1)


async def test_permuted_letters_move_options_gold_answer_and_responses_alike(
    colours, find, ask
) -> None:
    world = colours(view="answer")
    asked = find(world, 2)
    seen = set()
    for seed in range(20):
        moved = world.permuted(asked, seed)
        assert moved == world.permuted(asked, seed), "the same seed gives the same order"
        assert sorted(moved.choices) == sorted(asked.choices)
        assert moved.choices["ABCD".index(moved.answer)] == "blue"
        assert f"({moved.answer}) blue" in moved.question
        right = (await ask(world, moved, "large")).text
        wrong = (await ask(world, moved, "small")).text
        assert right == f"The answer is ({moved.answer}). Longest."
        assert wrong == f"The answer is ({'ABCD'[moved.choices.index('red')]}). Longest."
        assert (moved.id, moved.category) == (asked.id, asked.category)
        seen.add(moved.answer)
    assert seen == set("ABCD")
    different = {world.permuted(find(world, n), 0).answer for n in range(1, 20)}
    assert len(different) > 1, "the order depends on the question too"


def test_letters_beyond_the_options_and_words_are_not_translated(colours, find) -> None:
    world = colours(view="answer")
    moved = world.permuted(find(world, 2), 3)
    assert translate(moved, "J") == "J"
    assert translate(moved, "blue") == "blue"
    assert translate(find(world, 2), "A") == "A"


def test_the_text_view_permutes_nothing_because_texts_name_the_old_letters(colours, find) -> None:
    world = colours()
    with pytest.raises(ConfigError, match="answer view only"):
        world.permuted(find(world, 1), 0)
