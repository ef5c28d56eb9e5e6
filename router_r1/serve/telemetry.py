"""OpenTelemetry spans of a request, made from its receipt when it has ended.

    POST /v1/chat/completions      SERVER    the request; a child of the client's span if it sent `traceparent`
      invoke_agent router-r1       INTERNAL  the episode, where the agent answers
        chat gpt-5-mini            CLIENT    a call: of the policy, a candidate or the aggregator
          attempt                  INTERNAL  one request for it, where there were several

The ledger has the beginning and the length of every attempt, so nothing has to be carried through the agent. The names
are those of the conventions for generative AI, which are in development; they stand here and nowhere else. No question
and no answer is in a span. Spans are made only if the environment names an exporter and the SDK is installed:
`OTEL_EXPORTER_OTLP_ENDPOINT`, and `pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from router_r1.ledger import LedgerEntry
from router_r1.serve.receipts import Receipt

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = logging.getLogger("router_r1.serve")

SCHEMA = "https://opentelemetry.io/schemas/1.38.0"
"""The version of the conventions whose names are used."""
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_NANO = 10**9


def tracer_from_environment() -> Tracer | None:
    """A tracer that exports to where the environment says; None if it says nothing, or the SDK is missing."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        log.warning(
            "no spans are exported: %s is not installed; pip install 'router-r1[otel]'", error.name
        )
        return None
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "router-r1")})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("router_r1.serve", schema_url=SCHEMA)


def record(tracer: Tracer, receipt: Receipt, headers: Mapping[str, str], agent: str | None) -> None:
    """Make the spans of a request that has ended now.

    Args:
        tracer: makes them.
        receipt: of the request.
        headers: of the request; `traceparent` is read.
        agent: version of the agent, where it answered; None where a candidate did.
    """
    from opentelemetry import trace
    from opentelemetry.propagate import extract

    end = time.time_ns()
    attributes: dict[str, Any] = {
        "http.request.method": "POST",
        "url.path": receipt.endpoint,
        "http.response.status_code": receipt.status,
        "gen_ai.request.model": receipt.asked,
        "router_r1.request.id": receipt.id,
        "router_r1.outcome": receipt.outcome,
        "router_r1.cost.usd": receipt.cost_usd,
    }
    request = tracer.start_span(
        f"POST {receipt.endpoint}",
        context=extract(headers),
        kind=trace.SpanKind.SERVER,
        attributes=attributes,
        start_time=_nano(receipt.at),
    )
    if receipt.status >= 500:
        request.set_status(trace.StatusCode.ERROR, receipt.outcome)
    parent = trace.set_span_in_context(request)
    episode = None
    if agent is not None:
        usage = receipt.ledger.usage()
        episode = tracer.start_span(
            f"invoke_agent {receipt.asked}",
            context=parent,
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": receipt.asked,
                "gen_ai.agent.version": agent,
                "gen_ai.usage.input_tokens": usage.prompt,
                "gen_ai.usage.output_tokens": usage.completion,
                "router_r1.rounds": receipt.rounds,
            },
            start_time=_nano(receipt.at),
        )
        parent = trace.set_span_in_context(episode)
    for _, attempts in groupby(receipt.ledger, key=lambda entry: entry.call_id):
        _call(tracer, list(attempts), parent)
    if episode is not None:
        episode.end(end)
    request.end(end)


def _call(tracer: Tracer, attempts: list[LedgerEntry], parent: Any) -> None:
    from opentelemetry import trace

    first, last = attempts[0], attempts[-1]
    attributes: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": first.model,
        "gen_ai.usage.input_tokens": sum(entry.usage.prompt for entry in attempts),
        "gen_ai.usage.output_tokens": sum(entry.usage.completion for entry in attempts),
        "gen_ai.usage.cache_read.input_tokens": sum(entry.usage.cached for entry in attempts),
        "router_r1.role": first.role.value,
        "router_r1.round": first.round,
        "router_r1.attempts": len(attempts),
        "router_r1.cost.usd": sum(entry.cost_usd or 0.0 for entry in attempts),
    }
    if last.outcome != "ok":
        attributes["error.type"] = last.outcome
    call = tracer.start_span(
        f"chat {first.model}",
        context=parent,
        kind=trace.SpanKind.CLIENT,
        attributes=attributes,
        start_time=_nano(first.started_at),
    )
    if last.outcome != "ok":
        call.set_status(trace.StatusCode.ERROR, last.outcome)
    within = trace.set_span_in_context(call)
    for entry in attempts if len(attempts) > 1 else ():
        span = tracer.start_span(
            "attempt",
            context=within,
            attributes={
                "http.request.resend_count": entry.attempt - 1,
                "router_r1.outcome": entry.outcome,
            },
            start_time=_nano(entry.started_at),
        )
        span.end(_nano(entry.started_at + entry.latency_s))
    call.end(_nano(last.started_at + last.latency_s))


def _nano(seconds: float) -> int:
    return int(seconds * _NANO)
