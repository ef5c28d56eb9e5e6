"""The candidates of a recorded world: the table answers for them, and each answer is booked at its recorded cost."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.ledger import Cause, Ledger
from router_r1.model_cards import ModelCard, ModelSpec
from router_r1.pool import Account, ModelPool, call_and_book
from router_r1.token_prices import TOKENS_PER_PRICE_UNIT, Price, Usage, cost_usd
from router_r1.transport.messages import (
    Attempt,
    Failure,
    FailureKind,
    OnAttempt,
    Request,
    Response,
)

Find = Callable[[str, Request], Outcome | None]
"""(candidate, request) -> the recorded outcome; None if the table has none."""


class RecordedPool(ModelPool):
    """The candidates as the table answers for them, in an episode on one question."""

    def __init__(
        self,
        table: OutcomeTable,
        cards: Sequence[ModelCard],
        find: Find,
        text: Callable[[Outcome], str],
        misses: Counter[str],
    ) -> None:
        """
        Args:
            table: gives endpoints and prices.
            cards: the candidates, as the policy sees them.
            find: finds the outcome of a request.
            text: renders an outcome for the policy.
            misses: counts, by candidate, the requests without an outcome.
        """
        transport = _RecordedTransport(table, find, text, misses)
        super().__init__(cards, table.endpoints, transport=transport, source=table.source)
        self._find = find

    async def call(self, name: str, request: Request, account: Account | None = None) -> Response:
        """Answer from the table. An outcome that states its cost is booked at exactly this cost."""
        card = self.card(name)
        outcome = self._find(name, request)
        price = card.price if outcome is None else as_booked(outcome, card.price)[1]
        return await call_and_book(
            self.transport, card, request, account or Account(Ledger()), price
        )


class _RecordedTransport:
    """Answers from the table."""

    def __init__(
        self,
        table: OutcomeTable,
        find: Find,
        text: Callable[[Outcome], str],
        misses: Counter[str],
    ) -> None:
        self._table, self._find, self._text, self._misses = table, find, text, misses

    async def call(self, card: ModelSpec, request: Request, on_attempt: OnAttempt) -> Response:
        """The recorded outcome; a miss costs nothing."""
        outcome = self._find(card.name, request)
        if outcome is None:
            self._misses[card.name] += 1
            detail = f"{self._table.source} has no such answer of {card.name} (sample {request.sample_index})"
            return Response(failure=Failure(FailureKind.NOT_RECORDED, detail), source="replay")
        usage, _ = as_booked(outcome, self._table.card(card.name).price)
        text = self._text(outcome)
        failure = None
        if not text.strip():
            failure = Failure(FailureKind.EMPTY_REPLY, "the recorded text is empty")
        kind = failure.kind.value if failure else "ok"
        on_attempt(Attempt(1, Cause.FIRST, kind, usage, False, "replay", time.time(), 0.0))
        return Response(
            text,
            failure,
            usage,
            attempts=1,
            finish_reason="stop",
            served_by=card.name,
            source="replay",
            score=outcome.score,
        )

    def check(self, cards: tuple[ModelSpec, ...]) -> None:
        """Nothing to check: a table needs neither endpoints nor keys."""

    async def aclose(self) -> None:
        """Nothing to release."""


def as_booked(outcome: Outcome, price: Price) -> tuple[Usage, Price]:
    """The tokens and the price with which an outcome is booked, so that tokens x price is its cost.

    If the outcome states its cost, the list price is scaled to match. If the list price of its tokens is zero, which
    cannot be scaled, all tokens get the same price; if there are no tokens, one prompt token, marked as estimated,
    carries the cost.

    Args:
        outcome: the recorded outcome.
        price: the list price of its candidate.
    """
    usage = outcome.usage
    listed = cost_usd(usage, price)
    if outcome.cost is None or outcome.cost == listed:
        return usage, price
    tokens = usage.prompt + usage.completion
    if listed > 0:
        scale = outcome.cost / listed
        rates = {"input": price.input * scale, "output": price.output * scale}
    else:
        if tokens == 0:
            usage, tokens = Usage(prompt=1, estimated=True), 1
        rates = dict.fromkeys(("input", "output"), outcome.cost * TOKENS_PER_PRICE_UNIT / tokens)
    return usage, Price(**rates, as_of=price.as_of)
