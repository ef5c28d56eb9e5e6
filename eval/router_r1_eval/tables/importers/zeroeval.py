"""ZeroEval's results: one JSON list per task and model, `result_dirs/TASK/MODEL.json`.

Source: https://github.com/WildEval/ZeroEval. A row has `id, dataset, output` (a list with one text), `question` (`problem` in
math-l5) and `answer`; in mmlu-redux `choices` and `correct_answer`, the text of an option, in place of `answer`. Rows hold
no scores: `src/evaluation/{crux,math,mcqa}_eval.py` compute them. Read here are the tasks crux, gsm, math-l5 and
mmlu-redux; the others have no gold answers in their rows.

Outputs are graded by the metrics of this project. `--as-published` grades as those scripts do, from the field `answer` of
the first JSON object: crux by equal texts, mathematics by the first number in an answer (5/4 and 5 sqrt 2 are 1.25 and
5), options by their letter. Tokens are estimated as characters / 4; hidden reasoning (o1) is not recorded.
"""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

from router_r1.data.options import LETTERS
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.json_text import parse_json
from router_r1_eval.source_files import read_json
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import cards
from router_r1_eval.tables.importers.rows import (
    estimated_tokens,
    missing_texts,
    needed_text,
    outcome,
    plain,
    question,
    require,
    require_keys,
    text,
)
from router_r1_reward import grade

EXPECTED = (
    "the folders crux, gsm, math-l5 and mmlu-redux, or one of them, of "
    "https://github.com/WildEval/ZeroEval/tree/main/result_dirs, with the files of the models that are wanted"
)
_METRICS = {"crux": "python_literal", "gsm": "math", "math-l5": "math", "mmlu-redux": "choice"}
_FIELDS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r'"answer"\s*:\s*"([^"]*)"', 0),
        (r'"answer"\s*:\s*([^,\s]*)', 0),
        (r"answer\s*:\s*([^,\s]*)", 0),
    )
)
_FRACTION = re.compile(r"(-?\d+)\s*/\s*(\d*[1-9]\d*)")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def read(source: Path, options: ImportOptions) -> Import:
    """One table of all tasks and models. A question that a model was not asked is a missing cell."""
    require(source.is_dir(), f"{source}: is not a folder; put there: {EXPECTED}")
    folders = [source, *(source / task for task in _METRICS)]
    files = [path for folder in folders for path in sorted(folder.glob("*.json*"))]
    files = [path for path in files if _model(path) and not path.name.endswith(".summary.json")]
    require(bool(files), f"{source}: holds no .json file; put there: {EXPECTED}")
    questions: dict[str, Question] = {}
    outcomes: list[Outcome] = []
    unread = 0
    for path in files:
        rows = read_json(path)
        require(isinstance(rows, list), f"{path}: expected a list of answers")
        for place, row in enumerate(rows, 1):
            where = f"{path}: row {place}"
            asked = _question(require_keys(row, ("id", "dataset", "output"), where), where)
            first = questions.setdefault(asked.id, asked)
            require(
                (first.question, first.answer) == (asked.question, asked.answer),
                f"{where}: question {asked.id} has another text or gold answer than in {files[0]}",
            )
            reply, answer = _output(row["output"], where)
            unread += answer is None
            outcomes.append(
                outcome(
                    where,
                    id=asked.id,
                    model=_model(path),
                    text=reply,
                    answer=answer or None,
                    score=_published_score(answer, first)
                    if options.as_published
                    else grade(reply, first.answers, first.metric, question=first),
                    input_tokens=estimated_tokens(_prompt(row, first, where)),
                    output_tokens=estimated_tokens(reply),
                    estimated=True,
                )
            )
    names = dict.fromkeys(map(_model, files))
    table = OutcomeTable(
        cards(names, {}, options), questions.values(), outcomes, source=str(source)
    )
    graded = "scores are those of ZeroEval's scripts" if options.as_published else "graded here"
    notes = (
        f"the source has no scores: {graded}",
        f"{unread} of {len(outcomes)} outputs have no field 'answer'",
        "tokens are estimated as characters / 4; hidden reasoning is not recorded",
        *missing_texts(outcomes),
    )
    return Import({"": table}, notes)


