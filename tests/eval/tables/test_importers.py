"""Importers, on small made-up sources: what is dropped, corrected or estimated, and errors that name the row."""

import gzip
import io
import json
import math
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError, DataError
from router_r1_eval.tables.importers import IMPORTERS, ImportOptions, read, rows
from router_r1_eval.tables.importers.cards import cards, user_cards
from router_r1_eval.tables.importers.rows import estimated_tokens
from router_r1_reward.metrics.maths.final_number import final_number

PRICES = ImportOptions(user_cards(["a=1,2", "b=0.5,0.5"], None))
MIXTRAL, GPT4 = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def scores(table: OutcomeTable) -> dict[tuple[str, str], float]:
    return {(o.id, o.model): o.score for o in table}


# --- MMLU-Pro


def mmlu_pro(folder: Path, **changes) -> Path:
    """Two zips; no answer can be read from the second model's second output."""
    row = {
        "question_id": 7,
        "question": "Which?",
        "options": ["x", "y", "N/A"],
        "answer": "B",
        "category": "law",
    }
    rows = {
        "a": [row | {"pred": "B", "model_outputs": "So (B)."}],
        "b": [
            row | {"pred": "A", "model_outputs": ["So (A)."]},
            row | {"question_id": 8, "pred": None, "model_outputs": "Hm."},
        ],
    }
    rows["a"][0] |= changes
    folder.mkdir(exist_ok=True)
    for name, content in rows.items():
        with zipfile.ZipFile(folder / f"model_outputs_{name}_5shots.zip", "w") as archive:
            archive.writestr(f"model_outputs_{name}_5shots.json", json.dumps(content))
            archive.writestr(f"__MACOSX/._{name}.json", "junk")
    return folder


def test_mmlu_pro_zips_become_a_table_without_random_letters(tmp_path) -> None:
    found = read("mmlu-pro", mmlu_pro(tmp_path / "zips"), PRICES)
    table = found.tables[""]
    assert table.names == ("a", "b")
    assert scores(table) == {
        ("mmlu-pro-7", "a"): 1,
        ("mmlu-pro-7", "b"): 0,
        ("mmlu-pro-8", "b"): 0,
    }
    question = table.question("mmlu-pro-7")
    assert (question.metric, question.choices, question.category) == ("choice", ("x", "y"), "law")
    unread = table.outcome("mmlu-pro-8", "b")
    assert (unread.short_answer, unread.output_tokens) == (None, 1)
    assert unread.usage.estimated and table.costs_estimated == 1
    assert "1 of 3 answers hold no letter" in " ".join(found.notes)
    table.save(tmp_path / "table")
    assert scores(OutcomeTable.load(tmp_path / "table")) == scores(table)


def test_mmlu_pro_knows_the_prices_of_some_models(tmp_path) -> None:
    source = mmlu_pro(tmp_path / "zips")
    for path in source.glob("*_a_*.zip"):
        path.rename(source / "model_outputs_mathstral-7B_5shots.zip")
    table = read("mmlu-pro", source, PRICES).tables[""]
    assert table.card("mathstral-7B").price.input == 0.25


def test_mmlu_pro_needs_prices_and_the_same_questions_for_all_models(tmp_path) -> None:
    source = mmlu_pro(tmp_path / "zips")
    with pytest.raises(ConfigError, match=r"no price is known for b; pass --price 'b=INPUT"):
        read("mmlu-pro", source, ImportOptions(user_cards(["a=1,2"], None)))
    with pytest.raises(
        DataError, match="row 1: question mmlu-pro-7 has another text or gold answer"
    ):
        read("mmlu-pro", mmlu_pro(tmp_path / "zips", answer="A"), PRICES)
    with pytest.raises(DataError, match="the gold answer 'C' names none of 2 options"):
        read("mmlu-pro", mmlu_pro(tmp_path / "zips", answer="C"), PRICES)
    (source / "model_outputs_a_5shots.zip").write_bytes(b"no zip")
    with pytest.raises(DataError, match="cannot be read"):
        read("mmlu-pro", source, PRICES)


