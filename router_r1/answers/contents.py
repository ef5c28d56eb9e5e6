"""Reads the answer that follows words such as "Answer:" and "the answer is", to where it ends."""

from __future__ import annotations

import re
from functools import cache

from router_r1.answers.languages import Language, listed, pattern
from router_r1.answers.vocabulary import phrases, speaks, words

Content = tuple[int, str | None]
"""(place, answer); the answer is None where the reply ends before it."""

_LONGEST = 300
_SHORT_WORDS = 12
_LEAD = re.compile(r"[ \"'})\]:>=]*(?:(?:\.{3}|…) ?)?(?:-\s(?=\D))?[ \"']*")
_QUOTES = r"[\"'”’*_)]{0,4}"
# Not after an initial or an abbreviation: "J. K. Rowling", "St. Petersburg", "U.S. Grant". The pattern begins with the set
# of marks, because only then does `re` skip other text quickly.
SENTENCE_END = re.compile(
    r"[.;!?。！？；।؟۔](?:(?<=[。！？；।؟۔])"
    rf"|(?<=[;!?]){_QUOTES}(?:\s|$)"
    rf"|(?<=\.)(?<!\b[A-Z]\.)(?<!\b(?:St|Dr|Mr|Ms|Mt|Ft|Jr|Sr|vs|No|ca)\.)(?<!\bMrs\.){_QUOTES}(?:\s|$)"
    rf"|(?<=\b[A-Z]\.){_QUOTES}(?:$|\s+(?=(?:The|This|It|That|Because|I|So|Hmm|Wait|No|Actually|Since|Option|Here|A|In|For"
    r"|If|As|We|Explanation|Note|Scratch|Sorry|Oops|Oh|Correction)\b)))"
)
_BARRIER = re.compile(r"[\s\-=_*`|:$\\\[\](){}]*|`{3,}\w*|~{3,}\w*|\\begin\{\w+\*?\}")
_DISPLAY = {"$$": "$$", "\\[": "\\]", "[": "]"}
_LISTED = re.compile(
    r"\s*(?:\d{1,2}[.)]\s|[-•+]\s+\w+\s+\w+\s+\w+|step\b|first\b|let\b|to \w+,?\b|we \w+)",
    re.IGNORECASE,
)
_DASHED = re.compile(r"(?<=\S)\s[—–]\s(?!\d)")
_CLAUSE = re.compile(
    r"\b(?:is|are|was|were|has|have|had|can|will|would|we|let['’]?s?|i|you|they|he|she|there|need|gives?|gets?)\b",
    re.IGNORECASE,
)
ADVERBS = re.compile(
    r"(?:,\s)?(?:(?:therefore|thus|hence|then|so|simply|indeed|actually|clearly|definitely|certainly|probably|likely|most likely|most probably"
    r"|still|now|just|obviously|of course|in fact|as follows|therefore likely|also|donc|also|daher|somit|folglich|por (?:lo )?tanto"
    r"|portanto|quindi|pertanto|dus|alltså|zatem|więc|значит|таким образом)(?:[,:]\s*|\s+))+",
    re.IGNORECASE,
)
_VAGUE = re.compile(
    r"(?:not|n['’]t|correct|right|wrong|incorrect|based|in the|found|given|obtained|determined|calculated|computed|derived|shown|clear"
    r"|unclear|obvious|simple|straightforward|easy|below|above|here|yet|supposed|expected|going|required|needed|provided|written|always"
    r"|already|quite|very|expressed|rounded|asked|known|hidden|among|within|what|where|how|why|somewhere|of the form|in the form"
    r"|reached|reasonable|consistent|unique|looking|an?\s(?:integer|number|fraction|whole|single|positive|negative|real|decimal|letter)"
    r"|one of|the same|made|part|only|different|that (?:we|the|it|there)|consistent|likely to|to be)\b",
    re.IGNORECASE,
)
PLACEHOLDER = re.compile(
    r"[\W_]*(?:(?:your|the|my|final|short|insert|put|write|enter|type|fill in|just|only)[\s_-]+){0,4}"
    r"(?:answer|letter|option|number|choice|value)(?:[\s_-]+(?:here|only|goes here))?[\W_]*"
    r"|\W*(?:\.{3}|…|\?+|_+)\W*",
    re.IGNORECASE,
)
_HTML = re.compile(
    r"</?(?:[biu]|em|strong|p|br|span|div|code|center|mark|su[bp]|li|[ou]l|font|h[1-6]|t[rdh])(?:\s[^<>]{0,80})?/?>"
)
_DELIMITED = re.compile(r"\\[(\[]\s*(.*?)\s*\\[)\]]", re.DOTALL)
_NEXT_CELL = re.compile(r"[\s*_:]*\|(?P<answer>[^|\n]{1,300})\|?\s*")
_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
_MARKS = " \t*`\"'“”„«»「」『』【】$|~"
_TOKEN = re.compile(
    r"(?P<answer>[(\[\"' ]{0,3}(?:[A-Z]|[-+]?[$€£¥]?\d[\d.,/]*%?)(?:[)\]\" ]|'(?!\w)){0,3})(?P<rest>[^\n]*)"
)
# The usual answer to a question with options, of which nothing is left to cut off.
_ALONE = re.compile(r"(?P<answer>[(\[]?(?:[A-Z]|\d{1,9})[)\]]?)[. ]{0,3}", re.ASCII)
_NO_SUBJECT = re.compile(
    r"\b(?:this|that|it|here|there|what|which|below|following|none|neither|both|these|those|who|how|why|where|and|only|above|if|he|she|they|we|i)\b",
    re.IGNORECASE,
)


