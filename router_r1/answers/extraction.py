"""Extracts the short answer that a reply finally states.

Thoughts are left out, and so is what follows when a reply runs on into a second question. The last explicit statement
counts, in whatever form (`statements.py`): a stated answer beats earlier boxes, tags and letters. Without one, a weaker
statement counts ("C is correct", "so the total is 12"), and else the whole reply if it is one short line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from router_r1.answers import letters
from router_r1.answers.contents import ADVERBS, PLACEHOLDER, tidy
from router_r1.answers.languages import LANGUAGES
from router_r1.answers.run_on import question_starts, turn_end
from router_r1.answers.statements import Form, Statement, last_statement, view_of
from router_r1.answers.thoughts import without_thoughts
from router_r1.answers.typography import has_digit, one_for_one, visible
from router_r1.answers.vocabulary import may_begin, phrases, spoken

_SHORT_WORDS = 12
_MOST_QUESTIONS = 5


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """What a reply finally states."""

    text: str
    """The answer as written, without markup around it; empty if it is unfinished."""
    form: Form
    """How it is stated."""

    @property
    def explicit(self) -> bool:
        """Whether the reply says outright that this is its answer."""
        return self.form in (Form.TAG, Form.BOX, Form.MARK, Form.PHRASE)

    @property
    def abstains(self) -> bool:
        """Whether the reply says that it does not know."""
        return _says_unknown(self.text)


_STRUCK = re.compile(r"~~[^~\n]{1,300}~~|<(s|del|strike)>[^<>\n]{1,300}</\1>")


@lru_cache(maxsize=256)
def final_answer(text: str) -> FinalAnswer | None:
    """What a reply finally states, and how; None if it states nothing that can be recognised.

    An answer that says "I don't know", or that is unfinished, is returned as such; `extract_answer` leaves them out.
    """
    text = visible(without_thoughts(text))
    text = text[: turn_end(text)]
    if "~~" in text or "<" in text:
        text = _STRUCK.sub("", text)
    view = view_of(text)
    last = _stated(text, view)
    for place in question_starts(view)[:_MOST_QUESTIONS]:
        before = _stated(text[:place], view[:place]) or _closing(
            text[:place], view[:place], cut=True
        )
        if before is not None:
            last = before
            break
    else:
        last = last or _closing(text, view)
    if last is None:
        return None
    if last.content is None or not last.content.strip(" .…"):
        return FinalAnswer("", Form.UNFINISHED)
    return FinalAnswer(last.content.strip(), last.form)


def extract_answer(text: str) -> str | None:
    """Extract the short answer from a reply; None if it states none that can be recognised.

    "I don't know" is not an answer, wherever it stands, and neither is a final answer that broke off.
    """
    found = final_answer(text)
    return None if found is None or found.form is Form.UNFINISHED or found.abstains else found.text


def is_unfinished(text: str) -> bool:
    """Whether a reply ends where its answer should stand: "The answer is", `\\boxed{`."""
    found = final_answer(text)
    return found is not None and found.form is Form.UNFINISHED


def abstains(text: str) -> bool:
    """Whether a reply says that it does not know, which is not the same as an unreadable answer."""
    found = final_answer(text)
    return found.abstains if found is not None else _says_unknown(without_thoughts(text).strip())


def _says_unknown(text: str) -> bool:
    bare = _BARE_UNKNOWN.match(text)
    return bare is not None or (may_begin(text, "unknown") and bool(_unknown().match(text)))


_BARE_UNKNOWN = re.compile(
    r"\W{0,3}(?:unknown|n/a|unclear|undetermined|none given|null)\W*$", re.IGNORECASE
)


@cache
def _unknown() -> re.Pattern[str]:
    listed = "|".join(language.unknown for language in LANGUAGES)
    phrases = sorted(filter(None, listed.split("|")), key=len, reverse=True)
    union = "|".join(
        re.escape(phrase.rstrip("~")).replace("'", "['’]").replace("\\ ", r"\s+")
        + ("" if phrase[-1] in "~ " else r"(?!\w)")
        for phrase in phrases
    )
    return re.compile(rf"\W{{0,3}}(?:{union})", re.IGNORECASE)


# --- corrections after a statement

_CORRECTION = re.compile(
    r"(?<=[.!?…\n—-])\s{0,2}(?:\b(?:oh|hmm+|wait|hold on|actually|no|oops|sorry|correction|scratch that|on second thoughts?"
    r"|my mistake|apologies)\b[\s,.:!…—-]{1,4}){1,4}",
    re.IGNORECASE,
)
_CORRECTED = re.compile(
    r"(?:(?:it|that|this|the answer)(?:['’]s| is| was| must be| should be| should have been| has to be)\s+|make (?:it|that)\s+"
    r"|i mean(?:t)?\s+|i(?:['’]d| would| will|['’]ll)? (?:choose|pick|go with|say)\s+)?(?:actually\s+|really\s+)?"
    r"(?P<answer>[^\s.!?;\n][^.!?;\n]{0,60}?)(?=[.!?;\n]|\Z)",
    re.IGNORECASE,
)
_WRONG = re.compile(
    r"(?:(?:that|this|it)(?:['’]s| is| was| can['’]t be| cannot be)?\s+)?(?:wrong|incorrect|not right|not correct|a mistake|mistaken|right)\b",
    re.IGNORECASE,
)


def _stated(text: str, view: str) -> Statement | None:
    """The last explicit statement, or what it is corrected to: "Answer: B. Wait, no, it's C.", "Hmm, that is wrong."."""
    last = last_statement(text, view)
    if last is None:
        return None
    for turn in _CORRECTION.finditer(view, last.start + len(last.content or "")):
        if _WRONG.match(view, turn.end()):
            return Statement(turn.end(), Form.UNFINISHED, None)
        new = _CORRECTED.match(view, turn.end())
        if new is not None:
            content = tidy(text[new.start("answer") : new.end("answer")], LANGUAGES[0])
            if len(content.split()) <= 3 and re.search(r"\d|^\W?[A-Z]\b", content):
                return Statement(new.start("answer"), last.form, content)
    return last


# --- replies without an explicit statement

_LEAD_IN = re.compile(
    r"(?:(?:so|thus|therefore|hence|well)[, ]+)?(?:it|that|this|those|these|they)(?:['’]s| is| was| must be| has to be| would be| should be|['’]re| are)\s+"
    r"|(?:das|es) (?:ist|sind)\s+|c['’]est\s+|(?:es|son|é|são|è|sono)\s+(?=\S+$)|это\s+|to (?:jest )?(?=\S+$)|(?:i think|i believe|i guess|i['’]d say|i would say)\s+(?:(?:it|that)(?:['’]s| is)\s+)?",
    re.IGNORECASE,
)
_HEDGE = re.compile(
    r"(?:i (?:may|might|could) be (?:mistaken|wrong)|i(?:['’]m| am) not (?:\w+ )?(?:sure|certain)|(?:it(?:['’]s| is) )?(?:hard|difficult) to"
    r" (?:be (?:sure|certain)|say|tell)|i(?:['’]m| am) no expert|not (?:\w+ )?(?:sure|certain)|if i(?:['’]m| am) not mistaken)"
    r",?\s(?:(?:but|though|yet)\s)?(?:i (?:get|got|find|have|arrive at)\s)?",
    re.IGNORECASE,
)
_OPENING = re.compile(
    r"\W*(?:let|sure|ok(?:ay)?|first|here|we|to|certainly|of course|alright|given)\b|[^\n]*:\Z",
    re.IGNORECASE,
)
_EXPLAINED = re.compile(
    r"\W*(?:explanation|reason(?:ing)?|rationale|justification|because|why|here['’]s why|details?|steps?|solution|working|note|proof|erklärung"
    r"|begründung|explication|explicación|explicação|spiegazione|объяснение|解释|解析|説明|理由|설명|해설)\b",
    re.IGNORECASE,
)
_QUANTITY = re.compile(
    r"(?:about |exactly |approximately |only )?[-+−–]?\s?[$€£¥(\\]*\d[^\s]*(?:\s+[^\W\d]+){0,3}",
    re.IGNORECASE,
)
_NO_QUANTITY = re.compile(r"(?!about|exactly|approximately|only)[a-z]", re.IGNORECASE)
_LONE_LINE = re.compile(
    r"\W*(?:[A-Z]|[(\[]?[a-z][)\]]|[Ⓐ-Ⓩⓐ-ⓩ]|[-+−–]?[$€£¥]?\d[\d.,/\s]*%?|\\?\$[^$\n]+\$)(?:\W*[^\w\s:])?"
)
_WRAPPING = re.compile(
    r"<[^<>\n]{0,40}>|\\(?:boxed|text\w{0,2})\b|[{}$\"]|\A[^:\n]{0,40}(?::|\bis\b)"
)
_EMPHASIS = re.compile(r"\*\*(?P<answer>[^*\n]{1,60})\*\*[.!]?")


def _closing(text: str, view: str, *, cut: bool = False) -> Statement | None:
    """The answer of a reply that states none outright: a verdict on an option, its only or last line, its conclusion.

    If more was cut off, an opening ("Let me restate it.") is no answer.
    """
    stripped = text.strip()
    if not stripped or (cut and _OPENING.match(stripped)):
        return None
    letter = next(letters.concluded_letters(view), None)
    if letter is not None:
        return Statement(letter[0], Form.CONCLUSION, text[slice(*letter)])
    start = text.find(stripped[0])
    lines = (
        [line for line in stripped.split("\n") if line.strip()] if "\n" in stripped else [stripped]
    )
    if len(lines) == 1 and len(stripped.split(None, _SHORT_WORDS)) <= _SHORT_WORDS:
        if _is_template(stripped):
            return None
        return Statement(start, Form.SHORT, _short(stripped))
    emphasis = _EMPHASIS.fullmatch(lines[-1].strip())
    if emphasis or _LONE_LINE.fullmatch(one_for_one(lines[-1])):
        return Statement(start, Form.SHORT, tidy(emphasis["answer"] if emphasis else lines[-1]))
    if len(lines) > 1 and len(lines[0].split()) <= 6 and _EXPLAINED.match(lines[1]):
        return Statement(start, Form.SHORT, _short(lines[0].strip()))
    concluded = _concluded(lines[-1])
    return Statement(start, Form.CONCLUSION, concluded) if concluded else None


def _is_template(line: str) -> bool:
    """Whether a line states a placeholder that it copies: "<answer>your answer here</answer>"."""
    if not _PLACEHOLDER_WORD.search(line.lower()):
        return False
    bare = _WRAPPING.sub(" ", _WRAPPING.sub(" ", line))
    return bare != line and (not bare.strip(" .") or PLACEHOLDER.fullmatch(bare) is not None)


_PLACEHOLDER_WORD = re.compile(r"answer|letter|option|number|choice|value")


def _short(line: str) -> str:
    """The answer in a short line."""
    if _EMPHASIS.fullmatch(line):
        line = line.strip("*.! ")
    content = line[adverbs.end() :] if (adverbs := ADVERBS.match(line)) else line
    content = content[hedge.end() :] if (hedge := _HEDGE.match(content)) else content
    content = content[lead.end() :] if (lead := _LEAD_IN.match(content)) else content
    concluded = _concluded(content)
    if concluded:
        return concluded
    if spoken(content, "because") or not content.isascii():
        content = tidy(content, LANGUAGES[0])
    return content.rstrip(".。")


def _concluded(line: str) -> str | None:
    """The number with which the last sentence of a line concludes: "The product of 37 and 24 is 888."."""
    sentence = line[-80:].strip().rstrip(".!。 ")
    if not has_digit(sentence):
        return None
    spoken_words, copulas = sentence.rsplit(None, 6), _copulas()
    for count in range(1, min(6, len(spoken_words))):  # from the end: the last copula counts
        copula = spoken_words[-count - 1]
        if copula.lower() in copulas:
            if copula == "to" and " from " in sentence:
                return None  # "from 60% to 100%"
            value = " ".join(spoken_words[-count:])
            if _NO_QUANTITY.match(value):
                return None
            value = tidy(value, LANGUAGES[0])
            return value if _QUANTITY.fullmatch(value) else None
    return None


@cache
def _copulas() -> frozenset[str]:
    return frozenset(phrase for phrase in phrases("copula") if " " not in phrase)