# --- RouterBench

COLUMNS = ["sample_id", "prompt", "eval_name", "a", "a|model_response", "a|total_cost"]


def routerbench(path: Path, score: str = "0.5", columns=COLUMNS) -> Path:
    cells = ["s1", "\"['Say', 'it']\"", "mbpp", score, "yes", "0.002"]
    return write(path, ",".join(columns) + "\n" + ",".join(cells) + "\n")


def test_routerbench_has_recorded_costs_and_no_gold_answers(tmp_path) -> None:
    table = read("routerbench", routerbench(tmp_path / "rb.csv")).tables[""]
    outcome = table.outcome("s1", "a")
    assert (outcome.score, outcome.text, table.cost_usd(outcome)) == (0.5, "yes", 0.002)
    assert outcome.usage.estimated and table.costs_estimated == 0
    question = table.question("s1")
    assert (question.question, question.category) == ("Say\nit", "mbpp")
    assert (question.answer, question.metric) == ("not published", "recorded")


def test_a_pickle_is_read_only_with_permission(tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(routerbench(tmp_path / "rb.csv"))
    with open(tmp_path / "rb.pkl", "wb") as file:
        pickle.dump(frame, file)
    with pytest.raises(ConfigError, match="can run any program when it is read; pass --trusted"):
        read("routerbench", tmp_path / "rb.pkl")
    table = read("routerbench", tmp_path / "rb.pkl", ImportOptions(trusted=True)).tables[""]
    assert scores(table) == {("s1", "a"): 0.5}
    (tmp_path / "bad.pkl").write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read"):
        read("routerbench", tmp_path / "bad.pkl", ImportOptions(trusted=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": "good"}, "row 2: the score of a is 'good'; expected a number"),
        ({"score": "nan"}, "row 2: the score of a is missing"),
        ({"score": "1.5"}, "row 2"),
        ({"columns": ["id", *COLUMNS[1:]]}, "has no column 'sample_id'; it has 'id', 'prompt'"),
        ({"columns": [*COLUMNS[:4], "text", COLUMNS[5]]}, "has no column that ends in"),
        ({"columns": [*COLUMNS[:5], "cost"]}, r"has no 'a\|total_cost'"),
        ({"columns": COLUMNS[:5]}, "a different number of cells"),
    ],
)
def test_a_broken_routerbench_file_names_row_or_column(tmp_path, change, message) -> None:
    with pytest.raises((DataError, ConfigError), match=message):
        read("routerbench", routerbench(tmp_path / "rb.csv", **change))


# --- RouteLLM


def gsm8k(folder: Path) -> tuple[Path, Path]:
    """Flags as RouteLLM's parser makes them from the last run of digits; and gold answers."""
    rows = [
        f"prompt,{MIXTRAL},{GPT4},{MIXTRAL}_response,{GPT4}_response",
        "How  much?,True,False,#### 20,It is $20.00.",
        "How many?,False,True,It is 7.,So there are 3.",
    ]
    gold = lines(
        {"question": "How much?", "answer": "2*10 = <<2*10=20>>20\n#### 20"},
        {"question": "How many?", "answer": "#### 3"},
    )
    return write(folder / "gsm8k.csv", "\n".join(rows) + "\n"), write(folder / "gold.jsonl", gold)


def test_routellm_gsm8k_is_graded_again_and_the_changes_are_counted(tmp_path) -> None:
    source, gold = gsm8k(tmp_path)
    found = read("routellm", source, ImportOptions(gold=gold))
    assert list(scores(found.tables[""]).values()) == [1, 1, 0, 1]
    assert found.tables[""].costs_estimated == 1
    assert "1 answers are right that the flags call wrong, and 0 the reverse" in found.notes[0]
    published = read("routellm", source, ImportOptions(gold=gold, as_published=True)).tables[""]
    assert list(scores(published).values()) == [1, 0, 0, 1]
    assert published.questions[0].answer == "20"
    flags = read("routellm", source, ImportOptions(as_published=True)).tables[""]
    assert flags.questions[0].metric == "recorded"
    with pytest.raises(ConfigError, match="pass --gold FILE"):
        read("routellm", source)
    write(gold, lines({"question": "How much?", "answer": "20"}))
    with pytest.raises(DataError, match=r"row 3: .*has no gold answer to 'How many"):
        read("routellm", source, ImportOptions(gold=gold))
    write(gold, lines({"question": "How much?", "answer": "none"}))
    with pytest.raises(DataError, match=r"gold\.jsonl:1: the gold answer holds no number"):
        read("routellm", source, ImportOptions(gold=gold))


def test_routellm_mmlu_is_read_from_a_folder_or_an_archive(tmp_path) -> None:
    for subject in ("law", "art"):
        rows = f'prompt,{MIXTRAL},{GPT4}\n"Who of {subject},\nin all?",True,False\n'
        write(tmp_path / "mmlu" / f"mmlu_{subject}.csv", rows)
    with tarfile.open(tmp_path / "mmlu.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "mmlu", arcname=".")
    folder = read("routellm", tmp_path / "mmlu").tables[""]
    packed = read("routellm", tmp_path / "mmlu.tar.gz").tables[""]
    assert scores(folder) == scores(packed)
    assert folder.costs_estimated == 1
    assert {q.category for q in folder.questions} == {"law", "art"}
    assert [folder.outcome("law-0001", name).score for name in (MIXTRAL, GPT4)] == [1, 0]
    with tarfile.open(tmp_path / "empty.tar.gz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("other.csv"), io.BytesIO())
    with pytest.raises(DataError, match=r"holds no mmlu_\*\.csv"):
        read("routellm", tmp_path / "empty.tar.gz")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("He pays 4 x $5.00 = $20.00.", "20"),
        ("Kylar needs to pay $64 for the 16 glasses.", "64"),
        ("First 3.\n#### 1,070", "1070"),
        ("It fell to -10 degrees in 3 hours.", "-10"),
        ("He owes -$5.50 in all.", "-5.5"),
        ("CO2 costs 3 dollars.", "3"),
        ("In all:\n- 5 apples for 2 days", "5"),
        ("If 5 people work, they need 48 hours for 1 house.", "48"),
        ("A: 7 packs and 2 sticks", "7"),
        ("Nothing at all.", None),
        ("", None),
    ],
)
def test_the_final_number_of_a_solution(text, number) -> None:
    assert final_number(text) == number


# --- LLMRouter


def llmrouter(folder: Path) -> Path:
    """Two training and two test questions; one test question is a training question too."""
    for split, asked in {"train": ("q1", "q2"), "test": ("q1 ", "q3")}.items():
        rows = [{"question": q, "scores": {"a": 1.0, "b": 0.25}, "cluster_id": 0} for q in asked]
        write(folder / f"{split}.json", rows)
        queries = [
            {"query": q, "task_name": "t", "ground_truth": "C", "metric": "em_mc"}
            | {"choices": {"text": ["1", "2", "3"], "labels": ["A", "B", "C"]}}
            for q in asked
        ]
        write(folder / f"query_{split}.jsonl", lines(*queries))
    prices = {n: {"input_price": 0.2, "output_price": 0.4, "feature": "a model"} for n in "ab"}
    write(folder / "candidates.json", prices)
    return folder


def test_llmrouter_drops_test_questions_that_are_training_questions(tmp_path) -> None:
    source = llmrouter(tmp_path)
    found = read("llmrouter", source)
    train, test = found.tables["train"], found.tables["test"]
    assert [q.question for q in train.questions] == ["q1", "q2"]
    assert train.costs_estimated == test.costs_estimated == 1
    assert [q.question for q in test.questions] == ["q3"]
    assert found.notes[0].startswith("1 test questions are training questions too")
    question = test.questions[0]
    assert (question.metric, question.choices, question.category) == ("choice", tuple("123"), "t")
    assert test.outcome(question.id, "b").score == 0.25
    assert train.card("a").price.output == 0.4
    kept = read("llmrouter", source, ImportOptions(as_published=True)).tables["test"]
    assert len(kept.questions) == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train.json", [{"question": "q1"}], "row 1: has no 'scores'"),
        ("train.json", [{"question": "q", "scores": {"a": 2}}], r"train\.json: row 1"),
        ("train.json", "{", "cannot be read"),
        ("query_test.jsonl", lines({"query": "q1"}), r"query_test\.jsonl:1: has no 'task_name'"),
        ("candidates.json", {"a": {"input_price": 1}}, "a: has no 'output_price'"),
        (
            "candidates.json",
            {"a": {"input_price": 1, "output_price": 1}},
            "no price is known for b",
        ),
    ],
)
def test_broken_llmrouter_files_name_row_and_key(tmp_path, name, content, message) -> None:
    write(llmrouter(tmp_path) / name, content)
    with pytest.raises((DataError, ConfigError), match=message):
        read("llmrouter", tmp_path)


