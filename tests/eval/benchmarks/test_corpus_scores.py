"""Scores of whole answer sets: GLUE, SuperGLUE and IFEval by hand, and the definitions of correlations."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router_r1.data.questions import Question
from router_r1_eval import benchmarks
from router_r1_eval.benchmarks import corpus_scores


def suite(
    put: Callable[..., Path], name: str, rows: dict[str, list[dict[str, Any]]], folder: Path
) -> list[Question]:
    for task, of_task in rows.items():
        numbered = [{"idx": number, **row} for number, row in enumerate(of_task)]
        put(folder, f"{name}_{task}.jsonl", *numbered)
    return benchmarks.load(name, folder)


def test_the_scores_of_glue(put: Callable[..., Path], tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    pair = {"sentence1": "It rains.", "sentence2": "It is wet."}
    questions = suite(
        put,
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
    answered = {"cola": ["A", "B", "B", "B"], "mrpc": ["yes", "yes", "no", "yes"]}
    answers = [*answered["cola"], *answered["mrpc"], "0.5", "It is 1.5.", "2", None]
    numbers = corpus(questions, answers)
    # cola: 2 true positives, 1 true negative, 1 false positive; mrpc: precision and recall 2/3.
    assert numbers["cola/matthews"] == pytest.approx((2 * 1 - 1 * 0) / (3 * 2 * 2 * 1) ** 0.5)
    assert numbers["mrpc/accuracy"] == pytest.approx(0.5)
    assert numbers["mrpc/f1"] == pytest.approx(2 / 3)
    # A missing answer counts as the middle of the scale: 0.5, 1.5, 2, 2.5 rise with 0, 1, 2, 3.
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


def test_the_scores_of_superglue(put: Callable[..., Path], tmp_path: Path) -> None:
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
    questions = suite(put, "superglue", {"cb": cb, "multirc": multirc, "record": record}, tmp_path)
    corpus = benchmarks.get("superglue").corpus
    assert corpus is not None
    answers = ["entailment", "contradiction", "hm", "neutral", "no", "yes", "yes", "yes", "Lee"]
    numbers = corpus(questions, answers)
    assert numbers["cb/accuracy"] == 0.5
    # entailment: precision 1, recall 1/2; contradiction: both 1; neutral: both 0.
    assert numbers["cb/macro_f1"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert numbers["multirc/em"] == 0.5
    assert numbers["multirc/f1a"] == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert (numbers["record/em"], numbers["record/f1"]) == (0, pytest.approx(2 / 3))


def test_correlations_agree_with_their_definitions() -> None:
    pytest.importorskip("scipy")
    gold, answered = [1.0, 2.0, 3.0, 4.0], [1.0, 4.0, 9.0, 16.0]
    assert corpus_scores.spearman(gold, answered) == pytest.approx(1)
    assert corpus_scores.pearson(gold, answered) == pytest.approx(25 / (5 * 129) ** 0.5)
    assert corpus_scores.pearson(gold, [2.0] * 4) == corpus_scores.spearman(gold, [2.0] * 4) == 0
    assert corpus_scores.matthews(["A", "B"] * 4, ["A"] * 8) == 0


def test_the_scores_of_ifeval() -> None:
    metadata = {
        "instruction_id_list": ["punctuation:no_comma", "change_case:english_lowercase"],
        "kwargs": [{}, {}],
        "prompt": "Say it in lower case without commas.",
    }
    fields = {"question": metadata["prompt"], "answer": "-", "metric": "ifeval"}
    questions = [Question(id=str(n), metadata=metadata, **fields) for n in range(3)]
    corpus = benchmarks.get("ifeval").corpus
    assert corpus is not None
    # The first line of the second answer has a comma and a capital; loose checking drops it.
    numbers = corpus(questions, ["so it is", "Sure, here:\nso it is", None])
    assert numbers == {
        "prompt_strict": pytest.approx(1 / 3),
        "instruction_strict": pytest.approx(2 / 6),
        "prompt_loose": pytest.approx(2 / 3),
        "instruction_loose": pytest.approx(4 / 6),
    }
