"""The 25 kinds of instructions of IFEval: their ids, their arguments, and what it means to follow one.

`grader.py` reads them from a question, grades answers, and says where this differs from the reference program.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from router_r1.config import StrictModel
from router_r1.data.questions import Text
from router_r1.errors import MissingDependencyError
from router_r1_reward.metrics.ifeval.sentences import (
    count_capital_words,
    count_sentences,
    count_words,
)

Count = Annotated[int, Field(strict=True, ge=0)]
Words = Annotated[tuple[Text, ...], Field(min_length=1)]
Relation = Literal["at least", "less than"]
Language = Literal[
    "ar", "bg", "bn", "de", "en", "es", "fa", "fi", "fr", "gu", "he", "hi", "it", "ja", "kn", "ko", "ml", "mr", "ne", "pa", "pl",
    "pt", "ru", "sw", "ta", "te", "th", "uk", "ur", "vi",
]  # fmt: skip

_DIVIDER = "***"
_RESPONSE_DIVIDER = "******"
_CONSTRAINED = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_PLACEHOLDER = re.compile(r"\[[^\]]*\]")
_HIGHLIGHT = re.compile(r"\*([^\n*]*)\*")
_STRONG_HIGHLIGHT = re.compile(r"\*\*([^\n*]*)\*\*")
_BULLET = re.compile(r"\s*(?:-|\*(?!\*|$))")
_JSON_FENCE = re.compile(r"```(?:json|Json|JSON)?")
_WORD_END = re.compile(r"[.,?!'\"]")


class Instruction(StrictModel, ABC):
    """One instruction; its fields are the arguments in `kwargs`."""

    id: ClassVar[str]
    """The name in `instruction_id_list`."""

    @abstractmethod
    def follows(self, text: str) -> bool:
        """Whether a text that is not blank follows it."""


# --- keywords


class Existence(Instruction):
    """All keywords occur, in any case, also inside words."""

    id = "keywords:existence"
    keywords: Words
    """The texts that must occur."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return all(_occurrences(word, text) for word in self.keywords)


class Frequency(Instruction):
    """A keyword occurs at least, or less than, `frequency` times, in any case, also inside words."""

    id = "keywords:frequency"
    keyword: Text
    """The text to count."""
    frequency: Count
    """The number of times."""
    relation: Relation
    """Whether the number is a lower bound or an exclusive upper bound."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return _compare(_occurrences(self.keyword.strip(), text), self.relation, self.frequency)


class ForbiddenWords(Instruction):
    """None of the words occurs as a whole word, in any case."""

    id = "keywords:forbidden_words"
    forbidden_words: Words
    """The words that must not occur."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        words = "|".join(map(re.escape, self.forbidden_words))
        return re.search(rf"\b(?:{words})\b", text, re.IGNORECASE) is None


class LetterFrequency(Instruction):
    """A character occurs at least, or less than, `let_frequency` times, in any case."""

    id = "keywords:letter_frequency"
    letter: Annotated[Text, Field(min_length=1, max_length=1)]
    """The character; the data set has `#` and `!` besides letters."""
    let_frequency: Count
    """The number of times."""
    let_relation: Relation
    """Whether the number is a lower bound or an exclusive upper bound."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        count = text.lower().count(self.letter.lower())
        return _compare(count, self.let_relation, self.let_frequency)


# --- language and length


class ResponseLanguage(Instruction):
    """The whole text is in one language."""

    id = "language:response_language"
    language: Language
    """The language by its ISO 639-1 code."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class. Raises `MissingDependencyError` without py3langid."""
        return _is_in(self.language, text)


class NumberOfSentences(Instruction):
    """At least, or less than, `num_sentences` sentences."""

    id = "length_constraints:number_sentences"
    num_sentences: Count
    """Number of sentences."""
    relation: Relation
    """Whether the number is a lower bound or an exclusive upper bound."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return _compare(count_sentences(text), self.relation, self.num_sentences)


class NumberOfParagraphs(Instruction):
    """Exactly `num_paragraphs` paragraphs, separated by `***`, which may also surround the text."""

    id = "length_constraints:number_paragraphs"
    num_paragraphs: Count
    """Number of paragraphs."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        parts = _parts(text, _DIVIDER)
        return parts is not None and len(parts) == self.num_paragraphs


