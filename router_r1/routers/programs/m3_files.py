r"""The files of MS-GQA (LINs-lab/M3, Apache-2.0; arXiv:2310.08446): programs for GQA's questions, and how they are split.

`gqa_computation_graph_descrption.json[.gz]` (the name is misspelt in the source) is a list of 8,426 objects:

    imageId     image of Visual Genome; the images are not part of the files
    question    GQA's question
    program     steps `RESULT=TYPE(argument=value, ...)`, one a line; an argument is an earlier result, `IMAGE`, a text,
                or, in EVAL, an expression with `{RESULT}` in it
    index       on all but the first 449: a number that counts up with gaps; nothing refers to it

`train_random_list_0.6.json` and `val_random_list_0.6.json` are lists of places, from 0: 5,055 and 1,685; the remaining
1,686 are for tests. They count the outcomes of the same programs in a file that the repository does not hold, and
are taken here as places in the list of programs, which has the same length.

LOC (object detection) and VQA (visual question answering) have models to choose from; CROP..., COUNT, EVAL and RESULT are
computed. 33 types occur, half of them fewer than ten times. Two of the programs are sentences of the model that wrote
them, two read a result that they never make, and one its own: they are left out and listed in `left_out`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.errors import DataError
from router_r1.files import read_input
from router_r1.json_text import parse_json
from router_r1.routers.programs.graph import Program, SubTask

PROGRAMS = "gqa_computation_graph_descrption.json"
SPLITS = {"train": "train_random_list_0.6.json", "val": "val_random_list_0.6.json"}
MODEL_KINDS = ("LOC", "VQA")
"""The types of sub-task that have models to choose from."""
_STEP = re.compile(r"\s*(\w+)\s*=\s*(\w+)\((.*)\)\s*")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_ARGUMENT = re.compile(r"=\s*(\w+)")
_IN_TEXT = re.compile(r"\{(\w+)\}")
_LITERAL = re.compile(r"True|False|None|\d+")


@dataclass(frozen=True)
class M3Files:
    """What the files hold."""

    splits: Mapping[str, tuple[Program, ...]]
    """Programs of `train`, `val` and `test`, in the order of the file of programs. Their ids are places there."""
    left_out: Mapping[str, str]
    """Why a program was left out, by its id."""


def read_m3(folder: str | Path) -> M3Files:
    """Read the programs and their splits.

    Raises:
        DataError: a file is missing or has another layout; the message names it.
    """
    folder = Path(folder)
    path = next((p for p in (folder / PROGRAMS, folder / f"{PROGRAMS}.gz") if p.exists()), None)
    if path is None:
        raise DataError(
            f"{folder}: no file {PROGRAMS}[.gz]; it is in the folder data of LINs-lab/M3"
        )
    rows = _json(path)
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path}: expected a list of programs")
    places = {name: _places(folder / file, len(rows)) for name, file in SPLITS.items()}
    if both := places["train"] & places["val"]:
        raise DataError(f"{folder}: program {min(both)} is in the splits train and val")
    programs: dict[str, list[Program]] = {"train": [], "val": [], "test": []}
    left_out: dict[str, str] = {}
    for place, row in enumerate(rows):
        texts = _texts(row)
        if texts is None:
            raise DataError(
                f"{path}: program {place}: expected texts in imageId, question and program"
            )
        try:
            program = parse_program(str(place), *texts)
        except DataError as error:
            left_out[str(place)] = str(error)
            continue
        split = next((name for name, own in places.items() if place in own), "test")
        programs[split].append(program)
    return M3Files({name: tuple(found) for name, found in programs.items()}, left_out)


def parse_program(key: str, question: str, text: str, image: str | None = None) -> Program:
    """Read a program from its lines `RESULT=TYPE(argument=value, ...)`; empty lines do not count.

    Args:
        key: its id.
        question: what it answers.
        text: its lines.
        image: identity of the image, if there is one.

    Raises:
        DataError: a line is no step, or the steps make no graph (`Program`).
    """
    tasks = []
    for line in filter(None, map(str.strip, text.splitlines())):
        step = _STEP.fullmatch(line)
        if step is None:
            raise DataError(f"program {key!r}: expected RESULT=TYPE(...), got {line[:60]!r}")
        name, kind, arguments = step.groups()
        names = _ARGUMENT.findall(_QUOTED.sub("''", arguments))
        for quoted in _QUOTED.findall(arguments):
            names += _IN_TEXT.findall(quoted)
        read = (name for name in names if not _LITERAL.fullmatch(name))
        tasks.append(SubTask(name, kind, tuple(dict.fromkeys(read))))
    return Program(key, question, tuple(tasks), image)


def _texts(row: Any) -> tuple[str, str, str] | None:
    """Question, program and image of a row; None if one is no text."""
    if not isinstance(row, dict):
        return None
    question, program, image = (row.get(key) for key in ("question", "program", "imageId"))
    if isinstance(question, str) and isinstance(program, str) and isinstance(image, str):
        return question, program, image
    return None


def _places(path: Path, programs: int) -> set[int]:
    places = _json(path)
    valid = isinstance(places, list) and all(
        type(place) is int and 0 <= place < programs for place in places
    )
    if not valid:
        raise DataError(f"{path}: expected a list of places from 0 to {programs - 1}")
    if len(set(places)) < len(places):
        raise DataError(f"{path}: a place is listed twice")
    return set(places)


def _json(path: Path) -> Any:
    try:
        return parse_json(read_input(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(f"{path}: is not JSON ({error})") from error
