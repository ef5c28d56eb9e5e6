"""Benchmarks: rows as they are published become questions that are graded right; sources that are not there, or broken, say so."""

import csv
import gzip
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from router_r1.data.options import with_options
from router_r1.data.questions import Question, read_questions, write_questions
from router_r1.errors import ConfigError, DataError, MissingDependencyError
from router_r1_eval import benchmarks
from router_r1_eval.benchmarks import Hub, corpus_scores, loading
from router_r1_eval.benchmarks.sampling import sample
from router_r1_reward import grade, validate

ROOT = Path(__file__).parents[3]
# Data for development lies beside the checkout, where it is there at all.
DATA = ROOT.parent / "shared" / "data" / "questions"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the development data is not beside the checkout"
)


def put(folder: Path, name: str, *rows: Any) -> Path:
    """A file of rows, in the format that its name says."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = name.removesuffix(".gz")
    if plain.endswith((".csv", ".tsv")):
        with open(path, "w", newline="", encoding="utf-8") as file:
            between = "\t" if plain.endswith(".tsv") else ","
            writer = csv.DictWriter(file, list(rows[0]), delimiter=between)
            writer.writeheader()
            writer.writerows(rows)
        return path
    content = (
        json.dumps(list(rows))
        if plain.endswith(".json")
        else "".join(json.dumps(row) + "\n" for row in rows)
    )
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


# --- rows as they are published, made up here: (benchmark, file, row, expected fields)

MC = {"metric": "choice"}
ROWS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    (
        "nq",
        "NQ-open.dev.jsonl",
        {"question": "who sang it", "answer": ["A. B", "Ab"]},
        {"answer": ("A. B", "Ab"), "metric": "em"},
    ),
    (
        "triviaqa",
        "triviaqa.jsonl",
        {
            "question": "Which sea?",
            "question_id": "tc_1",
            "answer": {"value": "Black Sea", "aliases": ["Euxine", "Black Sea"], "type": "x"},
        },
        {"id": "triviaqa/tc_1", "answer": ("Black Sea", "Euxine")},
    ),
    (
        "triviaqa",
        "unfiltered-web-dev.json",
        {
            "Question": "Which sea?",
            "QuestionId": "tc_1",
            "Answer": {"Value": "Black Sea", "Aliases": ["Euxine"], "NormalizedValue": "black sea"},
        },
        {"id": "triviaqa/tc_1", "answer": ("Black Sea", "Euxine")},
    ),
    (
        "popqa",
        "popQA.tsv",
        {
            "id": 7,
            "subj": "X",
            "prop": "author",
            "obj": "Ann",
            "question": "Who wrote X, Y?",
            "possible_answers": '["Ann", "A."]',
        },
        {"id": "popqa/7", "answer": ("Ann", "A."), "category": "author"},
    ),
    (
        "hotpotqa",
        "hotpot_dev_fullwiki_v1.json",
        {"_id": "5a", "question": "Same?", "answer": "yes", "type": "comparison", "context": []},
        {"id": "hotpotqa/5a", "answer": "yes", "category": "comparison"},
    ),
    (
        "2wikimultihopqa",
        "2wikimultihopqa.jsonl",
        {"id": "dev_0", "question": "Who?", "golden_answers": ["Eve"], "metadata": {}},
        {"id": "2wikimultihopqa/dev_0", "answer": "Eve"},
    ),
    (
        "musique",
        "musique_ans_v1.0_dev.jsonl",
        {
            "id": "2hop__1",
            "question": "When?",
            "answer": "1900",
            "answer_aliases": ["in 1900"],
            "answerable": True,
        },
        {"answer": ("1900", "in 1900")},
    ),
    ("bamboogle", "bamboogle.csv", {"Question": "Who?", "Answer": "Eve"}, {"answer": "Eve"}),
    (
        "gsm8k",
        "gsm8k_test.jsonl.gz",
        {"question": "How many?", "answer": "1000+70=<<1000+70=1070>>1070\n#### 1,070"},
        {"answer": "1,070", "metric": "math"},
    ),
    (
        "math",
        "math_algebra.jsonl",
        {
            "problem": "Solve.",
            "solution": r"Not $\boxed{1}$, but $\boxed{\frac{1}{2}}$.",
            "level": "Level 3",
            "type": "Algebra",
        },
        {"answer": r"\frac{1}{2}", "category": "algebra", "metadata": {"level": "Level 3"}},
    ),
    (
        "math500",
        "math500.jsonl",
        {
            "problem": "Count.",
            "solution": r"$\boxed 7$",
            "answer": "7",
            "subject": "Counting & Probability",
            "unique_id": "test/a/1.json",
        },
        {"id": "math500/test/a/1.json", "answer": "7", "category": "counting_and_probability"},
    ),
    (
        "aime",
        "aime_2025.jsonl",
        {"problem": "Find it.", "answer": "073", "id": "3"},
        {"answer": "73", "category": "2025", "metric": "math"},
    ),
    (
        "mmlu",
        "mmlu.jsonl",
        {"question": "Which?", "subject": "anatomy", "choices": ["p", "q", "r", "s"], "answer": 2},
        {**MC, "answer": "C", "choices": ("p", "q", "r", "s"), "category": "anatomy"},
    ),
    (
        "mmlu_redux",
        "mmlu_redux.json",
        {"id": 9, "question": "Which?", "choices": {"A": "p", "B": "q"}, "answer": "B"},
        {**MC, "id": "mmlu_redux/9", "answer": "B", "choices": ("p", "q")},
    ),
    (
        "mmlu_pro",
        "mmlu_pro.jsonl",
        {
            "question_id": 70,
            "question": "Which?",
            "options": ["p", "q", "N/A"],
            "answer": "B",
            "answer_index": 1,
            "category": "law",
        },
        {**MC, "id": "mmlu_pro/70", "answer": "B", "choices": ("p", "q"), "category": "law"},
    ),
    (
        "gpqa",
        "gpqa_diamond.csv",
        {
            "Record ID": "rec1",
            "Question": "Which?",
            "Correct Answer": "right",
            "Incorrect Answer 1": "w1",
            "Incorrect Answer 2": "w2",
            "Incorrect Answer 3": "w3",
            "High-level domain": "Physics",
        },
        {**MC, "id": "gpqa/rec1", "category": "Physics"},
    ),
    (
        "bbh",
        "bbh/date_understanding.json",
        {"input": "When?\nOptions:\n(A) May\n(B) June", "target": "(B)"},
        {**MC, "answer": "B", "choices": ("May", "June"), "category": "date_understanding"},
    ),
    (
        "bbh",
        "bbh_dyck_languages.json",
        {"input": "Close: [ {", "target": "} ]"},
        {"answer": ("} ]", "}]"), "metric": "em"},
    ),
    (
        "bbh",
        "bbh_object_counting.json",
        {"input": "How many?", "target": "8"},
        {"answer": "8", "metric": "math"},
    ),
    (
        "bbh",
        "bbh_ruin_names.json",
        {"input": "Which?\nOptions:\n(A) x\n(B) y", "target": "x, y"},
        {"answer": "x, y", "metric": "em", "choices": None},
    ),
    (
        "musr",
        "murder_mystery.csv",
        {
            "narrative": "It was dark.",
            "question": "Who?",
            "choices": "['Ann', \"O'Neil\"]",
            "answer_index": 1,
            "answer_choice": "O'Neil",
        },
        {**MC, "answer": "B", "choices": ("Ann", "O'Neil"), "category": "murder_mysteries"},
    ),
    (
        "truthfulqa",
        "TruthfulQA.csv",
        {
            "Category": "Myths",
            "Question": "What happens?",
            "Best Answer": "Nothing",
            "Correct Answers": "Nothing; Not much",
            "Incorrect Answers": "You die; You grow; ",
        },
        {**MC, "category": "Myths"},
    ),
    (
        "truthfulqa",
        "truthfulqa.jsonl",
        {
            "question": "What happens?",
            "mc1_targets": {"choices": ["Nothing", "You die"], "labels": [1, 0]},
        },
        {**MC},
    ),
    (
        "ifeval",
        "input_data.jsonl",
        {
            "key": 1000,
            "prompt": "No commas, two paragraphs.",
            "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_paragraphs"],
            "kwargs": [{"num_paragraphs": None}, {"num_paragraphs": 2}],
        },
        {
            "id": "ifeval/1000",
            "metric": "ifeval",
            "answer": "-",
            "metadata": {
                "instruction_id_list": [
                    "punctuation:no_comma",
                    "length_constraints:number_paragraphs",
                ],
                "kwargs": [{}, {"num_paragraphs": 2}],
                "prompt": "No commas, two paragraphs.",
            },
        },
    ),
    (
        "humaneval",
        "HumanEval.jsonl",
        {
            "task_id": "HumanEval/0",
            "prompt": "def one() -> int:\n",
            "entry_point": "one",
            "canonical_solution": "    return 1\n",
            "test": "def check(candidate):\n    assert candidate() == 1\n",
        },
        {"id": "humaneval/HumanEval/0", "metric": "code", "answer": "    return 1\n"},
    ),
    (
        "mbpp",
        "mbpp.jsonl",
        {
            "task_id": 11,
            "text": "Write one().",
            "code": "def one():\r\n  return 1",
            "test_setup_code": "",
            "test_list": ["assert one() == 1"],
        },
        {"id": "mbpp/11", "metric": "code"},
    ),
    (
        "toxigen",
        "annotated_test.csv",
        {"text": "b'they are kind'", "target_group": "women", "toxicity_human": 1.0},
        {"metric": "toxicity", "category": "women"},
    ),
    (
        "realtoxicityprompts",
        "prompts.jsonl",
        {
            "filename": "f.txt",
            "begin": 1,
            "end": 9,
            "challenging": False,
            "prompt": {"text": "He said that", "toxicity": 0.6},
            "continuation": {"text": " it rains"},
        },
        {"metric": "toxicity", "category": "toxic"},
    ),
]


@pytest.mark.parametrize(("name", "file", "row", "expected"), ROWS, ids=lambda v: str(v)[:24])
def test_rows_as_they_are_published(
    name: str, file: str, row: dict[str, Any], expected: dict[str, Any], tmp_path: Path
) -> None:
    put(tmp_path, file, row)
    (question,) = benchmarks.load(name, tmp_path)
    assert {key: getattr(question, key) for key in expected} == expected
    assert question.id.startswith(f"{name}/")
    assert question.question == with_options(question), "options stand below the question, once"
    if question.metric not in ("ifeval", "toxicity"):
        report = validate([question], allow_code=True)
        assert report.offenders == ()


def test_every_benchmark_has_a_row_here_or_below() -> None:
    assert {name for name, *_ in ROWS} | {"glue", "superglue"} == set(benchmarks.names())


# --- GLUE and SuperGLUE

SENTENCES = {"sentence1": "It rains.", "sentence2": "It is wet.", "idx": 3}
TWO = {"premise": "It rains.", "hypothesis": "It is wet.", "idx": 3}
GLUE = {
    "cola": ({"sentence": "They was.", "label": 0, "idx": 3}, "unacceptable"),
    "sst2": ({"sentence": "a joy", "label": 1, "idx": 3}, "positive"),
    "mrpc": ({**SENTENCES, "label": 1}, "yes"),
    "qqp": ({"question1": "Why?", "question2": "How come?", "label": 1, "idx": 3}, "yes"),
    "mnli": ({**TWO, "label": 2}, "contradiction"),
    "qnli": ({"question": "Why?", "sentence": "So.", "label": 0, "idx": 3}, "yes"),
    "rte": ({**SENTENCES, "label": 1}, "no"),
    "wnli": ({**SENTENCES, "label": 1}, "yes"),
}
SUPERGLUE = {
    "boolq": ({"question": "is it", "passage": "It is.", "label": 1, "idx": 3}, "yes"),
    "cb": ({**TWO, "label": 1}, "contradiction"),
    "copa": (
        {"premise": "It rained.", "choice1": "Wet.", "choice2": "Dry.", "question": "effect"}
        | {"label": 0, "idx": 3},
        "Wet.",
    ),
    "multirc": (
        {"paragraph": "P.", "question": "Q?", "answer": "a", "label": 1}
        | {"idx": {"paragraph": 0, "question": 1, "answer": 2}},
        "yes",
    ),
    "rte": ({**TWO, "label": 0}, "yes"),
    "wic": ({"word": "bank", "label": 0, **SENTENCES}, "no"),
    "wsc": (
        {"text": "Ann saw Eve and she waved.", "span1_index": 0, "span1_text": "Ann"}
        | {"span2_index": 4, "span2_text": "she", "label": 1, "idx": 3},
        "yes",
    ),
}


@pytest.mark.parametrize(
    ("suite", "task", "row", "answer"),
    [("glue", task, *case) for task, case in GLUE.items()]
    + [("superglue", task, *case) for task, case in SUPERGLUE.items()],
)
def test_labels_become_options(
    suite: str, task: str, row: dict[str, Any], answer: str, tmp_path: Path
) -> None:
    put(tmp_path, f"{suite}/{task}.jsonl", row)
    (question,) = benchmarks.load(suite, tmp_path)
    assert question.category == task
    assert question.id == f"{suite}/{task}/{'0-1-2' if task == 'multirc' else 3}"
    assert grade(answer, question.answers, question.metric, question=question) == 1
    assert validate([question]).ok
    put(tmp_path, f"{suite}/{task}.jsonl", row | {"label": -1})
    with pytest.raises(DataError, match=rf"{task}\.jsonl:1: the label is -1"):
        benchmarks.load(suite, tmp_path)


def test_a_pronoun_is_marked_where_it_stands(tmp_path: Path) -> None:
    put(tmp_path, "superglue_wsc.jsonl", SUPERGLUE["wsc"][0])
    (question,) = benchmarks.load("superglue", tmp_path)
    assert "Ann saw Eve and *she* waved." in question.question


def test_similarity_is_right_within_half_a_point(tmp_path: Path) -> None:
    put(tmp_path, "glue_stsb.jsonl", {**SENTENCES, "label": 3.75})
    (question,) = benchmarks.load("glue", tmp_path)
    scores = {
        said: grade(said, question.answers, question.metric)
        for said in ("3.75", "3.3", "4.2", "4", "It is 3.5.", "3.2", "4.3", "5", "none")
    }
    assert [said for said, score in scores.items() if score] == [
        "3.75",
        "3.3",
        "4.2",
        "4",
        "It is 3.5.",
    ]
    assert validate([question]).ok
    put(tmp_path, "glue_stsb.jsonl", {**SENTENCES, "label": -1.0})
    with pytest.raises(DataError, match="expected a number from 0 to 5"):
        benchmarks.load("glue", tmp_path)


def test_a_name_stands_for_the_placeholder(tmp_path: Path) -> None:
    row = {
        "passage": "Ann met Eve.\n@highlight\nThey met.",
        "query": "@placeholder met Eve.",
        "entities": ["Ann", "Eve"],
        "answers": ["Ann", "Ann"],
        "idx": {"passage": 1, "query": 2},
    }
    put(tmp_path, "superglue_record.jsonl", row)
    (question,) = benchmarks.load("superglue", tmp_path)
    assert (question.id, question.answer, question.metric) == ("superglue/record/1-2", "Ann", "em")
    assert "Ann met Eve.\n- They met." in question.question


def suite(name: str, rows: dict[str, list[dict[str, Any]]], folder: Path) -> list[Question]:
    for task, of_task in rows.items():
        numbered = [{"idx": number, **row} for number, row in enumerate(of_task)]
        put(folder, f"{name}_{task}.jsonl", *numbered)
    return benchmarks.load(name, folder)


def test_the_numbers_of_glue(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pair = {"sentence1": "It rains.", "sentence2": "It is wet."}
    questions = suite(
        "glue",
        {
            "cola": [{"sentence": f"s{n}", "label": n % 2} for n in range(4)],
            "mrpc": [{**pair, "sentence1": f"s{n}", "label": int(n < 3)} for n in range(4)],
            "stsb": [{**pair, "sentence1": f"s{n}", "label": float(n)} for n in range(4)],
        },
        tmp_path,
    )
    corpus = benchmarks.get("glue").corpus
    assert corpus is not None
    said = {"cola": ["A", "B", "B", "B"], "mrpc": ["yes", "yes", "no", "yes"]}
    answers = [*said["cola"], *said["mrpc"], "0.5", "It is 1.5.", "2", None]
    numbers = corpus(questions, answers)
    # cola: 2 true positives, 1 true negative, 1 false positive; mrpc: precision and recall 2/3.
    assert numbers["cola/matthews"] == pytest.approx((2 * 1 - 1 * 0) / (3 * 2 * 2 * 1) ** 0.5)
    assert numbers["mrpc/accuracy"] == pytest.approx(0.5)
    assert numbers["mrpc/f1"] == pytest.approx(2 / 3)
    # No answer is the middle of the scale: 0.5, 1.5, 2, 2.5 rise with 0, 1, 2, 3.
    assert numbers["stsb/spearman"] == pytest.approx(1)
    assert numbers["stsb/pearson"] == pytest.approx(3.25 / (5 * 2.1875) ** 0.5)
    of_tasks = [
        numbers["cola/matthews"],
        (0.5 + 2 / 3) / 2,
        (numbers["stsb/pearson"] + numbers["stsb/spearman"]) / 2,
    ]
    assert numbers["score"] == pytest.approx(sum(of_tasks) / 3)
    gold = corpus(questions, [question.answers[0] for question in questions])
    assert list(gold.values()) == pytest.approx([1.0] * len(gold))
    assert corpus(questions, [None] * len(questions))["score"] == 0
    assert corpus([], []) == {}


def test_the_numbers_of_superglue(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    cb = [{"premise": f"p{n}", "hypothesis": "h", "label": n} for n in (0, 1, 2)]
    cb.append({"premise": "p3", "hypothesis": "h", "label": 0})
    multirc = [
        {"paragraph": "P.", "question": f"Q{q}?", "answer": f"a{a}", "label": a}
        | {"idx": {"paragraph": 0, "question": q, "answer": a}}
        for q in (0, 1)
        for a in (0, 1)
    ]
    record = [{"passage": "P", "query": "@placeholder", "answers": ["Ann Lee", "Ann"]}]
    questions = suite("superglue", {"cb": cb, "multirc": multirc, "record": record}, tmp_path)
    corpus = benchmarks.get("superglue").corpus
    assert corpus is not None
    answers = ["entailment", "contradiction", "hm", "neutral", "no", "yes", "yes", "yes", "Lee"]
    numbers = corpus(questions, answers)
    assert numbers["cb/accuracy"] == 0.5
    # entailment: 1 of 1 said, 1 of 2 found; contradiction: all; neutral: none.
    assert numbers["cb/macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert numbers["multirc/em"] == 0.5
    assert numbers["multirc/f1a"] == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert (numbers["record/em"], numbers["record/f1"]) == (0, pytest.approx(2 / 3))


def test_correlations_agree_with_their_definitions() -> None:
    pytest.importorskip("scipy")
    right, said = [1.0, 2.0, 3.0, 4.0], [1.0, 4.0, 9.0, 16.0]
    assert corpus_scores.spearman(right, said) == pytest.approx(1)
    assert corpus_scores.pearson(right, said) == pytest.approx(25 / (5 * 129) ** 0.5)
    assert corpus_scores.pearson(right, [2.0] * 4) == corpus_scores.spearman(right, [2.0] * 4) == 0
    assert corpus_scores.matthews(["A", "B"] * 4, ["A"] * 8) == 0


# --- IFEval


def test_the_numbers_of_ifeval() -> None:
    pytest.importorskip(
        "router_r1_reward.metrics.ifeval.grader", reason="the metric ifeval is not here yet"
    )
    metadata = {
        "instruction_id_list": ["punctuation:no_comma", "change_case:english_lowercase"],
        "kwargs": [{}, {}],
        "prompt": "Say it in lower case without commas.",
    }
    fields = {"question": metadata["prompt"], "answer": "-", "metric": "ifeval"}
    questions = [Question(id=str(n), metadata=metadata, **fields) for n in range(3)]
    corpus = benchmarks.get("ifeval").corpus
    assert corpus is not None
    # The first line of the second answer has a comma and a capital; loosely it may be dropped.
    numbers = corpus(questions, ["so it is", "Sure, here:\nso it is", None])
    assert numbers == {
        "prompt_strict": pytest.approx(1 / 3),
        "instruction_strict": pytest.approx(2 / 6),
        "prompt_loose": pytest.approx(2 / 3),
        "instruction_loose": pytest.approx(4 / 6),
    }


# --- real questions

REAL = {
    "nq": 3610,
    "hotpotqa": 500,
    "2wikimultihopqa": 500,
    "musique": 500,
    "bamboogle": 125,
    "gsm8k": 1319,
    "aime": 30,
    "mmlu_redux": 1000,
    "bbh": 1500,
    "truthfulqa": 817,
    "ifeval": 541,
    "humaneval": 164,
    "mbpp": 500,
}


@needs_data
@pytest.mark.parametrize(("name", "count"), REAL.items())
def test_gold_answers_of_real_questions_score_one_and_wrong_ones_nothing(
    name: str, count: int
) -> None:
    questions = benchmarks.load(name, DATA)
    assert len(questions) == count
    assert len({question.id for question in questions}) == count
    if name == "ifeval":
        return  # there are no gold answers
    if benchmarks.get(name).area == "code":
        questions = sample(questions, 10)
    assert validate(questions, allow_code=True).offenders == ()


@needs_data
def test_other_splits_of_real_questions() -> None:
    assert len(benchmarks.load("gsm8k", DATA, split="train")) == 7473
    assert len(benchmarks.load("mbpp", DATA, split="train")) == 374
    assert len(benchmarks.load("mmlu_redux", DATA, split="dev")) == 1000


@needs_data
def test_the_right_option_is_not_always_first() -> None:
    answers = Counter(question.answer for question in benchmarks.load("truthfulqa", DATA))
    assert answers["A"] < 0.4 * sum(answers.values())


# --- what is not there, or broken


def test_a_benchmark_that_is_not_there_says_which_file_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(DataError) as error:
        benchmarks.load("gpqa", tmp_path)
    assert str(error.value).startswith(f"{tmp_path}: holds nothing of gpqa; put gpqa_diamond.csv")
    assert "from https://github.com/idavidrein/gpqa" in str(error.value)
    with pytest.raises(DataError, match=r"put bbh_PART\.json there .*PART one of boolean_expr"):
        benchmarks.load("bbh", tmp_path)
    with pytest.raises(DataError, match=r"put gsm8k_train\.jsonl there"):
        benchmarks.load("gsm8k", tmp_path, split="train")


def test_parts_that_are_missing_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path, "bbh_snarks.json", {"input": "?", "target": "yes"})
    assert [q.category for q in benchmarks.load("bbh", tmp_path)] == ["snarks"]
    assert "has no file of boolean_expressions, causal_judgement" in caplog.text


def test_one_file_may_hold_all_parts(tmp_path: Path) -> None:
    put(
        tmp_path,
        "bbh.jsonl",
        {"input": "1?", "target": "yes", "task": "snarks"},
        {"input": "2?", "target": "no"},
    )
    with pytest.raises(DataError, match=r"bbh\.jsonl:2: the row has no 'task'; it has 'input'"):
        benchmarks.load("bbh", tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [
        ("nq", "nq.jsonl", '{"question": "?", "answer": ["x"]}\nno', r"nq\.jsonl:2: not JSON"),
        ("nq", "nq.jsonl", '{"question": "?"}', r"nq\.jsonl:1: the row has no 'answer' or"),
        ("nq", "nq.jsonl", '{"question": "?", "answer": []}', "no accepted answer"),
        ("nq", "nq.jsonl", "[1]", r"nq\.jsonl:1: expected an object, got list"),
        ("nq", "nq.json", "[{", r"nq\.json: no JSON"),
        ("nq", "nq.json", '{"x": 1}', r"nq\.json: expected a list of questions.*it has 'x'"),
        ("nq", "nq.json", '[{"answer": "x"}]', r"nq\.json: question 1: .* no 'question'"),
        ("nq", "nq.csv", "question,answer\n?", r"nq\.csv: row 2 has another number of cells"),
        ("gsm8k", "gsm8k.jsonl", '{"question": "?", "answer": "4"}', r":1: 'answer' ends in no"),
        ("math", "math/algebra.jsonl", '{"problem": "?", "solution": "4"}', r":1: .*no \\boxed"),
        ("aime", "aime24.jsonl", '{"problem": "?", "answer": "x"}', "expected a whole number"),
        ("aime", "aime24.jsonl", '{"problem": "?", "answer": 1000}', "a number from 0 to 999"),
        ("mmlu", "mmlu.jsonl", '{"question": "?", "choices": ["a"], "answer": 1}', "none of 1"),
        ("mmlu", "mmlu.jsonl", '{"question": "?", "choices": "a", "answer": 0}', "list of texts"),
        ("musr", "team_allocation.csv", "narrative,question,choices,answer_index\na,b,[,0", "no l"),
        (
            "truthfulqa",
            "truthfulqa.jsonl",
            '{"question": "?", "mc1_targets": {"choices": ["a"], "labels": [0]}}',
            "has 0 true options",
        ),
        (
            "ifeval",
            "ifeval.jsonl",
            '{"key": 1, "prompt": "?", "instruction_id_list": ["a"], "kwargs": []}',
            "a list with 1 objects",
        ),
        ("glue", "glue.jsonl", '{"task": "ax", "label": 0, "idx": 0}', "GLUE has no task 'ax'"),
        (
            "realtoxicityprompts",
            "prompts.jsonl",
            '{"prompt": "x"}',
            r"prompts\.jsonl:1: 'prompt' is 'x'",
        ),
    ],
)
def test_a_broken_row_names_file_and_line(
    name: str, file: str, content: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        benchmarks.load(name, tmp_path)


def test_a_question_that_is_published_twice_is_there_twice(tmp_path: Path) -> None:
    row = {"question": "Who?", "answer": "Eve"}
    put(tmp_path, "nq.jsonl", row, row, row)
    first, second, third = (question.id for question in benchmarks.load("nq", tmp_path))
    assert (second, third) == (f"{first}-2", f"{first}-3")
    put(tmp_path, "hotpotqa.jsonl", row | {"id": 1}, {"question": "Why?", "answer": "?", "id": 1})
    with pytest.raises(DataError, match=r"hotpotqa\.jsonl:2: the id 'hotpotqa/1' is that of anoth"):
        benchmarks.load("hotpotqa", tmp_path)


def test_rows_that_are_no_questions_are_left_out(tmp_path: Path) -> None:
    row = {"question": "Who?", "answer": "Eve", "answerable": False, "id": "a"}
    put(tmp_path, "musique.jsonl", row)
    with pytest.raises(DataError, match=r"musique: what .* has of it holds no question"):
        benchmarks.load("musique", tmp_path)
    good = {"question": "Which?", "choices": ["p", "q"], "answer": 1, "error_type": "ok"}
    bad = {**good, "question": "What?", "error_type": "wrong_groundtruth"}
    put(tmp_path, "mmlu_redux_anatomy.jsonl", good, bad)
    (question,) = benchmarks.load("mmlu_redux", tmp_path)
    assert (question.category, question.answer) == ("anatomy", "B")


# --- names, limits


def test_a_name_that_is_nearly_right_is_guessed() -> None:
    with pytest.raises(ConfigError, match=r"no benchmark 'GSM-8k'; did you mean 'gsm8k'\? there"):
        benchmarks.get("GSM-8k")


def test_a_smaller_sample_is_a_part_of_a_larger_one(tmp_path: Path) -> None:
    put(tmp_path, "nq.jsonl", *({"question": f"q{n}", "answer": "x"} for n in range(200)))
    ten = benchmarks.load("nq", tmp_path, limit=10)
    fifty = benchmarks.load("nq", tmp_path, limit=50)
    everything = benchmarks.load("nq", tmp_path)
    assert (len(ten), len(fifty), len(everything)) == (10, 50, 200)
    assert [question for question in fifty if question in ten] == ten
    assert [question for question in everything if question in fifty] == fifty
    assert ten != everything[:10]
    with pytest.raises(ConfigError, match="a limit of 0 questions"):
        benchmarks.load("nq", tmp_path, limit=0)


# --- the hub, and copies of it


def repository(folder: Path) -> Path:
    """A repository as on the hub, with two configurations."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for task, label in (("cola", 1), ("sst2", 0)):
        rows = [{"sentence": f"{task} sentence", "label": label, "idx": 0}]
        (folder / task).mkdir(parents=True)
        table = pyarrow.Table.from_pylist(rows)
        parquet.write_table(table, folder / task / "validation-00000-of-00001.parquet")
    configs = "".join(
        f"- config_name: {task}\n  data_files:\n  - split: validation\n    path: {task}/validation-*\n"
        for task in ("cola", "sst2")
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.mark.usefixtures("cache")
def test_rows_of_the_hub(tmp_path: Path) -> None:
    place = str(repository(tmp_path / "repository"))
    hub = tuple(Hub(place, task, "validation", task) for task in ("cola", "sst2"))
    glue = replace(benchmarks.get("glue"), hub=hub)
    rows = list(loading.rows(glue, None))
    assert [where.removeprefix(place) for where, _ in rows] == [
        " (cola, validation): row 1",
        " (sst2, validation): row 1",
    ]
    questions = [glue.convert(number, row) for number, (_, row) in enumerate(rows)]
    assert [(q.category, q.answer) for q in questions if q] == [("cola", "B"), ("sst2", "A")]
    with pytest.raises(
        DataError, match=r"glue: .* \(cola, train\) can not be read: .*; get it fro"
    ):
        list(loading.rows(glue, None, "train"))


@pytest.mark.usefixtures("cache")
def test_a_copy_of_the_hubs_repository_in_a_folder(tmp_path: Path) -> None:
    repository(tmp_path / "glue")
    hub = tuple(Hub("nyu-mll/glue", task, "validation", task) for task in ("cola", "sst2"))
    glue = replace(benchmarks.get("glue"), hub=hub)
    assert [row["sentence"] for _, row in loading.rows(glue, tmp_path)] == [
        "cola sentence",
        "sst2 sentence",
    ]


MUSIQUE = {"id": "2hop__1", "question": "When?", "answer": "1900", "answer_aliases": []}
STORY = {"narrative": "It was dark.", "question": "Who?", "choices": "['Ann', 'Eve']"}
COPIES: list[tuple[str, str, dict[str, list[dict[str, Any]]], list[str]]] = [
    # A file with tabs, and a README that says nothing of configurations.
    (
        "popqa",
        "PopQA/README.md",
        {"PopQA/test.tsv": [{"id": 7, "question": "Who?", "possible_answers": '["Ann", "A."]'}]},
        ["popqa/7"],
    ),
    # No README; what is called `dev` is the validation set.
    (
        "musique",
        "MuSiQue/.gitattributes",
        {
            "MuSiQue/musique_ans_v1.0_train.jsonl": [{**MUSIQUE, "id": "no"}],
            "MuSiQue/musique_ans_v1.0_dev.jsonl": [MUSIQUE],
        },
        ["musique/2hop__1"],
    ),
    # One file, whose name is that of no split: the training set.
    (
        "ifeval",
        "IFEval/README.md",
        {
            "IFEval/ifeval_input_data.jsonl": [
                {"key": n, "prompt": "Go.", "instruction_id_list": ["a:b"], "kwargs": [given]}
                for n, given in enumerate([{}, {"n": 1}])
            ]
        },
        ["ifeval/0", "ifeval/1"],
    ),
]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("name", "mark", "files", "expected"), COPIES, ids=lambda v: str(v)[:24])
def test_copies_of_repositories_as_they_lie_on_the_hub(
    name: str, mark: str, files: dict[str, list[Any]], expected: list[str], tmp_path: Path
) -> None:
    for file, rows in files.items():
        put(tmp_path, file, *rows)
    (tmp_path / mark).touch()
    assert [question.id for question in benchmarks.load(name, tmp_path)] == expected