class NumberOfWords(Instruction):
    """At least, or less than, `num_words` words."""

    id = "length_constraints:number_words"
    num_words: Count
    """Number of words."""
    relation: Relation
    """Whether the number is a lower bound or an exclusive upper bound."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return _compare(count_words(text), self.relation, self.num_words)


class ParagraphFirstWord(Instruction):
    """Exactly `num_paragraphs` paragraphs, separated by blank lines; one begins with a given word, in any case."""

    id = "length_constraints:nth_paragraph_first_word"
    num_paragraphs: Count
    """Number of paragraphs."""
    nth_paragraph: Annotated[int, Field(strict=True, ge=1)]
    """The number of that paragraph, from 1; empty ones count here."""
    first_word: Text
    """Its first word."""

    @model_validator(mode="after")
    def _in_range(self) -> ParagraphFirstWord:
        if self.nth_paragraph > self.num_paragraphs:
            raise ValueError(
                f"nth_paragraph is {self.nth_paragraph}, and num_paragraphs only {self.num_paragraphs}"
            )
        return self

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        paragraphs = text.split("\n\n")
        words = paragraphs[self.nth_paragraph - 1 : self.nth_paragraph]
        if not words or not words[0].strip():
            return False
        first = words[0].split()[0].lstrip("'").lstrip('"')
        return (
            sum(bool(paragraph.strip()) for paragraph in paragraphs) == self.num_paragraphs
            and _WORD_END.split(first)[0].lower() == self.first_word.lower()
        )


# --- content


class Placeholders(Instruction):
    """At least `num_placeholders` placeholders in square brackets, such as `[name]`."""

    id = "detectable_content:number_placeholders"
    num_placeholders: Count
    """Number of placeholders."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        # Only up to the last closing bracket: each opening bracket without one would cost a search to the line's end.
        lines = (line[: line.rfind("]") + 1] for line in text.split("\n"))
        return sum(len(_PLACEHOLDER.findall(line)) for line in lines) >= self.num_placeholders


class Postscript(Instruction):
    """A postscript with a given marker, in any case; a space may follow each full stop of the marker."""

    id = "detectable_content:postscript"
    postscript_marker: Text
    """The marker: `P.S.`, `P.P.S`, ..."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        marker = r"\.\s?".join(map(re.escape, self.postscript_marker.strip().lower().split(".")))
        return re.search(marker, text.lower()) is not None


# --- format


class BulletLists(Instruction):
    """Exactly `num_bullets` bullet points: lines that begin with `-` or a single `*`."""

    id = "detectable_format:number_bullet_lists"
    num_bullets: Count
    """Number of bullet points."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return sum(map(bool, map(_BULLET.match, text.split("\n")))) == self.num_bullets


class ConstrainedResponse(Instruction):
    """One of "My answer is yes.", "My answer is no." and "My answer is maybe." occurs, in this case."""

    id = "detectable_format:constrained_response"

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return any(option in text for option in _CONSTRAINED)


