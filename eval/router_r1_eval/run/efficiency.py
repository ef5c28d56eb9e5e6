"""Efficiency of a run: attempts, failures, cut replies, tokens, dollars and speed of each model; memory of the process."""

from __future__ import annotations

import resource
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from router_r1.ledger import Role
from router_r1.trace import Trace
from router_r1_eval.results import Efficiency
from router_r1_eval.run.trace_status import is_single_model

POLICY_SUFFIX = " (policy)"
"""Ends the names of policies, beside those of candidates."""


def efficiency(
    traces: Iterable[Trace], policy_price: Mapping[str, Any] | None = None
) -> dict[str, Efficiency]:
    """Model (with `POLICY_SUFFIX` for a policy) -> its attempts, failures, cut replies, tokens, dollars, speed and price.

    `tokens_per_s` is the median over attempts of generated tokens / seconds of the whole attempt, `first_token_s` the
    median over streamed replies. Replayed calls are measured as replayed.

    Args:
        traces: all traces, failed ones included.
        policy_price: the policy's price as in the agent file.
    """
    speeds: dict[str, list[float]] = defaultdict(list)
    first_tokens: dict[str, list[float]] = defaultdict(list)
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    dollars: dict[str, float] = defaultdict(float)
    prices: dict[str, Mapping[str, Any] | None] = {}
    for trace in traces:
        prices |= {
            c.name: c.price.model_dump(mode="json", exclude_none=True) for c in trace.candidates
        }
        for turn in trace.turns:
            if turn.tokens >= trace.limits.max_turn_tokens and not is_single_model(trace):
                totals[trace.policy + POLICY_SUFFIX]["cut"] += 1
            for outcome in turn.outcomes:
                response = outcome.response
                if response is None:
                    continue
                totals[outcome.model]["cut"] += response.finish_reason == "length"
                if response.first_token_s is not None:
                    first_tokens[outcome.model].append(response.first_token_s)
        for entry in trace.ledger:
            if entry.role is Role.POLICY and is_single_model(trace):
                continue  # no model wrote these turns
            name = entry.model + POLICY_SUFFIX if entry.role is Role.POLICY else entry.model
            totals[name].update(
                attempts=1,
                failed=entry.outcome != "ok",
                input=entry.usage.prompt,
                output=entry.usage.completion,
                estimated=entry.outcome == "ok" and entry.usage.estimated,
            )
            dollars[name] += entry.cost_usd or 0.0
            if entry.role is Role.POLICY:
                prices[name] = policy_price
            if entry.outcome == "ok" and entry.latency_s > 0:
                speeds[name].append(entry.usage.completion / entry.latency_s)
    return {
        name: Efficiency(
            attempts=total["attempts"],
            failed=total["failed"],
            cut=total["cut"],
            input_tokens=total["input"],
            output_tokens=total["output"],
            tokens_estimated=bool(total["estimated"]),
            cost_usd=dollars[name],
            tokens_per_s=median(speeds[name]) if speeds[name] else None,
            first_token_s=median(first_tokens[name]) if first_tokens[name] else None,
            price=prices.get(name),
        )
        for name, total in sorted(totals.items())
    }


def peak_mib() -> dict[str, float]:
    """Peak memory in MiB of this process, and of its GPU if a policy ran there."""
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"process": rss / (2**20 if sys.platform == "darwin" else 2**10)}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        found["gpu"] = torch.cuda.max_memory_allocated() / 2**20
    return found
