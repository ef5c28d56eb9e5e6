"""What a client asks of the agent: a chat-completions body, read strictly.

A field that the agent cannot honour is an error that names it, rather than a reply that ignored it.

- The conversation: `messages`, `tools`, `tool_choice`, `parallel_tool_calls`, `response_format`.
- How the reply is written: `temperature`, `top_p`, `max_tokens`, `max_completion_tokens`, `seed`, `stop`, penalties.
  They go along with every call that forwards the conversation; `stop` also ends what else becomes the answer.
- How it is sent: `stream`, `stream_options`.
- Hints that change no reply: `user`, `metadata`, `store`, `service_tier`, `safety_identifier`, `prompt_cache_key`,
  `prompt_cache_retention`, `reasoning_effort`, `verbosity`. Accepted, and nothing is done about them; nothing is stored.
- Our own, in the object `router_r1`: `budget_usd`, `worth_usd`, `timeout_s`, `max_rounds`, `receipt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, ValidationError

from router_r1.config import StrictModel
from router_r1.conversation import Conversation
from router_r1.episode import Limits
from router_r1.errors import ConfigError
from router_r1.serve.api_error import ApiError, unsupported
from router_r1.serve.settings import Ceiling

_CONVERSATION = frozenset(
    {"messages", "tools", "tool_choice", "parallel_tool_calls", "response_format"}
)
_SAMPLING = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
)
_HINTS = frozenset(
    {
        "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "prompt_cache_retention",
        "reasoning_effort", "verbosity",
    }
)  # fmt: skip
_READ = frozenset({"model", "stream", "stream_options", "router_r1"})
_NEUTRAL = (("n", 1), ("best_of", 1), ("top_logprobs", 0), ("modalities", ["text"]))
_OWN = "router_r1"


class Wishes(StrictModel):
    """The object `router_r1` in the body of a request."""

    budget_usd: Annotated[float, Field(ge=0, le=1e6)] | None = None
    """Dollars that all calls of this request may cost together."""
    worth_usd: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Value of a right answer in dollars, which the policy weighs costs against."""
    timeout_s: Annotated[float, Field(gt=0)] | None = None
    """Seconds this request may take."""
    max_rounds: Annotated[int, Field(ge=0)] | None = None
    """Rounds of routing."""
    receipt: bool = False
    """Whether the reply has the whole receipt, every attempt of it, in a field `router_r1`."""


@dataclass(frozen=True)
class AgentRequest:
    """A request to the agent."""

    conversation: Conversation
    limits: Limits
    timeout_s: float
    stop: tuple[str, ...]
    stream: bool
    usage_event: bool
    """Whether the stream ends with an event that has the usage and nothing else."""
    receipt: bool

    @classmethod
    def read(cls, body: Mapping[str, Any], limits: Limits, ceiling: Ceiling) -> AgentRequest:
        """Read a body.

        Args:
            body: a chat-completions request.
            limits: of the agent, or of one of its levels.
            ceiling: the most that a request may ask for.

        Raises:
            ApiError: a field is wrong, or cannot be honoured.
        """
        for name, value in body.items():
            _check_field(name, value)
        wishes = _wishes(body.get(_OWN) or {})
        options = body.get("stream_options") or {}
        if not isinstance(options, dict):
            raise ApiError(400, "stream_options: expected an object", param="stream_options")
        stop = body.get("stop") or []
        stop = [stop] if isinstance(stop, str) else stop
        if not isinstance(stop, list) or not all(isinstance(each, str) and each for each in stop):
            raise ApiError(400, "stop: expected a text or a list of texts", param="stop")
        try:
            conversation = Conversation.read(body.get("messages"), body)
        except ConfigError as error:
            param = str(error).partition(":")[0]
            raise ApiError(400, str(error), param=param if " " not in param else None) from None
        sampling = {name: body[name] for name in _SAMPLING if body.get(name) is not None}
        for name in ("max_tokens", "max_completion_tokens"):
            if name in sampling:
                sampling[name] = _count(name, sampling[name])
        for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
            if not isinstance(sampling.get(name, 0), int | float):
                raise ApiError(400, f"{name}: expected a number", param=name)
        return cls(
            Conversation(conversation.messages, conversation.options, sampling),
            _within(limits, wishes, ceiling),
            _at_most("timeout_s", wishes.timeout_s, ceiling.timeout_s) or ceiling.timeout_s,
            tuple(stop),
            bool(body.get("stream")),
            bool(options.get("include_usage")),
            wishes.receipt,
        )


def _check_field(name: str, value: Any) -> None:
    if name in _CONVERSATION or name in _SAMPLING or name in _HINTS or name in _READ:
        return
    if value in (None, False, [], {}) or (name, value) in _NEUTRAL:
        return  # says what holds anyway
    why = {
        "n": "the agent gives one reply; send several requests",
        "modalities": "the agent replies with text only",
        "functions": "use tools",
        "function_call": "use tool_choice",
        "logprobs": "an agent's answer has no log-probabilities; ask a candidate by its name",
    }.get(name, "the agent cannot honour this field; leave it out, or ask a candidate by its name")
    raise unsupported(name, why)


def _count(name: str, value: object) -> int:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1
    if not whole or not 1 <= value <= 10**9:  # type: ignore[operator]
        raise ApiError(400, f"{name}: expected a whole number of 1 or more", param=name)
    return int(value)  # type: ignore[call-overload, no-any-return]


def _wishes(given: object) -> Wishes:
    try:
        return Wishes.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, (_OWN, *first["loc"])))
        raise ApiError(400, f"{where}: {first['msg']}", param=where) from None


def _within(limits: Limits, wishes: Wishes, ceiling: Ceiling) -> Limits:
    """The limits of a request: nothing raises what the agent, or its level, has."""
    wished_usd = _at_most("budget_usd", wishes.budget_usd, ceiling.budget_usd)
    wished_rounds = _at_most("max_rounds", wishes.max_rounds, ceiling.rounds)
    budgets = (limits.budget_usd, ceiling.budget_usd, wished_usd)
    rounds = (limits.max_rounds, ceiling.rounds, wished_rounds)
    return limits.model_copy(
        update={
            "budget_usd": min((each for each in budgets if each is not None), default=None),
            "worth_usd": wishes.worth_usd or limits.worth_usd,
            "max_rounds": min(each for each in rounds if each is not None),
        }
    )


def _at_most(name: str, wanted: Any, most: Any) -> Any:
    """What a client asked for. Raises `ApiError` if it is more than the operator allows."""
    if wanted is not None and most is not None and wanted > most:
        raise ApiError(
            400,
            f"{_OWN}.{name}: {wanted:g} is more than the {most:g} that this gateway allows",
            param=f"{_OWN}.{name}",
        )
    return wanted
