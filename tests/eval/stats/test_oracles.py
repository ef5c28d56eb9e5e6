"""Oracles and their corrections: cases by hand, and simulations with known answers."""

import numpy as np
import pytest

from router_r1_eval.stats.oracles import cross_fitted_oracle, guess_corrected_oracle, raw_oracle


def test_corrected_oracles_discount_the_luck_of_models_that_only_guess() -> None:
    rng = np.random.default_rng(0)
    guesses = (rng.random((4000, 8, 4)) < 0.25).astype(float)  # four options, four samples
    assert raw_oracle(guesses[:, :, 0]).mean() == pytest.approx(1 - 0.75**8, abs=0.02)
    assert cross_fitted_oracle(guesses).mean() == pytest.approx(0.25, abs=0.02)
    # Some of the eight rates are above chance by luck, which looks like a little knowledge.
    assert 0.22 < guess_corrected_oracle(guesses[:, :, 0], np.full(4000, 4), 0).mean() < 0.3


def test_corrections_keep_what_models_know() -> None:
    knows = np.zeros((300, 3, 2))
    knows[np.arange(300), np.arange(300) % 3] = 1  # exactly one model knows each question
    assert raw_oracle(knows).mean() == 1
    assert cross_fitted_oracle(knows).mean() == 1
    assert guess_corrected_oracle(knows[:, :, 0], np.full(300, np.inf), 0).mean() == 1


@pytest.mark.parametrize(
    "groups",
    [
        {4: (0.5,)},
        {2: (0.6, 0.5)},
        {4: (0.5, 0.3, 0.0)},
        {2: (0.1, 0.7), 10: (0.8, 0.2), np.inf: (0.3, 0.4)},  # inf: open questions
    ],
)
def test_the_guess_corrected_oracle_is_a_router_that_knows_which_models_know(groups) -> None:
    """Simulates models that know independently and guess otherwise, with a record of which models knew."""
    rng = np.random.default_rng(0)
    n = 40_000
    right, options, router = [], [], []
    for count, known in groups.items():
        knows = rng.random((n, len(known))) < known
        guess = rng.random((n, len(known))) < 1 / count
        answers = knows | guess
        asked = np.where(knows.any(1), knows.argmax(1), 0)
        right.append(answers)
        options.append(np.full(n, count))
        router.append(answers[np.arange(n), asked])
    score, kinds = np.concatenate(right).astype(float), np.concatenate(options)
    best = int(score.mean(0).argmax())
    found = guess_corrected_oracle(score, kinds, best)
    assert found.mean() == pytest.approx(np.mean(router), abs=0.005)
    assert (found <= raw_oracle(score)).all()
    assert (found >= score[:, best]).all(), "the best single model guesses too"
    for number, reached in enumerate(router):  # each number of options by itself
        here = slice(number * n, (number + 1) * n)
        assert found[here].mean() == pytest.approx(np.mean(reached), abs=0.01)


def test_the_guess_corrected_oracle_of_four_questions_by_hand() -> None:
    """Two options; right on 3/4 and 1/2: the first model knows half, and guessed a third of its right answers; the second
    guesses always.
    """
    score = np.array([[1, 1], [1, 0], [0, 1], [1, 0.0]])
    found = guess_corrected_oracle(score, np.full(4, 2.0), 0)
    assert found.tolist() == pytest.approx([1, 1, 0, 1])  # the second model's right answer is luck
    assert guess_corrected_oracle(score, np.full(4, 2.0), 1).tolist() == pytest.approx(
        [1, 2 / 3, 1, 2 / 3]
    )
    for wrong in (score / 2, score * 2):
        with pytest.raises(ValueError, match="scores of 0 and 1"):
            guess_corrected_oracle(wrong, np.full(4, 2.0), 0)
    with pytest.raises(ValueError, match="two or more options"):
        guess_corrected_oracle(score, np.full(4, 1.0), 0)


def test_cross_fitting_shares_ties_and_needs_samples() -> None:
    one = np.array(
        [[[1, 0], [1, 1.0]]]
    )  # without sample 1 both are best; without sample 0 the second is
    assert cross_fitted_oracle(one).tolist() == [pytest.approx(((0 + 1) / 2 + 1) / 2)]
    with pytest.raises(ValueError, match="2 or more samples"):
        cross_fitted_oracle(np.ones((3, 2)))
