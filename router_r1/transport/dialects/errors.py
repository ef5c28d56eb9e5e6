"""How servers say what went wrong: codes, and wordings where there is no code that says enough.

Codes are compared without case and punctuation, so that `rate_limit_exceeded` and `RateLimitExceeded` are one. Wordings
are parts of the message in lower case.
"""

from __future__ import annotations

import re

CODE_KEYS = frozenset(
    {"code", "status", "type", "statuscode", "status_code", "http_code", "httpcode", "http_status"}
    | {"error_code", "errorcode", "error_type", "reason", "__type", "err_code"}
)
"""Fields, in lower case, that hold a code: a number of HTTP or a name."""
MESSAGE_KEYS = (
    *("message", "msg", "error_msg", "errmsg", "error_message", "errormessage", "status_msg"),
    *("detail", "error_description", "title", "faultstring", "reason", "raw", "error"),
)
"""Fields, in lower case, that hold the message for people; the first that has words is shown."""
REPORT_KEYS = frozenset(
    {"message", "msg", "detail", "details", "error_msg", "errmsg", "error_message", "errormessage"}
    | {"error_code", "fault", "title"}
)
"""A reply without choices that has one of these is an error: FastAPI's `detail`, gateways' `message` beside a `code`,
Baidu's `error_msg`."""
EVENT_CODE_KEYS = frozenset(
    {"code", "status", "statuscode", "status_code", "error_code", "errorcode"}
)
"""In a stream, an event with one of these beside a message is an error, unless the code is one of `GOOD_CODES`."""
GOOD_CODES = frozenset({"0", "200", "none", "", "ok", "success", "processing", "queued", "running"})
NOT_ERROR_KEYS = frozenset(
    {"choices", "usage", "id", "model", "object", "created", "system_fingerprint", "provider"}
    | {"input", "param", "request_id", "user_id", "x_groq", "service_tier"}
)
"""Fields that say nothing of an error; `input` repeats what was sent (FastAPI)."""

STATUS_OF_CODE: dict[str, int] = {
    # OpenAI: platform.openai.com/docs/guides/error-codes; vLLM: type is the name of the exception
    "ratelimitexceeded": 429,
    "ratelimiterror": 429,
    "ratelimited": 429,
    "toomanyrequests": 429,
    "insufficientquota": 429,
    "servererror": 500,
    "internalservererror": 500,
    "internalerror": 500,
    "serviceunavailable": 503,
    "serviceunavailableerror": 503,
    "invalidapikey": 401,
    "authenticationerror": 401,
    "unauthorized": 401,
    "unauthorizederror": 401,
    "permissiondeniederror": 403,
    "forbidden": 403,
    "modelnotfound": 404,
    "notfound": 404,
    "notfounderror": 404,
    "badrequest": 400,
    "badrequesterror": 400,
    "validationerror": 422,
    "unprocessableentity": 422,
    "badgateway": 502,
    "gatewaytimeout": 504,
    "requesttimeout": 408,
    "timeout": 504,
    "timeouterror": 504,
    # Anthropic: platform.claude.com/docs/en/api/errors
    "overloadederror": 529,
    "overloaded": 529,
    "permissionerror": 403,
    "billingerror": 402,
    "requesttoolarge": 413,
    # Google: cloud.google.com/apis/design/errors
    "resourceexhausted": 429,
    "unavailable": 503,
    "internal": 500,
    "deadlineexceeded": 504,
    "unauthenticated": 401,
    "apikeyinvalid": 401,
    "permissiondenied": 403,
    "invalidargument": 400,
    "failedprecondition": 400,
    # AWS: docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html
    "throttlingexception": 429,
    "throttling": 429,
    "servicequotaexceededexception": 429,
    "modelnotreadyexception": 503,
    "modeltimeoutexception": 504,
    "modelerrorexception": 500,
    "serviceunavailableexception": 503,
    "internalserverexception": 500,
    "accessdeniedexception": 403,
    "accessdenied": 403,
    "resourcenotfoundexception": 404,
    "validationexception": 400,
    # DashScope, DeepSeek, MiniMax and others
    "throttlingratequota": 429,
    "throttlingallocationquota": 429,
    "insufficientbalance": 402,
    "insufficientcredits": 402,
    "paymentrequired": 402,
    "arrearage": 402,
    "modelnotexist": 404,
    # Groups that the other code of the same error refines; they come last
    "invalidrequesterror": 400,
    "apierror": 500,
}
"""The status of HTTP that a code stands for. An error inside HTTP 200 is then treated as that status."""
MINIMAX_STATUS = {
    1000: 500,
    1001: 504,
    1002: 429,
    1004: 401,
    1008: 402,
    1013: 500,
    1024: 500,
    1033: 500,
    1039: 429,
    1041: 429,
    2013: 400,
    2049: 401,
    2056: 429,
}
"""`base_resp.status_code` of MiniMax, which always answers with HTTP 200: platform.minimax.io/docs/api-reference/
errorcode. 1026 and 1027 are filters."""
GROUPS = frozenset({"invalidrequesterror", "apierror", "internalservererror", "servererror"})
"""Codes that say little: another code beside them counts first, and wordings before them."""

