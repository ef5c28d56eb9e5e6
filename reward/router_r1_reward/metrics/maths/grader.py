r"""Are two answers the same number, list or expression?

An answer is a number with its unit (`quantity.py`), a list, set, tuple, interval or matrix of answers (`listing.py`),
words, or an expression. The first two are compared here, exactly, and in an answer in words the number that it concludes
with counts (`final_number.py`): 18 in "she makes $18 every day for 5 days". What is left is compared by sympy
(`expression_verifier.py`), all pairs of one answer in one request.

A name is dropped where the other side has none: `x = 5` equals 5, but not `y = 5`, and `y = 5x` does not equal 5. Values in
a row or in braces have no order (`3, 5`, `5 or 3`), tuples, intervals, matrices and sequences with dots do. A gold answer
that is a single letter is a choice.

Not covered: numbers in words ("twelve"), conversion of units.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from fractions import Fraction

from router_r1.answers.numbers import DIGITS
from router_r1.data.questions import Question
from router_r1_reward.metrics.choice import named_options
from router_r1_reward.metrics.maths import expression_verifier
from router_r1_reward.metrics.maths.expression_verifier import Pair
from router_r1_reward.metrics.maths.final_number import find_final_number
from router_r1_reward.metrics.maths.formula import final_part, plain_formula
from router_r1_reward.metrics.maths.listing import Listing, has_dots, listing, named
from router_r1_reward.metrics.maths.quantity import Quantity, quantity, split_unit
from router_r1_reward.metrics.wrong_answers import NO_ANSWER

# The rest of a number in prose, after its digits: "3/4", "1 1/2", "12 %", "3 million".
_REST_OF_NUMBER = re.compile(
    r"(?:(?:\s\d{1,50})?\s?/\s?\d{1,50}(?![\d.,]*\d)|[eE][+-]?\d{1,2}\b)?"
    r"(?:\s(?:dozen|hundred|thousand|million|billion|trillion)\b)?(?:\s?%)?"
)
# What follows a number that is part of an expression or of a list: "2^3", "5 * 3", "5√2", "5(x+1)", "2 or 3 eggs",
# "2, 3", "5 and a half".
_CONTINUATION = re.compile(
    rf"[\w^*]*[\^*]|\s*(?:[-+*/–]|\\(?:times|cdot)\b)\s*[$€£¥]?\d|:(?!00\b)\d|\s?\\(?:sqrt|pi)\b|\((?=\w)"
    rf"|\s*\b(?:(?:sqrt|pi)\b|(?:minus|plus|times)\s+\d)"
    rf"|\s*(?:,\s?|/|&|,?\s?\b(?:or|and|to)\b)\s*(?:\b(?:or|and)\b\s*)?-?[$€£¥]?{DIGITS}"
    r"|\s+and\s+(?:a|an|one|two|three)\s+(?:half|thirds?|quarters?)"
)
_LONG_WORD = re.compile(r"[^\W\d_]{2,}")
_WORD_WITHOUT_SPACES = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7a3]{2,}")
_APPROXIMATELY = re.compile(r"\s*(?:≈|\\approx(?![A-Za-z]))\s*")
_COMMAND = re.compile(r"\\[A-Za-z]+|\b(?:sqrt|log|sin|cos|tan|or|and)\b")
_EXPRESSION = re.compile(r"[\d\\^*=+/<>|]|\w\s*-\s*\w|[([{]|sqrt")
_MAX_CHARS = 10_000
_SPACE = re.compile(r"(?<!\w) | (?!\w)")
_FENCE = re.compile(r"\$(?!\s?-?[\d.])(?<!\d\$)(?<!\d\s\$)")  # of a formula, and not money
_FUNCTION_OF_X = frozenset(("y", "f(x)"))
_SUM = re.compile(r"[+/]")  # x + y = 2 is an equation, which 2 does not state
_RELATION = re.compile(r"[<>=]|\\(?:le|ge|ne|lt|gt|in)(?![A-Za-z])")
_SOLUTIONS = re.compile(r"[<>]|\\(?:le|ge|ne|lt|gt|cup|cap|in|infty|mathbb|setminus)(?![A-Za-z])")
# "12 (3 x 4 = 12)", "5 hours, which is 3 more": a number and what is said of it.
_REMARK = re.compile(
    r"([^()]{1,60}?)(?: \([^()]*(?:=|[^\W\d_]{2})[^()]*\)|,? (?:which|because|since|when|where|if|meaning|i\.e\.|that(?: is|['’]s| means))\b.*)",
    re.DOTALL,
)
_FORMULAS = re.compile(r"\$([^$\n]{1,400})\$|\\\(([^\n]{1,400}?)\\\)")
_STATED = re.compile(r"\b(?:is|are|be|equals?)\b:?\s|:\s")


def same_value(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if answer and gold answer are the same number, list or expression.

    Args:
        answer: a short answer or a whole reply.
        gold: the gold answer, or a worked solution that ends in it.
        question: unused.

    Raises:
        DataError: the gold answer is an expression that cannot be read.
        ScorerError: comparing expressions failed.
        MissingDependencyError: math-verify is needed and not installed.
    """
    answer, gold = final_part(answer), final_part(gold)
    if _without_spaces(answer) == _without_spaces(gold):
        return 1.0
    letter = gold.strip("()[] .")
    if len(letter) == 1 and letter.isalpha():
        return float(bool(named_options(answer) & named_options(gold)))
    if not _EXPRESSION.search(gold):
        return float(_without_spaces(answer).casefold() == _without_spaces(gold).casefold())
    if (
        not any(map(str.isdigit, answer))
        and not _EXPRESSION.search(answer)
        and not answer.strip().isalpha()
    ):
        return 0.0
    expected = quantity(named(gold)[1])
    remark = _REMARK.fullmatch(answer)
    if remark and quantity(named(remark[1])[1]):
        answer = remark[1]
    if (
        _is_prose(answer)
        and quantity(answer if answer.count("=") != 1 else named(answer)[1]) is None
    ):
        match = find_final_number(answer) if expected is not None else None
        if expected is not None and match is not None and "\\" not in match.string:
            found = _quantity_in_prose(match)
            return float(found is not None and found.same(expected))
        answer = _formula_in_prose(answer)
    elif _LONG_WORD.match(answer) and _FORMULAS.search(answer):
        answer = _formula_in_prose(answer)
    return float(len(answer) <= _MAX_CHARS and _equal(gold, answer))


