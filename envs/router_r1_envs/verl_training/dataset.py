"""Training rows: the questions of a world as verl reads them, and back.

One row is one question at one level; a level is drawn for each row. A row holds all that the agent loop needs to start the
episode, so a world is asked for its questions once, here, and for its responses during training.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.errors import ConfigError
from router_r1.policies import token_ids
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.base import Level, World, level_named, start

AGENT = "router_r1"
"""The name under which verl finds the agent loop."""


def make_row(world: World, question: Question, level: Level, index: int) -> dict[str, Any]:
    """One question at one level."""
    return {
        "data_source": world.name,
        "prompt": [dict(message) for message in start(world, question, level).opening],
        "reward_model": {"style": "rule", "ground_truth": list(question.answers)},
        "agent_name": AGENT,
        "extra_info": {
            "index": index,
            "question": question.model_dump_json(exclude_defaults=True),
            "level": level.name,
        },
    }


def read_row(world: World, extra_info: Mapping[str, Any]) -> tuple[Question, Level]:
    """The question and the level of a row.

    Raises:
        ConfigError: the row was not made by `make_row`, or for another world.
    """
    missing = {"question", "level"} - set(extra_info)
    if missing:
        raise ConfigError(
            f"a training row lacks {', '.join(sorted(missing))} in extra_info; make the files with `router-r1 train prepare`"
        )
    question = config.validate(Question, json.loads(extra_info["question"]), "extra_info: question")
    return question, level_named(world, extra_info["level"])


def make_rows(
    world: World,
    split: Split,
    limit: int | None = None,
    *,
    every_level: bool = False,
    passes: int = 1,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Rows for the questions of a split.

    Args:
        world: where questions and levels come from.
        split: which questions.
        limit: how many questions; all when left out.
        every_level: a row for each level, for validation; else one row at a level that is drawn, its options in an order
            that is drawn where the world can permute them.
        passes: how many such rows a question has; the second ones come after all first ones.
        seed: of the draws.
    """
    rows: list[dict[str, Any]] = []
    questions = world.questions(split, limit)
    if every_level:
        for question in questions:
            rows += [
                make_row(world, question, level, len(rows) + n)
                for n, level in enumerate(world.levels)
            ]
        return rows
    for number in range(passes):
        of = seed + 1000 * number  # the first pass is the same however many follow
        for question in questions:
            level = seeded_random("level", of, question.id).choice(world.levels)
            # One guise for all episodes of a row: what is compared in a group is the same task.
            rows.append(make_row(world, world.varied(question, of), level, len(rows)))
    return rows


def write_rows(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as parquet. Raises `ConfigError` for none."""
    import pyarrow
    from pyarrow import parquet

    if not rows:
        raise ConfigError(f"{path}: there are no rows to write")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)


def longest_opening(rows: Sequence[Mapping[str, Any]], tokenizer: Any) -> int:
    """Tokens of the longest opening; `data.max_prompt_length` must hold it."""
    return max(len(token_ids.opening_ids(tokenizer, row["prompt"])) for row in rows)