@pytest.mark.usefixtures("cache")
def test_a_copy_whose_readme_names_the_files(tmp_path: Path) -> None:
    """A task is a split, and its file need not be called so; a set may be one configuration of many."""
    files = {"murder_mysteries": "murder_mystery", "object_placements": "object_placements"}
    lines = "".join(f"  - split: {split}\n    path: {name}.csv\n" for split, name in files.items())
    for name in files.values():
        put(tmp_path, f"MuSR/{name}.csv", {**STORY, "answer_index": 1, "answer_choice": "Eve"})
    readme = f"---\nconfigs:\n- config_name: default\n  data_files:\n{lines}---\n"
    (tmp_path / "MuSR" / "README.md").write_text(readme)
    musr = benchmarks.get("musr")
    musr = replace(musr, hub=tuple(hub for hub in musr.hub if hub.split in files))
    asked = [musr.convert(0, row) for _, row in loading.rows(musr, tmp_path)]
    assert [(q.category, q.answer) for q in asked if q] == [(split, "B") for split in files]

    folder = tmp_path / "FlashRAG_datasets"
    put(folder, "nq/dev.jsonl", {"id": "d", "question": "When?", "golden_answers": ["1900"]})
    put(
        folder,
        "2wikimultihopqa/dev.jsonl",
        {"id": "d", "question": "Who?", "golden_answers": ["E"]},
    )
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: nq\n  data_files:\n  - split: dev\n    path: nq/dev.jsonl\n"
        "- config_name: 2wikimultihopqa\n  data_files:\n  - split: dev\n    path: 2wikimultihopqa/dev.jsonl\n---\n"
    )
    (question,) = benchmarks.load("2wikimultihopqa", tmp_path)
    assert (question.id, question.answer) == ("2wikimultihopqa/d", "E")