def nearby_numbers(question: Question, gold: str) -> tuple[str, ...]:
    """`NO_ANSWER` and numbers near the gold answer, or one remote number if the gold answer is not a plain number.

    The question is left out, since a number in it can be the answer.
    """
    found = quantity(named(final_part(gold))[1])
    if found is None:
        return (*NO_ANSWER, "-987654321.125")
    value = found.value
    nearby = (value + 1, value - 1, -value, value * 10, value + Fraction(1, 2))
    return (*NO_ANSWER, *(str(number) for number in nearby if not found.same(Quantity(number))))


def _equal(gold: str, answer: str) -> bool:
    """Whether two formulas are equal. Sympy is asked once, and only if it decides."""
    asked: dict[Pair, None] = {}

    def hopeful(pair: Pair) -> bool:
        asked[pair] = None
        return True

    if not _compare(gold, answer, hopeful):
        return False
    if not asked or _compare(gold, answer, lambda _: False):
        return True
    verdicts = dict(zip(asked, expression_verifier.shared().equal_pairs(list(asked)), strict=True))
    return _compare(gold, answer, verdicts.__getitem__)


def _compare(gold: str, answer: str, verify: Callable[[Pair], bool], depth: int = 0) -> bool:
    """Whether two formulas are equal, where `verify` decides on pairs that only sympy can compare.

    More pairs that `verify` accepts never make formulas unequal.
    """
    gold, answer = (_FENCE.sub("", plain_formula(text)) for text in (gold, answer))
    if _without_spaces(gold) == _without_spaces(answer):
        return True
    both = _APPROXIMATELY.split(gold), _APPROXIMATELY.split(answer)  # "19/6 ≈ 3.17" states both
    if sorted(map(len, both)) in ([1, 2], [2, 2]):
        verdicts = [
            _compare(*sides, verify, depth) for sides in itertools.product(*both)
        ]  # all are asked
        return any(verdicts)
    gold_name, gold_value = named(gold)
    name, value = named(answer)
    if gold_name and name and gold_name != name and not {gold_name, name} <= _FUNCTION_OF_X:
        return not (quantity(gold_value) and quantity(value)) and verify(Pair(gold, answer))
    changed = (gold_value, value) != (gold, answer)
    equation = (not name and _RELATION.search(value)) or (
        not gold_name and _RELATION.search(gold_value)
    )
    if changed and not equation:
        return not _SUM.search(gold_name) and _compare(gold_value, value, verify, depth)
    expected, found = quantity(gold), quantity(answer)
    if expected is not None and found is not None:
        return found.same(expected)
    if depth < 4:
        listed, stated = listing(gold), listing(answer)
        if listed and stated:
            return _same_listing(listed, stated, verify, depth + 1)
        if listed or stated:
            return _is_solution_set(gold, answer) and verify(Pair(gold, answer))
    if has_dots(gold) or has_dots(answer):
        return False
    return _same_expression(gold, answer, verify)


