"""RouterArena's files: questions to route, and the choices of a router in its prediction format.

RouterArena (https://github.com/RouteWorks/RouterArena, arXiv:2510.00202) compares routers on its own questions. Its script
`scripts/process_datasets/prep_datasets.py` writes them to `dataset/router_data.json` (8,400) and `router_data_10.json` (809),
a list of objects with `global index` and `prompt_formatted`. A router's choices are a list in
`router_inference/predictions/NAME.json`, beside `router_inference/config/NAME.json` with its models; its
`check_config_prediction_files.py` wants one entry per question, with the very prompt of the question.

    write_predictions(folder / "ours.json", questions, router.choose(questions))
    write_config(folder / "config" / "ours.json", router.models)

A table of its cached results (`router-r1 table import routerarena`) has the same ids and prompts, so that its questions
can be written too. Models need the names that RouterArena knows (`universal_model_names.py`, `model_cost/cost.json`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.files import atomic_write, read_input
from router_r1.json_text import parse_json

NOT_PUBLISHED = "not published"
"""The gold answer of a question: the files have none."""


def read_arena_questions(path: str | Path) -> list[Question]:
    """The questions of `router_data.json` or `router_data_10.json`. Their metric is `recorded`, which grades nothing.

    Raises:
        DataError: the file cannot be read, or an entry lacks its index or its prompt, or repeats an index.
    """
    try:
        rows = parse_json(read_input(path))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error
    if not isinstance(rows, list) or not rows:
        raise DataError(
            f"{path}: expected a list of questions, as RouterArena's prep_datasets.py writes it"
        )
    found: dict[str, Question] = {}
    for place, row in enumerate(rows, 1):
        where = f"{path}: entry {place}"
        if not isinstance(row, dict):
            raise DataError(f"{where}: expected an object, got {type(row).__name__}")
        index = row.get("global index") or row.get("global_index")
        prompt = row.get("prompt_formatted") or row.get("prompt")
        for what, value in (("global index", index), ("prompt_formatted", prompt)):
            if not isinstance(value, str) or not value.strip():
                raise DataError(f"{where}: has no text in {what!r}")
        if index in found:
            raise DataError(f"{where}: the index {index!r} is there already; indexes are unique")
        found[str(index)] = Question(
            id=str(index),
            question=str(prompt),
            answer=NOT_PUBLISHED,
            metric="recorded",
            category=str(index).rpartition("_")[0] or str(index),
        )
    return list(found.values())


def predictions(
    questions: Iterable[Question], chosen: Sequence[str], names: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """The choices of a router in RouterArena's prediction format.

    Args:
        questions: the questions; the id of each is RouterArena's index.
        chosen: the model for each of them.
        names: our name of a model -> RouterArena's, where they differ.

    Raises:
        DataError: there are not as many choices as questions, or a question occurs twice.
    """
    asked = list(questions)
    if len(asked) != len(chosen):
        raise DataError(f"{len(chosen)} choices for {len(asked)} questions; expected one for each")
    if len({question.id for question in asked}) < len(asked):
        raise DataError(
            "two questions have the same id; RouterArena takes one choice for each index"
        )
    return [
        {
            "global index": question.id,
            "prompt": question.question,
            "prediction": (names or {}).get(model, model),
            "generated_result": None,
            "cost": None,
            "accuracy": None,
        }
        for question, model in zip(asked, chosen, strict=True)
    ]


def write_predictions(
    path: str | Path,
    questions: Iterable[Question],
    chosen: Sequence[str],
    names: Mapping[str, str] | None = None,
) -> None:
    """Write a prediction file; see `predictions`. An existing file is replaced."""
    _write(path, predictions(questions, chosen, names))


def write_config(
    path: str | Path, models: Iterable[str], names: Mapping[str, str] | None = None
) -> None:
    """Write the configuration that belongs to a prediction file of the same name: the router's name and its models.

    Args:
        path: the file; RouterArena takes its name for the router's.
        models: all models that the router may choose.
        names: our name of a model -> RouterArena's, where they differ.
    """
    listed = list(dict.fromkeys((names or {}).get(model, model) for model in models))
    _write(path, {"pipeline_params": {"router_name": Path(path).stem, "models": listed}})


def _write(path: str | Path, content: Any) -> None:
    with atomic_write(path) as new:
        new.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
