"""The reward with verl's signature.

    reward.custom_reward_function.path=pkg://router_r1_reward.compute
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs={reference_usd: 0.001}

For agent loops of others: `router_r1_envs.verl_training.agent_loop` scores its episodes itself. What happened is taken from
`extra_info["episode"]`, the facts that the loop put there with `Facts.of(episode).to_dict()`, and not from
`solution_str`: a policy can write anything into its text. verl calls this in a thread; nothing here minds.
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
        data_source: named in error messages.
        solution_str: not looked at.
        ground_truth: the accepted answer, or all of them.
        extra_info: `episode` holds the facts. `item` may hold the question (a mapping, or its JSON), for `choices`,
            `metadata`, and `metric` where the facts have none.
        window: for `kind="router_r1"`: costs in dollars that this one is compared with.
        reward_kwargs: fields of `RewardConfig`.

    Returns:
        `score`, `acc` (how right the answer is), and all parts; the same keys for every sample.

    Raises:
        DataError: the facts are missing or not what they should be.
        ConfigError: an unknown setting; see also `score`.
    """
    settings = config.validate(RewardConfig, reward_kwargs, "the reward's settings")
    extra_info = extra_info or {}
    if not isinstance(extra_info.get("episode"), Mapping):
        raise DataError(
            f"{data_source}: extra_info['episode'] is missing; the agent loop has to put "
            f"Facts.of(episode).to_dict() there"
        )
    facts = Facts.from_dict(extra_info["episode"])
    question = _question(extra_info.get("item"), data_source)
    metric = facts.metric or (question.metric if question is not None else None)
    if metric is None:
        raise DataError(
            f"{data_source}: nothing says how the answer is scored; put metric into the facts, or the question into "
            f"extra_info['item']"
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
            raise DataError(f"{data_source}: extra_info['item'] is no JSON: {error}") from error
    return config.validate(Question, item, f"{data_source}: extra_info['item']")


@lru_cache(maxsize=4)
def _window(costs: tuple[float, ...]) -> CostWindow:
    return CostWindow.of(costs)