def _model(path: Path) -> str:
    """The model whose file this is; empty for a file of another kind."""
    name = path.name.removesuffix(".gz")
    return name.removesuffix(".json") if name.endswith(".json") else ""


def _output(cell: Any, where: str) -> tuple[str, str | None]:
    """A reply, and its field `answer`."""
    listed = plain(cell)
    first = listed[0] if isinstance(listed, list) and listed else listed
    reply = text(first, where, "the output") or ""
    return reply, _field(reply)


def _prompt(row: dict[str, Any], asked: Question, where: str) -> str:
    """What the model was sent."""
    history = plain(row.get("chat_history"))
    if isinstance(history, list) and history:
        return text(history, where, "chat_history") or asked.question
    return asked.question


def _question(row: dict[str, Any], where: str) -> Question:
    task = needed_text(row["dataset"], where, "the dataset")
    require(
        task in _METRICS,
        f"{where}: its dataset is {task!r}; expected one of {', '.join(_METRICS)}, whose rows have gold answers",
    )
    key = needed_text(row["id"], where, "the id").rpartition("#")[2]
    if task == "mmlu-redux":
        return _choice(require_keys(row, ("question", "choices", "correct_answer"), where), where)
    asked = "problem" if task == "math-l5" else "question"
    require_keys(row, (asked, "answer"), where)
    gold = needed_text(row["answer"], where, "the gold answer")
    return question(
        where,
        id=f"{task}/{key}",
        question=needed_text(row[asked], where, "the question"),
        answer=gold.strip("# ") if task == "gsm" else gold,
        metric=_METRICS[task],
        category=task,
    )


def _choice(row: dict[str, Any], where: str) -> Question:
    listed = plain(row["choices"])
    require(isinstance(listed, list), f"{where}: choices are no list; expected a list of texts")
    options = tuple(needed_text(option, where, "a choice") for option in listed)
    gold = needed_text(row["correct_answer"], where, "correct_answer")
    require(
        gold in options and len(options) <= len(LETTERS),
        f"{where}: correct_answer {gold[:60]!r} is none of its {len(options)} choices",
    )
    return question(
        where,
        id=needed_text(row["id"], where, "the id"),
        question=needed_text(row["question"], where, "the question"),
        answer=LETTERS[options.index(gold)],
        metric="choice",
        category=f"mmlu-redux {text(row.get('config'), where, 'config') or ''}".strip(),
        choices=options,
    )


# --- ZeroEval's own reading and grading


def _field(reply: str) -> str | None:
    """The field `answer` of the first JSON object in a reply, or what looks like it; None if there is neither."""
    found = _first_object(reply)
    if isinstance(found, dict) and "answer" in found:
        return str(found["answer"])
    for pattern in _FIELDS:
        if field := pattern.search(reply):
            return field[1]
    return None


def _first_object(reply: str) -> Any:
    depth, start = 0, -1
    for brace in re.finditer(r"[{}]", reply):
        if brace[0] == "{":
            start = brace.start() if start < 0 else start
            depth += 1
        elif depth:
            depth -= 1
            if not depth:
                try:
                    return parse_json(reply[start : brace.end()].replace("\n", ""))
                except ValueError:
                    return None
    return None


def _published_score(answer: str | None, asked: Question) -> float:
    if answer is None:
        return 0.0
    gold = asked.answers[0]
    if asked.metric == "choice":
        return float(answer == gold or f"{gold})" in answer)
    if asked.metric == "math":
        found, right = _first_number(answer), _first_number(gold)
        return float(found is not None and found == right)
    return float(answer.strip("'\"").replace("\n", "\\n") == gold.strip("'\""))


def _first_number(answer: str) -> float | None:
    cleaned = answer.replace("$", "").strip().replace(",", "")
    if fraction := _FRACTION.fullmatch(cleaned):
        cleaned = str(float(Fraction(int(fraction[1]), int(fraction[2]))))
    number = _NUMBER.search(cleaned)
    return None if number is None else float(number[0])


IMPORTERS.add(
    "zeroeval",
    Importer(read, EXPECTED),
    "WildEval/ZeroEval: outputs on crux, gsm, math-l5 and mmlu-redux, graded here",
)
