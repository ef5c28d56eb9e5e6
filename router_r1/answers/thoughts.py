"""Removes the thoughts of a reasoning model from its reply: they are never graded, and never vote.

Servers separate thoughts from replies only if they know the model's markers. Those that models use:

- tags: `<think>` (DeepSeek R1, Qwen 3, GLM, MiniMax, Nemotron), `<seed:think>` (Seed-OSS), `<thought>` (EXAONE),
  `[THINK]` (Magistral), `◁think▷` (Kimi), `<|begin_of_thought|>` (Sky-T1, OpenThinker), `<|START_THINKING|>` (Command
  A), and names that prompts ask for, such as `<reasoning>`, `<scratchpad>` and `<analysis>`;
- channels: `<|channel|>analysis<|message|>` (gpt-oss), `<|channel>thought` (Gemma 4).

A tag that is quoted, or in a code span, is a mention and no tag. A closing tag without an opening one ends a thought
that began in the prompt. Text that ends inside a thought states nothing after it.
"""

from __future__ import annotations

import re

_NAME = (
    r"(?:[a-z]{1,12}:)?(?:(?:ant)?thinking|think|thoughts?|reason(?:ing)?(?:[_-](?:content|process|steps?))?"
    r"|(?:self[_-]?)?reflect(?:ion|ing)?|scratch[_-]?pad|analysis|(?:inner|internal)[_-]?(?:monologue|thoughts?)"
    r"|chain[_-]of[_-]thoughts?|cot|deliberation|rationale|brainstorm(?:ing)?|plan(?:ning)?|working|thought[_-]process)"
)
_TAG = re.compile(
    rf"(?P<opens><\s{{0,3}}{_NAME}(?:\s{{1,3}}[\w-]{{1,30}}=[^<>\n]{{0,200}})?\s{{0,3}}>|\[(?:THINK(?:ING)?|REASONING)\]|◁think▷"
    r"|<\|begin(?:_of_|▁of▁)(?:thought|thinking|reasoning|think)\|>|<\|START_THINKING\|>|<\|inner_prefix\|>"
    r"|<unused94>|<\|channel>(?:thought|analysis)\b)"
    rf"|<\s{{0,3}}/\s{{0,3}}{_NAME}\s{{0,3}}>|\[/(?:THINK(?:ING)?|REASONING)\]|◁/think▷"
    r"|<\|end(?:_of_|▁of▁)(?:thought|thinking|reasoning|think)\|>|<\|END_THINKING\|>|<\|inner_suffix\|>"
    r"|<unused95>|<channel\|>",
    re.IGNORECASE,
)
_CALLED_A_TAG = re.compile(r" (?:tags?|blocks?|tokens?|elements?|sections?|markers?)\b")
_QUOTES = {"'": "'", "“": "”", "‘": "’", "«": "»"}
_LONG_LINE = 500
_CHANNEL = re.compile(r"<\|channel\|>\s{0,3}(\w+)[^<]{0,200}<\|message\|>")
_MESSAGE_END = re.compile(r"<\|(?:end|return|call|start)\|>")
_WRAPPER = re.compile(
    r"<\|(?:(?:begin|end)_of_solution|(?:START|END)_RESPONSE|return|end)\|>|</?(?:response|output)>",
    re.IGNORECASE,
)
_BLANK_LINES = re.compile(r"\A(?:[^\S\n]*\n)+")
# The channels of gpt-oss where a server dropped the special tokens around their names.
_BARE_ANALYSIS = "analysis"
_BARE_FINAL = "assistantfinal"


def without_thoughts(text: str) -> str:
    """The reply without thoughts, and without the markers around the part that is no thought."""
    if text.startswith(_BARE_ANALYSIS) and _BARE_FINAL in text:
        text = text.rpartition(_BARE_FINAL)[2]
    if "<" not in text and "[" not in text and "◁" not in text:
        return text
    kept = _outside_tags(_final_channel(text))
    if "<" in kept:
        said = kept
        kept = _WRAPPER.sub(lambda tag: tag[0] if _is_mention(said, tag) else "", said)
    return text if kept == text else _BLANK_LINES.sub("", kept).rstrip()


def _final_channel(text: str) -> str:
    """What gpt-oss says in its final channel; the text itself if it has no channels."""
    channels = list(_CHANNEL.finditer(text)) if "<|channel|>" in text else []
    if not channels:
        return text
    final = [channel for channel in channels if channel[1].lower() == "final"]
    if not final:
        return ""
    begin = final[-1].end()
    end = _MESSAGE_END.search(text, begin)
    return text[begin : end.start() if end else len(text)]


def _outside_tags(text: str) -> str:
    tags = [tag for tag in _TAG.finditer(text) if not _is_mention(text, tag)]
    last_closing = max((n for n, tag in enumerate(tags) if not tag["opens"]), default=-1)
    length = len(text.rstrip())
    kept: list[str] = []
    position = depth = 0
    for number, tag in enumerate(tags):
        if tag["opens"]:
            if depth == 0:
                kept.append(text[position : tag.start()])
            depth += 1
        elif depth:
            # Of more opening than closing tags, some were mentions: the last closing tag ends the thought.
            depth = 0 if number == last_closing else depth - 1
        elif kept and tag.end() >= length:  # a stray tag after the answer
            kept.append(text[position : tag.start()])
        else:  # a thought that began in the prompt
            kept.clear()
        position = tag.end()
    return "".join(kept) + ("" if depth else text[position:])


def _is_mention(text: str, tag: re.Match[str]) -> bool:
    """Whether a tag is quoted, in a code span, or called a tag."""
    start, end = tag.span()
    if _CALLED_A_TAG.match(text, end):
        return True
    line = max(0, start - _LONG_LINE)
    line = max(line, text.rfind("\n", line, start) + 1)
    rest = text[end : end + _LONG_LINE].partition("\n")[0]
    for mark in '`"':
        if mark in rest and text.count(mark, line, start) % 2:
            return True
    # These are quotes only next to the tag: an apostrophe stands anywhere.
    opened = _QUOTES.get(text[start - 1]) if start > line else None
    if opened is not None and opened in rest:
        return True
    return rest.startswith("'") and text.count("'", line, start) % 2 == 1
