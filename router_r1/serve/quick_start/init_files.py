"""The text of the pool file and the agent file that `router-r1 init` writes, with comments that explain them.

Nothing here reads or writes a file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from router_r1.serve.quick_start.known_models import THINKING_TOKENS, ModelAt, merged_endpoints

POOL_NAME = "pool.yaml"
AGENT_NAME = "agent.yaml"

_POOL_HEAD = """\
The models that can be asked, where they are served, and what they cost. Every field: docs/pool.md.

  router-r1 pool check pool.yaml           reads this file; calls no model
  router-r1 pool check pool.yaml --live    calls each model once, and measures it

Prices are in dollars per million tokens. A key is never written here, only the variable that holds it.
"""
_LISTED = """\
Prices of hosted models are from the package genai-prices, whose data are of the day in `as_of`. Prices change: check
them, and correct price and `as_of` together.
"""
_FREE = """\
Models on your own machine cost nothing, so no budget keeps the policy from the largest one. docs/pool.md shows how to
price electricity.
"""
_OLLAMA = """\
Ollama silently cuts a prompt that is longer than its context, which is short unless you say otherwise: start it with
`OLLAMA_CONTEXT_LENGTH=16384 ollama serve`, and add `context_window: 16384` to its candidates.
"""
_CANDIDATES = """\
`description` tells the policy what a model is good at, in a sentence; without one it goes by name, size and price.
`tools` and `json_schema` say what a model takes: a request that needs them goes to no other model.
"""
_AGENT_HEAD = """\
An agent: the policy writes the turns. It asks models of the pool, reads their answers, and answers the question itself.
Every field: docs/agent-file.md.

  router-r1 serve agent.yaml
  router-r1 ask "Which river flows through the capital of Austria?" --config agent.yaml

An ordinary chat model routes because its prompt explains how. docs/training.md trains one that does it better.
"""


def pool_text(models: Sequence[ModelAt]) -> str:
    """The pool file.

    Args:
        models: the candidates, in order; at least one.

    Raises:
        ConfigError: a name occurs twice, or one server is given with two keys.
    """
    endpoints = {
        name: endpoint.model_dump(mode="json", exclude_defaults=True)
        for name, endpoint in merged_endpoints(models).items()
    }
    notes = [_POOL_HEAD]
    notes += [_LISTED] if any(one.card.price.as_of for one in models) else []
    notes += [_FREE] if any(not one.card.price.output for one in models) else []
    notes += [_OLLAMA] if any(name.startswith("ollama") for name in endpoints) else []
    parts = [
        "#\n".join(map(_comment, notes)),
        "\n",
        _dump({"endpoints": endpoints}, flow=False),
        "\n",
    ]
    parts += [_comment(_CANDIDATES), "candidates:\n"]
    parts += ["\n".join(textwrap.indent(_dump([_candidate(one)]), "  ") for one in models)]
    return "".join(parts)


def agent_text(policy: ModelAt, budget_usd: float | None) -> str:
    """The agent file.

    Args:
        policy: the model that writes the turns.
        budget_usd: dollars that one question may cost; None for no limit.
    """
    return "".join(
        [
            _comment(_AGENT_HEAD),
            f"\npool: {POOL_NAME}\n",
            "\n# The model that writes the turns. It is paid as well: its price counts towards the budget.\n",
            _dump({"policy": _policy(policy)}),
            "\n# How answers become one: `policy` takes what the policy says; `vote` and `synthesize` are others,\n"
            "# see docs/aggregation.md.\naggregator: policy\n",
            "\nlimits:\n",
            textwrap.indent(_limits(policy, budget_usd), "  "),
            "\n# What was asked and answered, a line for each question. Remove the # to keep it.\n"
            "# traces: runs/traces.jsonl\n",
        ]
    )


def _candidate(one: ModelAt) -> dict[str, Any]:
    """The fields of a candidate as the file shows them: name, endpoint, price and description first."""
    fields = one.card.model_dump(mode="json", exclude_defaults=True)
    first = {name: fields.pop(name) for name in ("name", "endpoint", "model", "price")}
    description = fields.pop("description", "")
    return first | {"description": description} | fields


def _policy(one: ModelAt) -> dict[str, Any]:
    card = one.card
    fields: dict[str, Any] = {
        "kind": "openai",
        "mode": "chat",
        "base_url": one.endpoint.base_url,
        "model": card.model_id,
        "price": card.price.model_dump(mode="json", exclude_defaults=True),
    }
    if one.endpoint.api_key_env:
        fields["api_key_env"] = one.endpoint.api_key_env
    if one.endpoint.token_limit_field != "max_tokens":
        fields["token_limit_field"] = one.endpoint.token_limit_field
    if card.sampling.temperature is None:  # such models refuse stop strings as well
        fields |= {"temperature": None, "send_stop": False}
    if card.system_role != "send":
        fields["system_role"] = card.system_role
    if limits := card.limits.model_dump(mode="json", exclude_defaults=True):
        fields["limits"] = limits
    return fields


def _limits(policy: ModelAt, budget_usd: float | None) -> str:
    lines = []
    if budget_usd is not None:
        lines.append(
            f"budget_usd: {budget_usd!r}  # dollars of one question: models, policy and aggregator"
        )
    lines += [
        "max_rounds: 3  # times the policy may ask before it must answer",
        "max_routes: 3  # models it may ask at the same time",
    ]
    if policy.card.max_output_tokens >= THINKING_TOKENS:
        lines += [
            f"max_turn_tokens: {THINKING_TOKENS}  # of one turn; thinking counts towards it",
            f"max_policy_tokens: {4 * THINKING_TOKENS}  # of all turns",
        ]
    if not policy.endpoint.api_key_env:
        lines.append(
            "max_information_chars: 1600  # of an answer that the policy reads; its context may be short"
        )
    return "\n".join(lines) + "\n"


def _dump(data: Any, *, flow: bool | None = None) -> str:
    """YAML; the innermost mappings and lists on one line unless `flow` is False."""
    import yaml

    return yaml.safe_dump(
        data, sort_keys=False, allow_unicode=True, width=110, default_flow_style=flow
    )


def _comment(text: str) -> str:
    return "".join(f"# {line}".rstrip() + "\n" for line in text.splitlines())
