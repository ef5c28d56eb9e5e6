"""A tournament in a world without a table: policies and rules play the same questions, at every level.

All of them play the same episodes as in training, scored by the same reward; only the policy differs. The generated
world has its own rules and oracles. Every other world has the baselines `single NAME`, which asks one candidate the
question itself, and `random`, which asks a random one.
"""

from __future__ import annotations

import asyncio
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router_r1 import terminal
from router_r1.answers import extract_answer
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Episode
from router_r1.policies.base import Policy
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.protocol import Route, render_turn
from router_r1.testing import ScriptedPolicy
from router_r1_envs.worlds.base import World
from router_r1_envs.worlds.generated_world.relations import Skill
from router_r1_envs.worlds.generated_world.rule_policies import (
    RULES,
    RulePolicy,
    always,
    single_rules,
)
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_eval.results import Kind, Point, Results, Row, RunSettings, versions
from router_r1_eval.tournament.rollouts import PolicyFor, Rollouts, roll_out_all, write_traces
from router_r1_eval.tournament.summary import world_summary
from router_r1_reward import RewardConfig

Levels = Mapping[str, Rollouts]
"""Level -> the episodes at it."""


@dataclass(frozen=True)
class WorldTournament:
    """A tournament in a world without a table, defined by who takes part."""

    world: World
    """Where everything is played."""
    policies: Mapping[str, Policy] = field(default_factory=dict)
    """By name; the first one's episodes are written to a file."""
    split: Split = Split.TEST
    """The questions that give the figures."""
    limit: int = 300
    """Maximum number of questions."""

    def hold(
        self, reward: RewardConfig, *, traces: str | Path | None = None, seed: int = 0
    ) -> Results:
        """Play and measure. The middle level of the world represents a row; all levels are its curve.

        Args:
            reward: scores the episodes.
            traces: file for the first policy's episodes at all levels.
            seed: seed of the bootstrap.

        Raises:
            PolicyError: the server of a policy could not be reached.
        """
        return asyncio.run(self._hold(reward, traces, seed))

    def summary(self, results: Results) -> list[str]:
        """The lines that the command prints."""
        return world_summary(results)

    async def _hold(self, reward: RewardConfig, traces: str | Path | None, seed: int) -> Results:
        world = self.world
        questions = world.questions(self.split, self.limit)
        # Asked for first: a world without validation questions must not fail after everything is paid for.
        validation = world.questions(Split.VALIDATION, self.limit)
        main = world.levels[len(world.levels) // 2].name
        played: dict[str, Levels] = {}
        for number, (name, policy) in enumerate(self.policies.items()):
            try:
                played[name] = await _at_all_levels(world, questions, lambda _, p=policy: p, reward)  # type: ignore[misc]
            finally:
                if isinstance(policy, OpenAIPolicy):
                    await policy.aclose()
            _warn_if_silent(name, played[name])
            if traces is not None and number == 0:
                write_traces(traces, played[name].values())
        for name, policy_for in rule_policies(world).items():
            played[name] = await _at_all_levels(world, questions, policy_for, reward)
        best = await _best_single(world, validation, reward)
        baseline = played[f"single {best}"][main]
        rows = []
        for name, levels in played.items():
            rule: Kind = "oracle" if "oracle" in name else "baseline"
            kind: Kind = "agent" if name in self.policies else rule
            rows.append(_row(world, name, kind, levels, main, baseline, seed))
        return Results(
            table=world.name,
            questions=len(questions),
            pool=tuple(card.name for card in world.cards),
            rows=tuple(rows),
            settings=RunSettings(
                split=str(self.split),
                best_single=best,
                reference_usd=world.reference_usd,
                reward=reward.model_dump(),
                levels=world.levels,
            ),
            versions=versions(),
            seed=seed,
        )


def rule_policies(world: World) -> dict[str, PolicyFor]:
    """The baselines and oracles of a world, by the names of their rows."""
    if isinstance(world, GeneratedWorld):
        rules = RULES | single_rules(world.candidates)
        return {
            name: lambda question, rule=rule, options=options: RulePolicy(  # type: ignore[misc]
                world, question, rule, **options
            )
            for name, (rule, options) in rules.items()
        }
    names = [card.name for card in world.cards]
    singles: dict[str, PolicyFor] = {
        f"single {name}": lambda question, name=name: SingleCandidate(name, question)  # type: ignore[misc]
        for name in names
    }
    return singles | {
        "random": lambda question: SingleCandidate(
            random.Random(question.id).choice(names), question
        )
    }


class SingleCandidate(ScriptedPolicy):
    """Asks one candidate the question itself and gives its answer."""

    def __init__(self, candidate: str, question: Question) -> None:
        """
        Args:
            candidate: the only candidate that is asked.
            question: the question of the episode.
        """
        self._candidate, self._question = candidate, question
        super().__init__(self._write, name=f"single {candidate}")

    def _write(self, episode: Episode) -> str:
        if not episode.rounds:
            return render_turn("Ask.", [Route(self._candidate, self._question.question)])
        replies = [o.response.text for t in episode.turns for o in t.outcomes if o.response]
        reply = replies[-1] if replies else ""
        answer = (extract_answer(reply) or reply).strip() or "unknown"
        return render_turn("Answer.", answer=answer)


async def _at_all_levels(
    world: World, questions: Sequence[Question], policy_for: PolicyFor, reward: RewardConfig
) -> Levels:
    return {
        level.name: await roll_out_all(world, questions, level, policy_for, reward)
        for level in world.levels
    }


def _warn_if_silent(name: str, levels: Levels) -> None:
    """Say so if no episode of a policy ended with an answer: its figures are then those of a failure."""
    episodes = [episode for rollouts in levels.values() for episode in rollouts.episodes]
    if episodes and all(episode.answer is None for episode in episodes):
        first = episodes[0]
        terminal.echo(
            f"warning: {name} answered in none of {len(episodes)} episodes; the first ended with {first.stop_reason}: "
            f"{first.stop_detail or 'no detail'}",
            err=True,
        )


async def _best_single(world: World, questions: Sequence[Question], reward: RewardConfig) -> str:
    """The candidate with the highest accuracy on these questions, each undivided, at the level with the largest budget."""
    budgets = [math.inf if level.budget_usd is None else level.budget_usd for level in world.levels]
    richest = world.levels[max(range(len(budgets)), key=budgets.__getitem__)]
    accuracy: dict[str, float] = {}
    for card in world.cards:

        def ask(question: Question, name: str = card.name) -> Policy:
            if isinstance(world, GeneratedWorld):
                return RulePolicy(world, question, always(name), decompose=False)
            return SingleCandidate(name, question)

        result = await roll_out_all(world, questions, richest, ask, reward)
        accuracy[card.name] = float(result.run.value.mean())
    return max(accuracy, key=lambda name: accuracy[name])


def _row(
    world: World,
    name: str,
    kind: Kind,
    levels: Levels,
    main: str,
    baseline: Rollouts,
    seed: int,
) -> Row:
    """One row, with the rewards that only episodes have.

    Args:
        world: the world.
        name: of the row.
        kind: of the row.
        levels: the episodes at every level.
        main: the level that represents the row.
        baseline: the best single model's episodes at that level.
        seed: seed of the bootstrap.
    """
    runs = {level: rollouts.run for level, rollouts in levels.items()}
    row = Row.of_runs(name, kind, runs, main, baseline.run, seed=seed)

    def with_reward(point: Point) -> Point:
        return point.with_fields(reward=levels[point.setting].reward)

    extra: dict[str, Any] = {"reward": levels[main].reward}
    if isinstance(world, GeneratedWorld):
        extra["right_specialist"] = right_specialist(world, levels[main].episodes)
    return row.with_fields(curve=tuple(map(with_reward, row.curve)), **extra)


def right_specialist(world: GeneratedWorld, episodes: Sequence[Episode]) -> float:
    """Share of the calls that went to a candidate with the skill that the sub-query needs."""
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
