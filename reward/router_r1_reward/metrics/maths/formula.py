r"""The formula or the words that an answer states, without markup that carries no meaning.

Removed are boxes, bold type, fonts, fences, LaTeX's spaces and sizes of brackets; typographic signs and digits become ASCII
(`router_r1.answers.numbers`). Row breaks (`\\`), names (`x = 5`) and everything else stays. Linear in the text.
"""

from __future__ import annotations

import re
from functools import lru_cache

from router_r1.answers import extract_answer, final_answer, is_unfinished, without_thoughts
from router_r1.answers.numbers import closing_brace, plain_spacing, plain_typography

_STYLED = re.compile(
    r"\\(?:boxed|fbox|text|textbf|textit|textrm|textnormal|mathrm|mathbf|mathit|mbox|hbox|emph)\s*\{|\\.|[{}]",
    re.DOTALL,
)
_SIZE = re.compile(
    r"\\(?:left|right)(?![A-Za-z])\.?|\\(?:displaystyle|textstyle|limits|nolimits|(?:[bB]ig|[bB]igg)[lr]?)(?![A-Za-z])"
)
_DEGREES = re.compile(r"(?:\^ ?)?(?:\{ ?\\circ ?\}|\\circ(?![A-Za-z]))|\\degree(?![A-Za-z])")
_SIGNS = {
    "±": r"\pm ", "∓": r"\mp ", "√": r"\sqrt", "π": r"\pi ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ",
    "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ",
    "∙": r"\cdot ", "…": r"\ldots ", "⋯": r"\ldots ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}",
    "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}", "θ": r"\theta ", "⟨": "(", "⟩": ")", "∧": r"\land ", "∨": r"\lor ",
}  # fmt: skip
_PLAIN_SIGNS = str.maketrans(_SIGNS)
_ALIASES = (
    (re.compile(r"\\\\ ?\[-?[\d.]{1,6} ?[a-z]{2}\]"), r"\\\\ "),  # space below a row
    (re.compile(r"\\(?:ldots|cdots|dots[cbmio]?)(?![A-Za-z])|\.\.\.+"), r"\\ldots "),
    (re.compile(r"\\(?:langle|lparen)(?![A-Za-z])"), "("),
    (re.compile(r"\\(?:rangle|rparen)(?![A-Za-z])"), ")"),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:geqslant|geq)(?![A-Za-z])"), r"\\ge "),
    (re.compile(r"\\(?:leqslant|leq)(?![A-Za-z])"), r"\\le "),
    (re.compile(r"\\neq(?![A-Za-z])"), r"\\ne "),
    (re.compile(r"\\(?:varnothing|O)(?![A-Za-z])"), r"\\emptyset "),
    (re.compile(r"\\lbrace(?![A-Za-z])"), r"\\{"),
    (re.compile(r"\\rbrace(?![A-Za-z])"), r"\\}"),
)
_BOLD = re.compile(r"(?<![\w)])\*\*|\*\*(?![\w(])|(?<!\w)__|__(?!\w)")  # 2**3 is a power
_LONE_DOLLAR = re.compile(
    r"^\$(?=[^$\d]*$|[A-Za-z\\][^$]*$)|^(?=[^$]*\$$)(.*[^\d\s])\$$", re.DOTALL
)
_FENCES = (
    ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("__", "__"), ("`", "`"), ('"', '"'),
)  # fmt: skip
_ABOUT = re.compile(
    r"^(?:=(?!=)|(?:about|around|roughly|approximately|approx\.|circa)\s+(?=[$€£¥]?[\d.-])|≈|\\approx(?![A-Za-z])"
    r"|\\(?:therefore|implies|Rightarrow|rightarrow|to|quad)(?![A-Za-z])|⇒|→|∴)\s*",
    re.IGNORECASE,
)
_MAX_LAYERS = 8
_SHORT = 60


@lru_cache(maxsize=4096)
def final_part(text: str) -> str:
    """The answer in a reply, in plain typography and without markup that carries no meaning.

    It is the whole reply without its thoughts if that states no answer, and empty if it breaks off where it states one.
    """
    answer = extract_answer(text)
    if answer is None:
        answer = "" if is_unfinished(text) else without_thoughts(text)
    elif len(answer) == 1 and answer.isalpha() and len(text) > _SHORT:
        found = final_answer(text)
        if found is not None and not found.explicit:
            answer = without_thoughts(text)  # "solve for X" concludes with no option
    return plain_formula(answer)


def plain_formula(text: str) -> str:
    """A formula or words in plain typography and without markup that carries no meaning."""
    if text.isalnum() and text.isascii():
        return text
    text = plain_typography(text).translate(_PLAIN_SIGNS)
    if "**" in text or "__" in text:
        text = _BOLD.sub("", text)
    if "\\" in text:
        text = _SIZE.sub("", plain_spacing(_without_styles(text)))
        text = _DEGREES.sub("°", text).replace("\\%", "%").replace("\\$", "$")
        for pattern, plain in _ALIASES:
            text = pattern.sub(plain, text)
    else:
        text = plain_spacing(text).replace("...", r"\ldots ")
    for _ in range(_MAX_LAYERS):
        previous, text = text, _unfenced(text.strip()).rstrip(".").strip()
        text = _ABOUT.sub("", text)
        if text == previous:
            break
    return text


def _unfenced(text: str) -> str:
    inner = text.removesuffix(".")
    if text.count("$") == 1:  # half of a pair
        inner = text = _LONE_DOLLAR.sub(r"\1", text)
    for opening, closing in _FENCES:
        long_enough = len(inner) > len(opening) + len(closing)
        if long_enough and inner.startswith(opening) and inner.endswith(closing):
            core = inner[len(opening) : -len(closing)]
            if opening not in core and closing not in core:
                return core.strip()
    if inner[:1] == "{" and closing_brace(inner, 0) == len(inner) - 1 and "," not in inner:
        return inner[1:-1].strip()
    return text


def _without_styles(text: str) -> str:
    r"""The text with a space for each brace of `\text{...}` and its like, in one pass."""
    pieces: list[str] = []
    styled: list[bool] = []
    place = 0
    for token in _STYLED.finditer(text):
        mark = token[0]
        opens = mark[-1] == "{" and mark != "\\{"
        if opens:
            styled.append(len(mark) > 1)
        removed = (opens and styled[-1]) or (mark == "}" and bool(styled) and styled.pop())
        if removed:
            pieces += (text[place : token.start()], " ")
            place = token.end()
    return "".join((*pieces, text[place:]))
