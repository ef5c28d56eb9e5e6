"""Typography that does not change an answer: fullwidth letters, curly quotes, dashes, wide and invisible spaces.

Superscripts, subscripts, fractions and circled characters are kept: `x²` is not `x2`, and `2½` is not `21/2`.
"""

from __future__ import annotations

import re
import unicodedata

_ALIKE = {
    **{chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)},  # fullwidth forms
    **dict.fromkeys("‐‑‒–—―−﹣⁃", "-"),
    **dict.fromkeys("’‘‛ʼ´′", "'"),
    **dict.fromkeys("“”„‟«»″「」『』《》", '"'),
    **dict.fromkeys("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\t", " "),
    **dict.fromkeys("\u2028\u2029\x0b\x0c\x85", "\n"),
    **dict.fromkeys("︰﹕꞉", ":"),
    **dict.fromkeys("〔【〖", "["),
    **dict.fromkeys("〕】〗", "]"),
    "⁄": "/",
    "∕": "/",
}  # fmt: skip
_ONE_FOR_ONE = str.maketrans(_ALIKE)
# Not the joiners U+200C and U+200D, which matter in Persian, in the scripts of India and in emoji.
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u061c\u2060-\u2064\u202a-\u202e\u2066-\u2069\ufeff]"
)
# Compatibility forms that mean the plain characters; the others (raised, circled, fractions) mean something else.
_SAFE_FORMS = frozenset(
    [
        "<wide>",
        "<narrow>",
        "<compat>",
        "<noBreak>",
        "<font>",
        "<initial>",
        "<medial>",
        "<final>",
        "<isolated>",
        "<vertical>",
        "<small>",
    ]
)
_DIGIT_GROUPS = re.compile("(?<=\\d)[\u00a0\u2007\u2009\u200a\u202f](?=\\d{3}(?!\\d))")


_DIGIT = re.compile(r"\d")


def has_digit(text: str) -> bool:
    """Whether a text has a digit, of any script, raised ones included."""
    return _DIGIT.search(text) is not None or (not text.isascii() and any(map(str.isdigit, text)))


def visible(text: str) -> str:
    """The text without characters that show nothing: soft hyphens, zero-width spaces, marks of direction."""
    return text if text.isascii() else _INVISIBLE.sub("", text)


def one_for_one(text: str) -> str:
    """The text with ASCII quotes, dashes, brackets, spaces and fullwidth letters; its length stays the same."""
    return text if text.isascii() else text.translate(_ONE_FOR_ONE)


def plain_text(text: str) -> str:
    """The text without invisible characters, in ASCII typography, and without spaces that group digits."""
    return text if text.isascii() else one_for_one(_DIGIT_GROUPS.sub("", visible(text)))


def folded(text: str) -> str:
    """The text for comparison without regard to case: composed, caseless, in plain typography.

    `ß` is `ss`, as in capitals and in Switzerland. The dotted and the dotless i of Turkish are one letter, because
    capitals of other languages do not tell them apart.
    """
    if text.isascii():
        return text.lower()
    plain = "".join(map(_plain_form, unicodedata.normalize("NFC", plain_text(text))))
    caseless = plain.replace("İ", "i").replace("ı", "i").casefold()
    return unicodedata.normalize("NFC", caseless)


def _plain_form(char: str) -> str:
    if char.isascii():
        return char
    if char in "\u200c\u200d\ufe0e\ufe0f":
        return ""
    form = unicodedata.decomposition(char).partition(" ")[0]
    return unicodedata.normalize("NFKC", char) if form in _SAFE_FORMS else char
