"""Question files and outcome tables in parquet, the same as in JSON Lines."""

import subprocess
import sys

import pytest

import router_r1.data.outcome_table as table_module
import router_r1.data.questions as questions_module
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.parquet import write_parquet
from router_r1.data.questions import Question, read_questions
from router_r1.errors import ConfigError, DataError, RouterR1Error
from router_r1_eval.tables.check import broken_rows


def test_parquet_has_a_column_for_every_field() -> None:
    assert list(table_module.COLUMNS) == list(Outcome.model_fields)
    assert set(questions_module.COLUMNS) - {"answers"} == set(Question.model_fields)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"score": 1.5}, "score: .*less than or equal to 1"),
        ({"score": float("nan")}, "score: .*finite"),
        ({"score": None}, "score: it is required"),
        ({"output_tokens": -1}, "output_tokens: .*greater than or equal to 0"),
        ({"id": "q9"}, "no question has the id 'q9'"),
        ({"sample": 0}, r"answered 'q1' with sample 0 in \S+responses\.parquet: row 5000 already"),
    ],
)
def test_a_bad_row_of_a_parquet_file_is_named(
    full_table: OutcomeTable, tmp_path, bad, message
) -> None:
    import pyarrow
    import pyarrow.parquet

    full_table.save(tmp_path, format="parquet")
    row_of_q1 = {"id": "q1", "model": "a", "text": "x", "score": 1.0} | dict.fromkeys(
        ("input_tokens", "output_tokens"), 1
    )
    rows = [row_of_q1 | {"sample": n or 7000} for n in range(5001)]  # more than are read at a time
    rows[4999]["sample"] = 0
    rows[5000] |= bad
    path = tmp_path / "responses.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    with pytest.raises(RouterR1Error, match=rf"responses\.parquet: row 5001: .*{message}"):
        OutcomeTable.load(tmp_path)
    alone = "no question" not in message and "already" not in message
    if alone:  # the check of single rows finds it too
        (message_of_check,) = broken_rows(tmp_path)
        assert "responses.parquet: row 5001: " in message_of_check


def test_questions_in_parquet_are_validated(tmp_path) -> None:
    import pyarrow
    import pyarrow.parquet

    path = tmp_path / "questions.parquet"

    def write(*rows) -> None:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)

    good = {"id": "q1", "question": "?", "answer": "x", "metric": "em"}
    write(good, good)
    with pytest.raises(DataError, match=r"row 2: the id 'q1' is in \S+: row 1 already"):
        read_questions(path)
    write(good | {"metadata": "{oops"})
    with pytest.raises(DataError, match=r"questions\.parquet: row 1: metadata: not JSON"):
        read_questions(path)
    write(good | {"Id": 1})
    with pytest.raises(ConfigError, match=r"questions\.parquet: row 1: Id: no such field"):
        read_questions(path)
    # As other programs write them: lists of accepted answers, metadata with fields of its own.
    write(good | {"answer": ["x", "y"], "metadata": {"page": 3}})
    (question,) = read_questions(path)
    assert (question.answer, question.metadata) == (("x", "y"), {"page": 3})
    path.write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataError, match=r"questions\.parquet: cannot be read"):
        read_questions(path)
    with pytest.raises(DataError, match=r"none\.parquet: cannot be read"):
        read_questions(tmp_path / "none.parquet")


def test_a_count_beyond_64_bits_is_an_error(tmp_path) -> None:
    with pytest.raises(DataError, match=r"x\.parquet: a value does not fit its column"):
        write_parquet(tmp_path / "x.parquet", {"n": "count"}, [{"n": 2**64}])


def test_without_pyarrow_the_extra_is_named_and_the_old_table_stays(
    full_table: OutcomeTable, tmp_path
) -> None:
    full_table.save(tmp_path, format="jsonl")
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from router_r1.data.outcome_table import OutcomeTable\n"
        f"table = OutcomeTable.load({str(tmp_path)!r})\n"
        f"try: table.save({str(tmp_path)!r}, format='parquet')\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    command = [sys.executable, "-c", code]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert printed.startswith("MissingDependencyError parquet files need pyarrow: pip install")
    assert "router-r1[parquet]" in printed
    assert len(OutcomeTable.load(tmp_path)) == 4
