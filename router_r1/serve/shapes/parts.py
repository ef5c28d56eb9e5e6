"""A chat reply, whole or in chunks, as parts in order: reasoning, text, refusal and tool calls.

Both shapes send one part after the other, while chunks of a chat reply may mix them. So one part is live at a time and
its pieces go out at once; the pieces of a part behind it wait. Reasoning, text and a refusal end as soon as another
part begins. A tool call ends with the reply, since nothing in a chunk says that its arguments are complete; so the
second of two parallel calls goes out at the end. A whole reply passes through the same code as one chunk.

Only the first choice is read. Citations (`annotations`) and log-probabilities of a reply are not carried.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from router_r1.serve.shapes.errors import BadReplyError
from router_r1.serve.shapes.fields import shown

Kind = Literal["reasoning", "text", "refusal", "call"]
"""What a part is."""
_OWN = {"id", "object", "created", "model", "choices", "usage", "obfuscation"}


class Part:
    """One part of a reply, as far as it has come."""

    def __init__(self, kind: Kind, call_id: str = "", name: str = "") -> None:
        """
        Args:
            kind: what it is.
            call_id: of a tool call; made up when the part begins, if the endpoint gave none.
            name: the function of a tool call.
        """
        self.kind: Kind = kind
        self.call_id = call_id
        self.name = name
        self.pieces: list[str] = []
        """The text, or the arguments of a call, as they came."""
        self.sent = 0
        """Pieces that went out."""
        self.is_open = False
        """Whether the part has begun for the client."""

    @property
    def text(self) -> str:
        """The text, or the arguments of a call."""
        return "".join(self.pieces)


class Step(NamedTuple):
    """What happens to a part: it opens, text is added, it closes."""

    act: Literal["open", "add", "close"]
    place: int
    """The part's place in the reply, from 0."""
    part: Part
    text: str = ""
    """What is added."""


