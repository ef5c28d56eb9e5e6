"""The benchmarks: published rows become questions that are graded right."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router_r1.data.options import with_options
from router_r1.errors import DataError
from router_r1.extensions import BUILT_IN
from router_r1_eval import benchmarks
from router_r1_eval.benchmarks.sampling import sample
from router_r1_reward import METRICS, grade, validate

ROOT = Path(__file__).parents[3]

# Development data is beside the checkout, if anywhere.
DATA = ROOT.parent / "shared" / "data" / "questions"


needs_data = pytest.mark.skipif(
    not DATA.is_dir(), reason="the development data is not beside the checkout"
)

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
        "simpleqa",
        "simple_qa_test_set.csv",
        {
            "metadata": "{'topic': 'Art', 'answer_type': 'Person', 'urls': ['https://a.org']}",
            "problem": "Who painted it?",
            "answer": "Ann's Eve",
        },
        {"answer": "Ann's Eve", "category": "Art", "metadata": {"answer_type": "Person"}},
    ),
    (
        "simpleqa",
        "simpleqa.jsonl",
        {"id": "s1", "question": "When?", "answer": "1912", "topic": "History"},
        {"id": "simpleqa/s1", "answer": "1912", "category": "History", "metadata": {}},
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
def test_published_rows_become_questions(
    put: Callable[..., Path],
    name: str,
    file: str,
    row: dict[str, Any],
    expected: dict[str, Any],
    tmp_path: Path,
) -> None:
    put(tmp_path, file, row)
    (question,) = benchmarks.load(name, tmp_path)
    assert {key: getattr(question, key) for key in expected} == expected
    assert question.id.startswith(f"{name}/")
    assert question.question == with_options(question), "options are below the question, once"
    if METRICS[question.metric].needs_gold:
        report = validate([question], allow_code=True)
        assert report.offenders == ()


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
def test_glue_labels_become_options(
    put: Callable[..., Path],
    suite: str,
    task: str,
    row: dict[str, Any],
    answer: str,
    tmp_path: Path,
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


def test_wsc_marks_the_pronoun(put: Callable[..., Path], tmp_path: Path) -> None:
    put(tmp_path, "superglue_wsc.jsonl", SUPERGLUE["wsc"][0])
    (question,) = benchmarks.load("superglue", tmp_path)
    assert "Ann saw Eve and *she* waved." in question.question


def test_stsb_is_right_within_half_a_point(put: Callable[..., Path], tmp_path: Path) -> None:
    put(tmp_path, "glue_stsb.jsonl", {**SENTENCES, "label": 3.75})
    (question,) = benchmarks.load("glue", tmp_path)
    scores = {
        answer: grade(answer, question.answers, question.metric)
        for answer in ("3.75", "3.3", "4.2", "4", "It is 3.5.", "3.2", "4.3", "5", "none")
    }
    assert [answer for answer, score in scores.items() if score] == [
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


def test_record_asks_for_the_name_behind_the_placeholder(
    put: Callable[..., Path], tmp_path: Path
) -> None:
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


def test_wsc_uses_the_configuration_with_corrected_spans() -> None:
    configs = {hub.part: hub.config for hub in benchmarks.get("superglue").hub}
    assert configs.pop("wsc") == "wsc.fixed"
    assert all(part == config for part, config in configs.items())


def test_withdrawn_rows_are_left_out(put: Callable[..., Path], tmp_path: Path) -> None:
    row = {"question": "Who?", "answer": "Eve", "answerable": False, "id": "a"}
    put(tmp_path, "musique.jsonl", row)
    with pytest.raises(DataError, match=r"musique: .* holds no question of it"):
        benchmarks.load("musique", tmp_path)
    good = {"question": "Which?", "choices": ["p", "q"], "answer": 1, "error_type": "ok"}
    bad = {**good, "question": "What?", "error_type": "wrong_groundtruth"}
    put(tmp_path, "mmlu_redux_anatomy.jsonl", good, bad)
    (question,) = benchmarks.load("mmlu_redux", tmp_path)
    assert (question.category, question.answer) == ("anatomy", "B")


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
def test_gold_answers_of_real_questions_score_one_and_wrong_ones_zero(
    name: str, count: int
) -> None:
    questions = benchmarks.load(name, DATA)
    assert len(questions) == count
    assert len({question.id for question in questions}) == count
    if name == "ifeval":
        return  # it has no gold answers
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


def test_the_table_in_the_docs_lists_all_built_in_benchmarks() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text()
    table = text[text.index("| name | what |") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    expected = []
    built_in = {entry.name for entry in benchmarks.BENCHMARKS.entries() if entry.owner == BUILT_IN}
    for name in (name for name in benchmarks.names() if name in built_in):
        found = benchmarks.get(name)
        hubs = dict.fromkeys(f"`{hub.path}`" for hub in found.hub)
        size = "-" if found.size is None else f"{found.size:,}"
        about = f"[{found.title}]({found.source})"
        expected.append([f"`{name}`", about, found.area, size, found.licence, ", ".join(hubs)])
    assert rows == expected


def test_every_benchmark_is_fully_described() -> None:
    for name in benchmarks.names():
        found = benchmarks.get(name)
        assert found.name == name
        assert found.area in benchmarks.AREAS
        assert re.match(r"https://", found.source)
        assert found.hub and found.licence and found.title
        assert all((hub.part is None) == (len(found.hub) == 1) for hub in found.hub)