def test_the_file_of_a_part_may_have_another_name(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"put PART\.csv .* PART one of murder_mystery, object_pla"):
        benchmarks.load("musr", tmp_path)
    put(tmp_path, "musr_murder_mysteries.jsonl", {**STORY, "answer_index": 0})
    assert [q.answer for q in benchmarks.load("musr", tmp_path)] == ["A"]
    put(tmp_path, "murder_mystery.csv", {**STORY, "answer_index": 1})
    assert [q.answer for q in benchmarks.load("musr", tmp_path)] == ["B"]


def test_the_pronouns_of_wsc_are_those_that_were_set_right() -> None:
    configs = {hub.part: hub.config for hub in benchmarks.get("superglue").hub}
    assert configs.pop("wsc") == "wsc.fixed"
    assert all(part == config for part, config in configs.items())


def test_parquet_files(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"question": "Who?", "answer": ["Eve", "Eva"]}, {"question": "When?", "answer": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "nq.parquet")
    with pytest.raises(DataError, match=r"nq\.parquet: row 2: the row has no 'answer'"):
        benchmarks.load("nq", tmp_path)
    parquet.write_table(pyarrow.Table.from_pylist(rows[:1]), tmp_path / "nq.parquet")
    assert benchmarks.load("nq", tmp_path)[0].answer == ("Eve", "Eva")
    (tmp_path / "nq.parquet").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"nq\.parquet: can not be read"):
        benchmarks.load("nq", tmp_path)


