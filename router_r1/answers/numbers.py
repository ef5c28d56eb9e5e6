r"""Reads a number in whatever notation it is written. Votes and graders share this reading.

A number is read exactly, as a rational: `1/2`, `0.5`, `½` and `\frac12` are one number. Understood are signs, decimals,
fractions, mixed numbers, powers of ten (`1.6\times10^{-19}`, `1e6`, `3 million`), digits of any script, currency and
percent signs, a name before it (`x = 5`), and the markup of LaTeX and Markdown around it.

Groups of digits may be separated by a comma, a space of any width, an apostrophe or an underscore, in threes or as in
India (`1,00,000`). A comma or a point can group digits or begin the decimals:

- with both, the last is the decimal one: `1,234.5` and `1.234,5` are one number;
- several commas, or several points, group: `1.000.000`;
- one comma before three digits groups, one point never does: `1,000` is a thousand, `1.000` is 1;
- one comma that cannot group is a decimal one: `3,5`, `0,125`, `1234,567`.

Not covered: numbers in words ("twelve"), units (`5 km` is not just a number), and lists: `3,5` in a text that lists
numbers is for the reader of lists to find. Every pattern here takes time linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

_MAX_CHARS = 1000
_MAX_LAYERS = 8
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_MAX_EXPONENT = 999

# --- typography

_NO_WIDTH = "\u00ad\u200b\u200c\u200d\u200e\u200f\u061c\u2060\u2061\u2062\u2063\u2066\u2067\u2068\u2069\ufeff"
_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("‐‑‒–—―−﹣－➖", "-"),
        **dict.fromkeys("\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2008\u205f\u3000", " "),
        **dict.fromkeys(_NO_WIDTH, ""),
        **dict.fromkeys("’‘ʼ＇′ʹ", "'"),
        **dict.fromkeys("⁄∕÷／", "/"),
        **dict.fromkeys("٫", "."),
        **dict.fromkeys("٬،", ","),
        **dict.fromkeys("٪﹪", "%"),
        **dict.fromkeys("﹢➕", "+"),
        **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},  # full width
    }
)
_GROUPING_SPACE = re.compile(r"(?<=\d)[\u00a0\u2007\u2009\u200a\u202f](?=\d{3}(?!\d))")
_NARROW_SPACE = re.compile(r"[\u00a0\u2007\u2009\u200a\u202f]")
_OTHER_DIGIT = re.compile(r"[^\W0-9a-zA-Z_]")
_SCRIPT = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+|[₀₁₂₃₄₅₆₇₈₉₊₋]+")
_VULGAR = re.compile(r"[¼½¾⅐-⅞↉]")
_LATEX_SPACE = re.compile(
    r"\\\\|\\[,;:> ]|\\q?quad(?![A-Za-z])|\\thinspace(?![A-Za-z])|\\! ?|\{,\}|~"
)
_LATEX_SPACES = {"\\\\": "\\\\", "\\!": "", "{,}": ","}


def plain_typography(text: str) -> str:
    """The text with ASCII digits, signs and spaces, and with LaTeX for raised digits and vulgar fractions.

    >>> plain_typography("−2½ · 10⁻³")
    '-2\\\\frac{1}{2} · 10^{-3}'
    """
    if text.isascii():
        return text
    text = _VULGAR.sub(_latex_fraction, _SCRIPT.sub(_latex_script, text.translate(_CHARACTERS)))
    text = _OTHER_DIGIT.sub(lambda found: str(unicodedata.decimal(found[0], found[0])), text)
    return _NARROW_SPACE.sub(" ", _GROUPING_SPACE.sub("_", text))


def plain_spacing(text: str) -> str:
    r"""The text with plain spaces for LaTeX's (`5\,000`, `5{,}000`, `10,\!000`); a row break `\\` stays."""
    if "\\" not in text and "~" not in text and "{,}" not in text:
        return text
    return _LATEX_SPACE.sub(lambda found: _LATEX_SPACES.get(found[0].rstrip(), " "), text)


def _latex_script(found: re.Match[str]) -> str:
    plain = unicodedata.normalize("NFKC", found[0]).translate(_CHARACTERS)
    return f"{'_' if found[0][0] in '₀₁₂₃₄₅₆₇₈₉₊₋' else '^'}{{{plain}}}"


def _latex_fraction(found: re.Match[str]) -> str:
    over, _, under = unicodedata.normalize("NFKC", found[0]).partition("⁄")
    return rf"\frac{{{over}}}{{{under}}}"


# --- numbers