# --- RouterArena


def routerarena(folder: Path, **changes) -> Path:
    result = {"score": 1.0, "metric": "mcq_accuracy", "ground_truth": "B", "extracted_answer": "B"}
    row = {
        "global_index": "MMLUPro_law_12",
        "question": "Which?",
        "generated_answer": "(B)",
        "token_usage": {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13},
        "success": True,
        "evaluation_result": result | {"inference_cost": 0.01},
    }
    bad = row | {"success": False, "evaluation_result": result | {"score": -0.03}}
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / "a.jsonl.gz", "wt") as file:
        file.write(lines(row | changes, bad | {"global_index": "MMLUPro_law_13"}))
    price = {"input_token_price_per_million": 1, "output_token_price_per_million": 2}
    write(folder / "cost.json", {"a": price})
    return folder


def test_routerarena_keeps_usage_and_costs_and_counts_failures(tmp_path) -> None:
    found = read("routerarena", routerarena(tmp_path))
    table = found.tables[""]
    first, second = table.outcome("MMLUPro_law_12", "a"), table.outcome("MMLUPro_law_13", "a")
    assert (first.input_tokens, first.output_tokens, table.cost_usd(first)) == (9, 4, 0.01)
    assert (second.score, table.cost_usd(second)) == (0.0, 17e-6)
    assert table.costs_estimated == 0
    assert table.question("MMLUPro_law_12").category == "MMLUPro_law"
    assert "1 scores lie outside 0..1" in found.notes[1]
    assert "1 of 2 calls failed" in found.notes[2]


