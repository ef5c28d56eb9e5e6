"""A streamed chat reply as the events of the Messages API.

The order is the one that Anthropic prescribes: `message_start`, `ping`, then each block from `content_block_start` to
`content_block_stop`, one after the other, then `message_delta` with the stop reason and usage, then `message_stop`. A
reply that fails ends with `error`.

Tool arguments go out as they come, once they begin with `{`. Whether they become valid JSON is not known by then, so
the client's parser decides. Other arguments wait for their end, and go out as `messages_reply.tool_input` gives them.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from router_r1.serve.shapes.events import Event, encode
from router_r1.serve.shapes.messages import error as error_body
from router_r1.serve.shapes.messages_reply import (
    begun,
    block,
    is_thinking_omitted,
    stop,
    tool_input,
    usage,
)
from router_r1.serve.shapes.parts import Part, ReplyParts, Step

__all__ = ["Event", "MessagesStream", "encode"]


class MessagesStream:
    """The events of one streamed message. Call `begin`, then `feed` for each chunk, then `finish` or `fail`."""

    def __init__(self, body: Mapping[str, Any], *, chat_id: str = "", model: str = "") -> None:
        """
        Args:
            body: the Messages request, which `to_chat` has accepted.
            chat_id: the id of the chat reply, from which the message's is made; a random one if empty.
            model: the model's name, which the first event says for good; the request's if empty.
        """
        self._body = body
        model = model or str(body.get("model") or "")
        self._message = begun(chat_id or uuid.uuid4().hex, model)
        self._reply = ReplyParts()
        self._held = ""  # arguments of the call that is open, while they may be no object
        self._is_object = False
        self._is_begun = self._is_done = False

    def begin(self) -> list[Event]:
        """The events before the first chunk."""
        if self._is_begun:
            return []
        self._is_begun = True
        return [_event("message_start", message=dict(self._message)), _event("ping")]

    def feed(self, chunk: Mapping[str, Any]) -> list[Event]:
        """The events of one chunk.

        Args:
            chunk: a `chat.completion.chunk` object; the last may have usage and no choices.

        Raises:
            BadReplyError: the chunk is not one; call `fail`.
        """
        return self.begin() + self._follow(self._reply.feed(chunk))

    def finish(self) -> list[Event]:
        """The events after the last chunk; none if the stream has ended before.

        Raises:
            BadReplyError: the reply is not complete enough to be one; call `fail`.
        """
        if self._is_done:
            return []
        events = self.begin() + self._follow(self._reply.finish())
        self._is_done = True
        delta = {
            **self._reply.extras,
            "delta": stop(self._reply, self._body),
            "usage": usage(self._reply.usage),
        }
        return [*events, _event("message_delta", **delta), _event("message_stop")]

    def fail(self, error: Mapping[str, Any]) -> list[Event]:
        """The events of a reply that failed on its way; none if the stream has ended before.

        Args:
            error: an OpenAI error object with `message`, `type` and `param`.
        """
        if self._is_done:
            return []
        self._is_done = True
        message = str(error.get("message") or "the reply failed")
        param = error.get("param")
        body = error_body(500, message, str(error.get("type") or ""), str(param) if param else None)
        return [*self.begin(), Event("error", body)]

    def _follow(self, steps: list[Step]) -> list[Event]:
        events = []
        for act, index, part, text in steps:
            match act:
                case "open":
                    self._held, self._is_object = "", False
                    start = block(part, self._body, begins=True)
                    events.append(_event("content_block_start", index=index, content_block=start))
                case "add":
                    events += _deltas(index, self._added(part, text))
                case "close":
                    events += _deltas(index, self._closed(part))
                    events.append(_event("content_block_stop", index=index))
        return events

    def _added(self, part: Part, text: str) -> dict[str, Any] | None:
        """The delta of more text, if it may go out."""
        if part.kind == "reasoning":
            omitted = is_thinking_omitted(self._body)
            return None if omitted else {"type": "thinking_delta", "thinking": text}
        if part.kind != "call":
            return {"type": "text_delta", "text": text}
        if not self._is_object:
            self._held += text
            text = self._held
            self._is_object = text.lstrip().startswith("{")
        return {"type": "input_json_delta", "partial_json": text} if self._is_object else None

    def _closed(self, part: Part) -> dict[str, Any] | None:
        """The delta at the end of a block, if it has one."""
        if part.kind == "reasoning":
            return {"type": "signature_delta", "signature": ""}
        if part.kind != "call" or self._is_object or not (given := tool_input(part.text)):
            return None
        return {"type": "input_json_delta", "partial_json": json.dumps(given, ensure_ascii=False)}


def _deltas(index: int, delta: dict[str, Any] | None) -> list[Event]:
    return [] if delta is None else [_event("content_block_delta", index=index, delta=delta)]


def _event(name: str, /, **data: Any) -> Event:
    return Event(name, {**data, "type": name})
