"""The parquet files that verl reads: a world's questions as rows, and back.

One row is one question at one level; the level of a training row is drawn at random. A row holds all that the agent
loop needs to start the episode: a world's questions are read only here, and training reads only its responses.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.counts import check_count
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.errors import ConfigError
from router_r1.policies import token_ids
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.base import Level, World, level_named, start

AGENT = "router_r1"
"""The name under which verl finds the agent loop."""


def make_row(world: World, question: Question, level: Level, index: int) -> dict[str, Any]:
    """One question at one level, with the columns that verl expects.

    Args:
        world: where the question comes from.
        question: a question of any split.
        level: one of the world's.
        index: number of the row in its file.
    """
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

    Args:
        world: the world that the row was made for.
        extra_info: the row's column of this name.

    Raises:
        ConfigError: `make_row` did not make the row, or made it for another world.
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
        limit: how many questions; None takes all.
        every_level: one row for each level, for validation. Otherwise each row draws its level and, if the world can
            permute a question's options, their order.
        passes: rows per question, each drawn anew; ignored with `every_level`. Every question occurs once before any
            occurs twice.
        seed: seed of the draws.

    Raises:
        ConfigError: there would be more than `counts.MOST` rows.
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
    check_count(len(questions) * passes, "training rows", "lower --train or --passes")
    for number in range(passes):
        pass_seed = seed + 1000 * number  # the first pass does not depend on their number
        for question in questions:
            level = seeded_random("level", pass_seed, question.id).choice(world.levels)
            # One variant for all episodes of a row: a group compares answers to the same task.
            rows.append(make_row(world, world.varied(question, pass_seed), level, len(rows)))
    return rows


def write_rows(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows to a parquet file.

    Raises:
        ConfigError: there are no rows.
    """
    import pyarrow
    from pyarrow import parquet

    if not rows:
        raise ConfigError(f"{path}: there are no rows to write")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), path)


def longest_opening(
    rows: Sequence[Mapping[str, Any]],
    tokenizer: Any,
    template_kwargs: Mapping[str, Any] | None = None,
) -> int:
    """Tokens of the longest opening; `data.max_prompt_length` must be at least this.

    Args:
        rows: training rows.
        tokenizer: the policy's.
        template_kwargs: variables of its chat template.
    """
    return max(
        len(token_ids.opening_ids(tokenizer, row["prompt"], template_kwargs)) for row in rows
    )