class ReplyParts:
    """The parts of one reply, and what else its chunks said."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        """All parts in the order in which they began."""
        self.model: str = ""
        """The model that the reply names; empty if none."""
        self.finish_reason: str = "stop"
        """Why the reply ended."""
        self.stop: str | None = None
        """The stop sequence that ended it, where the endpoint says so."""
        self.usage: Mapping[str, Any] | None = None
        """The usage object of the reply."""
        self.extras: dict[str, Any] = {}
        """Top-level fields that Chat Completions does not know, or that have the same meaning in every shape."""
        self._live = 0
        self._calls: dict[object, int] = {}
        self._last_call: object = None

    @classmethod
    def of(cls, reply: Mapping[str, Any]) -> ReplyParts:
        """The parts of a complete chat reply.

        Args:
            reply: a `chat.completion` object.

        Raises:
            BadReplyError: it is not one.
        """
        parts = cls()
        choices = _list(reply.get("choices"), "choices")
        if not choices:
            raise BadReplyError("choices", "at least one", "none")
        choice = _object(choices[0], "choices.0")
        message = _object(choice.get("message"), "choices.0.message")
        calls = [
            {**_object(call, "tool_calls"), "index": index}
            for index, call in enumerate(_list(message.get("tool_calls") or [], "tool_calls"))
        ]
        delta = {**message, "tool_calls": calls}
        parts.feed({**reply, "choices": [{**choice, "delta": delta}]})
        parts.finish()
        return parts

    @property
    def is_cut(self) -> bool:
        """Whether the reply ended before it was complete."""
        return self.finish_reason in ("length", "content_filter")

    def feed(self, chunk: Mapping[str, Any]) -> list[Step]:
        """Read one chunk.

        Args:
            chunk: a `chat.completion.chunk` object.

        Raises:
            BadReplyError: it is not one.
        """
        steps: list[Step] = []
        self.extras.update({key: value for key, value in chunk.items() if key not in _OWN})
        self.model = _text(chunk.get("model"), "model") or self.model
        if chunk.get("usage") is not None:
            self.usage = _usage(chunk["usage"])
        for given in _list(chunk.get("choices") or [], "choices"):
            choice = _object(given, "choices")
            if choice.get("index") not in (0, None):
                continue
            delta = _object(choice.get("delta") or {}, "delta")
            self._read(delta, steps)
            self.finish_reason = (
                _text(choice.get("finish_reason"), "finish_reason") or self.finish_reason
            )
            if isinstance(choice.get("stop_reason"), str):  # as vLLM tells
                self.stop = choice["stop_reason"]
        return steps

    def finish(self) -> list[Step]:
        """End the reply: all parts go out and close.

        Raises:
            BadReplyError: a tool call has no name.
        """
        steps: list[Step] = []
        while self._live < len(self.parts):
            self._send(steps, last=True)
            self._close(steps)
        return steps

    def _read(self, delta: Mapping[str, Any], steps: list[Step]) -> None:
        for field in ("function_call", "audio"):
            if delta.get(field):
                raise BadReplyError(field, "text and tool calls alone", shown(delta[field]))
        reasoning = "reasoning_content" if delta.get("reasoning_content") else "reasoning"
        prose: dict[str, Kind] = {reasoning: "reasoning", "content": "text", "refusal": "refusal"}
        for field, kind in prose.items():
            if text := _text(delta.get(field), field):
                self._add_prose(kind, text, steps)
        for call in _list(delta.get("tool_calls") or [], "tool_calls"):
            self._add_call(_object(call, "tool_calls"), steps)

    def _add_prose(self, kind: Kind, text: str, steps: list[Step]) -> None:
        behind = [part for part in self.parts[self._live :] if part.kind != "call"]
        if not behind or behind[-1].kind != kind:
            behind = [self._begin(Part(kind), steps)]
        behind[-1].pieces.append(text)
        self._send(steps)

    def _add_call(self, call: Mapping[str, Any], steps: list[Step]) -> None:
        if call.get("type") not in (None, "", "function"):
            raise BadReplyError("tool_calls.type", "function", "another type")
        function = _object(call.get("function") or {}, "tool_calls.function")
        call_id, name = _text(call.get("id"), "tool_calls.id"), _text(function.get("name"), "name")
        # Some endpoints send no index, and some the same one for every call; an id of its own makes a call.
        key = call.get("index")
        if not isinstance(key, int):
            key = call_id or self._last_call
        known = self.parts[self._calls[key]] if key in self._calls else None
        if known is None or (call_id and known.call_id and call_id != known.call_id):
            if key is None:
                raise BadReplyError("tool_calls.index", "the index of a call", "nothing")
            known = self._begin(Part("call", call_id), steps)
            self._calls[key] = len(self.parts) - 1
        self._last_call = key
        if not known.is_open:
            known.call_id = known.call_id or call_id
            if name != known.name:  # a name may come in pieces, and some endpoints repeat it
                known.name += name
        elif name not in ("", known.name):
            raise BadReplyError("tool_calls.name", "one name for a call", "two")
        if arguments := _text(function.get("arguments"), "arguments"):
            known.pieces.append(arguments)
        self._send(steps)

    def _begin(self, part: Part, steps: list[Step]) -> Part:
        self.parts.append(part)
        live = self.parts[self._live]
        if live is not part and live.kind != "call":
            self._close(steps)
        return part

    def _send(self, steps: list[Step], last: bool = False) -> None:
        """Let the live part begin, if it can, and add what has come."""
        part = self.parts[self._live]
        if not part.is_open:
            if part.kind == "call" and not (part.name and (part.pieces or last)):
                if last:
                    raise BadReplyError("tool_calls.name", "the name of a function", "nothing")
                return
            if part.kind == "call":
                part.call_id = part.call_id or f"call_{uuid.uuid4().hex}"
            part.is_open = True
            steps.append(Step("open", self._live, part))
        if text := "".join(part.pieces[part.sent :]):
            part.sent = len(part.pieces)
            steps.append(Step("add", self._live, part, text))

    def _close(self, steps: list[Step]) -> None:
        steps.append(Step("close", self._live, self.parts[self._live]))
        self._live += 1


def _text(value: object, field: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadReplyError(field, "a text", shown(value))
    return value


def _object(value: object, field: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BadReplyError(field, "an object", shown(value))
    return value


def _usage(value: object) -> Mapping[str, Any]:
    usage = _object(value, "usage")
    for field in ("prompt_tokens", "completion_tokens", "total_tokens"):
        if not isinstance(usage.get(field, 0), int):
            raise BadReplyError(f"usage.{field}", "a whole number", shown(usage[field]))
    for field in ("prompt_tokens_details", "completion_tokens_details"):
        _object(usage.get(field) or {}, f"usage.{field}")
    return usage


def _list(value: object, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise BadReplyError(field, "a list", shown(value))
    return value
