"""Policies by rule for the generated world: those that demonstrate, those that are bars in reports, and the oracles.

    random          takes questions apart, asks anybody                    demonstrations, bar
    cheapest        takes questions apart, asks the cheapest               bar
    dearest         takes questions apart, asks the dearest                bar
    single NAME     asks NAME the whole question                           bar
    skill           the cheapest candidate with the right skill per hop    oracle: what to learn about the candidates
    skill, again    the same, and the next best one after a hedged reply   oracle: and what replies tell beyond
    hindsight       knows which call will be right                         no policy can reach it

A rule knows the steps of a question from the question's own metadata; only the oracles look at what is hidden about candidates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1.protocol import Route, render_turn
from router_r1.testing import ScriptedPolicy
from router_r1_envs.worlds.generated_world.facts import Skill, draw
from router_r1_envs.worlds.generated_world.world import Candidate, GeneratedWorld

_SAID = re.compile(r"(?:answer is|maybe) (.+)$")


@dataclass(frozen=True)
class Choice:
    """What a rule may look at to choose a candidate."""

    world: GeneratedWorld
    query: str
    tried: tuple[str, ...]
    """Who was asked or refused in this hop."""
    key: str
    """Tells episodes apart, for rules that draw."""


Rule = Callable[[Choice], str]


def cheapest(choice: Choice) -> str:
    """The lowest price."""
    return min(choice.world.candidates, key=lambda c: c.price).name


def dearest(choice: Choice) -> str:
    """The highest price; the next one where the budget refused it."""
    order = sorted(choice.world.candidates, key=lambda c: -c.price)
    return next((c.name for c in order if c.name not in choice.tried), order[0].name)


def anybody(choice: Choice) -> str:
    """Uniformly random."""
    source = draw("anybody", choice.key, choice.query, len(choice.tried))
    return source.choice(choice.world.candidates).name


def by_skill(choice: Choice) -> str:
    """The cheapest of the best candidates for the skill that the sub-query takes: knows all but what chance will do.

    The next best one where that was tried.
    """
    solved = choice.world.knowledge.solve(choice.query)
    skill = solved.skill if solved else Skill.SEVERAL
    order = sorted(
        choice.world.candidates, key=lambda c: (-choice.world.accuracy(c, skill), c.price)
    )
    return next((c.name for c in order if c.name not in choice.tried), order[0].name)


def by_hindsight(choice: Choice) -> str:
    """The cheapest candidate that will be right."""
    right = [c for c in choice.world.candidates if choice.world.answer(c.name, choice.query)[1]]
    return min(right or choice.world.candidates, key=lambda c: c.price).name


def always(name: str) -> Rule:
    """One candidate, whatever is asked."""
    return lambda choice: name


class Explorer(ScriptedPolicy):
    """A policy that follows a rule on one question."""

    def __init__(
        self,
        world: GeneratedWorld,
        question: Question,
        rule: Rule,
        *,
        decompose: bool = True,
        ask_again: bool = False,
        key: str = "",
    ) -> None:
        """
        Args:
            world: where the question comes from.
            question: what is asked; its metadata holds the steps.
            rule: chooses the candidate for a sub-query.
            decompose: take a question of two hops apart.
            ask_again: ask somebody else, once, when an answer was hedged.
            key: tells repeated episodes on one question apart, for rules that draw.
        """
        hops = question.metadata.get("hops")
        if not hops:
            raise ConfigError(
                f"question {question.id!r} has no steps in its metadata; rules work on generated questions only"
            )
        self._world, self._rule, self._ask_again = world, rule, ask_again
        self._hops: Sequence[str] = hops if decompose else (question.question,)
        self._key = f"{question.id}|{key}"
        super().__init__(self._write, name="rule")

    def _write(self, episode: Episode) -> str:
        answers: list[str] = []
        tried: list[str] = []
        refused = 0
        for turn in episode.turns:
            for outcome in turn.outcomes:
                tried.append(outcome.model)
                if outcome.response is None:
                    refused += 1
                    continue
                text = outcome.response.text
                again = self._ask_again and text.startswith("not sure") and len(tried) < 2
                if not again:
                    answers.append(said(text))
                    tried = []
        done = len(answers) == len(self._hops)
        if done or episode.rounds >= episode.limits.max_rounds or refused > 2:
            return render_turn("done", answer=answers[-1] if answers else "unknown")
        query = self._hops[len(answers)].format(answers[-1] if answers else "")
        name = self._rule(Choice(self._world, query, tuple(tried), self._key))
        return render_turn(thought(self._world, query), [Route(name, query)])


def said(reply: str) -> str:
    """The short answer in a candidate's reply."""
    match = _SAID.search(reply)
    return match[1] if match else "unknown"


def thought(world: GeneratedWorld, query: str) -> str:
    """What a demonstration thinks before a sub-query: what it takes, not who has it."""
    solved = world.knowledge.solve(query)
    return f"need {solved.skill if solved else Skill.SEVERAL}"


RULES: dict[str, tuple[Rule, dict[str, bool]]] = {
    "random": (anybody, {}),
    "cheapest": (cheapest, {}),
    "dearest": (dearest, {}),
    "skill oracle": (by_skill, {}),
    "skill oracle, asks again": (by_skill, {"ask_again": True}),
    "hindsight oracle": (by_hindsight, {}),
}
"""The rules of reports: who chooses, and further arguments of `Explorer`."""


def single_rules(candidates: Sequence[Candidate]) -> dict[str, tuple[Rule, dict[str, bool]]]:
    """One rule for every candidate: it is asked the whole question."""
    return {f"single {c.name}": (always(c.name), {"decompose": False}) for c in candidates}
