"""What servers say of errors: as HTTP errors, inside HTTP 200, in streams; by code, by wording, in any shape."""

import json
import time

import pytest

from router_r1.transport.error_reports import classify_report, find_error, read_error
from router_r1.transport.messages import MODEL_FAULTS, FailureKind

RATE, SERVER, BAD = FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR, FailureKind.BAD_REQUEST
UNAUTHORIZED, OVERFLOW = FailureKind.UNAUTHORIZED, FailureKind.CONTEXT_OVERFLOW
FILTER = FailureKind.CONTENT_FILTER


def classify_words(message: str, status: int | None) -> tuple[FailureKind, bool]:
    """The kind of failure of a message without any code, and whether it is tried again."""
    return classify_report(read_error({"error": {"message": message}}), status)


# --- errors inside HTTP 200: the body, and the kind of failure

INSIDE_200 = [
    # a number of HTTP, as a number or as text, wherever it stands
    ({"error": {"code": 429, "message": "slow down"}}, RATE),
    ({"error": {"code": "429", "message": "slow down"}}, RATE),
    ({"error": {"code": 429}, "choices": None}, RATE),
    ({"error": {"code": 402, "message": "no credit left"}, "choices": []}, BAD),
    ({"error": {"code": 404, "message": "no such model"}}, BAD),
    ({"error": {"code": 401, "message": "User not found."}}, UNAUTHORIZED),
    ({"error": {"code": 500}}, SERVER),
    ({"error": {"code": 502, "message": "Provider returned error"}}, SERVER),
    ({"error": {"code": 503}}, SERVER),
    ({"error": {"code": 529}}, SERVER),
    ({"error": {"status": 429, "message": "x"}}, RATE),
    ({"error": {"http_status": 429}}, RATE),
    ({"statusCode": 429, "message": "Rate limit is exceeded. Try again in 5 seconds."}, RATE),
    ({"status": 429, "error": "Too Many Requests", "path": "/v1/chat/completions"}, RATE),
    ({"status": 503, "title": "Service Unavailable", "type": "about:blank"}, SERVER),
    # a name
    ({"error": {"code": "rate_limit_exceeded", "message": "x"}}, RATE),
    ({"error": {"code": "RateLimitExceeded"}}, RATE),
    ({"error": {"type": "rate_limit_error", "message": "x"}}, RATE),
    ({"error": {"type": "invalid_request_error", "code": "rate_limit_exceeded"}}, RATE),
    ({"error": {"status": "RESOURCE_EXHAUSTED"}}, RATE),
    ({"error": {"status": "UNAVAILABLE"}}, SERVER),
    ({"error": {"status": "UNAUTHENTICATED"}}, UNAUTHORIZED),
    ({"error": {"type": "server_error", "message": "The server had an error"}}, SERVER),
    ({"error": {"type": "invalid_request_error", "message": "Unknown parameter"}}, BAD),
    ({"error": {"code": "model_not_found", "message": "The model `x` does not exist"}}, BAD),
    ({"error": {"code": "invalid_api_key"}}, UNAUTHORIZED),
    ({"error": {"code": "DeploymentNotFound", "message": "The API deployment is not found"}}, BAD),
    ({"__type": "ThrottlingException", "message": "Too many tokens, please wait"}, RATE),
    ({"code": "Throttling.RateQuota", "message": "x", "request_id": "1"}, RATE),
    ({"object": "error", "message": "m", "type": "NotFoundError", "code": 404}, BAD),
    ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, SERVER),
    # a list
    ([{"error": {"code": 429, "message": "q", "status": "RESOURCE_EXHAUSTED"}}], RATE),
    (
        {"errors": [{"code": 10000, "message": "Authentication error"}], "success": False},
        UNAUTHORIZED,
    ),
    ({"error": ["the worker died"]}, SERVER),
    # passed on by a gateway
    ({"error": {"message": "Provider returned error", "metadata": {"raw": '{"code": 429}'}}}, RATE),
    ({"error": {"message": '{"error": {"code": 401, "message": "no"}}'}}, UNAUTHORIZED),
    ({"error": {"message": "litellm.RateLimitError: Error code: 429 - slow"}}, RATE),
    ({"error": {"message": "upstream status 503"}}, SERVER),
    ({"error": "502 Bad Gateway"}, SERVER),
    # nothing but words
    ({"error": "rate limit exceeded"}, RATE),
    ({"error": {"message": "Too Many Requests"}}, RATE),
    ({"error": "model 'x' not found"}, BAD),
    ({"error": "Incorrect API key provided"}, UNAUTHORIZED),
    ({"error": "worker died"}, SERVER),
    ({"error": {"message": "boom", "code": None, "type": None, "param": None}}, SERVER),
    ({"error": True, "message": "upstream timeout"}, SERVER),
    ({"detail": "Not authenticated"}, UNAUTHORIZED),
    ({"detail": [{"loc": ["body"], "msg": "Rate limit exceeded", "input": "x"}]}, RATE),
    ({"message": "System is too busy now", "code": 50603, "data": None}, SERVER),
    ({"error_code": 18, "error_msg": "Open api qps request limit reached"}, RATE),
    ({"fault": {"faultstring": "Spike arrest", "detail": {"errorcode": "ratelimit"}}}, RATE),
    ({"base_resp": {"status_code": 1002, "status_msg": "slow"}, "choices": None}, RATE),
    ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, UNAUTHORIZED),
    # in a choice
    ({"choices": [{"error": {"code": 429, "message": "x"}, "finish_reason": "error"}]}, RATE),
    ({"choices": [{"error": {"code": 502, "message": "x"}}]}, SERVER),
    # what cannot be cured by the status alone
    ({"error": {"code": "context_length_exceeded", "message": "x"}}, OVERFLOW),
    (
        {"error": {"code": 400, "message": "x", "metadata": {"raw": "prompt is too long: 9"}}},
        OVERFLOW,
    ),
    ({"error": {"code": 403, "message": "Your input was flagged"}}, FILTER),
    ({"base_resp": {"status_code": 1026, "status_msg": "x"}}, FILTER),
]


