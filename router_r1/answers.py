"""Short answers out of long replies, and when two of them are the same.

Used to count votes. Exact grading against gold answers is the reward package's business.
"""

from __future__ import annotations

import re
import string
from decimal import Decimal, InvalidOperation

_ANSWER_TAG = re.compile(r"<answer>(.*?)</answer>", re.DOTALL | re.IGNORECASE)
_ANSWER_PHRASE = re.compile(
    r"(?:\banswer(?:\s+is|\s*:|\s+to\s+[^.\n:]{1,80}\s+is)|####)\s*:?\s*(?P<answer>[^\n]{1,300})",
    re.IGNORECASE,
)
_NON_ANSWER = re.compile(
    r"(?:i (?:do not|don['’]t|can ?not|can['’]t) |i['’]?m (?:not sure|sorry|unable)|i am (?:not sure|sorry|unable)|sorry\b"
    r"|unknown\W*$|n/?a\W*$|not sure\b|unclear\W*$|can ?not be determined|no (?:answer|information|idea)\b)",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(r"^(?:it|that|this)(?:['’]s| is| was)\s+", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.;!?](?:\s|$)")
_CHOICE = re.compile(r"\(?([A-Za-z])[).:]?")
_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?")
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_SHORT_WORDS = 12


def normalize_answer(text: str) -> str:
    """SQuAD's normalisation: lower case, no punctuation, no articles, single spaces."""
    lowered = text.lower().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", lowered).split())


def answer_key(text: str) -> str:
    """What two answers share exactly when they count as one: `$1,000` and `1000.0`, `(B)` and `b`, `The Nile` and `nile`."""
    stripped = text.strip().strip("*`\"' ").rstrip(".").strip()
    choice = _CHOICE.fullmatch(stripped)
    if choice:
        return choice[1].lower()
    number = stripped.strip("$€£% ")
    if _NUMBER.fullmatch(number) and any(map(str.isdigit, number)):
        try:
            value = Decimal(number.replace(",", "")).normalize()
        except InvalidOperation:  # digits of another script
            return normalize_answer(stripped)
        return format(value, "f") if value else "0"
    return normalize_answer(stripped) or stripped.casefold()


def extract_answer(text: str) -> str | None:
    """The short answer a reply ends in, or None where there is no telling.

    In this order: the last `<answer>` tag, the last `\\boxed{}`, the last "answer is ..." or "#### ...", or the whole
    reply when it is one short line. "I don't know" in any of these is no answer.
    """
    answer = _find_answer(text)
    return None if answer is None or _NON_ANSWER.match(answer) else answer


def _find_answer(text: str) -> str | None:
    tagged: list[str] = _ANSWER_TAG.findall(text)
    if tagged:
        return tagged[-1].strip() or None
    boxed = _last_boxed(text)
    if boxed is not None:
        return boxed.strip() or None
    phrases = list(_ANSWER_PHRASE.finditer(text))
    if phrases:
        return _first_sentence(phrases[-1]["answer"]) or None
    stripped = text.strip()
    if stripped and "\n" not in stripped and len(stripped.split()) <= _SHORT_WORDS:
        return _LEAD_IN.sub("", stripped).rstrip(".") or None
    return None


def _last_boxed(text: str) -> str | None:
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth = 0
    for position in range(start + len("\\boxed"), len(text)):
        depth += {"{": 1, "}": -1}.get(text[position], 0)
        if depth == 0:
            return text[start + len("\\boxed{") : position]
    return None


def _first_sentence(text: str) -> str:
    end = _SENTENCE_END.search(text)
    return (text[: end.start()] if end else text).strip(" *`\"'$.")