_GROUPED = (
    r"\d{1,2}(?:,\d\d)+,\d{3}(?:\.\d+)?"  # India
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?"
    r"|\d{1,3}(?:_\d{3})+(?:[.,]\d+)?"
    r"|\d{1,3}(?:'\d{3})+(?:[.,]\d+)?"
)
DIGITS = (
    rf"(?:(?:{_GROUPED}|\d{{1,3}}(?:\.\d{{3}})+,\d{{1,2}}|\d{{1,3}}(?:\.\d{{3}}){{2,}})(?!\d)"
    r"|\d+,\d{1,2}(?!\d|, ?\d)|\d+(?:\.\d+)?|\.\d+)"
)
"""Pattern of a number without a sign in running text, where a comma or a space also ends a number."""
_REAL = (
    rf"(?:(?:{_GROUPED}|\d{{1,3}}(?: \d{{3}})+(?:[.,]\d+)?|\d{{1,3}}(?:\.\d{{3}})+,\d+|\d{{1,3}}(?:\.\d{{3}}){{2,}})"
    r"(?![\d_]|[.,']\d)|\d+(?:[.,]\d+)?|\.\d+)"
)
_POWER = r"(?:\^|\*\*) ?(?:\{ ?(?P<%s1>[+-]? ?\d{1,4}) ?\}|\( ?(?P<%s2>[+-]? ?\d{1,4}) ?\)|(?P<%s3>[+-]?\d{1,4}))"
_NUMBER = re.compile(
    r"(?P<sign>[+-]?) ?(?:US(?=\$|\\\$))?\\?(?P<money>[$€£¥₹₽₩]?) ?(?P<inner>-?) ?(?:"
    r"(?:(?P<whole>\d{1,9})(?: (?=\d+ ?/)| ?(?=\\[dtc]?frac)))?"
    rf"(?:\\[dtc]?frac ?(?:\{{ ?(?P<over>-? ?{_REAL}) ?\}}|(?P<over1>\d)) ?(?:\{{ ?(?P<under>-? ?{_REAL}) ?\}}|(?P<under1>\d)(?!\d))"
    rf"|(?P<a>{_REAL}) ?/ ?(?P<b>-?{_REAL}))"
    rf"|10 ?{_POWER.replace('%s', 'ten')}(?!\d)"
    rf"|(?P<periodic>\d{{0,9}}\.\d{{0,30}})\\(?:overline|bar|dot) ?(?:\{{ ?(?P<period>\d{{1,30}}) ?\}}|(?P<period1>\d))"
    rf"|(?P<real>{_REAL})(?:[eE](?P<e>[+-]?\d{{1,4}})(?!\d)"
    rf"| ?(?:\\times|\\cdot|[×⋅·*xX]) ?10 ?{_POWER.replace('%s', 'pow')}(?!\d))?"
    r")(?:(?<!\.)\.(?=\s*$))?"
)
_SCALE = re.compile(r" ?([^\W\d_]+)")
_PERCENT = re.compile(r" ?(?:\\?%|percent\b|percentage\b|pct\b)", re.IGNORECASE)
SCALES = {
    name: value
    for names, value in (
        ("dozen", 12),
        ("hundred", 100),
        ("thousand tausend mille mil mila тысяча тысячи тысяч 千", 10**3),
        ("万 萬 만", 10**4),
        ("lakh lakhs", 10**5),
        ("million millions millionen millón millones milhão milhões milione milioni миллион миллиона миллионов", 10**6),
        ("crore crores", 10**7),
        ("亿 億 억", 10**8),
        ("billion billions milliarde milliarden milliard milliards miliardo miliardi миллиард миллиарда миллиардов", 10**9),
        ("trillion trillions", 10**12),
    )
    for name in names.split()
}  # fmt: skip
"""Words that multiply the number before them. English scales where languages disagree on a word (billion)."""

_STYLE = re.compile(
    r"\\(?:boxed|fbox|text|textbf|textit|textrm|mathrm|mathbf|mathit|mbox)\s*\{([^{}]*)\}"
)
_STYLE_AROUND = re.compile(r"\\(?:boxed|fbox|displaystyle)\s*(?=\{.*\}$)", re.DOTALL)
# ASCII that begins with a letter is no number, unless it names one ("x = 5") or begins with a command or "US$".
_SENTENCE = re.compile(r"(?!US)[A-Za-z][^=\\]*")
_PLAIN = re.compile(r"[+-]?[0-9]{1,18}(?:\.0*)?")
_NAME = re.compile(
    r"(?:\\?[^\W\d_]+(?:_(?:\{\w{1,9}\}|\w))?'? *(?:\([\w ,]{1,20}\) *)?)?(?::?=|≈|\\approx(?![a-z])|\\simeq(?![a-z])) *(?=[^=])"
)
_FENCES = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("__", "__"), ("`", "`"), ("*", "*"), ('"', '"'))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Number:
    """A number and how it was written."""

    value: Fraction
    """The exact value, with the scale ("million"); the number before the sign if it is a percentage."""
    decimals: int = 0
    """Decimal places as written; 0 for a fraction."""
    percent: bool = False
    currency: str = ""
    """The currency sign before it, or empty."""


