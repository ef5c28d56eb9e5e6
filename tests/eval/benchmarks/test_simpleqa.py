"""SimpleQA's metadata, in the notations in which they occur."""

import json

import pytest

from router_r1.errors import DataError
from router_r1_eval.benchmarks.sets.simpleqa import convert

FACTS = {"topic": "Art", "answer_type": "Person"}


@pytest.mark.parametrize("metadata", [FACTS, json.dumps(FACTS), str(FACTS)])
def test_metadata_in_any_notation(metadata: object) -> None:
    found = convert(1, {"problem": "Who?", "answer": "Ann", "metadata": metadata})
    assert (found.category, found.metadata) == ("Art", {"answer_type": "Person"})


def test_without_metadata_there_is_no_category() -> None:
    found = convert(1, {"question": "Who?", "answer": "Ann", "metadata": ""})
    assert found.category is None and found.metadata == {}
    assert found.id == convert(9, {"problem": "Who?", "answer": "Eve"}).id


@pytest.mark.parametrize("metadata", ["__import__('os')", "[1]", "{'topic'"])
def test_anything_else_is_an_error_and_runs_nothing(metadata: str) -> None:
    with pytest.raises(DataError, match="'metadata' is"):
        convert(1, {"problem": "Who?", "answer": "Ann", "metadata": metadata})