def test_broken_routerarena_rows_name_file_and_line(tmp_path) -> None:
    with pytest.raises(DataError, match=r"a\.jsonl\.gz:1: usage: has no 'output_tokens'"):
        read("routerarena", routerarena(tmp_path, token_usage={"input_tokens": 1}))
    with pytest.raises(DataError, match=r"a\.jsonl\.gz:1: result: has no 'score'"):
        read("routerarena", routerarena(tmp_path, evaluation_result=None))
    (tmp_path / "cost.json").unlink()
    routerarena(tmp_path)
    (tmp_path / "cost.json").unlink()
    with pytest.raises(ConfigError, match="no price is known for a"):
        read("routerarena", tmp_path)


# --- all


@pytest.mark.parametrize("kind", IMPORTERS)
def test_a_missing_source_says_which_file_to_put_where(tmp_path, kind) -> None:
    with pytest.raises(DataError, match=r"no such file or folder; put there: .*https://"):
        read(kind, tmp_path / "none")


@pytest.mark.parametrize("kind", sorted(set(IMPORTERS) - {"routerbench"}))
def test_an_empty_folder_is_an_error(tmp_path, kind) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        read(kind, tmp_path)


def test_an_unknown_kind_and_a_malformed_price_are_errors() -> None:
    with pytest.raises(
        ConfigError, match="there is no importer 'x'; choose one of bfcl, livecodebench, llmrouter"
    ):
        read("x", ".")
    for price in ("a", "a=1", "a=x,y", "=1,-1"):
        with pytest.raises(ConfigError):
            user_cards([price], None)


