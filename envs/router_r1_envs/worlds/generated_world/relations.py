"""Relations of the generated world: what a question can ask about a name, in which words, and with which skill.

Also how made-up names are spelled. The answers themselves are in `facts.py`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

CONSONANTS = "bdfgklmnprstvz"
VOWELS = "aeiou"
SYLLABLES = tuple(c + v for c in CONSONANTS for v in VOWELS)


class Skill(StrEnum):
    """What answering a sub-query takes."""

    FACTS = "facts"
    ARITHMETIC = "arithmetic"
    SPELLING = "spelling"
    SEVERAL = "several"
    """Several steps at once: a question that was not decomposed."""


class Kind(StrEnum):
    """The type of an argument or an answer."""

    COUNTRY = "country"
    PERSON = "person"
    WORD = "word"
    NUMBER = "number"
    LETTER = "letter"


@dataclass(frozen=True)
class Relation:
    """A function from an argument to an answer, and its wordings. In a wording, `{}` stands for the argument."""

    name: str
    skill: Skill
    takes: Kind
    gives: Kind
    wordings: tuple[str, ...]
    noun: str = ""
    """The wording as an argument of another relation, e.g. `the capital of {}`."""


_RELATIONS = (
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
RELATIONS = {relation.name: relation for relation in _RELATIONS}

# (outer, inner): the inner relation's answer is the outer one's argument.
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
# Relations of one-hop questions by skill; each skill is drawn equally often.
ONE_HOP = {
    Skill.FACTS: ("capital", "currency", "birth_country", "birth_year", "teacher"),
    Skill.ARITHMETIC: ("sum",),
    Skill.SPELLING: ("reverse", "last_letter"),
}


def made_up_name(source: random.Random, syllables: int) -> str:
    """A random lower-case name with this number of syllables, two letters each."""
    return "".join(source.choice(SYLLABLES) for _ in range(syllables))


def made_up_person(source: random.Random) -> str:
    """A random first name and surname."""
    return f"{made_up_name(source, 2)} {made_up_name(source, 2)}"
