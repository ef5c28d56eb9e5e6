"""Finding a benchmark by name, samples of its questions, and unique ids."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from router_r1.errors import ConfigError, DataError
from router_r1_eval import benchmarks
from router_r1_eval.benchmarks import register


def test_an_unknown_name_is_an_error_with_a_guess() -> None:
    with pytest.raises(ConfigError, match=r"no benchmark 'GSM-8k'; did you mean 'gsm8k'\? there"):
        benchmarks.get("GSM-8k")


def test_a_larger_sample_contains_a_smaller_one(put: Callable[..., Path], tmp_path: Path) -> None:
    put(tmp_path, "nq.jsonl", *({"question": f"q{n}", "answer": "x"} for n in range(200)))
    ten = benchmarks.load("nq", tmp_path, limit=10)
    fifty = benchmarks.load("nq", tmp_path, limit=50)
    everything = benchmarks.load("nq", tmp_path)
    assert (len(ten), len(fifty), len(everything)) == (10, 50, 200)
    assert [question for question in fifty if question in ten] == ten
    assert [question for question in everything if question in fifty] == fifty
    assert ten != everything[:10]
    with pytest.raises(ConfigError, match="limit is 0"):
        benchmarks.load("nq", tmp_path, limit=0)


def test_a_question_that_is_published_twice_gets_two_ids(
    put: Callable[..., Path], tmp_path: Path
) -> None:
    row = {"question": "Who?", "answer": "Eve"}
    put(tmp_path, "nq.jsonl", row, row, row)
    first, second, third = (question.id for question in benchmarks.load("nq", tmp_path))
    assert (second, third) == (f"{first}-2", f"{first}-3")
    put(tmp_path, "hotpotqa.jsonl", row | {"id": 1}, {"question": "Why?", "answer": "?", "id": 1})
    with pytest.raises(
        DataError, match=r"hotpotqa\.jsonl:2: another question has the id 'hotpotqa/1'"
    ):
        benchmarks.load("hotpotqa", tmp_path)


@pytest.mark.parametrize("area", ["science", "own"])
def test_a_benchmark_of_an_unknown_area_is_refused(area: str) -> None:
    found = benchmarks.get("gsm8k")
    with pytest.raises(ConfigError, match=f"'odd': area is '{area}'; expected one of qa, maths"):
        register(replace(found, name="odd", area=area))
    assert "odd" not in benchmarks.names()