class Contents:
    """Reads answers in one reply."""

    def __init__(self, text: str, view: str) -> None:
        """
        Args:
            text: a reply without thoughts.
            view: `statements.view_of(text)`.
        """
        self._text = text
        self._view = view
        self._length = len(text.rstrip(" \n\t\r*_`$.:…\"'}])#|\\"))

    def after(self, language: Language, start: int, *, marked: bool) -> Content | None:
        """The answer from a place on, on the same line or below it; None if this is no statement of an answer.

        Args:
            language: the language of the words before.
            start: where the answer may begin.
            marked: a mark ("Answer:") stands before it, not a verb.
        """
        if start >= self._length:
            return start, None
        lead = _LEAD.match(self._view, start)
        start = lead.end() if lead else start
        line_end = self._line_end(start)
        if alone := _ALONE.fullmatch(self._text, start, line_end):
            return start, alone["answer"]
        if not _BARRIER.fullmatch(self._text, start, line_end):
            piece = self._text[start : min(line_end, start + _LONGEST)]
            return self._stated(language, start, piece, marked=marked)
        return self._below(language, line_end + 1)

    def short_after(self, language: Language, start: int) -> Content | None:
        """A letter or a number that follows a noun directly and ends its sentence: "Answer C."."""
        token = _TOKEN.match(self._view, start)
        if token is None:
            return None
        rest = token["rest"].strip()
        over = (
            not rest
            or rest[0] in ".,;!)。，—|"
            or _ending(language).match(" " + rest.rstrip(".。!। "))
        )
        if not over:
            return None
        a, b = token.span("answer")
        return a, self._text[a:b].strip(_MARKS)

    def subject(self, start: int, end: int) -> str | None:
        """The answer in "C is the answer"; None unless it is a letter, a number, or a name."""
        piece = self._view[start:end].strip(_MARKS)
        is_token = _TOKEN.fullmatch(piece.strip("()[] ")) is not None
        bare = piece.split()
        named = 0 < len(bare) <= 4 and all(w[:1].isupper() or w[:1].isdigit() for w in bare)
        numeric = len(bare) <= 4 and any(char.isdigit() for char in piece)
        if (
            not piece
            or piece.lower() in phrases("so")
            or _NO_SUBJECT.search(piece)
            or not (is_token or named or numeric)
        ):
            return None
        return self._text[start:end].strip(_MARKS)

    def in_column(self, begin: int) -> Content | None:
        """The cell below a heading of a table, if there is one row."""
        head = self._text.rfind("\n", max(0, begin - _LONGEST), begin) + 1
        column = self._text.count("|", head, begin)
        rows = self._text[self._line_end(begin) + 1 :][:1000].split("\n")
        cells = [row.split("|") for row in rows[1:] if "|" in row]
        if not column or not _RULE.fullmatch(rows[0]) or len(cells) != 1 or len(cells[0]) <= column:
            return None
        return self._line_end(begin) + 1, cells[0][column].strip(_MARKS) or None

    def in_row(self, end: int) -> Content | None:
        """The cell to the right of a noun in a table without a head, `| Answer | Paris |`, or else the cell below it."""
        line_end = self._line_end(end)
        cell = _NEXT_CELL.fullmatch(self._text, end, line_end)
        if cell is None:
            return None
        if _RULE.fullmatch(self._text, line_end + 1, self._line_end(line_end + 1)):
            return self.in_column(end)
        return cell.start("answer"), cell["answer"].strip(_MARKS) or None

    def is_wrong(self, language: Language, begin: int) -> bool:
        """Whether the noun at this place is called wrong: "a wrong answer: B"."""
        return (
            speaks(self._view, language, "wrong")
            and _wrong(language).search(self._view, max(0, begin - 30), begin) is not None
        )

    def _line_end(self, start: int) -> int:
        end = self._view.find("\n", start)
        return len(self._view) if end < 0 else end

    def _below(self, language: Language, start: int) -> Content | None:
        """The answer in the next line that has one; a long paragraph there is none."""
        for _ in range(6):
            line_end = self._line_end(start)
            line = self._text[start:line_end]
            closing = _DISPLAY.get(line.strip())
            if closing is not None:
                end = self._text.find(closing, line_end, line_end + _LONGEST)
                return (start, None) if end < 0 else (line_end, self._text[line_end:end].strip())
            if not _BARRIER.fullmatch(line):
                short = len(line.split()) <= _SHORT_WORDS and len(line) <= 120
                is_last = line_end >= self._length
                if not (short or is_last) or (_LISTED.match(line) and not is_last):
                    return None
                return self._stated(language, start, line[:_LONGEST].lstrip("-•> "), marked=True)
            if line_end >= self._length:
                return start, None
            start = line_end + 1
        return None

    def _stated(
        self, language: Language, start: int, piece: str, *, marked: bool
    ) -> Content | None:
        piece = piece.partition("[/")[0]
        if "**" in piece:
            line = max(self._text.rfind("\n", 0, start) + 1, start - 200)
            if self._text.count("**", line, start) % 2:
                piece = piece.partition("**")[0] or piece
        if alone := _ALONE.fullmatch(piece):
            return start, alone["answer"]
        piece = piece[adverbs.end() :] if (adverbs := ADVERBS.match(piece)) else piece
        if not marked and (_VAGUE.match(piece.lstrip(_MARKS)) or _negated(language).match(piece)):
            return None
        first = SENTENCE_END.search(piece)
        if first is None:
            content = piece
        elif piece[first.start()] in "?？؟" and not marked:
            return None
        else:
            content = piece[: first.start()]
            rest = piece[first.end() :].strip()
            if marked and rest and len(content.split()) > 3 and _CLAUSE.search(content):
                content = piece
        content = tidy(content, language)
        if not content:
            return (start, None) if start >= self._length else None
        return None if PLACEHOLDER.fullmatch(content) else (start, content)


