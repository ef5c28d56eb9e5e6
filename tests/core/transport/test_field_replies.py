"""What servers were seen to send, from the request to the bill: each kind with siblings, whole and streamed.

One card with prices of 2, 10 and 0.2 dollars per million tokens (input, output, cached) and three attempts.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from router_r1 import Ledger, Price
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import Account, ModelPool
from router_r1.testing import Exchange, LoopbackServer, Served

PRICE = Price(input=2, output=10, cached=0.2)
COUNTS = {"prompt_tokens": 1000, "completion_tokens": 10}
FULL_USD = 0.0021
CACHED_USD = 0.00048


@dataclass
class Kind:
    """What the server sends, and what is right."""

    message: Any = "It is 4."
    """The content, or the whole message if it is an object."""
    finish: str | None = "stop"
    choice: dict | None = None
    """Fields beside the message."""
    usage: dict | None = None
    beside: dict | None = None
    """Fields beside the choices."""
    outcome: str = "ok"
    requests: int = 1
    usd: float | None = FULL_USD
    """Dollars of one request; None: an estimate above 0."""
    text: str = "It is 4."

    def reply(self, streamed: bool) -> Served:
        """The reply, as one body or as events."""
        message = self.message if isinstance(self.message, dict) else {"content": self.message}
        beside = {"usage": COUNTS if self.usage is None else self.usage} | (self.beside or {})
        beside = {name: value for name, value in beside.items() if value is not None}
        choice = {"index": 0, "finish_reason": self.finish} | (self.choice or {})
        if not streamed:
            return Served({"choices": [choice | {"message": message}], **beside})
        piece = {"choices": [{"index": 0, "delta": message, "finish_reason": None}]}
        return Served(events=[piece, {"choices": [choice | {"delta": {}}], **beside}, "[DONE]"])


def without_usage(**beside: Any) -> dict:
    return {"usage": None} | beside


PARTS = [{"type": "text", "text": "It "}, {"type": "text", "text": "is 4."}]
THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "2+2?"}]}
BEDROCK = {"inputTokenCount": 1000, "outputTokenCount": 10}
BROKEN = {"outcome": "server_error", "requests": 3, "text": ""}

KINDS: dict[str, Kind] = {
    # a finish reason that means failure
    **{
        f"finish {reason}": Kind(finish=reason, **BROKEN)
        for reason in (
            *("error", "network_error", "insufficient_system_resource", "abort"),
            *("ERROR", "upstream_error", "timeout", "cancelled"),
        )
    },
    "error of a choice": Kind(choice={"error": {"code": 502, "message": "Overloaded"}}, **BROKEN),
    "error of a choice, limit": Kind(
        choice={"error": {"code": 429}}, outcome="rate_limited", requests=3, text=""
    ),
    # an answer that a filter cut short is what there is
    "finish content_filter": Kind(finish="content_filter"),
    "finish SAFETY": Kind(finish="SAFETY"),
    "finish sensitive": Kind(finish="sensitive"),
    # cached tokens
    **{
        f"cached {name}": Kind(usage=COUNTS | extra, usd=CACHED_USD)
        for name, extra in {
            "hit": {"prompt_cache_hit_tokens": 900, "prompt_cache_miss_tokens": 100},
            "top": {"cached_tokens": 900},
            "null details": {
                "cached_tokens": 900,
                "prompt_tokens_details": {"cached_tokens": None},
            },
            "details": {"prompt_tokens_details": {"cached_tokens": 900}},
            "input details": {"input_tokens_details": {"cached_tokens": 900}},
            "read": {"cache_read_input_tokens": 900},
        }.items()
    },
    "cached, in a choice": Kind(
        beside={"usage": None}, choice={"usage": COUNTS | {"cached_tokens": 900}}, usd=CACHED_USD
    ),
    # usage elsewhere
    "usage in the choice": Kind(beside=without_usage(), choice={"usage": COUNTS}),
    "usage of Groq": Kind(beside=without_usage(x_groq={"id": "r", "usage": COUNTS})),
    "usage of Bedrock": Kind(beside=without_usage(**{"amazon-bedrock-invocationMetrics": BEDROCK})),
    "usage of Gemini": Kind(
        beside=without_usage(usageMetadata={"promptTokenCount": 1000, "candidatesTokenCount": 10})
    ),
    "usage of llama.cpp": Kind(beside=without_usage(timings={"prompt_n": 1000, "predicted_n": 10})),
    "usage of Ollama": Kind(beside=without_usage(prompt_eval_count=1000, eval_count=10)),
    # usage that is none
    "no usage": Kind(beside=without_usage(), usd=None),
    "usage of zeros": Kind(usage={"prompt_tokens": 0, "completion_tokens": 0}, usd=None),
    "usage without completion": Kind(
        usage={"prompt_tokens": 1000, "completion_tokens": 0}, usd=0.002 + 2 * 10 / 1e6
    ),
    "usage of zeros and a total": Kind(
        usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, usd=None
    ),
    # content in parts
    "parts": Kind(PARTS),
    "parts of strings": Kind(["It ", "is 4."]),
    "parts and thoughts": Kind([THOUGHT, *PARTS]),
    "output_text": Kind([{"type": "output_text", "text": "It is 4."}]),
    "one part": Kind({"content": {"type": "text", "text": "It is 4."}}),
    # refusals
    **{
        f"refusal beside {content!r}": Kind(
            {"content": content, "refusal": "I cannot."}, text="I cannot."
        )
        for content in (None, "", [])
    },
    "refusal part": Kind([{"type": "refusal", "refusal": "I cannot."}], text="I cannot."),
    # no finish reason
    "no finish reason": Kind(finish=None),
    "an unknown finish reason": Kind(finish="weird"),
}


async def ask(serve, streamed: bool):
    """Ask a server once; the response, the ledger rows and the requests."""
    limits = CallLimits(stream=streamed, backoff_base_s=0.01, backoff_max_s=0.01)
    card = ModelCard(name="a", endpoint="here", price=PRICE, limits=limits)
    ledger = Ledger()
    with LoopbackServer(serve) as server:
        async with ModelPool([card], {"here": Endpoint(base_url=server.base_url)}) as pool:
            response = await pool.ask("a", "What is 2+2?", Account(ledger))
    return response, list(ledger), server.exchanges


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_reply_of_the_field(kind, streamed):
    case = KINDS[kind]
    response, rows, requests = await ask(lambda _: case.reply(streamed), streamed)
    assert [row.outcome for row in rows] == [case.outcome] * case.requests
    assert all(row.billed for row in rows)
    assert len(requests) == case.requests
    assert response.text == case.text
    if case.usd is None:
        assert 0 < response.cost_usd < FULL_USD and response.usage.estimated
    else:
        assert response.cost_usd == pytest.approx(case.requests * case.usd, rel=1e-9)


ERRORS = {  # by code: the kind of failure, and how often it is asked
    400: ("bad_request", 1),
    401: ("unauthorized", 1),
    402: ("bad_request", 1),
    403: ("unauthorized", 1),
    404: ("bad_request", 1),
    408: ("server_error", 3),
    429: ("rate_limited", 3),
    500: ("server_error", 3),
    502: ("server_error", 3),
    503: ("server_error", 3),
    529: ("server_error", 3),
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("extra", [{}, {"choices": None}, {"choices": []}], ids=str)
@pytest.mark.parametrize("code", ERRORS)
async def test_an_error_inside_status_200(code, extra, streamed):
    body = {"error": {"code": code, "message": "Provider returned error"}} | extra
    served = Served(events=[body]) if streamed else Served(body)
    outcome, requests = ERRORS[code]
    response, rows, exchanges = await ask(lambda _: served, streamed)
    assert [(row.outcome, row.billed) for row in rows] == [(outcome, False)] * requests
    assert (len(exchanges), response.cost_usd) == (requests, 0)


OVERFLOWS = [
    "the request exceeds the available context size, try increasing it",
    "request (8000 tokens) exceeds the available context size (4096 tokens)",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "This model's maximum prompt length is 131072 but the request contains 150000 tokens.",
    "Input is too long for requested model.",
    "prompt is too long: 210000 tokens > 200000 maximum",
    "This model's maximum context length is 8192 tokens.",
]


@pytest.mark.parametrize("status", [200, 400, 413, 422, 500])
@pytest.mark.parametrize("wording", OVERFLOWS)
async def test_a_prompt_that_does_not_fit_is_asked_once(wording, status):
    served = Served({"error": {"message": wording}}, status)
    response, rows, _ = await ask(lambda _: served, False)
    assert [(row.outcome, row.billed) for row in rows] == [("context_overflow", False)]
    assert response.cost_usd == 0


QUOTAS = [
    {"code": "insufficient_quota", "message": "You exceeded your current quota."},
    {"type": "insufficient_quota", "message": "Please check your plan."},
    {"message": "You exceeded your current quota, please check your plan and billing details"},
    {"message": "Your account has insufficient balance."},
    {"code": "exceeded_current_quota_error", "message": "?"},
]


@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.parametrize("error", QUOTAS, ids=str)
async def test_no_quota_left_is_asked_once(error, status):
    error = error if status == 429 else error | {"code": 429, "type": "insufficient_quota"}
    _, rows, _ = await ask(lambda _: Served({"error": error}, status), False)
    assert [(row.outcome, row.billed) for row in rows] == [("rate_limited", False)]


SIGNS = {
    "words": "data: [KEEPALIVE]\n\n",
    "nothing": "data: \n\n",
    "null": "data: null\n\n",
    "named": "event: keepalive\ndata: {}\n\n",
    "ping": 'event: ping\ndata: {"type": "ping"}\n\n',
    "comment": ": OPENROUTER PROCESSING\n\n",
    "empty object": "data: {}\n\n",
}


@pytest.mark.parametrize("sign", SIGNS)
async def test_signs_of_life_in_a_stream(sign):
    good = Kind().reply(True).events
    framed = [f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in good]
    body = (SIGNS[sign] + SIGNS[sign].join(framed)).encode()
    served = Served(body, content_type="text/event-stream")
    response, rows, _ = await ask(lambda _: served, True)
    assert [row.outcome for row in rows] == ["ok"]
    assert (response.text, response.cost_usd) == ("It is 4.", pytest.approx(FULL_USD))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Unrecognized request argument supplied: stream_options"),
        (422, '[{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]'),
        (400, "stream_options is not supported by this model"),
        (400, "Unknown field: stream_options"),
    ],
)
async def test_stream_options_that_are_refused(status, message):
    def serve(exchange: Exchange) -> Served:
        if "stream_options" in exchange.body:
            return Served({"error": {"message": message}}, status)
        return Kind().reply(True)

    response, rows, exchanges = await ask(serve, True)
    assert [(row.outcome, row.billed) for row in rows] == [("ok", True)]
    assert ["stream_options" in each.body for each in exchanges] == [True, False]
    assert response.cost_usd == pytest.approx(FULL_USD)


PIECE = {"choices": [{"index": 0, "delta": {"content": "It is 4."}, "finish_reason": None}]}


@pytest.mark.parametrize(
    ("ending", "outcome"),
    [
        (["[DONE]"], "ok"),
        ([{"choices": [], "usage": COUNTS}], "ok"),
        ([{"usage": COUNTS}, "[DONE]"], "ok"),
        ([], "stream_cut"),
        ([{"choices": [{"index": 0, "delta": {}, "finish_reason": None}]}], "stream_cut"),
    ],
)
async def test_a_stream_without_a_finish_reason(ending, outcome):
    _, rows, _ = await ask(lambda _: Served(events=[PIECE, *ending]), True)
    assert {row.outcome for row in rows} == {outcome}
    assert len(rows) == (1 if outcome == "ok" else 3)
