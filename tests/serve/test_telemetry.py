"""OpenTelemetry spans: the request, the agent, each call, each attempt; nothing that was said."""

import time

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from serving import LARGE, QUESTION, Serve, asked_by_policy, route_then_adopt

from router_r1.testing.loopback_server import Exchange, Served, chat_reply, usage

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_spans_of_a_request(serve: Serve) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    answer = route_then_adopt(chat_reply("612 km", usage=usage(30, 20)))
    failures = [Served(b"", status=503)]

    def handle(exchange: Exchange) -> Served:
        return failures.pop() if failures and not asked_by_policy(exchange) else answer(exchange)

    with serve(handle) as serving:
        serving.gateway._tracer = provider.get_tracer("test")
        raw = serving.client().chat.completions.with_raw_response.create(
            model="router-r1",
            messages=[{"role": "user", "content": QUESTION}],
            extra_headers={"traceparent": PARENT},
        )
        serving.receipt(raw.headers["x-request-id"])
    until = time.monotonic() + 5
    while len(exporter.get_finished_spans()) < 7 and time.monotonic() < until:
        time.sleep(0.01)
    spans = exporter.get_finished_spans()
    by_id = {span.context.span_id: span for span in spans if span.context}

    def path(span: ReadableSpan) -> tuple[str, ...]:
        above = by_id.get(span.parent.span_id) if span.parent else None
        return (*(path(above) if above else ()), span.name)

    request, agent = "POST /v1/chat/completions", "invoke_agent router-r1"
    assert sorted(map(path, spans)) == sorted(
        [
            (request,),
            (request, agent),
            (request, agent, "chat policy-1b"),
            (request, agent, "chat policy-1b"),
            (request, agent, f"chat {LARGE}"),
            (request, agent, f"chat {LARGE}", "attempt"),
            (request, agent, f"chat {LARGE}", "attempt"),
        ]
    )
    assert {f"{span.context.trace_id:032x}" for span in spans if span.context} == {PARENT[3:35]}
    (call,) = (span for span in spans if span.name == f"chat {LARGE}")
    assert call.attributes is not None
    assert call.attributes["gen_ai.usage.output_tokens"] == 20
    assert call.attributes["router_r1.attempts"] == 2
    assert call.start_time is not None
    assert call.end_time is not None
    assert call.end_time > call.start_time
    assert not any(
        QUESTION in str(span.to_json()) or "612" in str(span.to_json()) for span in spans
    )