class HighlightedSections(Instruction):
    """At least `num_highlights` passages between asterisks or double asterisks, each within one line."""

    id = "detectable_format:number_highlighted_sections"
    num_highlights: Count
    """Number of passages."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        passages = _HIGHLIGHT.findall(text) + _STRONG_HIGHLIGHT.findall(text)
        return sum(bool(passage.strip()) for passage in passages) >= self.num_highlights


class MultipleSections(Instruction):
    """At least `num_sections` sections, each marked with a word and a number, such as `SECTION 1`."""

    id = "detectable_format:multiple_sections"
    section_spliter: Text
    """The word; the spelling of the argument is the data set's."""
    num_sections: Count
    """Number of sections."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        marks = re.findall(re.escape(self.section_spliter.strip()) + r"\s?\d+", text)
        return len(marks) >= self.num_sections


class JsonFormat(Instruction):
    """The whole text is JSON, optionally in a code block."""

    id = "detectable_format:json_format"

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        text = text.strip()
        fence = _JSON_FENCE.match(text)
        try:
            json.loads(text[fence.end() if fence else 0 :].removesuffix("```").strip())
        except (ValueError, RecursionError):  # invalid, or nested deeper than Python can read
            return False
        return True


class Title(Instruction):
    """A title in double angular brackets, such as `<<poem of joy>>`."""

    id = "detectable_format:title"

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        for line in text.split("\n"):
            start, end = line.find("<<"), line.rfind(">>")
            if 0 <= start < end and line[start:end].lstrip("<").rstrip(">").strip():
                return True
        return False


# --- combinations


class TwoResponses(Instruction):
    """Two different responses, separated by `******`, which may also surround the text."""

    id = "combination:two_responses"

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        parts = _parts(text, _RESPONSE_DIVIDER)
        return parts is not None and len(parts) == 2 and parts[0] != parts[1]


class RepeatPrompt(Instruction):
    """The text begins with the request, word for word, in any case."""

    id = "combination:repeat_prompt"
    prompt_to_repeat: Text
    """The request: the prompt without the sentence that asks for its repetition."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return text.strip().lower().startswith(self.prompt_to_repeat.strip().lower())


# --- start, end, case, punctuation


class EndPhrase(Instruction):
    """The text ends with a phrase, in any case; quotation marks around the text are ignored."""

    id = "startend:end_checker"
    end_phrase: Text
    """The phrase."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return text.strip().strip('"').lower().endswith(self.end_phrase.strip().lower())


class Quotation(Instruction):
    """The whole text is in double quotation marks."""

    id = "startend:quotation"

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        text = text.strip()
        return len(text) > 1 and text[0] == text[-1] == '"'


class CapitalWordFrequency(Instruction):
    """At least, or less than, `capital_frequency` words all in capitals."""

    id = "change_case:capital_word_frequency"
    capital_frequency: Count
    """Number of words in capitals."""
    capital_relation: Relation
    """Whether the number is a lower bound or an exclusive upper bound."""

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return _compare(count_capital_words(text), self.capital_relation, self.capital_frequency)


class EnglishCapital(Instruction):
    """English, all in capitals."""

    id = "change_case:english_capital"

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class. Raises `MissingDependencyError` without py3langid."""
        return text.isupper() and _is_in("en", text)


class EnglishLowercase(Instruction):
    """English, without capitals."""

    id = "change_case:english_lowercase"

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class. Raises `MissingDependencyError` without py3langid."""
        return text.islower() and _is_in("en", text)


class NoComma(Instruction):
    """No comma."""

    id = "punctuation:no_comma"

    def follows(self, text: str) -> bool:
        """Whether the text follows it; see the class."""
        return "," not in text


INSTRUCTIONS: Mapping[str, type[Instruction]] = MappingProxyType(
    {kind.id: kind for kind in Instruction.__subclasses__()}
)
"""The 25 kinds by id."""


def _compare(count: int, relation: Relation, threshold: int) -> bool:
    return count < threshold if relation == "less than" else count >= threshold


def _occurrences(word: str, text: str) -> int:
    """How often a word occurs, without overlaps, in any case."""
    return len(re.findall(re.escape(word), text, re.IGNORECASE))


def _parts(text: str, divider: str) -> list[str] | None:
    """The parts between dividers, without a blank first or last part; None if another part is blank."""
    first, *parts = (part.strip() for part in text.split(divider))
    *middle, last = parts or [""]
    return None if not all(middle) else [part for part in (first, *middle, last) if part]


def _is_in(language: str, text: str) -> bool:
    """Whether a text is in a language; a text without letters is in any language."""
    if not any(map(str.isalpha, text)):
        return True
    try:
        import py3langid
    except ImportError as error:
        raise MissingDependencyError(
            "detecting the language of an answer needs py3langid: pip install 'router-r1[eval]'"
        ) from error
    found, _ = py3langid.classify(text)
    return bool(found == language)
