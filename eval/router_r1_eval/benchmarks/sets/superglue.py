"""SuperGLUE as text to text: eight tasks of language understanding, on their validation sets. The category is the task.

Questions score by `choice`, in `record` by `em`. `corpus` has the scores that SuperGLUE reports: accuracy; for cb the
macro F1 too; for multirc F1 over all answers, and the share of questions whose answers are all labelled right; for
record F1 and exact match.

Not covered: the two diagnostic sets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_eval.benchmarks import corpus_scores
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.label_tasks import LabelTask, accuracy, label, row_key, suite_scores
from router_r1_eval.benchmarks.questions import multiple_choice, question
from router_r1_eval.benchmarks.rows import SourceRow, cell, integer, part, text, texts
from router_r1_reward import grade


def _cb(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    gold, answered = corpus_scores.labels(questions, answers)
    return {
        "accuracy": corpus_scores.accuracy(gold, answered),
        "macro_f1": corpus_scores.macro_f1(gold, answered),
    }


def _multirc(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    """F1 of `yes` over all answers, and the share of questions whose answers are all labelled right."""
    gold, answered = corpus_scores.labels(questions, answers)
    groups: dict[str, list[bool]] = defaultdict(list)
    for asked, g, a in zip(questions, gold, answered, strict=True):
        groups[asked.metadata["group"]].append(g == a)
    return {
        "f1a": corpus_scores.f1_of("B", gold, answered),
        "em": sum(map(all, groups.values())) / len(groups),
    }


def _record(questions: Sequence[Question], answers: Sequence[str | None]) -> dict[str, float]:
    def mean(metric: str) -> float:
        scores = [
            grade(answer, asked.answers, metric)
            for asked, answer in zip(questions, answers, strict=True)
        ]
        return sum(scores) / len(scores)

    return {"f1": mean("f1"), "em": mean("em")}


def _wsc(row: SourceRow) -> str:
    """The question, with the pronoun of the text between asterisks."""
    words, place = text(row, "text").split(), integer(row, "span2_index")
    pronoun = text(row, "span2_text")
    if 0 <= place < len(words) and words[place].lower().startswith(pronoun.lower().split()[0]):
        words[place] = f"*{words[place]}*"
    return f'In this text, does the pronoun "{pronoun}" stand for "{text(row, "span1_text")}"?\n\n{" ".join(words)}'


TASKS = {
    "boolq": LabelTask(
        lambda row: f"{text(row, 'passage')}\n\nQuestion: {text(row, 'question')}?",
        ("no", "yes"),
    ),
    "cb": LabelTask(
        lambda row: (
            "Does the hypothesis follow from the text (entailment), is it ruled out by it (contradiction), or neither "
            f"(neutral)?\n\nText: {text(row, 'premise')}\nHypothesis: {text(row, 'hypothesis')}"
        ),
        ("entailment", "contradiction", "neutral"),
        _cb,
    ),
    "multirc": LabelTask(
        lambda row: (
            f"{text(row, 'paragraph')}\n\nQuestion: {text(row, 'question')}\nAnswer: {text(row, 'answer')}\n"
            "Is this answer right?"
        ),
        ("no", "yes"),
        _multirc,
    ),
    "rte": LabelTask(
        lambda row: (
            "Does the hypothesis follow from the text?\n\n"
            f"Text: {text(row, 'premise')}\nHypothesis: {text(row, 'hypothesis')}"
        ),
        ("yes", "no"),
    ),
    "wic": LabelTask(
        lambda row: (
            f'Does the word "{text(row, "word")}" mean the same in both sentences?\n\n'
            f"First: {text(row, 'sentence1')}\nSecond: {text(row, 'sentence2')}"
        ),
        ("no", "yes"),
    ),
    "wsc": LabelTask(_wsc, ("no", "yes")),
}


def convert(number: int, row: SourceRow) -> Question:
    """A question of one task."""
    task = part(row)
    if task == "copa":
        return _copa(row)
    if task == "record":
        return _placeholder(row)
    if task not in TASKS:
        raise DataError(
            f"SuperGLUE has no task {task!r}; it is one of copa, record, {', '.join(TASKS)}"
        )
    made = TASKS[task].question("superglue", task, row)
    if task != "multirc":
        return made
    index = cell(row, "idx")
    if not isinstance(index, Mapping) or not {"paragraph", "question"} <= index.keys():
        raise DataError(f"'idx' is {index!r}; expected 'paragraph', 'question' and 'answer'")
    return made.model_copy(
        update={"metadata": {"group": f"{index['paragraph']}-{index['question']}"}}
    )


def _copa(row: SourceRow) -> Question:
    """Which of two sentences is the cause, or the effect."""
    kinds = {"cause": "What was the cause of this?", "effect": "What came of this?"}
    kind = text(row, "question")
    if kind not in kinds:
        raise DataError(f"'question' is {kind!r}; expected cause or effect")
    return multiple_choice(
        "superglue",
        row_key("copa", row),
        f"{kinds[kind]}\n\n{text(row, 'premise')}",
        [text(row, "choice1"), text(row, "choice2")],
        label(row),
        category="copa",
    )


def _placeholder(row: SourceRow) -> Question:
    """Which name from a text fills the placeholder in a sentence about it."""
    passage = text(row, "passage").replace("@highlight\n", "- ")
    answers = tuple(dict.fromkeys(texts(row, "answers")))
    if not answers:
        raise DataError("'answers' is empty: answers of the test set are not published")
    return question(
        "superglue",
        row_key("record", row),
        question=(
            f"{passage}\n\nWhich name from the text stands for @placeholder in this sentence? Answer with that name.\n\n"
            f"{text(row, 'query')}"
        ),
        answer=answers if len(answers) > 1 else answers[0],
        metric="em",
        category="record",
    )


_TASK_NAMES = ("boolq", "cb", "copa", "multirc", "record", "rte", "wic", "wsc")
_CONFIGS = {"wsc": "wsc.fixed"}
"""Configurations on the hub with another name than the task. `wsc` there has spans that do not match the text."""
_OTHER_SCORES = {"copa": accuracy, "record": _record}

BENCHMARK = register(
    Benchmark(
        name="superglue",
        title="SuperGLUE",
        area="understanding",
        licence="one for each task; see the source",
        source="https://super.gluebenchmark.com/",
        hub=tuple(
            Hub("aps/super_glue", _CONFIGS.get(task, task), "validation", task)
            for task in _TASK_NAMES
        ),
        files=(),
        size=19_293,
        convert=convert,
        instruction="Answer with the right option, or the name, and nothing else.",
        corpus=suite_scores(
            {
                task: _OTHER_SCORES[task] if task in _OTHER_SCORES else TASKS[task].scores
                for task in _TASK_NAMES
            }
        ),
    )
)
