"""The grammar of a policy's turns: parsing, the problems a turn can have, and rendering.

    <think>...</think>
    <route model="NAME">sub-query</route>
    <route model="NAME">question</route>                         asks NAME the question of the episode, as it is
    <information model="NAME" cost="..." left="...">...</information>     written by the environment only
    <answer>...</answer>
    <answer model="NAME"></answer>                               the answer is what NAME replied last
    <answer model="NAME" reply="1"></answer>                     what NAME replied first

`parse_turn` is pure and total: every string gives a `Turn`, in time linear in its length. It also accepts the dialect
of the released Router-R1 weights, `<search> NAME:sub-query </search>`.

Text from elsewhere (a candidate's response, a sub-query) is put inside a tag with `escape`, which changes only what
could be mistaken for a protocol tag or a chat control token, and which `unescape` undoes exactly. So nothing that a
candidate writes can open, close or forge a block.

Not here: what a turn may do (`episode.py`), and the text of corrections (`prompts.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

_TAG_NAMES = "think|route|search|information|answer"
_ACTIONS = ("route", "search", "answer")
_TAG = re.compile(rf"<(/?)({_TAG_NAMES})(\s[^<>]*)?>")
_ACTION_BLOCK = re.compile(r"<(route|answer)(?:\s[^<>]*)?>([^<]*)</\1>")
# Possessive quantifiers, so that an attribute list of any length is read in one pass.
_COUNT = re.compile("[1-9][0-9]{0,3}")
_ATTRIBUTE = re.compile(r"""(?<![a-z_])([a-z_]++)\s*+=\s*+(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")

# Control tokens of chat templates, beside those that `<|` opens (Qwen, Llama 3 and 4, Phi, gpt-oss, Granite, Command R,
# ...) and DeepSeek's with a full-width bar: the text after `<` or `[`, without a slash. A tokenizer turns the exact
# text of such a token into the token, wherever in a prompt it stands. Lower-case words in brackets are ordinary in code
# (`x[mask]`, `d[args]`), so most of the tokens in brackets are matched in their own case.
_ANGLE_TOKENS = (
    "</?SYS>>",  # Llama 2
    "(?:s|bos|eos|pad|unk|cls|sep|mask|sop|eop|eod|eot|eom)>",  # SentencePiece, GLM
    "(?:bos|eos|pad|unk|cls|sep|mask)_token>",  # Cohere
    "(?:start|end)_of_(?:turn|image|audio|utterance)>",  # Gemma, SmolVLM
    "(?:image|(?:image|audio)_soft_token|img_context|fake_token_around_image)>",  # LLaVA, Gemma 3, InternVL, Idefics
    "(?:tool_calls?|tool_responses?|tool_results?|arg_key|arg_value)>",  # Qwen, Hermes, GLM
    "(?:seed|minimax):",  # Seed-OSS, MiniMax
    "(?:unused|extra_id_|reserved_|special_)[0-9]{1,6}>",  # Gemma, Nemotron, Baichuan
    "(?:fim_(?:prefix|middle|suffix|pad)|file_sep|repo_name)>",  # StarCoder, Qwen Coder
)
_BRACKET_TOKENS = (
    "INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT",  # Llama 2, Mistral
    "THINK|IMG|IMG_BREAK|IMG_END",  # Mistral
    "(?-i:CALL_ID|ARGS|MODEL_SETTINGS|AUDIO|BEGIN_AUDIO|TRANSCRIBE|PREFIX|MIDDLE|SUFFIX)",  # Mistral
    "gMASK|sMASK",  # GLM
    "(?-i:BOS|EOS|EOT|PAD|UNK)",  # Kimi
    "(?-i:UNUSED_TOKEN_[0-9]{1,6}|unused[0-9]{1,6})",  # InternLM, Pangu
    r"\|(?:system|user|assistant|tool|endofturn)\|",  # Exaone
)

# Protocol tags, however they are cased or spaced, and those tokens.
_SPECIAL = re.compile(
    rf"(?P<mark><|&(?:amp;)*lt;)"
    rf"(?=\s*(?:/\s*)?(?:{_TAG_NAMES})\b|[|\uff5c]|/?(?:{'|'.join(_ANGLE_TOKENS)}))"
    rf"|(?P<bracket>&(?:amp;)*lsqb;|\[)(?=/?(?:{'|'.join(_BRACKET_TOKENS)})\])",
    re.IGNORECASE,
)


class ProblemKind(StrEnum):
    """Everything that can be wrong with a turn. A turn with a problem in `BLOCKING` is not carried out."""

    EMPTY_TURN = "empty_turn"
    NO_ACTION = "no_action"
    MISSING_THINK = "missing_think"
    UNCLOSED_TAG = "unclosed_tag"
    STRAY_CLOSE = "stray_close"
    NESTED_TAG = "nested_tag"
    MISSING_MODEL = "missing_model"
    UNKNOWN_MODEL = "unknown_model"
    EMPTY_QUERY = "empty_query"
    TOO_MANY_ROUTES = "too_many_routes"
    EMPTY_ANSWER = "empty_answer"
    NO_REPLY = "no_reply"
    SEVERAL_ANSWERS = "several_answers"
    ROUTE_WITH_ANSWER = "route_with_answer"
    TEXT_AFTER_ANSWER = "text_after_answer"
    TEXT_OUTSIDE_TAGS = "text_outside_tags"
    FORGED_INFORMATION = "forged_information"


BLOCKING = frozenset(ProblemKind) - {
    # Untidy but unambiguous: the turn is carried out, and the problem is recorded for the format reward.
    ProblemKind.MISSING_THINK,
    ProblemKind.STRAY_CLOSE,
    ProblemKind.ROUTE_WITH_ANSWER,
    ProblemKind.TEXT_AFTER_ANSWER,
    ProblemKind.TEXT_OUTSIDE_TAGS,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a turn, and the text it concerns."""

    kind: ProblemKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """A sub-query for one candidate. `model` is spelled as in the pool."""

    model: str
    query: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One policy turn, parsed: what it asks for and what is wrong with it."""

    text: str
    thought: str = ""
    routes: tuple[Route, ...] = ()
    answer: str | None = None
    problems: tuple[Problem, ...] = ()
    adopted: str | None = None
    """The candidate whose reply is the answer, spelled as in the pool; `answer` is then None."""
    adopted_reply: int | None = None
    """Which of its replies, from 1; None: the last."""

    @property
    def ends(self) -> bool:
        """Whether the turn answers, in its own words or in those of a candidate."""
        return self.answer is not None or self.adopted is not None

    @property
    def malformed(self) -> bool:
        """Whether a problem keeps the turn from being carried out."""
        return any(problem.kind in BLOCKING for problem in self.problems)


@dataclass(frozen=True, slots=True)
class Information:
    """A block written by the environment. `model` is None for a notice that is not about a candidate."""

    text: str
    model: str | None = None
    notice: str | None = None
    """Why there is no response (`timeout`, `refused`, ...), or which rule a turn broke; None for a response."""
    cost: str | None = None
    left: str | None = None
    worth: str | None = None
    """Value of a right answer, where the episode states it."""


def parse_turn(
    text: str,
    candidates: Iterable[str] | None = None,
    *,
    max_routes: int | None = None,
    shown: Collection[str] = (),
    replied: Mapping[str, int] | None = None,
) -> Turn:
    """Parse one policy turn. Never raises.

    A model name matches a candidate exactly, or else ignoring case; never by substring. An answer beside routes is
    dropped, because the replies are not known yet; if no route is allowed, the routes are dropped. An answer block
    that names a candidate and is empty adopts a reply of the candidate; one with text is an answer like any other.

    Args:
        text: the policy's turn, without any environment block.
        candidates: names that may be routed to; None accepts every name.
        max_routes: the most routes a turn may have, 0 or more; None: no limit.
        shown: queries and answers of the prompt's own example (`action_texts`); a copy of one says nothing.
        replied: how many replies each candidate has given that may be adopted; None: any number.
    """
    return _TurnReader(text, candidates, max_routes, shown, replied).read()


def forwards(query: str) -> bool:
    """Whether a query stands for the question of the episode, which its candidate then gets as it is."""
    return query.strip().casefold().strip(" ?.") in ("question", "the question")


def action_texts(text: str) -> frozenset[str]:
    """The queries and answers in a text, e.g. in rules with an example."""
    return frozenset(unescape(match[2]).strip() for match in _ACTION_BLOCK.finditer(text))


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer block: its text, or whose reply it adopts."""

    text: str | None = None
    adopted: str | None = None
    reply: int | None = None


class _TurnReader:
    """One pass over a turn that collects its parts and problems."""

    def __init__(
        self,
        text: str,
        candidates: Iterable[str] | None,
        max_routes: int | None,
        shown: Collection[str],
        replied: Mapping[str, int] | None,
    ) -> None:
        self.text = text
        self.shown = shown
        self.replied = replied
        self.names = None if candidates is None else tuple(candidates)
        self.folded = {name.casefold(): name for name in self.names or ()}
        self.max_routes = max_routes
        self.thoughts: list[str] = []
        self.routes: list[Route] = []
        self.answers: list[_Answer] = []
        self.problems: list[Problem] = []
        self.actions = 0
        self.cut_short = False

    def read(self) -> Turn:
        if not self.text.strip():
            self._problem(ProblemKind.EMPTY_TURN)
        else:
            self._scan()
            self._check()
        answer = next(filter(self._is_answer, self.answers), None)
        routes = () if answer is not None and self.max_routes == 0 else tuple(self.routes)
        if routes or answer is None:
            answer = _Answer()
        return Turn(
            text=self.text,
            thought="\n".join(self.thoughts),
            routes=routes,
            answer=answer.text,
            problems=tuple(self.problems),
            adopted=answer.adopted,
            adopted_reply=answer.reply,
        )

    def _scan(self) -> None:
        position = 0
        tags = list(_TAG.finditer(self.text))
        # For each tag, the next closing tag of every name. Found backwards, in one pass however many tags there are.
        closes: list[dict[str, int]] = []
        following: dict[str, int] = {}
        for number in range(len(tags) - 1, -1, -1):
            closes.append(following)
            if tags[number][1]:
                following = {**following, tags[number][2]: number}
        closes.reverse()

        number = self._opened_by_template(tags)
        if number:
            position = tags[number - 1].end()
        while number < len(tags):
            tag = tags[number]
            name = tag[2]
            outside = self.text[position : tag.start()]
            if tag[1]:
                self._outside(outside)
                self._problem(ProblemKind.STRAY_CLOSE, tag[0])
                position, number = tag.end(), number + 1
                continue
            self._outside(outside)
            end = closes[number].get(name)
            if name == "information":
                self._problem(ProblemKind.FORGED_INFORMATION, tag[0])
            elif end is None:
                self._problem(ProblemKind.UNCLOSED_TAG, tag[0])
            if end is None:
                self.cut_short = True
                return
            inside = tags[number + 1 : end]
            if any(_opens_same(inner, name) for inner in inside):
                self._problem(ProblemKind.NESTED_TAG, tag[0])
            self._block(name, tag[3] or "", self.text[tag.end() : tags[end].start()].strip())
            position, number = tags[end].end(), end + 1
        self._outside(self.text[position:])

    def _opened_by_template(self, tags: list[re.Match[str]]) -> int:
        """Take the thought whose opening tag the chat template wrote; returns the number of tags it contains.

        Such a thought ends at the first think tag if that is a closing one. As in any think block, everything before
        it is thought, tags included. But if other tags precede it and no action follows, the closing tag is a stray.
        """
        end = next((n for n, tag in enumerate(tags) if tag[2] == "think"), None)
        if end is None or not tags[end][1]:
            return 0
        if end > 0 and not any(not tag[1] and tag[2] in _ACTIONS for tag in tags[end + 1 :]):
            return 0
        self.thoughts.append(unescape(self.text[: tags[end].start()].strip()))
        return end + 1

    def _block(self, name: str, attributes: str, content: str) -> None:
        content = unescape(content)
        if name == "think":
            self.thoughts.append(content)
        elif name == "answer":
            self._answer(_attributes(attributes), content)
        elif name == "route":
            self._route(_attributes(attributes).get("model", ""), content)
        elif name == "search":
            self._route(*self._split_search(content))

    def _route(self, model: str, query: str) -> None:
        self.actions += 1
        known = self._known(model)
        if not model:
            self._problem(ProblemKind.MISSING_MODEL, query)
        elif known is None:
            self._problem(ProblemKind.UNKNOWN_MODEL, model)
        elif not self._says(query):
            self._problem(ProblemKind.EMPTY_QUERY, known)
        else:
            self.routes.append(Route(known, query))

    def _answer(self, attributes: Mapping[str, str], content: str) -> None:
        self.actions += 1
        model, written = attributes.get("model", ""), attributes.get("reply", "")
        if content or not model:
            self.answers.append(_Answer(content))
            return
        known, reply = self._known(model), int(written) if _COUNT.fullmatch(written) else None
        given = math.inf if self.replied is None or known is None else self.replied.get(known, 0)
        if known is None:
            self._problem(ProblemKind.UNKNOWN_MODEL, model)
        elif (written and reply is None) or given < (reply or 1):
            self._problem(ProblemKind.NO_REPLY, f"{known} {written}".strip())
        else:
            self.answers.append(_Answer(adopted=known, reply=reply))

    def _is_answer(self, answer: _Answer) -> bool:
        return answer.adopted is not None or self._says(answer.text or "")

    def _says(self, text: str) -> bool:
        """Whether a query or an answer is more than the `...` of the form, or a copy of the example."""
        return bool(text.strip(" \t\r\n.…")) and text not in self.shown

    def _known(self, model: str) -> str | None:
        """The pool's spelling of a name, matched exactly or else ignoring case; None if unknown."""
        if self.names is None or model in self.names:
            return model
        return self.folded.get(model.casefold())

    def _split_search(self, content: str) -> tuple[str, str]:
        """Split `NAME:query`. Names can contain colons, so the longest known name wins."""
        for name in sorted(self.names or (), key=len, reverse=True):
            head = content[: len(name)]
            if head.casefold() != name.casefold():
                continue
            rest = content[len(name) :].lstrip()
            if rest.startswith(":"):
                return head, rest[1:].strip()
        model, colon, query = content.partition(":")
        return (model.strip(), query.strip()) if colon else ("", content)

    def _outside(self, text: str) -> None:
        if text.strip():
            kind = ProblemKind.TEXT_AFTER_ANSWER if self.answers else ProblemKind.TEXT_OUTSIDE_TAGS
            self._problem(kind, text.strip())

    def _check(self) -> None:
        if self.actions == 0 and not self.cut_short:
            self._problem(ProblemKind.NO_ACTION)
        if not any(self.thoughts):
            self._problem(ProblemKind.MISSING_THINK)
        if self.answers and self.actions > len(self.answers):
            self._problem(ProblemKind.ROUTE_WITH_ANSWER)
        else:
            if len(self.answers) > 1:
                self._problem(ProblemKind.SEVERAL_ANSWERS, str(len(self.answers)))
            if not all(map(self._is_answer, self.answers)):
                self._problem(ProblemKind.EMPTY_ANSWER)
        answered_instead = self.max_routes == 0 and any(map(self._is_answer, self.answers))
        if (
            self.max_routes is not None
            and len(self.routes) > self.max_routes
            and not answered_instead
        ):
            detail = f"{len(self.routes)} routes, {self.max_routes} allowed"
            self._problem(ProblemKind.TOO_MANY_ROUTES, detail)

    def _problem(self, kind: ProblemKind, detail: str = "") -> None:
        self.problems.append(Problem(kind, _shorten(detail)))


def _opens_same(tag: re.Match[str], name: str) -> bool:
    """Whether a tag opens another block of the same name; a bare `<route>` in a sub-query is only text."""
    return (
        not tag[1] and tag[2] == name and (name != "route" or "model" in _attributes(tag[3] or ""))
    )


def _attributes(text: str) -> dict[str, str]:
    return {m[1]: (m[2] or m[3] or m[4] or "").strip() for m in _ATTRIBUTE.finditer(text)}


def _shorten(text: str, limit: int = 80) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def escape(text: str) -> str:
    """Make `text` safe inside any block by escaping the first character of protocol tags and chat control tokens.

    Everything else, other markup included, is unchanged. `unescape(escape(text)) == text` for every text.
    """

    def replace(match: re.Match[str]) -> str:
        mark = match["mark"] or match["bracket"]
        if mark[0] == "&":
            return "&amp;" + mark[1:]
        return "&lt;" if mark == "<" else "&lsqb;"

    return _SPECIAL.sub(replace, text)


def unescape(text: str) -> str:
    """Undo `escape`. Text that was never escaped is unchanged unless it contains escaped tags."""

    def replace(match: re.Match[str]) -> str:
        mark = match["mark"] or match["bracket"]
        if mark[0] != "&":
            return mark
        if mark[:5].lower() == "&amp;":
            return "&" + mark[5:]
        return "<" if match["mark"] else "["

    return _SPECIAL.sub(replace, text)


def render_turn(
    thought: str,
    routes: Sequence[Route] = (),
    answer: str | None = None,
    *,
    adopted: str | None = None,
    adopted_reply: int | None = None,
) -> str:
    """Write a turn that `parse_turn` reads back; for demonstrations and tests.

    Args:
        thought: the content of the think block.
        routes: the routes, if the turn routes.
        answer: the answer, if the turn answers.
        adopted: the candidate whose reply is the answer, if the turn ends so.
        adopted_reply: which of its replies, from 1; None: the last.
    """
    parts = [f"<think>{escape(thought)}</think>"]
    parts += [f'<route model="{route.model}">{escape(route.query)}</route>' for route in routes]
    if answer is not None:
        parts.append(f"<answer>{escape(answer)}</answer>")
    if adopted is not None:
        number = "" if adopted_reply is None else f' reply="{adopted_reply}"'
        parts.append(f'<answer model="{adopted}"{number}></answer>')
    return "\n".join(parts)


def render_information(information: Information, *, max_chars: int | None = None) -> str:
    """Write an environment block, its text escaped.

    Args:
        information: the block.
        max_chars: the most characters of the unescaped text; a cut is marked, and the block is always closed. None:
            no limit.
    """
    text = information.text
    if max_chars is not None and len(text) > max_chars:
        text = text[:max_chars].rstrip() + " … [cut]"
    names = ("model", "notice", "cost", "left", "worth")
    attributes = "".join(
        f' {name}="{value}"' for name in names if (value := getattr(information, name)) is not None
    )
    return f"<information{attributes}>{escape(text)}</information>"


def parse_transcript(
    text: str, candidates: Iterable[str] | None = None, *, max_routes: int | None = None
) -> list[Turn | Information]:
    """Parse a whole native transcript: policy turns and environment blocks in order.

    Only for stored text, which does not say who wrote what: every complete information block is taken as the
    environment's. An episode knows the origin of its text and does not use this.

    Args:
        text: the transcript, without the opening.
        candidates: as for `parse_turn`.
        max_routes: as for `parse_turn`.
    """
    names = None if candidates is None else list(candidates)
    parts: list[Turn | Information] = []
    position = 0
    opened: re.Match[str] | None = None
    for tag in _TAG.finditer(text):
        if tag[2] != "information":
            continue
        if not tag[1]:
            opened = tag  # an environment block holds no raw tag, so the last opening is its own
        elif opened is not None:
            before = text[position : opened.start()]
            if before.strip():
                parts.append(parse_turn(before, names, max_routes=max_routes))
            attributes = _attributes(opened[3] or "")
            parts.append(
                Information(
                    unescape(text[opened.end() : tag.start()]),
                    *(
                        attributes.get(name)
                        for name in ("model", "notice", "cost", "left", "worth")
                    ),
                )
            )
            position, opened = tag.end(), None
    if text[position:].strip():
        parts.append(parse_turn(text[position:], names, max_routes=max_routes))
    return parts


def stop_strings(max_routes: int) -> tuple[str, ...]:
    """The strings at which generation of a turn stops; the same in training, evaluation and serving.

    With one route a turn, the route's closing tag ends the turn. With several, the turn ends where the policy begins
    to write an information block, or at its end-of-turn token. There are at most four, the limit of hosted endpoints.
    """
    shared = ("</answer>", "<information")
    return shared if max_routes > 1 else ("</route>", "</search>", *shared)


def cut_turn(text: str, stops: Sequence[str]) -> str:
    """Cut finished text at the first stop string; closing tags are kept, the start of an information block is not."""
    cut = len(text)
    for stop in stops:
        found = text.find(stop, 0, cut + len(stop))
        if found >= 0:
            cut = min(cut, found + (len(stop) if stop.startswith("</") else 0))
    return text[:cut]


def restore_stop(text: str, stops: Sequence[str]) -> str:
    """Put back the closing tag at which a server stopped: hosted endpoints leave the stop string out of the text.

    Only the tag that is open at the end is closed, and only if its closing tag is among `stops`.
    """
    opened = ""
    # True until the first think tag; if that is a closing one, the chat template opened the thought.
    in_template = True
    for tag in _TAG.finditer(text):
        if not tag[1] and not opened:
            opened = tag[2]
        elif tag[1] and (tag[2] == opened or (in_template and tag[2] == "think")):
            opened = ""
        in_template = in_template and tag[2] != "think"
    close = f"</{opened}>"
    return text + close if opened and close in stops else text
