"""The reward with verl's signature, for agent loops outside this project.

    reward.custom_reward_function.path=pkg://router_r1_reward.compute
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs={reference_usd: 0.001}

`router_r1_envs.verl_training.agent_loop` scores its episodes itself. The facts of an episode come from
`extra_info["episode"]`, where the agent loop puts `Facts.of(episode).to_dict()`, and not from `solution_str`, because a
policy can write anything into its text. Safe to call from any thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from router_r1 import config
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward.config import RewardConfig
from router_r1_reward.formula import Facts, score
from router_r1_reward.paper_reward import CostWindow


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str | Sequence[str],
    extra_info: Mapping[str, Any] | None,
    *,
    window: Sequence[float] | None = None,
    **reward_kwargs: Any,
) -> dict[str, float]:
    """Score one sample.

    Args:
        data_source: name of the data set, for error messages.
        solution_str: unused.
        ground_truth: the accepted answer, or all of them.
        extra_info: `episode` holds the facts. `item` may hold the question (a mapping, or its JSON), which gives
            `choices`, `metadata`, and `metric` if the facts have none.
        window: earlier costs in dollars, for `kind="router_r1"`.
        reward_kwargs: fields of `RewardConfig`.

    Returns:
        `score` (the total), `acc` (the score of the answer, from 0 to 1), and all parts; the same keys for every
        sample.

    Raises:
        DataError: the facts are missing or malformed, or no metric is given.
        ConfigError: a setting is unknown or out of range.
        Others: see `formula.score`.
    """
    settings = config.validate(RewardConfig, reward_kwargs, "the reward's settings")
    extra_info = extra_info or {}
    if not isinstance(extra_info.get("episode"), Mapping):
        raise DataError(
            f"{data_source}: extra_info['episode'] is missing; the agent loop must put Facts.of(episode).to_dict() there"
        )
    facts = Facts.from_dict(extra_info["episode"])
    question = _question(extra_info.get("item"), data_source)
    metric = facts.metric or (question.metric if question is not None else None)
    if metric is None:
        raise DataError(
            f"{data_source}: no metric is given; pass metric=... to Facts.of, or put the question into extra_info['item']"
        )
    golds = (
        [ground_truth] if isinstance(ground_truth, str) else [str(gold) for gold in ground_truth]
    )
    costs = None if window is None else _window(tuple(window))
    reward = score(facts, golds, metric, settings, question=question, window=costs)
    return {"score": reward.total, "acc": reward.parts["correct"], **reward.parts}


def _question(item: object, data_source: str) -> Question | None:
    if item is None or isinstance(item, Question):
        return item
    if isinstance(item, str):
        try:
            item = json.loads(item)
        except json.JSONDecodeError as error:
            raise DataError(f"{data_source}: extra_info['item'] is not JSON: {error}") from error
    return config.validate(Question, item, f"{data_source}: extra_info['item']")


@lru_cache(maxsize=4)
def _window(costs: tuple[float, ...]) -> CostWindow:
    return CostWindow.of(costs)
