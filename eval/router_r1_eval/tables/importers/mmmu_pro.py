"""MMMU-Pro's outputs: one JSON Lines file per model, setting and mode, `MODEL_SETTING_MODE.jsonl`.

Source: https://github.com/MMMU-Benchmark/MMMU, folder `mmmu-pro/output`, such as `gpt-4o_standard(10 options)_direct.jsonl`
and `gpt-4o_vision_cot.jsonl`. A row has `id, question, options` (a list, or its Python notation), `answer, subject,
response`; after `mmmu-pro/evaluate.py` also `pred_indexs` and `if_right`. Images are not in the files: `<image 1>` in a
question stands for one, and in the setting vision everything is in one image.

Each setting and mode is a table of its own. Where that script reads no letter, it draws a random one, so responses are
graded here, by the metric `choice`; `--as-published` keeps `if_right`. Tokens are estimated as characters / 4, and 765
for an image.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from router_r1.data.json_lines import located_json_lines
from router_r1.data.options import LETTERS
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import card, cards
from router_r1_eval.tables.importers.rows import (
    estimated_tokens,
    missing_texts,
    needed_text,
    number,
    outcome,
    plain,
    question,
    require,
    require_keys,
    text,
)
from router_r1_reward import grade
from router_r1_reward.metrics.choice import named_options
from router_r1_reward.metrics.python_literal.value import Value, parse

EXPECTED = "the .jsonl files of https://github.com/MMMU-Benchmark/MMMU/tree/main/mmmu-pro/output"
IMAGE_TOKENS = 765
"""Assumed tokens of an image: those of a square one at high resolution, by OpenAI's public rule."""
PRICES = {"gpt-4o": (2.5, 10.0)}
"""Dollars per million tokens: list prices of autumn 2024."""
_NAME = re.compile(r"(.+)_((?:standard|vision)[^_]*)_(cot|direct)\.jsonl(?:\.gz)?")
_IMAGE = re.compile(r"<image (\d+)>")


class _File(NamedTuple):
    path: Path
    model: str
    vision: bool


def read(source: Path, options: ImportOptions) -> Import:
    """A table for each setting and mode, such as `standard-10-options-direct`; a file is one table without a name."""
    listed = sorted(source.glob("*.jsonl*")) if source.is_dir() else [source]
    groups: dict[str, list[_File]] = defaultdict(list)
    for path in listed:
        name = _NAME.fullmatch(path.name)
        if name is not None:
            split = re.sub(r"[^a-z0-9]+", "-", f"{name[2]}-{name[3]}".lower()).strip("-")
            groups[split].append(_File(path, name[1], name[2].startswith("vision")))
    require(
        bool(groups),
        f"{source}: no file is called MODEL_SETTING_MODE.jsonl, where MODE is cot or direct; put there: {EXPECTED}",
    )
    tables, notes = {}, []
    for split, files in groups.items():
        table, about = _table(files, options)
        tables[split if len(groups) > 1 else ""] = table
        notes += [f"{split}: {note}" for note in about]
    notes.append(
        f"tokens are estimated as characters / 4, and {IMAGE_TOKENS} for an image; images are not in the source"
    )
    return Import(tables, tuple(notes))


def _table(files: list[_File], options: ImportOptions) -> tuple[OutcomeTable, list[str]]:
    questions: dict[str, Question] = {}
    outcomes: list[Outcome] = []
    unread = changed = 0
    for file in files:
        for where, row in located_json_lines(file.path):
            row = require_keys(row, ("id", "question", "options", "answer", "response"), where)
            asked = _question(row, file, where)
            first = questions.setdefault(asked.id, asked)
            require(
                (first.choices, first.answer) == (asked.choices, asked.answer),
                f"{where}: question {asked.id} has other options or another gold answer than in {files[0].path}",
            )
            response = plain(row["response"])
            failed = isinstance(response, dict)  # an error in place of a text
            reply = "" if failed else text(response, where, "the response") or ""
            letters = sorted(named_options(reply, asked.choices)) if reply else []
            score = grade(reply, asked.answers, "choice", question=asked)
            recorded = plain(row.get("if_right"))
            if recorded is not None:
                recorded = number(recorded, where, "if_right")
                changed += recorded != score
            require(
                recorded is not None or not options.as_published,
                f"{where}: has no 'if_right'; run mmmu-pro/evaluate.py, or leave out --as-published",
            )
            unread += len(letters) != 1
            outcomes.append(
                outcome(
                    where,
                    id=asked.id,
                    model=file.model,
                    text=reply,
                    answer=letters[0] if len(letters) == 1 else None,
                    score=recorded if options.as_published else score,
                    input_tokens=_input_tokens(asked, file),
                    output_tokens=estimated_tokens(reply),
                    estimated=True,
                )
            )
    names = dict.fromkeys(file.model for file in files)
    known = {name: card(name, *price) for name, price in PRICES.items()}
    table = OutcomeTable(
        cards(names, known, options),
        questions.values(),
        outcomes,
        source=str(files[0].path.parent),
    )
    kept = "kept as published" if options.as_published else "graded again"
    return table, [
        f"{unread} of {len(outcomes)} responses name no single option, and no letter is drawn for them",
        f"{changed} scores differ from the published ones; they are {kept}",
        *missing_texts(outcomes),
    ]


def _input_tokens(asked: Question, file: _File) -> int:
    if file.vision:
        return IMAGE_TOKENS
    texts = asked.question + "".join(asked.choices or ())
    return estimated_tokens(texts) + IMAGE_TOKENS * len(set(_IMAGE.findall(texts)))


def _question(row: dict[str, Any], file: _File, where: str) -> Question:
    key = needed_text(row["id"], where, "the id")
    options = _options(row["options"], where)
    gold = needed_text(row["answer"], where, "the answer")
    require(
        len(gold) == 1 and gold in LETTERS[: len(options)],
        f"{where}: the gold answer {gold[:60]!r} names none of {len(options)} options",
    )
    asked = needed_text(row["question"], where, "the question")
    images = sorted(set(_IMAGE.findall(asked + "".join(options)))) or ["1"]
    metadata = {
        "setting": "vision" if file.vision else "standard",
        "images": [f"{key}_{image}" for image in images],
        "difficulty": text(row.get("topic_difficulty"), where, "topic_difficulty"),
    }
    return question(
        where,
        id=key,
        question=asked,
        answer=gold,
        metric="choice",
        category=text(row.get("subject"), where, "the subject"),
        choices=options,
        metadata={name: value for name, value in metadata.items() if value},
    )


def _options(cell: Any, where: str) -> tuple[str, ...]:
    """The options, from a list or from its Python notation."""
    found = plain(cell)
    if isinstance(found, str):
        literal = parse(found)
        items: Sequence[Value] = literal[1] if literal and literal[0] == "list" else ()
        if len(items) == 1 and items[0][0] == "list":  # [['A', 'B']], in one row
            items = items[0][1]
        found = [item[1] for item in items if item[0] == "str"]
        require(
            bool(found) and len(found) == len(items),
            f"{where}: options are {str(cell)[:60]!r}; expected a list of texts",
        )
    require(isinstance(found, list), f"{where}: options are no list; expected a list of texts")
    return tuple(needed_text(option, where, "an option") for option in found)


IMPORTERS.add(
    "mmmu-pro",
    Importer(read, EXPECTED),
    "MMMU-Benchmark/MMMU: responses on MMMU-Pro, a table for each setting and mode",
)
