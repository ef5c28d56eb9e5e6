"""The pool: the candidates, and the transport that reaches them. Every call is booked here, attempt by attempt.

What a pool is made of is `cards.py`; how a call is carried out is `transport.py` and its implementations.
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
from typing import TYPE_CHECKING, Self

from router_r1 import config
from router_r1.errors import ConfigError
from router_r1.ledger import Ledger, LedgerEntry, Role
from router_r1.model_cards import Endpoint, ModelCard, ModelSpec, PoolFile
from router_r1.pricing import Price, cost_usd
from router_r1.transport.base import Transport
from router_r1.transport.messages import Attempt, Request, Response

if TYPE_CHECKING:
    from router_r1.transport.record_replay import OnMiss


@dataclass(frozen=True)
class Account:
    """Where the attempts of a call are booked, and for whom."""

    ledger: Ledger
    episode_id: str = ""
    round: int = 0
    role: Role = Role.CANDIDATE

    def book(self, model: str, call_id: str, attempt: Attempt, price: Price | None) -> float | None:
        """Add one attempt to the ledger; returns its dollars, None without a price."""
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
    """Carry out one request and book every attempt, even when the caller is cancelled half-way."""
    call_id = new_call_id()
    costs: list[float] = []

    def book(attempt: Attempt) -> None:
        costs.append(account.book(card.name, call_id, attempt, price) or 0.0)

    response = await transport.call(card, request, book)
    return replace(response, cost_usd=None if price is None else math.fsum(costs))


def new_call_id() -> str:
    """A name that ties the attempts of one call together."""
    return uuid.uuid4().hex[:12]


class ModelPool:
    """The candidates, and the transport that reaches them.

    A pool is cheap to make and may be shared by any number of agents and episodes. It holds connections after the
    first live call: close it with `aclose`, or use `async with`.
    """

    def __init__(
        self,
        cards: Iterable[ModelCard],
        endpoints: dict[str, Endpoint] | None = None,
        *,
        transport: Transport | None = None,
        source: str = "pool",
    ) -> None:
        """
        Args:
            cards: the candidates.
            endpoints: servers by the names the cards use.
            transport: how to reach them; a live client over the endpoints by default.
            source: what to call this pool in error messages, usually its file.

        Raises:
            ConfigError: an empty pool, a name given twice, an endpoint that is not defined.
        """
        content = {"candidates": tuple(cards), "endpoints": endpoints or {}}
        checked = config.validate(PoolFile, content, source)
        self.cards = checked.candidates
        self.endpoints = checked.endpoints
        self.source = source
        self._by_name = {card.name: card for card in self.cards}
        if transport is None:
            from router_r1.transport.live import LiveTransport

            transport = LiveTransport(self.endpoints, source=source)
        self.transport: Transport = transport

    @classmethod
    def from_yaml(cls, path: str | Path, *, transport: Transport | None = None) -> ModelPool:
        """Read a pool file. Raises `ConfigError` that names file, field and remedy."""
        if "policy" in (data := config.read_yaml(path)):
            raise ConfigError(f"{path}: this is an agent file; its pool file is {data.get('pool')}")
        content = config.validate(PoolFile, data, str(path))
        return cls(content.candidates, content.endpoints, transport=transport, source=str(path))

    @property
    def names(self) -> tuple[str, ...]:
        """The candidates' names, in the file's order."""
        return tuple(self._by_name)

    @functools.cached_property
    def version(self) -> str:
        """A short hash over all cards: equal pools, prices and prompts included, have equal versions."""
        cards = [card.model_dump(mode="json") for card in self.cards]
        return hashlib.sha256(json.dumps(cards, sort_keys=True).encode()).hexdigest()[:12]

    def card(self, name: str) -> ModelCard:
        """The card of one candidate. Raises `ConfigError` for a name the pool does not hold."""
        try:
            return self._by_name[name]
        except KeyError:
            known = ", ".join(self.names)
            raise ConfigError(f"{self.source}: no candidate {name!r}; it has {known}") from None

    def check(self) -> None:
        """Raise `ConfigError` if a candidate can not be called: no endpoint, or its key is not set."""
        self.transport.check(self.cards)

    def token_limit_field(self, card: ModelCard) -> str:
        """What this candidate's endpoint calls the limit on generated tokens."""
        endpoint = self.endpoints.get(card.endpoint or "")
        return endpoint.token_limit_field if endpoint else "max_tokens"

    async def ask(
        self, name: str, query: str, account: Account | None = None, *, sample_index: int = 0
    ) -> Response:
        """Ask one candidate one sub-query."""
        card = self.card(name)
        field = self.token_limit_field(card)
        request = card.request(query, sample_index=sample_index, token_limit_field=field)
        return await self.call(name, request, account)

    async def call(self, name: str, request: Request, account: Account | None = None) -> Response:
        """Carry out a request at one candidate and book its attempts in the account's ledger."""
        card = self.card(name)
        account = account or Account(Ledger())
        return await call_and_book(self.transport, card, request, account, card.price)

    def recording(self, store: str | Path) -> ModelPool:
        """This pool, keeping every answer in a record store: each distinct request is paid for once."""
        return self.through_store(store, "live")

    def replaying(self, store: str | Path, *, on_miss: OnMiss = "error") -> ModelPool:
        """This pool, answered from a record store. See `record.StoreTransport` for `on_miss`."""
        return self.through_store(store, on_miss)

    def through_store(self, store: str | Path, on_miss: OnMiss) -> ModelPool:
        """This pool behind a record store: what `recording` (`live`) and `replaying` are short for."""
        from router_r1.transport.record_replay import StoreTransport
        from router_r1.transport.record_store import RecordStore

        transport = StoreTransport(
            RecordStore(store, create=on_miss == "live"), self.transport, on_miss=on_miss
        )
        return ModelPool(self.cards, self.endpoints, transport=transport, source=self.source)

    async def aclose(self) -> None:
        """Close connections and files."""
        await self.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
