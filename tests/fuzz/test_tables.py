"""Tables read back as they were written, in every format, and a broken row is refused in one line that names it."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1 import ModelCard, Price
from router_r1.data.outcome_table import FORMATS, Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import RouterR1Error
from router_r1_eval.tables.check import broken_rows, check

fuzz = settings.get_profile("fuzz")
texts = st.text(max_size=20)
words = texts.filter(str.strip)
counts = st.integers(0, 2**53)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([10**9, 10**299, 10**400, 1e308, float("nan"), float("inf")])
    | st.text(st.characters(categories=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
)


@st.composite
def tables(draw: st.DrawFn) -> OutcomeTable:
    cards = [
        ModelCard(name=name, price=Price(input=1, output=draw(st.floats(0, 1e9))))
        for name in ("a", "b/b:free")
    ]
    questions = [
        Question(
            id=f"q{number} {draw(texts)}",
            question=draw(words),
            answer=draw(words | st.lists(words, min_size=1, max_size=3).map(tuple)),
            metric=draw(st.sampled_from(["em", "math", "recorded"])),
            category=draw(st.none() | texts),
            choices=draw(st.none() | st.lists(texts, max_size=3).map(tuple)),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    outcomes = [
        Outcome(
            id=question.id,
            model=card.name,
            text=draw(texts),
            score=draw(st.floats(0, 1)),
            input_tokens=draw(counts),
            output_tokens=draw(counts),
            **draw(
                st.fixed_dictionaries(
                    {}, optional={"answer": st.none() | words, "cost": st.floats(0, 1e9)}
                )
            ),
            sample=sample,
        )
        for question in questions
        for card in cards
        for sample in range(draw(st.integers(0, 2)))
    ]
    first = Outcome(
        id=questions[0].id, model="a", text="", score=0, input_tokens=0, output_tokens=0, sample=9
    )
    return OutcomeTable(cards, questions, [*outcomes, first])


@fuzz
@given(tables(), st.sampled_from(FORMATS))
def test_a_table_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, table: OutcomeTable, form: str
) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    folder = Path(tmp_path_factory.getbasetemp()) / "fuzzed-table"
    table.save(folder, form)
    again = OutcomeTable.load(folder)
    assert again.cards == table.cards and again.questions == table.questions
    assert [o.model_dump(exclude_unset=True) for o in again] == [
        o.model_dump(exclude_unset=True) for o in table
    ]
    assert all(0 <= again.cost_usd(outcome) < float("inf") for outcome in again)
    for finding in check(again):
        assert len(str(finding).splitlines()) == 1


ROWS = {
    "questions": {"id": "q", "question": "Q?", "answer": "A", "metric": "em"},
    "responses": {
        "id": "q",
        "model": "a",
        "text": "A",
        "score": 1.0,
        "input_tokens": 1,
        "output_tokens": 1,
    },
}


@fuzz
@given(st.sampled_from(sorted(ROWS)), st.data())
def test_a_changed_row_is_valid_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, changed: str, data: st.DataObject
) -> None:
    folder = Path(tmp_path_factory.getbasetemp()) / "changed-table"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "pool.yaml").write_text("candidates: [{name: a, price: {input: 1, output: 1}}]\n")
    for name, row in ROWS.items():
        if name == changed:
            more = [
                "metadata",
                "category",
                "choices",
                "answer",
                "cost",
                "sample",
                "estimated",
                "other",
            ]
            key = data.draw(st.sampled_from([*row, *more]))
            row = row | {key: data.draw(anything)}
        line = json.dumps(row)
        if name == changed and data.draw(st.integers(0, 4)) == 0:
            line = line[: data.draw(st.integers(1, len(line) - 1))]
        (folder / f"{name}.jsonl").write_text(line + "\n")
    try:
        table = OutcomeTable.load(folder)
    except RouterR1Error as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 2500
        assert all(len(message.splitlines()) == 1 for message in broken_rows(folder))
        return
    table.save(folder, "jsonl")
    assert OutcomeTable.load(folder).questions == table.questions
    check(table)
