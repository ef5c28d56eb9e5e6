"""Answers of one candidate, passed straight through: the body goes as it came, and the reply comes as it is.

Only two things are read from a reply: its usage, for the receipt, and, where the client did not ask for it, the event
that has the usage and nothing else, which is taken out again.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import orjson

from router_r1.conversation import Conversation
from router_r1.errors import ConfigError
from router_r1.model_cards import EmbedderCard, ModelCard
from router_r1.pool import Account
from router_r1.serve.answers.deadline import Deadline
from router_r1.serve.answers.upstream import Upstream, usage_in
from router_r1.serve.api_error import ApiError
from router_r1.serve.gateway import Gateway
from router_r1.serve.ticket import Ticket
from router_r1.token_prices import Usage, cost_usd
from router_r1.transport.messages import Request

_EVENT_END = re.compile(rb"\r?\n\r?\n")
_OWN = "router_r1"
_MAY_HAVE_IMAGES = 5000
"""Tokens above which a request is looked at more closely."""
_LIMITS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True)
class Raw:
    """A reply as its server sent it."""

    status: int
    body: bytes
    headers: dict[str, str]


class CandidateAnswer:
    """The answer of one candidate to one request."""

    def __init__(
        self,
        gateway: Gateway,
        card: ModelCard | EmbedderCard,
        body: Mapping[str, Any],
        ticket: Ticket,
        path: str = "/chat/completions",
    ) -> None:
        """Read as much of the request as limits need.

        Args:
            gateway: the worker's.
            card: the candidate.
            body: as the client sent it.
            ticket: of the request.
            path: of the endpoint, after its base URL.

        Raises:
            ApiError: the conversation has images and the candidate reads none.
        """
        self._gateway, self._card, self._ticket, self._path = gateway, card, ticket, path
        self._body = {name: value for name, value in body.items() if name != _OWN}
        self.stream = bool(body.get("stream"))
        self._prompt_tokens = _prompt_tokens(body)
        self._answer_tokens = next(
            (n for name in _LIMITS if type(n := body.get(name)) is int and n > 0),
            card.max_output_tokens,
        )
        _check_modalities(card, body)

    async def admit(self) -> None:
        """Reserve what it may cost. Raises `ApiError` if the key has too little left."""
        usage = Usage(self._prompt_tokens, self._answer_tokens)
        limits = self._card.limits
        await self._ticket.admit(
            usage.prompt + usage.completion,
            cost_usd(usage, self._card.price),
            limits.deadline_s + 600,
        )

    async def whole(self) -> Raw:
        """The reply, also one that is an error. Raises `ApiError` if there is none."""
        upstream = self._gateway.upstream
        if upstream is None:
            return await self._from_pool()
        async with (
            Deadline(self._gateway.settings.ceiling.timeout_s),
            upstream.post(
                self._card, self._path, self._body, self._account, prompt_tokens=self._prompt_tokens
            ) as reply,
        ):
            body = await reply.body()
            if reply.status < 400:
                reply.booking.usage = usage_in(_json(body))
        self._note(reply.status, reply.booking.usage)
        return Raw(reply.status, body, reply.headers)

    async def open(self) -> Raw | AsyncGenerator[bytes, None]:
        """The events of a streamed reply, each whole; or the whole reply if it is no stream. Raises `ApiError`."""
        upstream = self._gateway.upstream
        if upstream is None:
            return await self._from_pool()
        body = dict(self._body)
        options = body.get("stream_options")
        wanted = isinstance(options, dict) and bool(options.get("include_usage"))
        if not wanted:
            body["stream_options"] = {**(options or {}), "include_usage": True}
        stack = AsyncExitStack()
        reply = await stack.enter_async_context(
            upstream.post(
                self._card, self._path, body, self._account, prompt_tokens=self._prompt_tokens
            )
        )
        try:
            if reply.status >= 400 or "event-stream" not in reply.headers.get("content-type", ""):
                whole = await reply.body()
                if reply.status < 400:
                    reply.booking.usage = usage_in(_json(whole))
                self._note(reply.status, reply.booking.usage)
                await stack.aclose()
                return Raw(reply.status, whole, reply.headers)
        except BaseException as error:
            await stack.__aexit__(type(error), error, error.__traceback__)
            raise
        return self._events(stack, reply, usage_wanted=wanted)

    async def _events(
        self, stack: AsyncExitStack, reply: Upstream, *, usage_wanted: bool
    ) -> AsyncGenerator[bytes, None]:
        async with stack, Deadline(self._gateway.settings.ceiling.timeout_s):
            left = b""
            async for piece in reply.pieces():
                left += piece
                end = 0
                kept: list[bytes] = []
                for match in _EVENT_END.finditer(left):
                    event = left[end : match.end()]
                    end = match.end()
                    if b'"usage"' not in event or not self._takes_usage(event, reply, usage_wanted):
                        kept.append(event)
                left = left[end:]
                if kept:
                    yield b"".join(kept)
            if left:
                yield left + b"\n\n"
            self._note(200, reply.booking.usage)

    @staticmethod
    def _takes_usage(event: bytes, reply: Upstream, wanted: bool) -> bool:
        """Read the usage of an event; True if the event has nothing else and the client did not ask for it."""
        data = _json(event.strip().removeprefix(b"data:"))
        usage = usage_in(data)
        if usage is None:
            return False
        reply.booking.usage = usage
        return not wanted and isinstance(data, dict) and data.get("choices") == []

    @property
    def _account(self) -> Account:
        return Account(self._ticket.receipt.ledger, self._ticket.receipt.id)

    def _note(self, status: int, usage: Usage | None) -> None:
        if status < 400 and usage is not None:
            self._ticket.receipt.single_usd = self._gateway.single_usd(
                usage.prompt, usage.completion
            )

    async def _from_pool(self) -> Raw:
        """The reply of a pool that has no endpoints: a recorded or a simulated one."""
        if self._path != "/chat/completions":
            raise ApiError(
                400, f"{self._card.name}: this pool is a recording of chats only", param="model"
            )
        sampling = {k: v for k, v in self._body.items() if k not in ("model", "messages", "stream")}
        request = Request(
            self._card.model_id, messages=tuple(self._body.get("messages") or ()), sampling=sampling
        )
        response = await self._gateway.agent.pool.call(self._card.name, request, self._account)
        if response.failure is not None:
            detail = f"{self._card.name}: {response.failure.kind.value}: {response.failure.detail}"
            raise ApiError(502, detail, kind="upstream_error", code=response.failure.kind.value)
        message = response.message or {"role": "assistant", "content": response.text}
        receipt = self._ticket.receipt
        usage = response.usage
        reply = {
            "id": f"chatcmpl-{receipt.id}",
            "object": "chat.completion",
            "created": int(receipt.at),
            "model": self._card.model_id,
            "choices": [
                {"index": 0, "message": message, "finish_reason": response.finish_reason or "stop"}
            ],
            "usage": {
                "prompt_tokens": usage.prompt,
                "completion_tokens": usage.completion,
                "total_tokens": usage.prompt + usage.completion,
            },
        }
        self._note(200, usage)
        return Raw(200, orjson.dumps(reply), {"content-type": "application/json"})


def _prompt_tokens(body: Mapping[str, Any]) -> int:
    """Estimated tokens of a request: a fourth of its bytes; where those are many, images are told from text."""
    asked = body.get("messages") or body.get("input")
    size = len(orjson.dumps(asked)) // 4
    if size > _MAY_HAVE_IMAGES:
        with contextlib.suppress(ConfigError):  # the endpoint says what is wrong with it
            return Conversation.read(asked, body).tokens
    return size


def _check_modalities(card: ModelCard | EmbedderCard, body: Mapping[str, Any]) -> None:
    """An image never reaches a model that reads none: some would answer without it."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        return
    for number, message in enumerate(messages):
        content = message.get("content") if isinstance(message, dict) else None
        for part in content if isinstance(content, list) else ():
            kind = part.get("type") if isinstance(part, dict) else None
            for modality, words in _MODALITIES.items():
                if kind in words and modality not in card.modalities:
                    raise ApiError(
                        400,
                        f"messages[{number}]: {card.name} takes no {modality}; ask a model that does, or correct "
                        f"`modalities` of its card",
                        param="messages",
                        code="unsupported_modality",
                    )


_MODALITIES = {
    "image": ("image_url",),
    "audio": ("input_audio", "audio_url"),
    "video": ("video_url",),
}


def _json(data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