STATUS_OF_WORDING: tuple[tuple[str, int], ...] = (
    ("rate limit", 429),
    ("rate-limit", 429),
    ("ratelimit", 429),
    ("rate_limit", 429),
    ("too many requests", 429),
    ("request limit", 429),
    ("requests per minute", 429),
    ("please wait before", 429),
    ("throttl", 429),
    ("quota", 429),
    ("resource exhausted", 429),
    ("resource has been exhausted", 429),
    ("insufficient balance", 402),
    ("insufficient credit", 402),
    ("payment required", 402),
    ("api key", 401),
    ("api_key", 401),
    ("unauthorized", 401),
    ("unauthenticated", 401),
    ("not authenticated", 401),
    ("authentication", 401),
    ("forbidden", 403),
    ("permission denied", 403),
    ("access denied", 403),
    ("not found", 404),
    ("does not exist", 404),
    ("no such model", 404),
    ("unknown model", 404),
    ("invalid request", 400),
    ("unsupported", 400),
    ("not supported", 400),
    ("invalid value", 400),
    ("must be", 400),
    ("timed out", 504),
    ("timeout", 504),
)
"""The status that a message without any code stands for; every other message is a server error."""
STATUS_IN_WORDS = re.compile(
    r"\b(?:error|code|status|http)\W{0,3}([45]\d\d)\b|^\W{0,3}([45]\d\d)\b", re.MULTILINE
)
"""A status inside a message, as LiteLLM and gateways write it: `Error code: 429 - ...`, `503 Service Unavailable`."""

OVERFLOW_CODES = frozenset(
    {"contextlengthexceeded", "contextwindowexceeded", "exceedcontextsizeerror", "requesttoolarge"}
    | {"stringabovemaxcontextlength", "modelcontextwindowexceeded", "contextwindowexceedederror"}
    | {"1261"}  # Zhipu
)
OVERFLOW_WORDINGS = (
    "context length",  # OpenAI, Azure, vLLM, SGLang, DeepSeek, Fireworks, LM Studio
    "context_length",
    "context window",  # OpenAI Responses, MiniMax, Ollama
    "context_window",
    "context size",  # llama.cpp: `exceeds the available context size`
    "context limit",  # Anthropic, Bedrock: `exceed context limit`
    "maximum context",  # Mistral
    "n_ctx",
    "maximum prompt length",  # xAI
    "maximum model length",  # vLLM
    "max_model_len",
    "maximum input length",
    "maximum sequence length",
    "token limit exceeded",
    "prompt is too long",  # Anthropic, Fireworks
    "prompt too long",
    "prompt tokens too long",  # Baidu
    "prompt exceeds max length",  # Zhipu
    "input is too long",  # Bedrock
    "input too long",
    "too many tokens",  # Cohere
    "input token count",  # Gemini, Vertex
    "input tokens exceed",  # Azure
    "exceeded model token limit",  # Moonshot
    "range of input length",  # DashScope
    "reduce the length of",  # OpenAI, Groq
    "tokens in request more than max",
    "too large for model",  # Mistral, Groq, also as 429 of a limit that this request can never meet
    "request too large for",  # OpenAI, Groq
    "`inputs` must have less than",  # Text Generation Inference
    "`inputs` tokens + `max_new_tokens`",  # Text Generation Inference, Together
    "超长",  # Zhipu, Qwen
    "超过最大长度",
    "超出最大长度",
)
"""The prompt does not fit. Collected from the error handling of litellm, crewAI, letta, pi and the servers' sources."""
OVERFLOW_RULE = re.compile(
    r"\b(?:prompt|input|query|context|messages?|conversation|sequence|text)\b[^.!?]{0,60}\b(?:too long|too large|"
    r"(?:exceeds?|exceeded|longer than|larger than|greater than)\b[^.!?]{0,60}"
    r"\b(?:tokens?|length|window|limit|maximum))\b"
)
"""The same in words not listed: prompt ... too long, input ... exceeds ... limit."""
NOT_OVERFLOW = re.compile(
    r"please wait before"  # Bedrock throttles with `Too many tokens, please wait before trying again`
    r"|string_above_max_length|invalid 'user'"  # a field of the request, not the prompt
    r"|per[ -]min|rate limit"
    r"|deadline exceeded"  # Go's `context deadline exceeded` is a time-out
)
"""Wordings that look like an overflow and are none."""
ALWAYS_OVERFLOW = ("too large for model", "request too large for")
"""What no waiting cures even where the server calls it a rate limit: the request is larger than a minute's tokens."""