def tidy(piece: str, language: Language | None = None) -> str:
    """An answer without its reason, its markup and the end of its sentence."""
    if "<" in piece:
        piece = _HTML.sub("", piece)
    cut = None if piece.isascii() else _DASHED.search(piece)
    if cut:
        piece = piece[: cut.start()]
    piece = piece.strip(_MARKS)
    if language is not None:
        if language.glued or speaks(piece, language, "because"):
            reason = _reason(language).search(piece, 1)
            piece = piece[: reason.start()] if reason else piece
        for _ in range(2 if language.ending else 0):
            piece = piece.rstrip(_MARKS + ".。")
            if not piece.lower().endswith(_last_words(language)):
                break
            piece = _ending(language).sub("", piece)
    piece = _balanced(piece.strip(_MARKS).rstrip(".,:。，．" + _MARKS))
    delimited = _DELIMITED.fullmatch(piece)
    if delimited and "\\(" not in delimited[1] and "\\[" not in delimited[1]:
        piece = delimited[1]
    return piece.strip(_MARKS)


def _balanced(piece: str) -> str:
    """The piece up to the first closing brace that nothing opened."""
    if "}" not in piece:
        return piece
    depth = 0
    for place, char in enumerate(piece):
        if char in "{}" and (place == 0 or piece[place - 1] != "\\"):
            depth += 1 if char == "{" else -1
            if depth < 0:
                return piece[:place] if place else _balanced(piece[1:].lstrip())
    return piece


@cache
def _reason(language: Language) -> re.Pattern[str]:
    listing = language.because.split("|")
    if language.glued:
        return re.compile("|".join(map(re.escape, listing)))
    # "True and not False" is one answer; without a comma, only the other words separate a reason.
    alone = "|".join(
        word
        for word in listing
        if len(word) > 3 and word not in language.negation and not word.startswith("and ")
    )
    because = pattern(language.because)
    return re.compile(
        rf"[\s,(—](?:(?<=\s)\s*(?:[,(—]\s*{because}|{pattern(alone)}(?!\s+\d))|(?<=[,(—])\s*{because})",
        re.IGNORECASE,
    )


@cache
def _ending(language: Language) -> re.Pattern[str]:
    if not language.ending:
        return re.compile(r"(?!)")
    before = "" if language.glued else r"(?:(?<=\W)|(?=['’]))"
    return re.compile(rf"\s*{before}{pattern(language.ending, glued=True)}\s*\Z", re.IGNORECASE)


@cache
def _last_words(language: Language) -> tuple[str, ...]:
    """The last words of all phrases that may end a sentence after the answer."""
    found = {phrase.split()[-1].lower() for phrase in listed(language.ending)}
    return tuple(found | {word.replace("'", "’") for word in found})


@cache
def _negated(language: Language) -> re.Pattern[str]:
    return re.compile(rf"\W*{words(language, 'negation')}", re.IGNORECASE)


@cache
def _wrong(language: Language) -> re.Pattern[str]:
    return re.compile(rf"{words(language, 'wrong')}\s{{0,3}}\Z", re.IGNORECASE)
