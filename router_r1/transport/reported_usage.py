"""The usage that a reply reports: found wherever it stands, and believed only as far as it can be true.

What can be true, given what was sent and what arrived:

- Tokens of the prompt: at most one for each byte sent, and `ADDED_PROMPT` more, which servers add. A report with more
  is dropped, and the usage estimated from the text.
- Tokens of the completion: hidden reasoning may use up the limit of the request; without a limit, no model writes more
  than `LONGEST_COMPLETION`; and what arrived has at most one token for each byte. A higher count is cut to that limit,
  or to the estimate of what arrived if that is more.
- A prompt or a text of no tokens at all: estimated from the text.

What was changed is marked as estimated; what was cut or dropped is also logged.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from router_r1.conversation import most_tokens
from router_r1.token_prices import Usage, total_tokens, value_at
from router_r1.transport.dialects import usage as dialect
from router_r1.transport.messages import Request

log = logging.getLogger("router_r1.transport.reported_usage")

_FEW = 64
"""Tokens that a server may count beyond a bound: templates and marks of the end."""


def find_usage(data: Mapping[str, Any], request: Request) -> Usage | None:
    """The usage in a reply or an event; the largest if there are several.

    Where there is a total and nothing else, the prompt is estimated, and the rest is completion.

    Returns:
        None if no usage with counts is there.
    """
    places = (place for place in dialect.PLACES if not place or place[0] in data)
    objects = [found for place in places if isinstance(found := value_at(data, place), dict)]
    reported = [usage for each in objects if (usage := Usage.from_openai(each)) is not None]
    if reported:
        return max(reported, key=tokens)
    total = next((n for each in objects if (n := total_tokens(each)) is not None), None)
    if total is None:
        return None
    prompt = min(total, request.prompt_tokens_estimate)
    return Usage(prompt, total - prompt, estimated=True)


def tokens(usage: Usage) -> int:
    """Tokens of prompt and completion together."""
    return usage.prompt + usage.completion


def believe(usage: Usage, estimate: Usage, request: Request, arrived: int) -> Usage:
    """The usage as far as it can be true; see the top of this file.

    Args:
        usage: as reported.
        estimate: as estimated from what was sent and what arrived.
        request: what was sent.
        arrived: bytes of text, thoughts and calls that arrived, or token ids if those are more.
    """
    sent = _sent_bytes(request) + dialect.ADDED_PROMPT
    if usage.prompt > sent:
        log.warning(
            "%s: the reply reports %d prompt tokens, more than the %d that can have been read; "
            "its usage is estimated",
            request.model,
            usage.prompt,
            sent,
        )
        return estimate
    limit = token_limit(request)
    hidden = dialect.LONGEST_COMPLETION if limit is None else limit
    if usage.completion > max(hidden, arrived) + _FEW:
        most = max(hidden, estimate.completion)
        log.warning(
            "%s: the reply reports %d completion tokens, more than the %d that can have been "
            "written; counted as %d",
            request.model,
            usage.completion,
            max(hidden, arrived),
            most,
        )
        usage = replace(
            usage, completion=most, reasoning=min(usage.reasoning, most), estimated=True
        )
    if estimate.completion:
        if usage.completion == 0:
            usage = replace(
                usage,
                completion=estimate.completion,
                reasoning=estimate.reasoning,
                estimated=True,
            )
        if usage.prompt == 0:
            usage = replace(usage, prompt=estimate.prompt, estimated=True)
    return usage


def token_limit(request: Request) -> int | None:
    """The limit on generated tokens that the request sets; None without one."""
    limits = (request.sampling.get(name) for name in dialect.TOKEN_LIMITS)
    return max((n for n in limits if type(n) is int and n > 0), default=None)


def _sent_bytes(request: Request) -> int:
    """No more tokens than this can be in what was sent."""
    if isinstance(request.prompt, tuple):
        return len(request.prompt)
    if request.prompt is not None:
        return len(request.prompt.encode("utf-8", "surrogatepass"))
    tools = request.sampling.get("tools")
    return sum(map(most_tokens, request.messages)) + (len(json.dumps(tools)) if tools else 0)
