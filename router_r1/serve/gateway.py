"""What one worker of the gateway holds: the agent, the names, the connections, and the files of keys and receipts."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from router_r1.agent import RouterAgent
from router_r1.conversation import Conversation
from router_r1.episode import Limits
from router_r1.forwarded_answer import able
from router_r1.ledger import Ledger
from router_r1.model_cards import ModelCard
from router_r1.serve import telemetry
from router_r1.serve.access.admission import Admission
from router_r1.serve.access.keys import Key, KeyStore
from router_r1.serve.answers.named_routes import NamedTarget
from router_r1.serve.answers.one_shot import Choice, OneShot
from router_r1.serve.answers.upstream import UpstreamClient
from router_r1.serve.api_error import ApiError
from router_r1.serve.metrics import Metrics
from router_r1.serve.names import AgentName, Target, targets, version
from router_r1.serve.receipts import Receipt, ReceiptStore
from router_r1.serve.sessions import Kept, kept_by
from router_r1.serve.settings import ServeSettings
from router_r1.serve.ticket import Ticket
from router_r1.token_prices import Usage, cost_usd
from router_r1.transport.live import LiveTransport

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

_RULES_TOKENS = 2000
"""Tokens of the rules and the pool in the policy's prompt, about."""


class Gateway:
    """Everything that requests share. A reload makes a new one; the old one is closed when its requests have ended."""

    def __init__(
        self,
        agent: RouterAgent,
        settings: ServeSettings,
        *,
        metrics: Metrics,
        keys: KeyStore | None = None,
        admission: Admission | None = None,
        receipts: ReceiptStore | None = None,
        routers: Mapping[str, OneShot | NamedTarget] | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        """
        Args:
            agent: answers. One without a fallback gets the candidate with the highest price of output.
            settings: names and limits.
            metrics: counts requests.
            keys: who may ask; None lets everybody in.
            admission: counts what keys use; needed with keys.
            receipts: keeps receipts; None: nobody does.
            routers: fitted one-shot routers, and named routes, by name.
            tracer: makes OpenTelemetry spans; None: nobody does.

        Raises:
            ConfigError: a candidate has a name that belongs to the gateway.
        """
        self.agent, self.settings, self.metrics = agent, settings, metrics
        if agent.fallback is None:
            agent.fallback = max(agent.pool.cards, key=lambda card: card.price.output).name
        self.keys, self.admission, self.receipts = keys, admission, receipts
        self.routers = dict(routers or {})
        self._tracer = tracer
        self.targets: dict[str, Target] = targets(agent, settings, self.routers)
        self.version = version(agent)
        transport = agent.pool.transport
        self.upstream = UpstreamClient(transport) if isinstance(transport, LiveTransport) else None
        self.in_flight = 0
        self._idle = asyncio.Event()

    @property
    def single(self) -> ModelCard:
        """The best single model: the one that stands in for the policy."""
        return self.agent.pool.card(str(self.agent.fallback))

    def ticket(self, endpoint: str, headers: Mapping[str, str]) -> Ticket:
        """Begin a request."""
        tracer = self._tracer

        def trace(receipt: Receipt) -> None:
            assert tracer is not None
            is_agent = isinstance(self.targets.get(receipt.asked), AgentName)
            telemetry.record(tracer, receipt, headers, self.version if is_agent else None)

        return Ticket(
            endpoint,
            admission=self.admission,
            receipts=self.receipts,
            metrics=self.metrics,
            timeout_s=self.settings.ceiling.timeout_s,
            on_end=None if tracer is None else trace,
        )

    def authenticate(self, headers: Mapping[str, str]) -> Key | None:
        """The key of a request; None on a gateway without keys. Raises `ApiError` 401."""
        if self.keys is None:
            _check_local(headers)
            return None
        secret = headers.get("authorization", "")
        scheme, _, secret = secret.partition(" ")
        secret = secret.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        key = self.keys.find(secret) if secret else None
        if key is None:
            raise ApiError(
                401,
                "expected a valid key in the header `Authorization: Bearer KEY` (or `x-api-key`); "
                "`router-r1 keys add NAME` makes one",
                kind="authentication_error",
                code="invalid_api_key",
            )
        return key

    @property
    def lapses_in_s(self) -> float:
        """Seconds after which a reservation lapses: longer than any request can take."""
        return self.settings.ceiling.timeout_s + 120

    def most_usd(self, conversation: Conversation, limits: Limits) -> float:
        """The most dollars that an agent without a budget may spend on a conversation: all turns of the policy, all
        routes with the most expensive candidate, and once more for the final answer."""
        quotes = [c.quote_forward(conversation) for c in able(conversation, self.agent.pool.cards)]
        turns = limits.max_rounds + limits.max_malformed + 1
        return max(quotes) * (limits.max_rounds * limits.max_routes + 1) + turns * self.turn_usd(
            conversation, limits
        )

    def turn_usd(self, conversation: Conversation, limits: Limits) -> float:
        """About the most dollars of one turn of the policy, which is paid before anything is known of it."""
        price = getattr(self.agent.policy, "price", None)
        if price is None:
            return 0.0
        read = conversation.tokens + _RULES_TOKENS + limits.max_information_chars // 4
        return cost_usd(Usage(read, limits.max_turn_tokens), price)

    def name_limit(self, card: ModelCard, chat: dict[str, Any]) -> None:
        """Give the limit on tokens of a translated request the name that the candidate's endpoint knows."""
        known = self.agent.pool.token_limit_field(card)
        other = {"max_tokens": "max_completion_tokens"}.get(known, "max_tokens")
        if other in chat and known not in chat:
            chat[known] = chat.pop(other)

    def single_usd(self, prompt_tokens: int, answer_tokens: int) -> float:
        """What the best single model would have cost, in dollars."""
        return cost_usd(Usage(prompt_tokens, answer_tokens), self.single.price)

    def kept(self, session: str, conversation: Conversation) -> Kept | None:
        """The model that may have a conversation in its cache; see `sessions.py`."""
        if len(conversation.messages) < 2 or not self.settings.cache_s:
            return None
        return kept_by(self.receipts, session, conversation, self.agent.pool, self.settings.cache_s)

    async def route(
        self, router: str, conversation: Conversation, ledger: Ledger, kept: Kept | None = None
    ) -> Choice:
        """The candidate that a router chooses; calls it makes for that are booked in the ledger."""
        found = self.routers[router]
        if isinstance(found, NamedTarget):
            return await found.choose(conversation, ledger)
        return await asyncio.to_thread(found.choose, conversation, kept)

    def choosing_usd(self, router: str, conversation: Conversation) -> float:
        """Maximum dollars of a router's choice: those of a candidate that reads named routes."""
        found = self.routers[router]
        return found.reading_usd(conversation) if isinstance(found, NamedTarget) else 0.0

    def enter(self) -> None:
        """A request begins."""
        self.in_flight += 1

    def leave(self) -> None:
        """A request has ended."""
        self.in_flight -= 1
        if self.in_flight == 0:
            self._idle.set()

    async def retire(self, within_s: float = math.inf) -> None:
        """Wait until no request is in work, then close everything that is this gateway's own."""
        if self.in_flight:
            self._idle.clear()
            # Streams that last longer end with the process.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(
                    self._idle.wait(), None if within_s == math.inf else within_s
                )
        if self.upstream is not None:
            await self.upstream.aclose()
        for router in self.routers.values():
            if isinstance(router, NamedTarget):
                await router.aclose()
        await self.agent.aclose()


def _check_local(headers: Mapping[str, str]) -> None:
    """Without keys, only programs of this machine may ask: no page in a browser, and no name that points here.

    Raises:
        ApiError: 403.
    """
    for name in ("host", "origin"):
        value = headers.get(name)
        if value is not None and not is_loopback(
            urlsplit(value if "//" in value else f"//{value}").hostname
        ):
            raise ApiError(
                403,
                f"{name}: this gateway has no keys, so it answers this machine's own programs only; make a key with "
                f"`router-r1 keys add NAME`",
                kind="permission_error",
                code="not_local",
            )


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine, as only its own programs can name it."""
    if host == "localhost":
        return True
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
