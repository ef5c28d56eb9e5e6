"""What is true in the generated world: the answer to a query, and questions of one or two hops that have one.

A fact is a hash of the seed, the relation and the name, so there is no table to memorise: a name that never occurred in
training has facts too. A query is parsed by its wording; one that does not parse has no answer.

The relations and their wordings are in `relations.py`; how often a candidate is right is in `candidates.py`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.generated_world.relations import (
    ONE_HOP,
    RELATIONS,
    TWO_HOPS,
    VOWELS,
    Kind,
    Relation,
    Skill,
    made_up_name,
    made_up_person,
)

_WORD = "the word "
_SUM = re.compile(r"(.+?) ([+*-]) (\d{1,6})")
_NUMBER = re.compile(r"\d{1,6}")
_NAME = {
    Kind.COUNTRY: re.compile(r"[a-z]+"),
    Kind.PERSON: re.compile(r"[a-z]+ [a-z]+"),
    Kind.WORD: re.compile(_WORD + "([a-z]+)"),
}
_WORDINGS = [
    (relation, re.compile(re.escape(wording).replace(r"\{\}", "(.+)")))
    for relation in RELATIONS.values()
    for wording in relation.wordings
]
_NOUNS = [
    (relation, re.compile(re.escape(relation.noun).replace(r"\{\}", "(.+)")))
    for relation in RELATIONS.values()
    if relation.noun
]


@dataclass(frozen=True)
class Solution:
    """The answer to a query that parses."""

    skill: Skill
    answer: str
    kind: Kind


@dataclass(frozen=True)
class Puzzle:
    """A question, the steps to its answer, and the answer."""

    text: str
    hops: tuple[str, ...]
    """One or two sub-queries in order; `{}` in the second stands for the answer to the first."""
    skills: tuple[Skill, ...]
    """The skill of each hop."""
    answer: str
    keys: tuple[str, ...]
    """The names and sums that the hops are about; they decide which split may hold the question."""


class Knowledge:
    """All facts of one generated world."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    # --- facts

    def fact(self, relation: str, argument: str) -> str:
        """The value of a relation of facts (`capital`, `teacher`, ...) for a name."""
        source = seeded_random(self._seed, relation, argument)
        if relation == "birth_year":
            return str(source.randrange(1100, 1990))
        if relation == "teacher":
            return made_up_person(source)
        return made_up_name(source, 2 if relation == "currency" else 3)

    def solve(self, query: str) -> Solution | None:
        """The answer to a query of one or two hops; None if the query does not parse."""
        text = " ".join(query.lower().replace("?", " ").split())
        for relation, wording in _WORDINGS:
            match = wording.fullmatch(text)
            solution = self._apply(relation, match[1]) if match else None
            if solution:
                return solution
        return None

    def skill(self, query: str) -> Skill:
        """The skill that a query takes; `SEVERAL` if it does not parse."""
        solution = self.solve(query)
        return solution.skill if solution else Skill.SEVERAL

    def _apply(self, relation: Relation, argument: str) -> Solution | None:
        """Apply a relation to the text of its argument: a plain value, or the noun of another relation."""
        if relation.name == "sum":
            parts = _SUM.fullmatch(argument)
            if not parts:
                return None
            left, nested = self._argument(parts[1], Kind.NUMBER)
            if left is None:
                return None
            answer = str(_compute(int(left), parts[2], int(parts[3])))
        else:
            value, nested = self._argument(argument, relation.takes)
            if value is None:
                return None
            answer = {
                "reverse": lambda: value[::-1],
                "last_letter": lambda: value[-1],
            }.get(relation.name, lambda: self.fact(relation.name, value))()
        return Solution(Skill.SEVERAL if nested else relation.skill, answer, relation.gives)

    def _argument(self, text: str, kind: Kind) -> tuple[str | None, bool]:
        """The value of an argument (None if it is not of this kind), and whether another relation gave it."""
        for relation, noun in _NOUNS:
            match = noun.fullmatch(text)
            fits = relation.gives is kind or (kind is Kind.WORD and relation.gives is Kind.COUNTRY)
            if match and fits and _NAME[relation.takes].fullmatch(match[1]):
                return self.fact(relation.name, match[1]), True
        if kind is Kind.NUMBER:
            return (text if _NUMBER.fullmatch(text) else None), False
        match = _NAME[kind].fullmatch(text)
        return (match[match.re.groups] if match else None), False

    def wrong(self, solution: Solution, source: random.Random) -> str:
        """A random wrong answer of the right kind."""
        while True:
            if solution.kind is Kind.NUMBER:
                guess = str(source.randrange(10, 2000))
            elif solution.kind is Kind.LETTER:
                guess = source.choice(VOWELS)
            elif solution.kind is Kind.PERSON:
                guess = made_up_person(source)
            else:
                guess = made_up_name(source, 3)
            if guess != solution.answer:
                return guess

    # --- questions

    def puzzle(
        self, source: random.Random, usable: Callable[[str], bool], hops: int | None = None
    ) -> Puzzle:
        """A random question.

        Args:
            source: the random generator.
            usable: whether the question may be about a name or a sum; other questions are drawn again.
            hops: 1 or 2; by default each in half of the draws.
        """
        hops = hops or source.choice((1, 2))
        while True:
            puzzle = self._one_hop(source) if hops == 1 else self._two_hops(source)
            if all(usable(key) for key in puzzle.keys):
                return puzzle

    def _one_hop(self, source: random.Random) -> Puzzle:
        skill = source.choice(list(ONE_HOP))
        relation = RELATIONS[source.choice(ONE_HOP[skill])]
        argument = _entity(source, relation.takes)
        if relation.name == "sum":
            argument = _sum(source)
        query = source.choice(relation.wordings).format(argument)
        solution = self.solve(query)
        assert solution is not None, query
        key = argument.removeprefix(_WORD)
        return Puzzle(query, (query,), (skill,), solution.answer, (key,))

    def _two_hops(self, source: random.Random) -> Puzzle:
        outer, inner = (RELATIONS[name] for name in source.choice(TWO_HOPS))
        entity = _entity(source, inner.takes)
        operand = (
            f" {source.choice('+-')} {source.randrange(2, 100)}" if outer.name == "sum" else ""
        )
        wording = source.choice(outer.wordings)
        text = wording.format(inner.noun.format(entity) + operand)
        first = source.choice(inner.wordings).format(entity)
        between = self.fact(inner.name, entity)
        word = _WORD if outer.takes is Kind.WORD else ""
        second = wording.format(word + "{}" + operand)
        solution = self.solve(second.format(between))
        assert solution is not None, second
        skills = (inner.skill, outer.skill)
        return Puzzle(text, (first, second), skills, solution.answer, (entity, between + operand))


def _entity(source: random.Random, kind: Kind) -> str:
    """A random argument of a kind."""
    if kind is Kind.PERSON:
        return made_up_person(source)
    if kind is Kind.WORD:
        return _WORD + made_up_name(source, source.choice((2, 3)))
    return made_up_name(source, 3)


def _sum(source: random.Random) -> str:
    """A random sum, difference or product."""
    operator = source.choice("+-*")
    if operator == "*":
        return f"{source.randrange(2, 100)} * {source.randrange(2, 21)}"
    return f"{source.randrange(10, 1000)} {operator} {source.randrange(10, 1000)}"


def _compute(left: int, operator: str, right: int) -> int:
    return {"+": left + right, "-": left - right, "*": left * right}[operator]
