"""OpenAI's Responses API and Anthropic's Messages API as shapes of the gateway; the translation is in `shapes/`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from router_r1.serve.api_error import ApiError
from router_r1.serve.shapes import messages, responses
from router_r1.serve.shapes.base import StreamShape
from router_r1.serve.shapes.errors import BadReplyError
from router_r1.serve.shapes.events import Event, encode
from router_r1.serve.shapes.messages_stream import MessagesStream
from router_r1.serve.shapes.responses_stream import ResponsesStream


class _Translated:
    """A shape whose translation is three functions and a stream."""

    is_chat = False

    def __init__(self, module: Any, stream: type[ResponsesStream] | type[MessagesStream]) -> None:
        self._module, self._stream_class = module, stream

    def to_chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The request as a chat-completions body. Raises an error that names the field."""
        chat: dict[str, Any] = self._module.to_chat(body)
        return chat

    def from_chat(self, reply: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        """A whole chat completion as a reply. Raises `ApiError` 502 for one that is none."""
        try:
            translated: dict[str, Any] = self._module.from_chat(reply, body)
        except BadReplyError as error:
            raise _bad(error) from error
        return translated

    def stream(self, body: Mapping[str, Any]) -> StreamShape:
        """The translation of one streamed reply."""
        return _TranslatedStream(self._stream_class(body))

    def error(self, error: ApiError) -> dict[str, Any]:
        """The body of an error."""
        body: dict[str, Any] = self._module.error(
            error.status, error.message, error.kind, error.param
        )
        return body


class ResponsesShape(_Translated):
    """OpenAI's Responses API."""

    def __init__(self) -> None:
        super().__init__(responses, ResponsesStream)


class MessagesShape(_Translated):
    """Anthropic's Messages API."""

    def __init__(self) -> None:
        super().__init__(messages, MessagesStream)


class _TranslatedStream:
    def __init__(self, stream: ResponsesStream | MessagesStream) -> None:
        self._stream = stream

    def begin(self) -> bytes:
        return _bytes(self._stream.begin())

    def feed(self, chunk: Mapping[str, Any]) -> bytes:
        try:
            return _bytes(self._stream.feed(chunk))
        except BadReplyError as error:
            raise _bad(error) from error

    def finish(self) -> bytes:
        return _bytes(self._stream.finish())

    def fail(self, error: ApiError) -> bytes:
        return _bytes(self._stream.fail(error.body["error"]))


def _bytes(events: Iterable[Event]) -> bytes:
    return b"".join(map(encode, events))


def _bad(error: BadReplyError) -> ApiError:
    return ApiError(
        502, f"the reply of the model: {error}", kind="upstream_error", code="malformed_reply"
    )