@pytest.mark.parametrize(("body", "kind"), INSIDE_200, ids=lambda value: json.dumps(value)[:60])
def test_an_error_inside_a_reply_is_of_the_kind_of_its_code(body, kind) -> None:
    data = body[0] if isinstance(body, list) else body
    choice = (data.get("choices") or [None])[0]
    report = find_error(data, choice, alone=True)
    assert report is not None and report.message
    assert classify_report(report)[0] is kind
    again_by_resume = kind not in MODEL_FAULTS
    assert again_by_resume == (kind not in (OVERFLOW, FILTER))


GOOD = {"message": {"content": "4"}, "finish_reason": "stop"}


@pytest.mark.parametrize(
    "data",
    [
        {"choices": [GOOD]},
        {"choices": [GOOD], "error": None},
        {"choices": [GOOD], "error": {}},
        {"choices": [GOOD], "error": ""},
        {"choices": [GOOD], "error": False},
        {"choices": [GOOD], "code": 0, "message": "ok"},
        {"choices": [GOOD], "base_resp": {"status_code": 0, "status_msg": ""}},
        {"choices": [GOOD | {"error": None}]},
        {"choices": []},
        {"error": {}, "choices": []},
        {"error": {"message": None, "code": None}},
        {"error": [[[[]]]]},
    ],
)
def test_a_reply_without_an_error_has_none(data) -> None:
    choice = (data.get("choices") or [None])[0]
    assert find_error(data, choice, alone=True) is None


@pytest.mark.parametrize(
    ("event", "is_error"),
    [
        ({"type": "ping"}, False),
        ({"message": "still working"}, False),
        ({"status": "processing", "message": "still working"}, False),
        ({"code": 0, "message": "ok", "choices": []}, False),
        ({"type": "message_start", "message": {"id": "1"}}, False),
        ({"choices": [], "usage": {"prompt_tokens": 1}}, False),
        ({"error": "worker died"}, True),
        ({"detail": "worker died"}, True),
        ({"message": "worker died", "code": 50000}, True),
        ({"object": "error", "message": "worker died"}, True),
        ({"type": "error", "message": "worker died"}, True),
    ],
)
def test_an_event_of_a_stream_may_be_a_sign_of_life(event, is_error) -> None:
    assert (find_error(event, None, alone=False) is not None) == is_error


# --- the prompt does not fit

