"""What is true in the generated world: relations over made-up names, and questions of one or two hops about them.

Every fact is a hash of the seed and the name it is about, so there is no table to memorise, and a name that was never
seen in training has facts too. A sub-query is understood by its wording; what can not be parsed has no answer.

Not covered: who knows these facts, and at what price (`generated.py`).
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

CONSONANTS = "bdfgklmnprstvz"
VOWELS = "aeiou"
SYLLABLES = tuple(c + v for c in CONSONANTS for v in VOWELS)


class Skill(StrEnum):
    """What it takes to answer a sub-query."""

    FACTS = "facts"
    ARITHMETIC = "arithmetic"
    SPELLING = "spelling"
    SEVERAL = "several"
    """More than one step at once: an undecomposed question."""


class Kind(StrEnum):
    """What an argument or an answer is."""

    COUNTRY = "country"
    PERSON = "person"
    WORD = "word"
    NUMBER = "number"
    LETTER = "letter"


@dataclass(frozen=True)
class Relation:
    """A function from names to answers, with its wordings. `{}` is the argument."""

    name: str
    skill: Skill
    takes: Kind
    gives: Kind
    wordings: tuple[str, ...]
    noun: str = ""
    """How it reads as the argument of another relation, e.g. `the capital of {}`."""


RELATIONS = {
    r.name: r
    for r in (
        Relation(
            "capital",
            Skill.FACTS,
            Kind.COUNTRY,
            Kind.WORD,
            ("what is the capital of {}", "which city is the capital of {}"),
            "the capital of {}",
        ),
        Relation(
            "currency",
            Skill.FACTS,
            Kind.COUNTRY,
            Kind.WORD,
            ("what is the currency of {}", "which money is used in {}"),
            "the currency of {}",
        ),
        Relation(
            "birth_country",
            Skill.FACTS,
            Kind.PERSON,
            Kind.COUNTRY,
            ("what is the birth country of {}", "in which country was {} born"),
            "the birth country of {}",
        ),
        Relation(
            "birth_year",
            Skill.FACTS,
            Kind.PERSON,
            Kind.NUMBER,
            ("what is the birth year of {}", "in which year was {} born"),
            "the birth year of {}",
        ),
        Relation(
            "teacher",
            Skill.FACTS,
            Kind.PERSON,
            Kind.PERSON,
            ("who was the teacher of {}", "who taught {}"),
            "the teacher of {}",
        ),
        Relation(
            "reverse",
            Skill.SPELLING,
            Kind.WORD,
            Kind.WORD,
            ("reverse {}", "spell backwards {}"),
        ),
        Relation(
            "last_letter",
            Skill.SPELLING,
            Kind.WORD,
            Kind.LETTER,
            ("what is the last letter of {}",),
        ),
        Relation("sum", Skill.ARITHMETIC, Kind.NUMBER, Kind.NUMBER, ("compute {}",)),
    )
}
# (outer, inner): the second hop needs the answer of the first.
TWO_HOPS = (
    ("capital", "birth_country"),
    ("currency", "birth_country"),
    ("birth_year", "teacher"),
    ("birth_country", "teacher"),
    ("sum", "birth_year"),
    ("reverse", "capital"),
    ("reverse", "birth_country"),
    ("last_letter", "currency"),
)
# What one hop may ask; each skill equally often.
ONE_HOP = {
    Skill.FACTS: ("capital", "currency", "birth_country", "birth_year", "teacher"),
    Skill.ARITHMETIC: ("sum",),
    Skill.SPELLING: ("reverse", "last_letter"),
}

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
class Solved:
    """A sub-query that was understood."""

    skill: Skill
    answer: str
    kind: Kind


@dataclass(frozen=True)
class Puzzle:
    """A question with the steps that lead to its answer."""

    text: str
    hops: tuple[str, ...]
    """The sub-queries in order; `{}` in the second is the answer of the first."""
    skills: tuple[Skill, ...]
    answer: str
    keys: tuple[str, ...] = field(default=())
    """What the steps are about: the names and sums that must be unseen where the question is."""


class Knowledge:
    """All facts of one generated world."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed

    # --- facts

    def fact(self, relation: str, argument: str) -> str:
        """What `relation` gives for a name."""
        source = draw(self._seed, relation, argument)
        if relation == "birth_year":
            return str(source.randrange(1100, 1990))
        if relation == "teacher":
            return f"{name_of(source, 2)} {name_of(source, 2)}"
        return name_of(source, 2 if relation == "currency" else 3)

    def solve(self, query: str) -> Solved | None:
        """The answer to a query of one or two hops; None for what makes no sense."""
        text = " ".join(query.lower().replace("?", " ").split())
        for relation, wording in _WORDINGS:
            match = wording.fullmatch(text)
            solved = self._apply(relation, match[1]) if match else None
            if solved:
                return solved
        return None

    def _apply(self, relation: Relation, argument: str) -> Solved | None:
        """`relation` of a name, or of what another relation gives."""
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
        return Solved(Skill.SEVERAL if nested else relation.skill, answer, relation.gives)

    def _argument(self, text: str, kind: Kind) -> tuple[str | None, bool]:
        """The value of an argument, and whether another relation had to be solved for it."""
        for relation, noun in _NOUNS:
            match = noun.fullmatch(text)
            fits = relation.gives is kind or (kind is Kind.WORD and relation.gives is Kind.COUNTRY)
            if match and fits and _NAME[relation.takes].fullmatch(match[1]):
                return self.fact(relation.name, match[1]), True
        if kind is Kind.NUMBER:
            return (text if _NUMBER.fullmatch(text) else None), False
        match = _NAME[kind].fullmatch(text)
        return (match[match.re.groups] if match else None), False

    def wrong(self, solved: Solved | None, source: random.Random) -> str:
        """An answer of the right kind that is not the right one."""
        kind = solved.kind if solved else Kind.WORD
        while True:
            if kind is Kind.NUMBER:
                guess = str(source.randrange(10, 2000))
            elif kind is Kind.LETTER:
                guess = source.choice(VOWELS)
            elif kind is Kind.PERSON:
                guess = f"{name_of(source, 2)} {name_of(source, 2)}"
            else:
                guess = name_of(source, 3)
            if solved is None or guess != solved.answer:
                return guess

    # --- questions

    def puzzle(
        self, source: random.Random, usable: Callable[[str], bool], hops: int | None = None
    ) -> Puzzle:
        """A random question, half of them with two hops.

        Args:
            source: of randomness.
            usable: says of a name or a sum whether the question may be about it.
            hops: 1 or 2; drawn when left out.
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
        solved = self.solve(query)
        assert solved is not None, query
        key = argument.removeprefix(_WORD)
        return Puzzle(query, (query,), (skill,), solved.answer, (key,))

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
        solved = self.solve(second.format(between))
        assert solved is not None, second
        skills = (inner.skill, outer.skill)
        return Puzzle(text, (first, second), skills, solved.answer, (entity, between + operand))


def draw(*parts: object) -> random.Random:
    """A source of randomness that depends on `parts` only."""
    digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "big"))


def name_of(source: random.Random, syllables: int) -> str:
    """A made-up name."""
    return "".join(source.choice(SYLLABLES) for _ in range(syllables))


def _entity(source: random.Random, kind: Kind) -> str:
    if kind is Kind.PERSON:
        return f"{name_of(source, 2)} {name_of(source, 2)}"
    if kind is Kind.WORD:
        return _WORD + name_of(source, source.choice((2, 3)))
    return name_of(source, 3)


def _sum(source: random.Random) -> str:
    operator = source.choice("+-*")
    if operator == "*":
        return f"{source.randrange(2, 100)} * {source.randrange(2, 21)}"
    return f"{source.randrange(10, 1000)} {operator} {source.randrange(10, 1000)}"


def _compute(left: int, operator: str, right: int) -> int:
    return {"+": left + right, "-": left - right, "*": left * right}[operator]
