"""Answers of one candidate, passed straight through: the body goes as it came, and the reply comes as it is.

Only two things are read from a reply: its usage, for the receipt, and, where the client did not ask for it, the event
that has the usage and nothing else, which is taken out again.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import orjson

from router_r1.conversation import Conversation
from router_r1.errors import ConfigError
from router_r1.model_cards import EmbedderCard, ModelCard
from router_r1.pool import Account
from router_r1.serve.answers.upstream import Upstream, estimated_usage, usage_in
from router_r1.serve.api_error import ApiError
from router_r1.serve.gateway import Gateway
from router_r1.serve.ticket import Ticket
from router_r1.serve.wire.bodies import encoded
from router_r1.serve.wire.events import EventSplitter, data_of, object_in
from router_r1.token_prices import Usage, cost_usd
from router_r1.transport.messages import Request

_OWN = "router_r1"
_MAY_HAVE_IMAGES = 5000
"""Tokens above which a request is looked at more closely."""
_LIMITS = ("max_completion_tokens", "max_tokens")
_MOST = 10**9
_USAGE_EVENT = frozenset(
    {
        "id",
        "object",
        "created",
        "model",
        "choices",
        "usage",
        "system_fingerprint",
        "service_tier",
        "obfuscation",
    }
)
"""Fields of an event that has the usage and nothing else."""


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
        self._prompt_tokens = _prompt_tokens(self._body)
        given = [n for name in _LIMITS if (n := _number(body.get(name))) is not None]
        self._answer_tokens = max(given, default=card.max_output_tokens)
        self._answer_tokens *= max(1, _number(body.get("n")) or 1)
        self._has_limit = bool(given)
        _check_modalities(card, body)

    async def admit(self) -> None:
        """Reserve what it may cost. Raises `ApiError` if the key has too little left.

        For a key with a budget, the card's `max_output_tokens` is sent where the client sets no limit: otherwise
        nothing would bound the cost.
        """
        key = self._ticket.key
        if key is not None and key.limits.budget_usd is not None and not self._has_limit:
            endpoint = self._gateway.agent.pool.endpoints.get(self._card.endpoint or "")
            name = endpoint.token_limit_field if endpoint else "max_tokens"
            if self._path == "/chat/completions":
                self._body[name] = self._card.max_output_tokens
        usage = Usage(self._prompt_tokens, self._answer_tokens)
        cost = cost_usd(usage, self._card.price)
        await self._ticket.admit(usage.prompt + usage.completion, cost, self._gateway.lapses_in_s)

    async def whole(self) -> Raw:
        """The reply, also one that is an error. Raises `ApiError` if there is none."""
        upstream = self._gateway.upstream
        if upstream is None:
            return await self._from_pool()
        async with upstream.post(
            self._card, self._path, self._body, self._account, prompt_tokens=self._prompt_tokens
        ) as reply:
            return await self._read(reply)

    async def open(self) -> Raw | AsyncGenerator[bytes, None]:
        """The events of a streamed reply, each whole; or the whole reply if it is no stream. Raises `ApiError`."""
        upstream = self._gateway.upstream
        if upstream is None:
            return await self._from_pool()
        body = dict(self._body)
        options = body.get("stream_options") or {}
        wanted = isinstance(options, dict) and bool(options.get("include_usage"))
        if not wanted and isinstance(options, dict):
            body["stream_options"] = {**options, "include_usage": True}
        stack = AsyncExitStack()
        reply = await stack.enter_async_context(
            upstream.post(
                self._card, self._path, body, self._account, prompt_tokens=self._prompt_tokens
            )
        )
        if reply.status < 400 and "event-stream" in reply.headers.get("content-type", ""):
            return self._events(stack, reply, usage_wanted=wanted)
        async with stack:
            return await self._read(reply)

    async def _read(self, reply: Upstream) -> Raw:
        """A whole reply. One that refuses the gateway's own key is not passed on: it is nobody's business."""
        body = await reply.body()
        if reply.status in (401, 403):
            raise ApiError(
                502,
                f"{self._card.name}: its endpoint refuses access (HTTP {reply.status}); the operator must check the key",
                kind="upstream_error",
                code="upstream_refused",
            )
        if reply.status < 400:
            data = object_in(body)
            reply.booking.usage = usage_in(data) or estimated_usage(self._prompt_tokens, data, body)
            self._answered(reply.booking.usage)
        return Raw(reply.status, body, reply.headers)

    async def _events(
        self, stack: AsyncExitStack, reply: Upstream, *, usage_wanted: bool
    ) -> AsyncGenerator[bytes, None]:
        async with stack:
            splitter = EventSplitter()
            async for piece in reply.pieces():
                kept = [
                    event
                    for event in splitter.feed(piece)
                    if b'"usage"' not in event or not self._takes_usage(event, reply, usage_wanted)
                ]
                if kept:
                    yield b"".join(kept)
            rest = splitter.rest()
            if rest and not self._takes_usage(rest, reply, usage_wanted):
                yield rest
            if reply.booking.usage is not None:
                self._answered(reply.booking.usage)

    @staticmethod
    def _takes_usage(event: bytes, reply: Upstream, wanted: bool) -> bool:
        """Read the usage of an event; True if the event has nothing else and the client did not ask for it."""
        data = object_in(data_of(event))
        usage = usage_in(data)
        if usage is None or data is None:
            return False
        reply.booking.usage = usage
        return not wanted and data.get("choices") == [] and data.keys() <= _USAGE_EVENT

    @property
    def _account(self) -> Account:
        return Account(self._ticket.receipt.ledger, self._ticket.receipt.id)

    def _answered(self, usage: Usage) -> None:
        receipt = self._ticket.receipt
        receipt.answered_by = self._card.name
        if isinstance(self._card, ModelCard):
            receipt.single_usd = self._gateway.single_usd(usage.prompt, usage.completion)

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
        self._answered(usage)
        return Raw(200, orjson.dumps(reply), {"content-type": "application/json"})


def _prompt_tokens(body: Mapping[str, Any]) -> int:
    """Estimated tokens of a request: a fourth of its bytes; where those are many, images are told from text."""
    size = len(encoded(body)) // 4
    if size > _MAY_HAVE_IMAGES:
        with contextlib.suppress(ConfigError):  # the endpoint says what is wrong with it
            return Conversation.read(body.get("messages"), body).tokens
    return size


def _number(value: object) -> int | None:
    """A count that a client gave, whatever its form; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MOST:
        return None
    return math.ceil(value)


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
