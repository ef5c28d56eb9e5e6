"""Outcome tables: reading and writing the three files, what an outcome cost, and every error with its file and line."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from router_r1.data.json_lines import write_json_lines
from router_r1.data.outcome_table import FORMATS, Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError, RouterR1Error
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

SHARED = Path(__file__).parents[4] / "shared" / "data"

POOL = """\
candidates:
  - {name: small, price: {input: 0.1, output: 0.4}}
  - {name: large, description: Knows more., price: {input: 1, output: 4}}
"""
QUESTIONS = [
    {"id": "q1", "question": "2+2?", "answer": "4", "metric": "math", "category": "sums"},
    {
        "id": "q2",
        "question": "Red or blue?",
        "answer": "B",
        "metric": "choice",
        "choices": ["red", "blue"],
    },
]


def row(**changes):
    """A good line of responses.jsonl with some fields changed; a field that is None is left out."""
    line = {
        "id": "q1",
        "model": "small",
        "text": "It is 4.",
        "score": 1.0,
        "input_tokens": 10,
        "output_tokens": 5,
    }
    return {k: v for k, v in (line | changes).items() if v is not None or k == "answer"}


@pytest.fixture
def folder(tmp_path):
    """A function that writes a table and returns its folder."""

    def write(*rows, pool=POOL, questions=QUESTIONS):
        (tmp_path / "pool.yaml").write_text(pool)
        write_json_lines(tmp_path / "questions.jsonl", questions)
        write_json_lines(tmp_path / "responses.jsonl", rows or (row(),))
        return tmp_path

    return write


def test_a_table_gives_the_outcome_of_a_question_a_model_and_a_sample(folder) -> None:
    table = OutcomeTable.load(
        folder(row(), row(sample=1, text="5", score=0), row(id="q2", model="large"))
    )
    assert table.names == ("small", "large")
    assert len(table) == 3
    assert [q.id for q in table.questions] == ["q1", "q2"]
    assert table.outcome("q1", "small").text == "It is 4."
    assert table.outcome("q1", "small", 1).score == 0
    assert table.outcome("q1", "small", 2) is None
    assert table.outcome("q1", "large") is None
    assert [o.model for o in table] == ["small", "small", "large"]


def test_the_cost_of_an_outcome_is_the_recorded_one_or_price_times_tokens(folder) -> None:
    table = OutcomeTable.load(folder(row(), row(sample=1, cost=0.25), row(sample=2, cost=0)))
    first, second, free = table
    assert table.cost_usd(first) == pytest.approx((10 * 0.1 + 5 * 0.4) / 1e6)
    assert table.cost_usd(second) == 0.25
    assert table.cost_usd(free) == 0


def test_estimated_tokens_and_costs_are_marked(folder) -> None:
    rows = [row(), row(sample=1, estimated=True), row(sample=2, estimated=True, cost=0.1)]
    table = OutcomeTable.load(folder(*rows, row(model="large")))
    assert [o.usage.estimated for o in table] == [False, True, True, False]
    assert table.costs_estimated == 0.25  # a recorded cost is none, whatever the tokens are
    with pytest.raises(ConfigError, match="estimated: "):
        OutcomeTable.load(folder(row(estimated="yes")))


def test_the_short_answer_is_the_recorded_one_or_read_from_the_text(folder) -> None:
    rows = [row(answer="four"), row(sample=1, answer=None), row(sample=2)]
    stated, none_found, left_out = OutcomeTable.load(folder(*rows))
    assert stated.short_answer == "four"
    assert none_found.short_answer is None
    assert left_out.short_answer == "4"


def test_a_saved_table_loads_equal(folder, tmp_path) -> None:
    table = OutcomeTable.load(
        folder(row(answer=None), row(sample=1, cost=0.5), row(model="large", answer="4"))
    )
    table.save(tmp_path / "copy")
    copy = OutcomeTable.load(tmp_path / "copy")
    assert (copy.cards, copy.questions, list(copy)) == (table.cards, table.questions, list(table))
    assert [o.short_answer for o in copy] == [None, "4", "4"]
    first = (tmp_path / "copy" / "responses.jsonl.gz").read_bytes()
    copy.save(tmp_path / "copy")
    assert (tmp_path / "copy" / "responses.jsonl.gz").read_bytes() == first


def test_saving_replaces_a_table_that_is_not_compressed(folder) -> None:
    path = folder()
    OutcomeTable.load(path).save(path)
    assert len(OutcomeTable.load(path)) == 1


def test_compressed_files_are_read(folder) -> None:
    path = folder()
    plain = path / "responses.jsonl"
    (path / "responses.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with pytest.raises(DataError, match=r"two files responses\.jsonl"):
        OutcomeTable.load(path)
    plain.unlink()
    assert len(OutcomeTable.load(path)) == 1


# --- formats


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_keeps_everything(full_table: OutcomeTable, tmp_path, form) -> None:
    table = full_table
    table.save(tmp_path, format=form)
    assert {p.name for p in tmp_path.iterdir()} == {
        "pool.yaml",
        f"questions.{form}",
        f"responses.{form}",
    }
    copy = OutcomeTable.load(tmp_path)
    assert (copy.cards, copy.questions, list(copy)) == (table.cards, table.questions, list(table))
    # None that was recorded, and none that was left out, are not the same.
    assert [o.short_answer for o in copy] == [None, None, "B", "7"]
    written = (tmp_path / f"responses.{form}").read_bytes()
    copy.save(tmp_path, format=form)
    assert (tmp_path / f"responses.{form}").read_bytes() == written


def test_saving_replaces_a_table_in_another_format(full_table: OutcomeTable, tmp_path) -> None:
    for form in (*FORMATS, *reversed(FORMATS)):
        full_table.save(tmp_path, format=form)
        assert len(OutcomeTable.load(tmp_path)) == 4
    with pytest.raises(ConfigError, match=r"one of jsonl.*, not 'csv'"):
        full_table.save(tmp_path, format="csv")


def test_at_other_prices_costs_follow_tokens_and_recorded_costs_are_scaled(folder) -> None:
    rows = [
        row(),
        row(id="q2", cost=0.01),
        row(model="large"),
        row(model="large", id="q2", cost=0.01),
    ]
    table = OutcomeTable.load(folder(*rows))
    other = table.with_prices({"small": Price(input=0.2, output=0.8)})
    before, after = ([t.cost_usd(outcome) for outcome in t] for t in (table, other))
    assert after == pytest.approx([2 * before[0], 0.02, *before[2:]])
    assert other.card("small").price == Price(input=0.2, output=0.8)
    assert other.questions == table.questions and other.source == table.source
    assert table.with_prices({}) is table


def test_prices_that_a_table_cannot_have_are_refused(folder) -> None:
    table = OutcomeTable.load(folder())
    with pytest.raises(ConfigError, match="prices name 'huge', and the pool has small, large"):
        table.with_prices({"huge": Price(input=1, output=1)})
    free = OutcomeTable.load(
        folder(
            row(cost=0.01), pool=POOL.replace("{input: 0.1, output: 0.4}", "{input: 0, output: 0}")
        )
    )
    with pytest.raises(ConfigError, match="'small' has recorded costs and a list price of 0"):
        free.with_prices({"small": Price(input=1, output=1)})


def test_a_subset_keeps_the_order_of_the_table(folder) -> None:
    table = OutcomeTable.load(folder(row(), row(id="q2"), row(id="q2", model="large")))
    part = table.subset(["q2"])
    assert [q.id for q in part.questions] == ["q2"]
    assert [o.model for o in part] == ["small", "large"]
    assert table.subset(["q2", "q1"]).questions == table.questions
    with pytest.raises(DataError, match="no question has the id 'q9'"):
        table.subset(["q9"])


def test_a_table_can_be_made_in_python() -> None:
    card = ModelCard(name="a", price=Price(input=1, output=1))
    question = Question(id="1", question="?", answer="x", metric="em")
    outcome = Outcome(id="1", model="a", text="x", score=1, input_tokens=1, output_tokens=1)
    assert OutcomeTable([card], [question], [outcome]).cost_usd(outcome) == pytest.approx(2e-6)
    with pytest.raises(
        DataError, match=r"mine: outcome 2: 'a' answered '1' .* in mine: outcome 1 already"
    ):
        OutcomeTable([card], [question], [outcome, outcome], source="mine")


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row(score=1.5), "score: .*less than or equal to 1"),
        (row(score=-0.1), "score: .*greater than or equal to 0"),
        (row(score=float("nan")), "score: .*finite"),
        (row(score=True), "score: "),
        (row(score="1"), "score: "),
        (row(score=None), "score: it is required"),
        (row(text=None), "text: it is required"),
        (row(input_tokens=None), "input_tokens: it is required"),
        (row(output_tokens=-1), "output_tokens: .*greater than or equal to 0"),
        (row(output_tokens=1.5), "output_tokens: "),
        (row(cost=-1), "cost: "),
        (row(cost=float("inf")), "cost: "),
        (row(sample=-1), "sample: "),
        (row(sorce=1), "sorce: no such field"),
        (row(id="q9"), "no question has the id 'q9'"),
        (row(model="huge"), "the pool has no 'huge'; it has small, large"),
        (row(), r"'small' answered 'q1' with sample 0 in \S+responses\.jsonl:1 already"),
        ([1], ""),
    ],
)
def test_a_bad_line_is_an_error_that_names_file_and_line(folder, bad, message) -> None:
    with pytest.raises(RouterR1Error, match=rf"responses\.jsonl:2: .*{message}"):
        OutcomeTable.load(folder(row(), bad))


def test_a_line_that_is_not_json_is_an_error_that_names_it(folder) -> None:
    path = folder()
    with (path / "responses.jsonl").open("a") as file:
        file.write("{oops\n")
    with pytest.raises(DataError, match=r"responses\.jsonl:2: not JSON"):
        OutcomeTable.load(path)


def test_a_missing_price_is_an_error_and_never_zero(folder) -> None:
    pool = "candidates:\n  - {name: small}\n  - {name: large, price: {input: 1}}\n"
    with pytest.raises(
        ConfigError,
        match=r"pool\.yaml: candidates\.0\.price: it is required.*candidates\.1\.price\.output",
    ):
        OutcomeTable.load(folder(pool=pool))


def test_questions_are_validated(folder) -> None:
    with pytest.raises(
        DataError, match=r"questions\.jsonl:2: the id 'q1' is in \S+\.jsonl:1 already"
    ):
        OutcomeTable.load(folder(questions=[QUESTIONS[0]] * 2))
    with pytest.raises(ConfigError, match=r"questions\.jsonl:1: answer: it is required"):
        OutcomeTable.load(folder(questions=[{"id": "q1", "question": "?", "metric": "em"}]))


@pytest.mark.parametrize("name", ["questions", "responses"])
def test_a_missing_or_empty_file_is_an_error(folder, name) -> None:
    path = folder()
    (path / f"{name}.jsonl").write_text("\n")
    with pytest.raises(DataError, match=f"holds no {name}"):
        OutcomeTable.load(path)
    (path / f"{name}.jsonl").unlink()
    with pytest.raises(DataError, match=rf"no file {name}\.jsonl"):
        OutcomeTable.load(path)


def test_a_missing_folder_or_pool_is_an_error(folder, tmp_path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        OutcomeTable.load(tmp_path / "nowhere")
    path = folder()
    (path / "pool.yaml").unlink()
    with pytest.raises(ConfigError, match=r"pool\.yaml: cannot be read"):
        OutcomeTable.load(path)


def test_reading_tables_imports_nothing_heavy() -> None:
    code = "import router_r1.data.outcome_table, sys; print(json.dumps(sorted({m.partition('.')[0] for m in sys.modules})))"
    command = [sys.executable, "-c", f"import json; {code}"]
    loaded = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert not {"numpy", "pandas", "pyarrow", "torch"} & set(loaded)


@pytest.mark.skipif(not (SHARED / "mmlu_pro").is_dir(), reason="the shared tables are not here")
def test_the_recorded_answers_of_ten_models_load() -> None:
    table = OutcomeTable.load(SHARED / "mmlu_pro")
    assert (len(table.questions), len(table.names), len(table)) == (5199, 10, 51990)
    gold = {q.id: q.answer for q in table.questions}
    assert all((o.answer == gold[o.id]) == (o.score == 1) for o in table)
