"""A policy and its bars on the same questions of a generated world, at every level.

Policy and rules play the same episodes as in training, with the same reward; what is compared is only who writes the turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Episode
from router_r1.policies.base import Policy
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1_envs.worlds.generated_world.relations import Skill
from router_r1_envs.worlds.generated_world.rule_policies import (
    RULES,
    RulePolicy,
    always,
    single_rules,
)
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_eval.results import row, versions
from router_r1_eval.tournament.rollouts import Played, PolicyFor, play_all, write_traces
from router_r1_reward import RewardConfig


def right_specialist(world: GeneratedWorld, episodes: Sequence[Episode]) -> float:
    """Share of the calls that went to a candidate with the skill that the sub-query takes."""
    right = calls = 0
    for episode in episodes:
        for turn in episode.turns:
            for outcome in turn.outcomes:
                if outcome.response is None:
                    continue
                solved = world.knowledge.solve(outcome.query)
                skill = solved.skill if solved else Skill.SEVERAL
                calls += 1
                right += world.candidate(outcome.model).skill is skill
    return right / calls if calls else 0.0


async def evaluate(
    world: GeneratedWorld,
    policies: dict[str, Policy],
    reward: RewardConfig,
    *,
    split: Split = Split.TEST,
    limit: int = 300,
    traces: str | Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """The content of `results.json` for policies, bars and oracles.

    The first policy's episodes are written to `traces`. A row stands at the middle level; the others are its curve.
    """
    questions = world.questions(split, limit)
    head = world.levels[len(world.levels) // 2].name
    played: dict[str, dict[str, Played]] = {}

    async def at_all_levels(name: str, policy_for: PolicyFor) -> None:
        played[name] = {
            level.name: await play_all(world, questions, level, policy_for, reward)
            for level in world.levels
        }

    for number, (name, policy) in enumerate(policies.items()):
        try:
            await at_all_levels(name, lambda _, policy=policy: policy)  # type: ignore[misc]
        finally:
            if isinstance(policy, OpenAIPolicy):
                await policy.aclose()
        if traces is not None and number == 0:
            write_traces(traces, played[name].values())
    for name, (rule, options) in (RULES | single_rules(world.candidates)).items():

        def explorer(question: Question, rule: Any = rule, options: Any = options) -> RulePolicy:
            return RulePolicy(world, question, rule, **options)

        await at_all_levels(name, explorer)

    best = await _best_single(world, reward, limit)
    rows = []
    for name, levels in played.items():
        kind = "agent" if name in policies else "oracle" if "oracle" in name else "bar"
        entry = row(
            name,
            kind,
            {level: p.run for level, p in levels.items()},
            head,
            played[f"single {best}"][head].run,
            seed,
        )
        entry["reward"] = levels[head].reward
        entry["right_specialist"] = right_specialist(world, levels[head].episodes)
        for item in entry["curve"]:
            item["reward"] = levels[item["setting"]].reward
        rows.append(entry)
    return {
        "table": world.name,
        "questions": len(questions),
        "pool": [card.name for card in world.cards],
        "rows": rows,
        "settings": {
            "split": str(split),
            "best_single": best,
            "reference_usd": world.reference_usd,
            "reward": reward.model_dump(),
            "levels": [level.model_dump() for level in world.levels],
        },
        "versions": versions(),
        "seed": seed,
    }


async def _best_single(world: GeneratedWorld, reward: RewardConfig, limit: int) -> str:
    """The candidate that is most often right when it is asked everything, on the validation questions."""
    questions = world.questions(Split.VALIDATION, limit)
    level = world.levels[-1]
    accuracy: dict[str, float] = {}
    for candidate in world.candidates:

        def ask(question: Question, name: str = candidate.name) -> RulePolicy:
            return RulePolicy(world, question, always(name), decompose=False)

        result = await play_all(world, questions, level, ask, reward)
        accuracy[candidate.name] = float(result.run.value.mean())
    return max(accuracy, key=lambda name: accuracy[name])


def summary(results: dict[str, Any]) -> list[str]:
    """A line for each router, the best reward first."""
    return [
        f"{row['name']:18s} reward {row['reward']:6.3f}  accuracy {row['accuracy']:.3f}  "
        f"${row['cost_usd']:.6f}  calls {row['calls']:.2f}  right {row['right_specialist']:.2f}"
        for row in sorted(results["rows"], key=lambda row: -row["reward"])
    ]
