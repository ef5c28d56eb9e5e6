"""Prometheus metrics of the gateway: requests, latency, upstream attempts, tokens and dollars.

With several workers, the library's multiprocess mode adds up what all of them counted; `workers.py` sets its folder.
"""

from __future__ import annotations

import os
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from router_r1.serve.receipts import Receipt

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """The counters of one process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._series: dict[tuple[Any, tuple[str, ...]], Any] = {}
        r = self._registry
        self.requests = Counter(
            "router_r1_requests",
            "Requests by path, model and status.",
            ["endpoint", "model", "status"],
            registry=r,
        )
        self.seconds = Histogram(
            "router_r1_request_seconds",
            "Seconds from request to end of reply.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=r,
        )
        self.rounds = Histogram(
            "router_r1_rounds",
            "Rounds of routing of one request.",
            buckets=(0, 1, 2, 3, 4, 6, 8),
            registry=r,
        )
        self.attempts = Counter(
            "router_r1_upstream_attempts",
            "Attempts by model, role and outcome.",
            ["model", "role", "outcome"],
            registry=r,
        )
        self.tokens = Counter(
            "router_r1_tokens", "Tokens by model and kind.", ["model", "kind"], registry=r
        )
        self.dollars = Counter("router_r1_cost_usd", "Dollars by model.", ["model"], registry=r)
        self.in_flight = Gauge(
            "router_r1_in_flight", "Requests in work.", multiprocess_mode="livesum", registry=r
        )

    def count(self, receipt: Receipt, model: str, seconds: float) -> None:
        """Count a request that ended.

        Args:
            receipt: of the request.
            model: the name asked for if it is one that there is, else a fixed word: clients must not make new series.
            seconds: from request to end of reply.
        """
        self._at(self.requests, receipt.endpoint, model, str(receipt.status)).inc()
        self._at(self.seconds, receipt.endpoint).observe(seconds)
        if receipt.rounds:
            self.rounds.observe(receipt.rounds)
        for entry in receipt.ledger:
            self._at(self.attempts, entry.model, entry.role.value, entry.outcome).inc()
            self._at(self.tokens, entry.model, "prompt").inc(entry.usage.prompt)
            self._at(self.tokens, entry.model, "completion").inc(entry.usage.completion)
            self._at(self.dollars, entry.model).inc(entry.cost_usd or 0.0)

    def _at(self, metric: Any, *labels: str) -> Any:
        """The series of a metric, without the library's lock and checks once it is known."""
        series = self._series.get((metric, labels))
        if series is None:
            series = self._series[metric, labels] = metric.labels(*labels)
        return series

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
