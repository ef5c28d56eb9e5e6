"""A streamed chat reply as the events of the Responses API.

The order is the one that OpenAI prescribes: `response.created`, `response.in_progress`, then each output item from
`response.output_item.added` to `response.output_item.done`, one after the other, then `response.completed`,
`response.incomplete` or `response.failed` with the whole object. Every event has its `sequence_number`.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from router_r1.serve.shapes.events import Event, encode
from router_r1.serve.shapes.parts import Part, ReplyParts, Step
from router_r1.serve.shapes.responses_reply import (
    Names,
    begun,
    content_part,
    ended,
    failed,
    item,
    item_kind,
)

__all__ = ["Event", "ResponsesStream", "encode"]


class ResponsesStream:
    """The events of one streamed response. Call `begin`, then `feed` for each chunk, then `finish` or `fail`."""

    def __init__(
        self,
        body: Mapping[str, Any],
        *,
        chat_id: str = "",
        model: str = "",
        created: int | None = None,
    ) -> None:
        """
        Args:
            body: the Responses request, which `to_chat` has accepted.
            chat_id: the id of the chat reply, from which all ids are made; a random one if empty.
            model: the model's name until a chunk says it; the request's if empty.
            created: Unix time in seconds; now if None.
        """
        self._names = Names(chat_id or uuid.uuid4().hex)
        self._response = begun(
            body,
            self._names,
            model or str(body.get("model") or ""),
            int(time.time()) if created is None else created,
        )
        self._reply = ReplyParts()
        self._events: list[Event] = []
        self._count = 0
        self._group: list[Part] = []  # the parts of the output item that is open
        self._item = -1  # its place in the output
        self._is_begun = self._is_done = False

    def begin(self) -> list[Event]:
        """The events before the first chunk."""
        if not self._is_begun:
            self._is_begun = True
            for name in ("response.created", "response.in_progress"):
                self._emit(name, response=dict(self._response))
        return self._taken()

    def feed(self, chunk: Mapping[str, Any]) -> list[Event]:
        """The events of one chunk.

        Args:
            chunk: a `chat.completion.chunk` object; the last may have usage and no choices.

        Raises:
            BadReplyError: the chunk is not one; call `fail`.
        """
        events = self.begin()
        self._follow(self._reply.feed(chunk))
        return events + self._taken()

    def finish(self) -> list[Event]:
        """The events after the last chunk; none if the stream has ended before.

        Raises:
            BadReplyError: the reply is not complete enough to be one; call `fail`.
        """
        if self._is_done:
            return []
        events = self.begin()
        self._follow(self._reply.finish())
        self._end_item(is_last=True)
        self._is_done = True
        response = ended(self._response, self._reply, self._names)
        self._emit(f"response.{response['status']}", response=response)
        return events + self._taken()

    def fail(self, error: Mapping[str, Any]) -> list[Event]:
        """The events of a reply that failed on its way; none if the stream has ended before.

        Args:
            error: an OpenAI error object with `message`, `type` and `param`.
        """
        if self._is_done:
            return []
        events = self.begin()
        self._is_done = True
        response = failed(self._response, self._reply, self._names, error)
        self._emit("response.failed", response=response)
        return events + self._taken()

    def _follow(self, steps: list[Step]) -> None:
        for step in steps:
            match step.act:
                case "open":
                    self._open(step.part)
                case "add":
                    self._add(step.part, step.text)
                case "close":
                    self._close(step.part)

    def _open(self, part: Part) -> None:
        if (
            not self._group
            or item_kind(part) != "message"
            or item_kind(self._group[0]) != "message"
        ):
            self._end_item()
            self._group = [part]
            self._item += 1
            begins = item(self._group, self._item_id, "in_progress")
            self._emit("response.output_item.added", output_index=self._item, item=begins)
        else:
            self._group.append(part)
        if part.kind != "call":
            self._emit("response.content_part.added", **self._place, part=content_part(part, ""))

    def _add(self, part: Part, text: str) -> None:
        logprobs: dict[str, Any] = {"logprobs": []} if part.kind == "text" else {}
        self._emit(f"{_TEXT[part.kind]}.delta", **self._place, delta=text, **logprobs)

    def _close(self, part: Part) -> None:
        done = f"{_TEXT[part.kind]}.done"
        match part.kind:
            case "call":
                self._emit(done, **self._place, name=part.name, arguments=part.text)
                return
            case "refusal":
                self._emit(done, **self._place, refusal=part.text)
            case "text":
                self._emit(done, **self._place, text=part.text, logprobs=[])
            case "reasoning":
                self._emit(done, **self._place, text=part.text)
        whole = content_part(part, part.text)
        self._emit("response.content_part.done", **self._place, part=whole)

    def _end_item(self, is_last: bool = False) -> None:
        if self._group:
            status = "incomplete" if is_last and self._reply.is_cut else "completed"
            whole = item(self._group, self._item_id, status)
            self._emit("response.output_item.done", output_index=self._item, item=whole)
            self._group = []

    @property
    def _item_id(self) -> str:
        return self._names.item(item_kind(self._group[0]), self._item)

    @property
    def _place(self) -> dict[str, Any]:
        place: dict[str, Any] = {"item_id": self._item_id, "output_index": self._item}
        if self._group[0].kind != "call":
            place["content_index"] = len(self._group) - 1
        return place

    def _emit(self, event: str, /, **data: Any) -> None:
        self._events.append(Event(event, {"type": event, "sequence_number": self._count, **data}))
        self._count += 1

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events


_TEXT = {
    "reasoning": "response.reasoning_text",
    "text": "response.output_text",
    "refusal": "response.refusal",
    "call": "response.function_call_arguments",
}