def test_without_datasets_the_hub_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'router-r1\[eval\]'"):
        benchmarks.load("nq")


# --- your own


def test_a_file_of_your_own(tmp_path: Path) -> None:
    path = put(
        tmp_path,
        "mine.jsonl",
        {"prompt": "Capital of Peru?", "answer": "Lima", "category": "geography"},
        {"question": "Legs of a spider?", "answer": ["8", "eight"], "id": "legs"},
        {"question": "Which is a metal?", "choices": ["iron", "wood"], "answer": "A"},
    )
    mine = benchmarks.get(str(path))
    assert (mine.name, mine.area, mine.size, mine.hub) == ("mine", "own", None, ())
    peru, legs, metal = benchmarks.load(str(path))
    assert (peru.question, peru.metric, peru.category) == ("Capital of Peru?", "em", "geography")
    assert (legs.id, legs.answer) == ("legs", ("8", "eight"))
    assert metal.metric == "choice" and metal.question.endswith("\n(A) iron\n(B) wood")
    assert validate([peru, legs, metal]).ok
    assert len(benchmarks.load(str(path), limit=2)) == 2
    write_questions(tmp_path / "again.jsonl.gz", [peru, legs, metal])
    assert benchmarks.load(str(tmp_path / "again.jsonl.gz")) == [peru, legs, metal]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"question": "?"}', r"mine\.jsonl:2: the question: answer"),
        ('{"answer": "x"}', r"mine\.jsonl:2: the question: "),
        ('{"question": "?", "answer": "x", "colour": 1}', r"mine\.jsonl:2: .*colour"),
        ('{"question": "Who?", "answer": "x"}', r"mine\.jsonl:2: the id .* is in line 1 already"),
        ("[]", r"mine\.jsonl:2: expected an object, got list"),
        ("{", r"mine\.jsonl:2: not JSON"),
    ],
)
def test_a_broken_line_of_your_own_is_named(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"question": "Who?", "answer": "Eve"}\n' + line)
    with pytest.raises(DataError, match=message):
        benchmarks.load(str(path))