def test_prices_override_a_pool_file_and_the_importers_prices(tmp_path) -> None:
    pool = "candidates: [{name: a, price: {input: 9, output: 9}}, {name: c, price: {input: 1, output: 1}}]"
    found = user_cards(["a=1,2"], write(tmp_path / "pool.yaml", pool))
    assert {name: c.price.input for name, c in found.items()} == {"a": 1, "c": 1}
    table = read("routerarena", routerarena(tmp_path / "r"), ImportOptions(found)).tables[""]
    assert table.card("a").price.input == 1


def test_estimated_tokens_are_a_quarter_of_the_characters_rounded_up() -> None:
    assert [estimated_tokens("x" * n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]


def test_a_price_for_an_unknown_model_is_an_error() -> None:
    options = ImportOptions(user_cards(["c=1,2"], None), priced=frozenset({"c"}))
    with pytest.raises(ConfigError, match="--price c: there is no such model; there are a, b"):
        cards(["a", "b"], PRICES.cards, options)


# --- cells that are no plain text or number


class NAType:
    """Like pandas' NA: comparing it gives no answer."""

    def __eq__(self, other: object) -> bool:
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None  # type: ignore[assignment]


class Array:
    """Like a numpy array or scalar."""

    def __init__(self, content: object) -> None:
        self.content = content

    def tolist(self) -> object:
        return self.content


MISSING = [None, math.nan, NAType(), Array(math.nan), [], [None], Array([])]


@pytest.mark.parametrize("cell", MISSING)
def test_nothing_is_no_text(cell: object) -> None:
    assert rows.text(cell, "f: row 2", "the response") is None
    with pytest.raises(DataError, match="f: row 2: the prompt is missing"):
        rows.needed_text(cell, "f: row 2", "the prompt")


@pytest.mark.parametrize("cell", [*MISSING[:4], "", " ", "nan", "NaN", "None", "<NA>"])
def test_nothing_is_no_number(cell: object) -> None:
    with pytest.raises(DataError, match="f: row 2: the score is missing"):
        rows.number(cell, "f: row 2", "the score")


@pytest.mark.parametrize(
    ("cell", "right"),
    [
        ("nan", "nan"),  # a reply may be this word
        ("None", "None"),
        ("", ""),
        (["a", "b"], "a\nb"),
        (("a", None, "b"), "a\nb"),
        (Array(["a", "b"]), "a\nb"),
        (b"caf\xc3\xa9", "café"),
        (True, "True"),
        (42, "42"),
        (42.0, "42"),
        (Array(42.0), "42"),
        (-0.5, "-0.5"),
        (1e300, "1e+300"),
        ("\ud83d\ude00", "😀"),
        ("half \ud83d", "half \ufffd"),
        ("[not a list", "[not a list"),
    ],
)
def test_a_text_is_read_from_any_cell(cell: object, right: str) -> None:
    assert rows.text(cell, "f: row 2", "the response") == right


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ({"a": 1}, "is a dict; expected a text"),
        ([1, 2], "is a list; expected a text, or a list of texts"),
        ([["a"]], "is a list; expected a text, or a list of texts"),
        (["a", {"b": 1}], "is a list; expected a text, or a list of texts"),
        (Array([[1.0]]), "is a list; expected a text, or a list of texts"),
        (b"\xff", "is not in UTF-8"),
        (object(), "is a object; expected a text"),
    ],
)
def test_what_is_no_text_is_refused_by_name(cell: object, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        rows.text(cell, "f: row 2", "the response of a")
    assert str(caught.value).startswith(f"f: row 2: the response of a {expected}")


@pytest.mark.parametrize(
    ("cell", "right"), [("0.5", 0.5), (True, 1.0), ("FALSE", 0.0), (Array(1), 1.0), (" 1 ", 1.0)]
)
def test_a_number_is_read_from_any_cell(cell: object, right: float) -> None:
    assert rows.number(cell, "f: row 2", "the score") == right


@pytest.mark.parametrize(
    "cell", ["inf", "1e999", "-Infinity", math.inf, "one", [1], {"a": 1}, b"1"]
)
def test_what_is_no_number_is_refused_by_name(cell: object) -> None:
    with pytest.raises(DataError, match=r"f: row 2: the score is .*; expected a"):
        rows.number(cell, "f: row 2", "the score")


def test_a_count_has_no_fraction() -> None:
    assert rows.count("12.0", "f: row 2", "tokens") == 12
    with pytest.raises(DataError, match=r"f: row 2: tokens is 12\.5; expected a whole number"):
        rows.count(12.5, "f: row 2", "tokens")


def test_gold_answers_are_read_from_any_cell() -> None:
    assert rows.accepted_answers([42.0, None, " ", "b"], "f: row 2") == ("42", "b")
    assert rows.accepted_answers(Array([math.nan]), "f: row 2") == rows.NOT_PUBLISHED
    with pytest.raises(DataError, match="the gold answer is a dict"):
        rows.accepted_answers({"value": "x"}, "f: row 2")


def frame(tmp_path: Path, **columns: list[object]) -> Path:
    """A pickled data frame of RouterBench with two rows and one model, `a`."""
    pandas = pytest.importorskip("pandas")
    content: dict[str, list[object]] = {
        "sample_id": ["q1", "q2"],
        "prompt": ["Capital of Austria?", "Capital of France?"],
        "eval_name": ["geo", "geo"],
        "a": [1.0, 0.0],
        "a|model_response": ["Vienna", "Rome"],
        "a|total_cost": [0.1, 0.2],
    }
    path = tmp_path / "routerbench.pkl"
    pandas.DataFrame(content | columns).to_pickle(path)
    return path


TRUSTED = ImportOptions(user_cards(["a=1,2"], None), trusted=True)


@pytest.mark.parametrize("cell", [None, math.nan, "NA", "NaT"])
def test_a_missing_response_of_a_data_frame_is_empty_and_counted(
    tmp_path: Path, cell: object
) -> None:
    pandas = pytest.importorskip("pandas")
    cell = {"NA": pandas.NA, "NaT": pandas.NaT}.get(str(cell), cell)
    found = read("routerbench", frame(tmp_path, **{"a|model_response": [cell, "Rome"]}), TRUSTED)
    texts = {o.id: o.text for o in found.tables[""]}
    assert texts == {"q1": "", "q2": "Rome"}
    assert any("1 answers have no text, e.g. a to q1" in note for note in found.notes)


def test_a_list_of_a_data_frame_is_joined_and_another_cell_named(tmp_path: Path) -> None:
    joined = frame(tmp_path, prompt=[["Capital", "of Austria?"], "x"], eval_name=[None, "geo"])
    table = read("routerbench", joined, TRUSTED).tables[""]
    assert table.question("q1").question == "Capital\nof Austria?"
    assert table.question("q1").category is None
    for columns, expected in [
        ({"a|model_response": [{"text": "Vienna"}, "Rome"]}, "the response of a is a dict"),
        ({"prompt": [math.nan, "x"]}, "the prompt is missing"),
        ({"sample_id": [None, "q2"]}, "sample_id is missing"),
        ({"a": [None, 1.0]}, "the score of a is missing"),
        ({"a|total_cost": [math.inf, 1.0]}, "the cost of a is inf; expected a finite number"),
    ]:
        with pytest.raises(DataError, match=f"row 2: {expected}"):
            read("routerbench", frame(tmp_path, **columns), TRUSTED)


@pytest.mark.parametrize("text", ["[" * 100_000 + "]", "[\\d]", "[\x00]", "[1, 2]", "[']"])
def test_a_reply_in_brackets_that_is_no_list_of_texts_stays(tmp_path: Path, text: str) -> None:
    path = frame(tmp_path, **{"a|model_response": [text, "Rome"]})
    assert next(iter(read("routerbench", path, TRUSTED).tables[""])).text == text
