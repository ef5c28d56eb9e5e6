"""A small gateway on a loopback port that answers in both shapes with a scripted chat reply."""

from __future__ import annotations

import copy
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import uvicorn
from anthropic import Anthropic
from openai import OpenAI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from router_r1.serve.shapes import messages, responses
from router_r1.serve.shapes.errors import InvalidRequestError, UnsupportedFieldError
from router_r1.serve.shapes.events import encode
from router_r1.serve.shapes.messages_stream import MessagesStream
from router_r1.serve.shapes.responses_stream import ResponsesStream

USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 9,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 5, "orchestration_input_tokens": 70},
    "completion_tokens_details": {"reasoning_tokens": 3, "orchestration_output_tokens": 8},
    "cost_details": {"usd": 0.25},
}


class Gateway:
    """What the server replies next, and what it was asked last."""

    def __init__(self) -> None:
        self.url = ""
        self.reply: dict[str, Any] = {}
        self.chunks: list[dict[str, Any]] = []
        self.breaks = False
        self.chat: dict[str, Any] = {}

    def script(self, message: dict[str, Any], finish_reason: str = "stop") -> None:
        """Answer with this chat message; when streamed, three letters a chunk, and parallel calls take turns."""
        self.breaks = False
        head = {"id": "chatcmpl-7", "created": 1_700_000_000, "model": "routed"}
        choice = {
            "index": 0,
            "message": {"role": "assistant", **message},
            "finish_reason": finish_reason,
        }
        self.reply = {**head, "object": "chat.completion", "choices": [choice], "usage": USAGE}
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        for field in ("reasoning_content", "content", "refusal"):
            deltas += [{field: piece} for piece in _pieces(message.get(field) or "")]
        calls = message.get("tool_calls") or []
        for index, call in enumerate(calls):
            begins = {**call, "function": {"name": call["function"]["name"], "arguments": ""}}
            deltas.append({"tool_calls": [{"index": index, **begins}]})
        queues = [_pieces(call["function"]["arguments"]) for call in calls]
        while any(queues):
            for index, queue in enumerate(queues):
                if queue:
                    function = {"arguments": queue.pop(0)}
                    deltas.append({"tool_calls": [{"index": index, "function": function}]})
        head["object"] = "chat.completion.chunk"
        self.chunks = [{**head, "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
        end = {"index": 0, "delta": {}, "finish_reason": finish_reason}
        self.chunks += [{**head, "choices": [end]}, {**head, "choices": [], "usage": USAGE}]

    async def answer_responses(self, request: Request) -> Response:
        body = await request.json()
        try:
            self.chat = responses.to_chat(copy.deepcopy(body))
        except (InvalidRequestError, UnsupportedFieldError) as bad:
            return JSONResponse(responses.error(400, str(bad), "", bad.field), 400)
        if body.get("stream"):
            stream = ResponsesStream(
                body, chat_id="chatcmpl-7", model="routed", created=1_700_000_000
            )
            return StreamingResponse(self.events(stream), media_type="text/event-stream")
        return JSONResponse(responses.from_chat(self.reply, body))

    async def answer_messages(self, request: Request) -> Response:
        body = await request.json()
        try:
            self.chat = messages.to_chat(copy.deepcopy(body))
        except (InvalidRequestError, UnsupportedFieldError) as bad:
            return JSONResponse(messages.error(400, str(bad), "", bad.field), 400)
        if body.get("stream"):
            stream = MessagesStream(body, chat_id="chatcmpl-7", model="routed")
            return StreamingResponse(self.events(stream), media_type="text/event-stream")
        return JSONResponse(messages.from_chat(self.reply, body))

    async def events(self, stream: ResponsesStream | MessagesStream) -> AsyncIterator[bytes]:
        made = stream.begin()
        for chunk in self.chunks[: 6 if self.breaks else None]:
            made += stream.feed(chunk)
        error = {"type": "rate_limit_error", "message": "too many requests upstream"}
        made += stream.fail(error) if self.breaks else stream.finish()
        for event in made:
            yield encode(event)


def _pieces(text: str) -> list[str]:
    return [text[start : start + 3] for start in range(0, len(text), 3)]


@pytest.fixture(scope="session")
def _running() -> Iterator[Gateway]:
    gateway = Gateway()
    routes = [
        Route("/v1/responses", gateway.answer_responses, methods=["POST"]),
        Route("/v1/messages", gateway.answer_messages, methods=["POST"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    give_up = time.monotonic() + 10
    while not server.started and time.monotonic() < give_up:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    gateway.url = f"http://127.0.0.1:{port}"
    yield gateway
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def gateway(_running: Gateway) -> Gateway:
    """The scripted gateway."""
    _running.script({"content": "Hello, world!"})
    return _running


@pytest.fixture
def openai(gateway: Gateway) -> Iterator[OpenAI]:
    """OpenAI's own client of the gateway."""
    with OpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def anthropic(gateway: Gateway) -> Iterator[Anthropic]:
    """Anthropic's own client of the gateway."""
    with Anthropic(base_url=gateway.url, api_key="none", max_retries=0, timeout=10) as client:
        yield client


@pytest.fixture
def calls() -> list[dict[str, Any]]:
    """Two parallel tool calls of a chat message."""
    cities = {"call_a": {"city": "Zürich"}, "call_b": {"city": "Oslo", "unit": "°C"}}
    return [
        {
            "id": call_id,
            "type": "function",
            "function": {"name": "weather", "arguments": json.dumps(given, ensure_ascii=False)},
        }
        for call_id, given in cities.items()
    ]
