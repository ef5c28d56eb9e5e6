"""Splits of questions by a hash of their ids."""

import pytest

from router_r1.data.splits import Split, split_of


def test_the_split_of_a_question_never_changes():
    # A promise: another hash would move test questions into training.
    found = {name: str(split_of(name)) for name in ("q1", "q2", "q3", "q4", "q5")}
    assert found == {
        "q1": "train",
        "q2": "train",
        "q3": "validation",
        "q4": "test",
        "q5": "test",
    }


def test_splits_have_the_requested_shares():
    keys = [f"question {n}" for n in range(20_000)]

    def share(split, **shares):
        return sum(split_of(key, **shares) is split for key in keys) / len(keys)

    assert share(Split.TEST) == pytest.approx(0.3, abs=0.02)
    assert share(Split.VALIDATION) == pytest.approx(0.1, abs=0.02)
    assert share(Split.TRAIN, validation=0, test=0) == 1
    assert share(Split.TEST, validation=0.0, test=0.5) == pytest.approx(0.5, abs=0.02)
