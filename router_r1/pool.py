"""The pool: the candidates, and the transport that reaches them. Every call is booked here, attempt by attempt.

The cards and the pool file are in `model_cards.py`; `transport/` carries out the calls.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from router_r1 import config
from router_r1.conversation import Conversation
from router_r1.errors import ConfigError, shown_name
from router_r1.ledger import Ledger, LedgerEntry, Role
from router_r1.model_cards import EmbedderCard, Endpoint, ModelCard, ModelSpec, PoolFile
from router_r1.token_prices import Price, cost_usd
from router_r1.transport.base import Transport
from router_r1.transport.live import LiveTransport
from router_r1.transport.messages import Attempt, Request, Response
from router_r1.transport.record_replay import OnMiss, StoreTransport
from router_r1.transport.record_store import RecordStore


@dataclass(frozen=True)
class Account:
    """Where the attempts of a call are booked, and what caused the call."""

    ledger: Ledger
    episode_id: str = ""
    round: int = 0
    """Round of the episode, from 1; 0 outside an episode."""
    role: Role = Role.CANDIDATE

    def book(self, model: str, call_id: str, attempt: Attempt, price: Price | None) -> float | None:
        """Add one attempt to the ledger.

        Args:
            model: name of the model in the ledger.
            call_id: shared by all attempts of the call.
            attempt: as the transport reported it.
            price: dollars per million tokens, or None.

        Returns:
            Dollars of the attempt; None without a price.
        """
        cost = None if price is None else cost_usd(attempt.usage, price)
        self.ledger.add(
            LedgerEntry(
                episode_id=self.episode_id,
                round=self.round,
                role=self.role,
                model=model,
                call_id=call_id,
                attempt=attempt.number,
                cause=attempt.cause,
                outcome=attempt.outcome,
                usage=attempt.usage,
                price_version=price.version if price else None,
                cost_usd=cost,
                billed=attempt.billed,
                source=attempt.source,
                started_at=attempt.started_at,
                latency_s=attempt.latency_s,
            )
        )
        return cost


async def call_and_book(
    transport: Transport, card: ModelSpec, request: Request, account: Account, price: Price | None
) -> Response:
    """Carry out one request and book every attempt, even if the caller is cancelled during the call.

    Args:
        transport: carries the request.
        card: the model to call.
        request: what to send.
        account: where the attempts are booked.
        price: dollars per million tokens, or None.
    """
    call_id = new_call_id()
    costs: list[float] = []

    def book(attempt: Attempt) -> None:
        costs.append(account.book(card.name, call_id, attempt, price) or 0.0)

    response = await transport.call(card, request, book)
    return replace(response, cost_usd=None if price is None else math.fsum(costs))


def new_call_id() -> str:
    """A random id for the attempts of one call."""
    return uuid.uuid4().hex[:12]


class ModelPool:
    """The candidates, and the transport that reaches them.

    A pool is cheap to create, and any number of agents and episodes may share it. It holds connections after the first
    live call: close it with `aclose`, or use `async with`.
    """

    def __init__(
        self,
        cards: Iterable[ModelCard],
        endpoints: dict[str, Endpoint] | None = None,
        *,
        embedders: Iterable[EmbedderCard] = (),
        transport: Transport | None = None,
        source: str = "pool",
    ) -> None:
        """
        Args:
            cards: the candidates.
            endpoints: servers, by the names that the cards use.
            embedders: models that make vectors of texts; nobody routes to them.
            transport: carries the requests; by default HTTP to the endpoints.
            source: name of this pool in error messages, usually its file.

        Raises:
            ConfigError: the pool is empty, a name occurs twice, or an endpoint is not defined.
        """
        content = {
            "candidates": tuple(cards),
            "embedders": tuple(embedders),
            "endpoints": endpoints or {},
        }
        checked = config.validate(PoolFile, content, source)
        self.cards = checked.candidates
        self.embedders = checked.embedders
        self.endpoints = checked.endpoints
        self.source = source
        self._by_name = {card.name: card for card in self.cards}
        self.transport: Transport = (
            LiveTransport(self.endpoints, source=source) if transport is None else transport
        )

    @classmethod
    def from_yaml(cls, path: str | Path, *, transport: Transport | None = None) -> ModelPool:
        """Read a pool file. Raises a `ConfigError` that names file, field and remedy."""
        if "policy" in (data := config.read_yaml(path)):
            raise ConfigError(
                f"{path}: expected a pool file, got an agent file; its pool file is {data.get('pool')}"
            )
        content = config.validate(PoolFile, data, str(path))
        return cls(
            content.candidates,
            content.endpoints,
            embedders=content.embedders,
            transport=transport,
            source=str(path),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the candidates, in the order of the file."""
        return tuple(self._by_name)

    @functools.cached_property
    def version(self) -> str:
        """A short hash of all cards, prices and prompts included: equal pools have equal versions."""
        cards = [card.model_dump(mode="json") for card in self.cards]
        return hashlib.sha256(json.dumps(cards, sort_keys=True).encode()).hexdigest()[:12]

    def card(self, name: str) -> ModelCard:
        """The card of one candidate. Raises `ConfigError` for an unknown name."""
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self.names)
            raise ConfigError(
                f"{self.source}: no candidate {shown_name(name)!r}; the candidates are {known}"
            ) from None

    def check(self) -> None:
        """Raise `ConfigError` if a candidate has no endpoint, or its key is not set."""
        self.transport.check(self.cards)

    def token_limit_field(self, card: ModelCard) -> str:
        """The name that this candidate's endpoint uses for the limit on generated tokens."""
        endpoint = self.endpoints.get(card.endpoint or "")
        return endpoint.token_limit_field if endpoint else "max_tokens"

    async def ask(
        self,
        name: str,
        query: str | Conversation,
        account: Account | None = None,
        *,
        sample_index: int = 0,
    ) -> Response:
        """Send one sub-query to one candidate, or forward a conversation to it.

        Args:
            name: name of the candidate.
            query: the sub-query, or the conversation.
            account: where the attempts are booked; by default a new ledger.
            sample_index: distinguishes repeated samples of the same query in a recording.

        Raises:
            ConfigError: unknown name, no endpoint, or a key that is not set.
        """
        card = self.card(name)
        field = self.token_limit_field(card)
        if isinstance(query, Conversation):
            request = card.forward(query, sample_index=sample_index, token_limit_field=field)
        else:
            request = card.request(query, sample_index=sample_index, token_limit_field=field)
        return await self.call(name, request, account)

    async def call(self, name: str, request: Request, account: Account | None = None) -> Response:
        """Send a request to one candidate and book its attempts.

        Args:
            name: name of the candidate.
            request: what to send.
            account: where the attempts are booked; by default a new ledger.

        Raises:
            ConfigError: unknown name, no endpoint, or a key that is not set.
        """
        card = self.card(name)
        account = account or Account(Ledger())
        return await call_and_book(self.transport, card, request, account, card.price)

    def recording(self, store: str | Path) -> ModelPool:
        """A pool that keeps every answer in a record store: each distinct request is paid for once."""
        return self.through_store(store, "live")

    def replaying(self, store: str | Path, *, on_miss: OnMiss = "error") -> ModelPool:
        """A pool that answers from a record store. See `StoreTransport` for `on_miss`."""
        return self.through_store(store, on_miss)

    def through_store(self, store: str | Path, on_miss: OnMiss) -> ModelPool:
        """A pool behind a record store; `recording` and `replaying` call this. See `StoreTransport` for `on_miss`."""
        transport = StoreTransport(
            RecordStore(store, create=on_miss == "live"), self.transport, on_miss=on_miss
        )
        return ModelPool(
            self.cards,
            self.endpoints,
            embedders=self.embedders,
            transport=transport,
            source=self.source,
        )

    @property
    def not_recorded(self) -> str | None:
        """Why answers are missing in the record store that should have them; None if none is."""
        return getattr(self.transport, "not_recorded", None)

    async def aclose(self) -> None:
        """Close connections and the record store."""
        await self.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