OVERFLOWS = [
    "request (9412 tokens) exceeds the available context size (8192 tokens), try increasing it",
    "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
    "Unable to submit request because the input token count is 18 but model only supports up to 10.",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
    "Input is too long for requested model.",
    "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
    "prompt is too long: 200001 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000",
    "Prompt contains 40000 tokens, too large for model with 32768 maximum context length",
    "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 500",
    "Input validation error: `inputs` must have less than 1024 tokens. Given: 1500",
    "too many tokens: total number of tokens in the prompt cannot exceed 4081 - received 5000",
    "The input (1234 tokens) is longer than the model's context length (1024 tokens).",
    "the input length exceeds the context length",
    "Please reduce the length of the messages or completion.",
    "Your request exceeded model token limit: 131072 (requested: 140000)",
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
    "invalid params, context window exceeds limit (2013)",
    "prompt token count of 130000 exceeds the limit of 128000",
    "Input tokens exceed the configured limit of 272000 tokens.",
    "Your input exceeds the context window of this model.",
    "The model is loaded with context length of only 4096 tokens, which is not enough",
    "The decoder prompt (length 5000) is longer than the maximum model length of 4096.",
    "Requested token count exceeds the model's maximum context length of 32768 tokens.",
    "Prompt length 9000 exceeds maximum sequence length 4096",
    "The total number of tokens in the messages exceeds the model's limit",
    "Context size has been exceeded.",
    "context_length_exceeded",
    "tokens in request more than max tokens allowed",
    "Conversation too long",
    "query is too long for the model",
    "输入内容超长",
]


@pytest.mark.parametrize("status", [400, 413, 422, 500, 503, None])
@pytest.mark.parametrize("message", OVERFLOWS)
def test_a_prompt_that_does_not_fit_is_an_overflow_whatever_the_status(message, status) -> None:
    assert classify_words(message, status) == (OVERFLOW, False)
    assert classify_words(message.upper(), status) == (OVERFLOW, False)


@pytest.mark.parametrize("status", [400, 429, 500, None])
@pytest.mark.parametrize(
    "code", ["context_length_exceeded", "exceed_context_size_error", "ContextWindowExceededError"]
)
def test_a_code_says_that_the_prompt_does_not_fit(code, status) -> None:
    report = read_error({"error": {"message": "no", "type": code}})
    assert classify_report(report, status) == (OVERFLOW, False)


@pytest.mark.parametrize(
    "message",
    [
        "context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
        "Too many tokens, please wait before trying again.",
        "max_tokens must be less than or equal to 8192",
        "max_tokens is too large: 9000. This model supports at most 4096 completion tokens",
        "CUDA out of memory",
        "Invalid value for temperature: exceeds maximum of 2",
        "string_above_max_length: Invalid 'user': string too long. Expected maximum length 64",
        "Request timeout exceeded",
        "input tokens per minute limit exceeded",
        "stop: too many stop sequences, at most 4",
        "Payload Too Large",
        "The engine is currently overloaded, please try again later",
    ],
)
def test_other_messages_are_no_overflow(message) -> None:
    for status in (400, 429, 500, None):
        assert classify_words(message, status)[0] is not OVERFLOW


def test_a_request_larger_than_a_minutes_tokens_can_never_be_met() -> None:
    message = "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 47000."
    assert [classify_words(message, status) for status in (413, 429)] == [(OVERFLOW, False)] * 2


# --- no quota left, or only too fast

EXHAUSTED = [
    "You exceeded your current quota, please check your plan and billing details.",
    "insufficient_quota",
    "Your credit balance is too low to access the API",
    "Insufficient Balance",
    "Billing hard limit has been reached",
    "Your account is not active, please check your billing details on our website.",
    "Rate limit exceeded: free-models-per-day. Add 10 credits to unlock 1000 requests per day",
    "Your team has used all available credits or reached its monthly spending limit.",
    "余额不足或无可用资源包,请充值。",
    "You have exceeded your monthly included credits for Inference Providers.",
    "Quota exceeded: GenerateRequestsPerDayPerProjectPerModel-FreeTier",
    "You have reached your daily request limit",
    "Usage limit reached for 5 hour. Your limit will reset at 2026-07-15 05:01:31",
    "You have run out of credits",
    "Your account balance is insufficient",
    "Not enough credits",
    "You have exceeded your monthly quota",
    "The free quota has been exhausted",
]

TOO_FAST = [
    "Rate limit reached for gpt-4 on requests per min. Limit: 3 / min. Please try again in 20s. "
    "Visit https://platform.openai.com/account/billing to add a payment method.",
    "You exceeded your current quota, please check your plan and billing details. "
    "Please retry in 38.962214405s.",
    "Rate limit reached on tokens per day (TPD): Limit 100000. Please try again in 7m12s. "
    "Need more tokens? Upgrade at https://console.groq.com/settings/billing",
    "Requests have exceeded token rate limit. Please retry after 20 seconds.",
    "Resource has been exhausted (e.g. check quota).",
    "Quota exceeded for aiplatform.googleapis.com/generate_content_requests_per_minute",
    "This request would exceed your organization's rate limit of 40,000 input tokens per minute",
    "Allocated quota exceeded, please increase your quota limit.",
    "Service tier capacity exceeded for this model.",
    "Too Many Requests",
    "",
]