FILTER_CODES = frozenset(
    {"contentfilter", "contentpolicyviolation", "responsibleaipolicyviolation"}  # Azure, OpenAI
    | {"datainspectionfailed", "moderationblocked", "promptblocked", "invalidprompt"}  # DashScope
    | {"1301", "1026", "1027"}  # Zhipu, MiniMax
)
FILTER_WORDINGS = (
    "content management policy",  # Azure
    "content filter",
    "content_filter",
    "content policy",
    "content exists risk",  # DeepSeek
    "inappropriate content",  # DashScope
    "usage guidelines",  # xAI
    "safety system",  # OpenAI
    "requires moderation",  # OpenRouter
    "input was flagged",
    "prompt was flagged",
    "considered high risk",  # Moonshot
    "不安全或敏感",  # Zhipu
)
"""The provider refused the prompt for what it says."""

QUOTA_CODES = frozenset(
    {
        "insufficientquota",
        "exceededcurrentquotaerror",
        "billinghardlimitreached",
        "billingnotactive",
    }
    | {
        "insufficientbalance",
        "insufficientcredits",
        "insufficientfunds",
        "arrearage",
        "outofcredits",
    }
    | {"billingerror", "paymentrequired", "quotaexhausted", "creditsexhausted"}
    | {"1113", "1008"}  # Zhipu, MiniMax
)
"""No money or quota is left; no wait cures that."""
QUOTA_WORDINGS = (
    "current quota",  # OpenAI, Gemini, Moonshot
    "insufficient_quota",
    "insufficient quota",
    " billing",  # not the address `/billing` that OpenAI and Groq put into every 429
    "available credits",  # xAI
    "add credits",  # OpenRouter
    "more credits",
    "monthly included",  # Hugging Face
    "per-day",  # OpenRouter: `free-models-per-day`
    "perday",  # Gemini: `GenerateRequestsPerDayPerProject...`
    "余额不足",  # Zhipu
    "欠费",
)
"""The same in words. Gemini uses `current quota` for limits of a minute too, and then says when to try again."""
QUOTA_RULE = re.compile(
    r"\b(?:daily|weekly|monthly|per day|per month|hour)\b[^.]{0,40}\b(?:limit|quota|usage)\b"
    r"|\b(?:usage|spending|billing|credit) (?:hard )?limit\b"
    r"|\bexceeded your\b[^.]{0,30}\bquota|\bquota\b[^.]{0,30}\bexhausted|exhausted your\b[^.]{0,30}\bquota"
    r"|\b(?:no|not enough|insufficient|out of)\b[^.]{0,20}\b(?:credits?|balance|funds)\b"
    r"|\b(?:credits?|balance|funds)\b[^.]{0,30}\b(?:insufficient|too low|exhausted|depleted|used up)\b"
)
"""The same in words not listed: a limit of a day or a month, a balance that is too low."""
RETRY_TIME = re.compile(r"(?:try again|retry)(?:[ _-]?(?:in|after|delay|at))?\W{0,8}\d")
"""A message that says after which time to try again."""
