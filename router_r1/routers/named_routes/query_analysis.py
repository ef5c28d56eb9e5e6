"""What can be said of a question before anybody answers it: its domain, its difficulty, the kind of answer it asks for.

Computed by rules from the text of the question alone. `analyse` takes nothing else, and its words come from fixed
lists, so neither a gold answer nor a reply can reach a prompt or a training example through it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

Difficulty = Literal["easy", "medium", "hard"]
Domain = Literal[
    "mathematics", "science", "computing", "medicine", "law", "business", "history",
    "geography", "arts", "sport", "politics", "general",
]  # fmt: skip
AnswerKind = Literal["choice", "yes or no", "number", "date", "person", "place", "program", "text"]
DIFFICULTIES: tuple[str, ...] = get_args(Difficulty)
DOMAINS: tuple[str, ...] = get_args(Domain)
ANSWER_KINDS: tuple[str, ...] = get_args(AnswerKind)


@dataclass(frozen=True, slots=True)
class QueryAnalysis:
    """The analysis of one question."""

    difficulty: Difficulty
    domain: Domain
    answer: AnswerKind

    def __str__(self) -> str:
        return f"difficulty: {self.difficulty}; domain: {self.domain}; answer: {self.answer}"


_BEGINNINGS: dict[Domain, str] = {
    "mathematics": "integral|matri|polynomial|prime|triangle|equation|algebra|geometr|theorem|vector|probabilit|modulo|"
    "derivative|fraction|sum of|product of|factor|logarithm|convex|calculate|compute",
    "science": "atom|molecul|electron|energy|force|velocit|acceler|quantum|chemi|acid|enzyme|species|gene|planet|star|"
    "galax|temperature|pressure|voltage|circuit|wavelength|reaction|organism|cell|physic|biolog",
    "computing": "python|java|code|program|function|algorithm|compil|software|database|sql|string|array|debug|regex|"
    "linux|server|api|class|html|css|cpu|network",
    "medicine": "patient|disease|symptom|diagnos|treatment|drug|dose|hospital|clinical|infect|cancer|blood|vaccin|"
    "surg|therap",
    "law": "court|statute|contract|plaintiff|defendant|tort|liab|constitution|lawsuit|judge|crime|criminal|legal|"
    "attorney|jury",
    "business": "company|market|price|profit|revenue|invest|account|tax|interest rate|bond|stock|supply|demand|"
    "manager|customer|inflation|econom|asset",
    "history": "war|battle|century|empire|king|queen|dynast|revolution|ancient|medieval|treaty|coloni|histor",
    "geography": "country|city|river|mountain|capital|continent|island|border|ocean|population|province|municipal",
    "arts": "novel|poem|painter|paint|film|movie|song|album|artist|actor|actress|band|music|theatre|sculpt|author|"
    "television|series|episode",
    "sport": "football|soccer|basketball|tennis|olympic|champion|league|cricket|team|goal|coach|tournament|baseball",
    "politics": "president|minister|parliament|election|senat|party|government|policy|vote|mayor|governor|congress",
}  # fmt: skip
_DOMAINS = {
    name: re.compile(rf"\b(?:{words})", re.IGNORECASE) for name, words in _BEGINNINGS.items()
}
_OPTIONS = re.compile(r"^\s*\(?[A-D][).:]\s+\S", re.MULTILINE)
_KINDS: tuple[tuple[AnswerKind, re.Pattern[str]], ...] = (
    ("program", re.compile(r"\b(?:write|implement|complete|fix|refactor)\b.{0,60}\b(?:function|program|code|script|class|query)\b|```", re.I | re.S)),
    ("date", re.compile(r"\b(?:when|what (?:date|year|day|month|century)|(?:in|on) (?:what|which) (?:date|year|day|month|century))\b", re.I)),
    ("number", re.compile(r"\b(?:how (?:many|much|old|long|far|tall|fast|often)|what (?:number|percentage|fraction|is the (?:value|sum|product|probability|number))|calculate|compute|solve|evaluate)\b|[\d)]\s*[-+*/^=]\s*[\d(?]", re.I)),
    ("person", re.compile(r"\b(?:who|whose|whom|(?:first|last|full|sur)\s?name of the)\b", re.I)),
    ("place", re.compile(r"\b(?:where|(?:in|at|from|to)? ?(?:what|which) (?:city|country|town|state|place|island|river|continent|village|county))\b", re.I)),
    ("yes or no", re.compile(r"(?:\A|[.!?\n]\s*)(?:is|are|was|were|do|does|did|can|could|has|have|will|would|should)\b[^.!?\n]*\?\s*\Z", re.I)),
)  # fmt: skip
_STEPS = re.compile(
    r"\b(?:prove|derive|explain why|step by step|given that|such that|if and only if|assum\w+|"
    r"respectively|at least|at most|unless|except|before the|after the|the same \w+ (?:as|that))\b",
    re.IGNORECASE,
)


def analyse(question: str) -> QueryAnalysis:
    """Analyse a question.

    Args:
        question: its text, with its options if it has any. The answer is no argument, on purpose.
    """
    counts = {name: len(pattern.findall(question)) for name, pattern in _DOMAINS.items()}
    best = max(counts, key=lambda name: counts[name])  # the first of equals
    kind: AnswerKind
    if len(_OPTIONS.findall(question)) >= 2:
        kind = "choice"
    else:
        kind = next((name for name, pattern in _KINDS if pattern.search(question)), "text")
    return QueryAnalysis(_difficulty(question), best if counts[best] else "general", kind)


def _difficulty(question: str) -> Difficulty:
    """By what a solver has to hold in mind: length, conditions, numbers, long words."""
    words = re.findall(r"[^\W\d_]+", question)
    points = min(3.0, len(words) / 50)
    points += min(2.0, 0.7 * len(_STEPS.findall(question)))
    points += min(1.5, len(re.findall(r"\d+(?:\.\d+)?", question)) / 6)
    points += 1.0 if words and sum(len(word) >= 10 for word in words) / len(words) > 0.15 else 0.0
    return "easy" if points < 1.0 else "medium" if points < 2.5 else "hard"
