"""SimpleQA: short questions of fact with one answer (Wei et al., 2024, arXiv:2411.04368). The category is the topic.

Reads the authors' CSV file (`metadata`, `problem`, `answer`) and files like it: CSV or JSON Lines with `question` or
`problem`, `answer`, and optionally `topic` or `metadata`, an object or its text. Exact match misses right answers in
other words; `--judge` and `router-r1 table judge` have a model compare.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import SHORT, short_answer
from router_r1_eval.benchmarks.rows import SourceRow, fingerprint, optional_text, text


def convert(number: int, row: SourceRow) -> Question:
    """A question; what the metadata say of its topic and the type of its answer is kept."""
    asked = text(row, "problem", "question")
    facts = _facts(row.get("metadata"))
    topic = optional_text(row, "topic") or optional_text(facts, "topic")
    key = optional_text(row, "id", "original_index") or fingerprint(asked)
    found = short_answer("simpleqa", {**row, "question": asked, "id": key}, category=topic)
    kind = optional_text(row, "answer_type") or optional_text(facts, "answer_type")
    return found if kind is None else found.model_copy(update={"metadata": {"answer_type": kind}})


def _facts(metadata: object) -> Mapping[str, object]:
    """The metadata of a row: an object, its JSON, or as the authors wrote it, a literal of Python."""
    if metadata is None or metadata == "":
        return {}
    if isinstance(metadata, str):
        try:
            metadata = json.loads(metadata)
        except ValueError:
            try:
                metadata = ast.literal_eval(str(metadata))
            except (ValueError, SyntaxError, MemoryError, RecursionError):
                raise DataError(
                    "'metadata' is neither JSON nor a mapping in Python's notation"
                ) from None
    if not isinstance(metadata, Mapping):
        raise DataError(f"'metadata' is a {type(metadata).__name__}; expected a mapping")
    return metadata


BENCHMARK = register(
    Benchmark(
        name="simpleqa",
        title="SimpleQA",
        area="qa",
        licence="MIT",
        source="https://github.com/openai/simple-evals",
        hub=(Hub("basicv8vc/SimpleQA", None, "test"),),
        files=("simple_qa_test_set.csv", "simpleqa.csv", "simpleqa.jsonl"),
        size=4_326,
        convert=convert,
        instruction=SHORT,
    )
)
