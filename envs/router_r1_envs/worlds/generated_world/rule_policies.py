"""Policies for the generated world that follow a rule: for demonstrations, and as baselines and oracles in reports.

    rule                      what it does                                              use
    random                    decomposes; asks a random candidate                       baseline, demonstrations
    cheapest                  decomposes; asks the cheapest candidate                   baseline
    dearest                   decomposes; asks the most expensive candidate             baseline
    single NAME               asks NAME the whole question                              baseline
    skill oracle              for each hop, asks the cheapest of the candidates that    what knowing the candidates
                              are most accurate on the skill                            can achieve
    skill oracle, asks again  the same; after a hedged reply, asks the next best        ... and heeding their replies
    hindsight oracle          knows which call will be right                            an upper bound

A rule policy takes the hops from the question's metadata. Only the oracles use hidden properties of the candidates.
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
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.generated_world.candidates import Candidate
from router_r1_envs.worlds.generated_world.world import GeneratedWorld

_SHORT_ANSWER = re.compile(r"(?:answer is|maybe) (.+)$")


@dataclass(frozen=True)
class Hop:
    """What a rule may use to choose the candidate for a hop."""

    world: GeneratedWorld
    query: str
    tried: tuple[str, ...]
    """The candidates that were called or refused in this hop, in order."""
    key: str
    """Identifies the episode, for rules that draw at random."""

    def first_untried(self, candidates: Sequence[Candidate]) -> str:
        """The name of the first candidate that was not tried; if all were, of the first one."""
        names = [candidate.name for candidate in candidates]
        return next((name for name in names if name not in self.tried), names[0])


Rule = Callable[[Hop], str]
"""Chooses the name of the candidate for a hop."""


def cheapest(hop: Hop) -> str:
    """The candidate with the lowest price."""
    return min(hop.world.candidates, key=lambda c: c.price).name


def most_expensive(hop: Hop) -> str:
    """The candidate with the highest price, or the next one if the budget refused it."""
    return hop.first_untried(sorted(hop.world.candidates, key=lambda c: -c.price))


def at_random(hop: Hop) -> str:
    """A candidate drawn uniformly."""
    source = seeded_random("anybody", hop.key, hop.query, len(hop.tried))
    return source.choice(hop.world.candidates).name


def by_skill(hop: Hop) -> str:
    """The cheapest of the candidates that are most accurate on the query's skill, or the next best if it was tried."""
    skill = hop.world.knowledge.skill(hop.query)
    return hop.first_untried(
        sorted(hop.world.candidates, key=lambda c: (-c.accuracy(skill), c.price))
    )


def by_hindsight(hop: Hop) -> str:
    """The cheapest candidate whose answer will be right; the cheapest of all if there is none."""
    right = [c for c in hop.world.candidates if hop.world.answer(c.name, hop.query)[1]]
    return min(right or hop.world.candidates, key=lambda c: c.price).name


def always(name: str) -> Rule:
    """A rule that always chooses the same candidate."""
    return lambda hop: name


class RulePolicy(ScriptedPolicy):
    """A policy that asks the hops of one question in order, each of the candidate that a rule chooses."""

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
            world: the world of the question.
            question: a question with its hops in the metadata.
            rule: chooses the candidate for each hop.
            decompose: ask the hops one by one; otherwise ask the whole question at once.
            ask_again: after a hedged reply, ask another candidate, once per hop.
            key: distinguishes several episodes on one question, for rules that draw at random.

        Raises:
            ConfigError: the question has no hops.
        """
        hops = question.metadata.get("hops")
        if not hops:
            raise ConfigError(
                f"question {question.id!r} has no hops in its metadata; rule policies need questions of a generated world"
            )
        self._world, self._rule, self._ask_again = world, rule, ask_again
        self._hops: Sequence[str] = hops if decompose else (question.question,)
        self._key = f"{question.id}|{key}"
        super().__init__(self._write, name="rule")

    def _write(self, episode: Episode) -> str:
        """The next turn: a route for the first hop without an answer, or the final answer."""
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
                    answers.append(short_answer(text))
                    tried = []
        done = len(answers) == len(self._hops)
        if done or episode.rounds >= episode.limits.max_rounds or refused > 2:
            return render_turn("done", answer=answers[-1] if answers else "unknown")
        query = self._hops[len(answers)].format(answers[-1] if answers else "")
        name = self._rule(Hop(self._world, query, tuple(tried), self._key))
        return render_turn(f"need {self._world.knowledge.skill(query)}", [Route(name, query)])


def short_answer(reply: str) -> str:
    """The answer in a candidate's reply, without the words around it; "unknown" if the reply has none."""
    match = _SHORT_ANSWER.search(reply)
    return match[1] if match else "unknown"


RULES: dict[str, tuple[Rule, dict[str, bool]]] = {
    "random": (at_random, {}),
    "cheapest": (cheapest, {}),
    "dearest": (most_expensive, {}),
    "skill oracle": (by_skill, {}),
    "skill oracle, asks again": (by_skill, {"ask_again": True}),
    "hindsight oracle": (by_hindsight, {}),
}
"""The rules in reports by row name, each with the options of its `RulePolicy`."""


def single_rules(candidates: Sequence[Candidate]) -> dict[str, tuple[Rule, dict[str, bool]]]:
    """For each candidate, the rule that asks it the whole question; same form as `RULES`."""
    return {f"single {c.name}": (always(c.name), {"decompose": False}) for c in candidates}