def _same_listing(
    gold: Listing, answer: Listing, verify: Callable[[Pair], bool], depth: int
) -> bool:
    if len(gold.items) != len(answer.items) or gold.shape != answer.shape:
        return False
    if gold.brackets != answer.brackets and "" not in (gold.brackets, answer.brackets):
        return False
    rows = gold.items, answer.items
    if gold.ordered or answer.ordered:
        return all(_compare(one, other, verify, depth) for one, other in zip(*rows, strict=True))
    partners: dict[int, int] = {}
    equal = [[_compare(one, other, verify, depth) for other in rows[1]] for one in rows[0]]

    def place(one: int, tried: set[int]) -> bool:
        """Find a partner for an item, moving others if needed (Kuhn's algorithm)."""
        for other, same in enumerate(equal[one]):
            if same and other not in tried:
                tried.add(other)
                if other not in partners or place(partners[other], tried):
                    partners[other] = one
                    return True
        return False

    return all(place(one, set()) for one in range(len(rows[0])))


def _is_solution_set(gold: str, answer: str) -> bool:
    """Whether one of two formulas joins relations or sets, so that the other may be the same set."""
    return any(map(_SOLUTIONS.search, (gold, answer)))


def _same_expression(gold: str, answer: str, verify: Callable[[Pair], bool]) -> bool:
    """Whether two expressions are equal, with their units, of which at most one is a plain number."""
    expected, found = quantity(gold), quantity(answer)
    number = expected or found
    gold_core, gold_unit = (gold, "") if expected else split_unit(gold)
    core, unit = (answer, "") if found else split_unit(answer)
    if expected or found:
        assert number is not None
        other_unit = unit if expected else gold_unit
        if number.unit and other_unit and number.unit != other_unit:
            return False
        values = [number.value, number.value / 100] if number.percent else [number.value]
        places = number.decimals if number.is_rounded() else 0
        other = core if expected else gold_core
        pairs = [Pair(*((str(v), other) if expected else (other, str(v))), places) for v in values]
        verdicts = [verify(pair) for pair in pairs]  # all are asked, in one request
        return any(verdicts)
    if gold_unit and unit and gold_unit != unit:
        return False
    return verify(Pair(gold_core, core))


def _is_prose(text: str) -> bool:
    """Whether a text has two words or more besides the names of functions, a word in several lines, or one of a script
    that puts no spaces between words."""
    words = len(_LONG_WORD.findall(_COMMAND.sub("", text)))
    return (
        words >= 2
        or _WORD_WITHOUT_SPACES.search(text) is not None
        or (words == 1 and "\n" in text and "\\begin" not in text)
    )


def _formula_in_prose(text: str) -> str:
    """The last formula in prose, or formulas in a row; else what follows the last "is"; else the text."""
    if text.count("$") % 2:  # one at an end of the answer went with the words around it
        before = text[: text.find("$")]
        text = f"${text}" if before and not before[-1].isspace() else f"{text}$"
    found = list(_FORMULAS.finditer(text))
    if found:
        first = last = len(found) - 1
        while first and re.fullmatch(
            r"\s*(?:,|;|,?\s*(?:and|or))\s*", text[found[first - 1].end() : found[first].start()]
        ):
            first -= 1
        return ", ".join((match[1] or match[2]).strip() for match in found[first : last + 1])
    stated = list(_STATED.finditer(text))
    return plain_formula(text[stated[-1].end() :]) if stated else text


def _quantity_in_prose(match: re.Match[str]) -> Quantity | None:
    """The number at a match in prose, with what belongs to it; None if it is part of an expression or of a list."""
    text = match.string
    rest = _REST_OF_NUMBER.match(text, match.end())
    end = match.end() if rest is None else rest.end()
    return None if _CONTINUATION.match(text, end) else quantity(text[match.start() : end].strip())


def _without_spaces(text: str) -> str:
    """The text without spaces, except those between two words or numbers."""
    return _SPACE.sub("", " ".join(text.split()))