@pytest.mark.parametrize("message", EXHAUSTED)
def test_a_429_for_want_of_money_or_quota_is_not_tried_again(message) -> None:
    assert classify_words(message, 429) == (RATE, False)


@pytest.mark.parametrize("message", TOO_FAST)
def test_an_ordinary_429_is_tried_again(message) -> None:
    assert classify_words(message, 429) == (RATE, True)


@pytest.mark.parametrize(
    "error",
    [
        {"code": "insufficient_quota", "message": "x"},
        {"type": "insufficient_quota", "code": "rate_limit_exceeded", "message": "Try again in 2s"},
        {"type": "exceeded_current_quota_error", "message": "x"},
        {"code": "1113", "message": "x"},
        {"code": "billing_hard_limit_reached"},
    ],
)
def test_a_code_says_that_no_quota_is_left(error) -> None:
    assert classify_report(read_error({"error": error}), 429) == (RATE, False)


# --- refused for what it says

FILTERED = [
    (400, {"code": "content_filter", "message": "The response was filtered", "status": 400}),
    (400, {"code": None, "innererror": {"code": "ResponsibleAIPolicyViolation"}, "message": "x"}),
    (400, {"code": "content_policy_violation", "message": "rejected by our safety system"}),
    (400, {"code": "data_inspection_failed", "message": "may contain inappropriate content"}),
    (400, {"message": "Content Exists Risk", "type": "invalid_request_error"}),
    (400, {"message": "The request was rejected because it was considered high risk"}),
    (400, {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}),
    (403, {"code": 403, "message": 'x requires moderation. Your input was flagged for "violence"'}),
    (403, {"message": "Content violates usage guidelines. Failed check: SAFETY_CHECK"}),
]


@pytest.mark.parametrize(("status", "error"), FILTERED)
def test_a_prompt_that_the_provider_refuses_is_no_bad_request_and_no_bad_key(status, error) -> None:
    assert classify_report(read_error({"error": error}), status) == (FILTER, False)
    assert (
        classify_report(read_error({"error": error | {"code": error.get("code") or status}}))[0]
        is FILTER
    )


# --- the status of HTTP decides about the rest


@pytest.mark.parametrize(
    ("status", "kind", "again"),
    [
        (400, BAD, False),
        (401, UNAUTHORIZED, False),
        (402, BAD, False),
        (403, UNAUTHORIZED, False),
        (404, BAD, False),
        (408, SERVER, True),
        (409, SERVER, True),
        (413, BAD, False),
        (422, BAD, False),
        (425, SERVER, True),
        (429, RATE, True),
        (500, SERVER, True),
        (503, SERVER, True),
        (529, SERVER, True),
    ],
)
def test_a_status_of_http_is_believed_before_the_body(status, kind, again) -> None:
    for body in ("", "{}", "<html>", '{"error": {"code": 418, "message": "teapot"}}'):
        assert classify_report(read_error(body), status) == (kind, again)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}},
        {"error": "model 'x' not found"},
        {"object": "error", "message": "The model `x` does not exist.", "type": "NotFoundError"},
        {"detail": "Not Found"},
        {"error": {"message": "No endpoints found for x.", "code": 404}},
    ],
)
def test_an_unknown_model_is_a_bad_request(body) -> None:
    assert classify_report(read_error(body), 404) == (BAD, False)
    assert classify_report(read_error(body))[0] is BAD


def test_the_message_for_people_has_what_a_gateway_passes_on() -> None:
    raw = {"error": {"message": "Provider returned error", "metadata": {"raw": "no GPU left"}}}
    assert read_error(raw).message == "Provider returned error: no GPU left"
    assert read_error({"error": {"code": "insufficient_quota"}}).message == "insufficient_quota"


@pytest.mark.parametrize(
    "text",
    [
        *(
            word * 20_000
            for word in ("input ", "prompt exceeds ", "retry ", "status ", "quota ", "no ")
        ),
        *(mark * 50_000 for mark in ("4", "[", '{"')),
    ],
    ids=lambda text: text[:8],
)
def test_long_errors_are_read_in_linear_time(text) -> None:
    began = time.monotonic()
    classify_report(read_error({"error": {"message": text}}), 400)
    classify_report(read_error(text))
    assert time.monotonic() - began < 2


def test_deeply_nested_errors_are_read() -> None:
    body: object = {"message": "deep"}
    for _ in range(500):
        body = {"error": [body]}
    assert read_error(body).status is None