def number_key(text: str) -> str | None:
    r"""The number that the whole text is, in lowest terms; None if the text is anything else.

    >>> number_key(r"$\frac{2}{4}$"), number_key("−1 000,50"), number_key("x = 5%"), number_key("5 km")
    ('1/2', '-2001/2', '5', None)
    """
    if _PLAIN.fullmatch(text):
        return str(int(text.partition(".")[0]))
    number = read_number(text)
    return None if number is None else str(number.value)


def read_number(text: str) -> Number | None:
    """The number that the whole text is, with markup and with a name before it; None if the text is anything else."""
    if len(text) > _MAX_CHARS or (text.isascii() and _SENTENCE.fullmatch(text)):
        return None
    text = plain_spacing(plain_typography(text)).strip()
    if not any(map(str.isdigit, text)):
        return None
    found = match_number(_bare(text))
    return found[0] if found and found[1].strip(" .") in _CURRENCY_AFTER else None


def match_number(text: str) -> tuple[Number, str] | None:
    """The number that a text begins with, and the text after it; None if it begins with none.

    Args:
        text: plain in typography and spacing (`plain_typography`, `plain_spacing`).
    """
    found = _NUMBER.match(text)
    if found is None:
        return None
    value = _value(found)
    if value is None:
        return None
    exponent = _exponent(found)
    places = len(_split_real(found["real"])[1]) - exponent if found["real"] else 0
    if (found["sign"] == "-") != (found["inner"] == "-"):
        value = -value
    end = found.end()
    while (word := _SCALE.match(text, end)) and word[1].lower() in SCALES:
        value, places, end = value * SCALES[word[1].lower()], 0, word.end()
    percent = _PERCENT.match(text, end)
    if percent:
        end = percent.end()
    return Number(value, max(0, places), bool(percent), found["money"]), text[end:]


_CURRENCY_AFTER = ("", "$", "\\$", "€", "£", "¥", "₹", "₽", "₩")


def _bare(text: str) -> str:
    """The text without the markup around it and without the name that it is assigned to."""
    for _ in range(_MAX_LAYERS):
        previous = text
        text = _STYLE_AROUND.sub("", _STYLE.sub(r" \1 ", text), count=1).strip()
        for opening, closing in _FENCES:
            inner = text.removesuffix(".") if len(opening) + len(closing) < len(text) else ""
            if inner.startswith(opening) and inner.endswith(closing):
                core = inner[len(opening) : -len(closing)]
                text = text if opening in core or closing in core else core.strip()
        if text[:1] == "{" and text[-1:] == "}" and closing_brace(text, 0) == len(text) - 1:
            text = text[1:-1].strip()
        name = _NAME.match(text)
        text = text[name.end() :] if name else text
        if text == previous:
            break
    return text


def closing_brace(text: str, opening: int) -> int:
    """The place of the brace that closes the one at `opening`; -1 if none does."""
    depth = 0
    for brace in _BRACES.finditer(text, opening):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.start()
    return -1


def _value(found: re.Match[str]) -> Fraction | None:
    over, under = (
        found["over"] or found["over1"] or found["a"],
        found["under"] or found["under1"] or found["b"],
    )
    if over is not None:
        below = _real(under)
        if not below:
            return None
        fraction = _real(over) / below
        whole = int(found["whole"] or 0)
        return None if whole and fraction < 0 else whole + fraction
    if found["periodic"]:
        period = found["period"] or found["period1"]
        places = len(found["periodic"].partition(".")[2])
        return _real(found["periodic"]) + Fraction(
            int(period), (10 ** len(period) - 1) * 10**places
        )
    exponent = _exponent(found)
    if abs(exponent) > _MAX_EXPONENT:
        return None
    return (_real(found["real"]) if found["real"] else 1) * Fraction(10) ** exponent


def _exponent(found: re.Match[str]) -> int:
    names = ("e", "pow1", "pow2", "pow3", "ten1", "ten2", "ten3")
    return int(next((found[name] for name in names if found[name]), "0").replace(" ", ""))


def _real(text: str) -> Fraction:
    whole, decimals = _split_real(text)
    number = Fraction(int((whole + decimals) or "0"), 10 ** len(decimals))
    return -number if text.startswith("-") else number


_COMMAS_GROUP = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+|\d{1,2}(?:,\d\d)+,\d{3}")


def _split_real(text: str) -> tuple[str, str]:
    """The digits before and after the decimal mark."""
    text = re.sub(r"[-\s'_]", "", text)
    if "," in text and "." in text:
        mark = max(text.rfind(","), text.rfind("."))
    elif "," in text:
        mark = -1 if _COMMAS_GROUP.fullmatch(text) else text.rfind(",")
    else:
        mark = -1 if text.count(".") > 1 else text.rfind(".")
    whole, decimals = (text, "") if mark < 0 else (text[:mark], text[mark + 1 :])
    return whole.replace(",", "").replace(".", ""), decimals