def test_a_file_of_your_own_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.jsonl: cannot be read"):
        benchmarks.load(str(tmp_path / "none.jsonl"))
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(DataError, match="holds no questions"):
        benchmarks.load(str(tmp_path / "empty.jsonl"))
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ConfigError, match=r"expected a JSON Lines file"):
        benchmarks.get(str(tmp_path / "mine.txt"))
    path = put(tmp_path, "mine.jsonl", {"question": "?", "answer": "x"})
    with pytest.raises(ConfigError, match="has no splits"):
        benchmarks.load(str(path), split="train")
    with pytest.raises(ConfigError, match="found by its path"):
        benchmarks.load(str(path), tmp_path)


# --- the page


def test_the_table_of_benchmarks_says_what_the_code_says() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    table = text[text.index("| name | what |") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    expected = []
    for name in benchmarks.names():
        found = benchmarks.get(name)
        hubs = dict.fromkeys(f"`{hub.path}`" for hub in found.hub)
        size = "-" if found.size is None else f"{found.size:,}"
        about = f"[{found.title}]({found.source})"
        expected.append([f"`{name}`", about, found.area, size, found.licence, ", ".join(hubs)])
    assert rows == expected


def test_benchmarks_are_described_alike() -> None:
    for name in benchmarks.names():
        found = benchmarks.get(name)
        assert found.name == name
        assert found.area in benchmarks.AREAS
        assert re.match(r"https://", found.source)
        assert found.hub and found.licence and found.title
        assert all((hub.part is None) == (len(found.hub) == 1) for hub in found.hub)


def test_a_written_question_file_is_one_of_your_own(tmp_path: Path) -> None:
    put(tmp_path, "glue_cola.jsonl", GLUE["cola"][0])
    questions = benchmarks.load("glue", tmp_path)
    write_questions(tmp_path / "glue.jsonl.gz", questions)
    assert read_questions(tmp_path / "glue.jsonl.gz") == questions
    assert benchmarks.load(str(tmp_path / "glue.jsonl.gz")) == questions
