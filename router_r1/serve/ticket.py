"""One request from the moment it comes until its reply ended: its key, its reservation, its receipt."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from router_r1.errors import StoreError
from router_r1.prompts import usd as in_dollars
from router_r1.serve.access.admission import Admission
from router_r1.serve.access.errors import (
    BudgetExceededError,
    RateLimitedError,
    StoreUnavailableError,
)
from router_r1.serve.access.keys import Key
from router_r1.serve.api_error import ApiError
from router_r1.serve.metrics import Metrics
from router_r1.serve.receipts import Receipt, ReceiptStore, new_id

log = logging.getLogger("router_r1.serve")


_MOST_TOKENS = 10**9
"""Tokens of one request; more are a mistake of whoever counted them."""
_MOST_USD = 10**6


class Ticket:
    """Admits a request, and closes it exactly once: settles what it cost, writes the receipt, counts it."""

    def __init__(
        self,
        endpoint: str,
        *,
        admission: Admission | None,
        receipts: ReceiptStore | None,
        metrics: Metrics,
        timeout_s: float,
        on_end: Callable[[Receipt], None] | None = None,
    ) -> None:
        """
        Args:
            endpoint: the path.
            admission: counts what keys use; None without keys.
            receipts: keeps the receipt; None: nobody does.
            metrics: counts the request.
            timeout_s: seconds that the request may take.
            on_end: called with the receipt when the request has ended.
        """
        self.receipt = Receipt(new_id(), endpoint=endpoint)
        self.key: Key | None = None
        self.known_model = "unknown"
        """The name asked for, once it is known to be one."""
        self._admission, self._receipts, self._metrics = admission, receipts, metrics
        self._on_end = on_end
        self._ends_at = self.receipt.began + timeout_s
        self._admitted = self._closed = False
        metrics.in_flight.inc()

    @property
    def seconds_left(self) -> float:
        """Seconds that are left to the request; 0 or less when its time is over."""
        return self._ends_at - time.monotonic()

    def limit(self, seconds: float) -> None:
        """Let the request take no longer than this, from its beginning."""
        self._ends_at = min(self._ends_at, self.receipt.began + seconds)

    def identify(self, key: Key | None) -> None:
        """Note whose request it is."""
        self.key = key
        self.receipt.key = key.name if key else ""

    def name(self, model: str) -> None:
        """Note which model was asked for. Raises `ApiError` if the key may not ask for it."""
        if self.key is not None and not self.key.limits.allows(model):
            raise ApiError(
                403,
                f"model: this key may ask for {', '.join(self.key.limits.models or ())}",
                kind="permission_error",
                param="model",
                code="model_not_allowed",
            )
        self.receipt.asked = self.known_model = model

    async def admit(self, tokens: int, usd: float, lapses_in_s: float) -> None:
        """Reserve what the request may use; does nothing without a key, or if it was done before.

        Raises:
            ApiError: 429 if the key is over a rate or has too little budget left, 503 if nobody can tell.
        """
        if self.key is None or self._admission is None or self._admitted:
            return
        try:
            await self._admission.admit(
                self.key,
                self.receipt.id,
                tokens=min(tokens, _MOST_TOKENS),
                usd=min(usd, _MOST_USD),
                lapses_in_s=lapses_in_s,
            )
        except RateLimitedError as error:
            raise ApiError(
                429,
                error.detail,
                kind="rate_limit_error",
                code="rate_limit_exceeded",
                retry_after_s=error.retry_after_s,
            ) from None
        except BudgetExceededError as error:
            raise ApiError(
                429, error.detail, kind="insufficient_quota", code="insufficient_quota"
            ) from None
        except StoreUnavailableError as error:
            log.error("%s", error)
            raise ApiError(
                503, "limits cannot be counted now; try again later", kind="server_error"
            ) from error
        self._admitted = True

    async def left(self) -> float | None:
        """Dollars left of the key's budget, reservations not counted; None without a budget."""
        if self.key is None or self._admission is None or self.key.limits.budget_usd is None:
            return None
        return max(0.0, self.key.limits.budget_usd - await self._admission.spent(self.key))

    async def close(self, status: int, outcome: str) -> None:
        """End the request; a second call changes nothing.

        Args:
            status: HTTP status that the client got; 499 if it left.
            outcome: `ok`, a stop reason, or the code of an error.
        """
        if self._closed:
            return
        self._closed = True
        receipt = self.receipt
        receipt.status, receipt.outcome = status, outcome
        self._metrics.in_flight.dec()
        self._metrics.count(receipt, self.known_model, time.monotonic() - receipt.began)
        if self._on_end is not None:
            self._on_end(receipt)
        try:
            if self._receipts is not None:
                await self._receipts.write(receipt)
        except StoreError as error:  # the answer was paid for: the client gets it
            log.error("%s (%s)", error, in_dollars(receipt.cost_usd))
        finally:
            await self._settle()

    async def _settle(self) -> None:
        if not self._admitted or self._admission is None:
            return
        usage = self.receipt.ledger.usage()
        tokens = min(usage.prompt + usage.completion, _MOST_TOKENS)
        try:
            await self._admission.settle(
                self.receipt.id, tokens=tokens, usd=self.receipt.ledger.cost_usd()
            )
        except StoreUnavailableError as error:
            log.error("%s", error)
