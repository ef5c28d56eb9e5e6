"""The endpoints beside the completions: models, embeddings, the dry run, health and metrics."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from router_r1.conversation import Conversation
from router_r1.episode import Episode
from router_r1.errors import CannotServeError, PolicyError
from router_r1.ledger import Ledger, Role
from router_r1.pool import Account
from router_r1.serve.api_error import ApiError
from router_r1.serve.completions import (
    as_api_error,
    conversation_in,
    headers_of,
    identified,
    ticketed,
)
from router_r1.serve.gateway import Gateway
from router_r1.serve.metrics import CONTENT_TYPE
from router_r1.serve.names import AgentName, CandidateName, EmbedderName, RouterName, Target, find
from router_r1.serve.shapes.base import ChatShape, Shape
from router_r1.serve.ticket import Ticket
from router_r1.serve.wire.bodies import json_response
from router_r1.serve.wire.event_stream import unless_left

CREATED = 1_790_000_000
"""Unix time that the list of models gives for all of them; the shape asks for one."""


async def models(request: Request) -> Response:
    """`GET /v1/models`: every name that may be asked for, with what is known of it."""
    gateway: Gateway = request.app.state.gateway
    try:
        key = gateway.authenticate(request.headers)
    except Exception as error:
        failure = as_api_error(error)
        return json_response(failure.body, failure.status)
    shown = [
        _model(name, target)
        for name, target in gateway.targets.items()
        if key is None or key.limits.allows(name)
    ]
    return json_response({"object": "list", "data": shown})


async def model(request: Request) -> Response:
    """`GET /v1/models/NAME`: one of them."""
    gateway: Gateway = request.app.state.gateway
    try:
        key = gateway.authenticate(request.headers)
        name = request.path_params["name"]
        return json_response(_model(name, find(gateway.targets, name, key)))
    except Exception as error:
        failure = as_api_error(error)
        return json_response(failure.body, failure.status)


def _model(name: str, target: Target) -> dict[str, Any]:
    model: dict[str, Any] = {
        "id": name,
        "object": "model",
        "created": CREATED,
        "owned_by": "router-r1",
    }
    if isinstance(target, AgentName):
        limits = target.limits
        about = {
            "budget_usd": limits.budget_usd,
            "worth_usd": limits.worth_usd,
            "max_rounds": limits.max_rounds,
        }
        return {**model, "router_r1": {"kind": "agent", **about}}
    if isinstance(target, CandidateName):
        card = target.card
        facts: dict[str, Any] = {
            "kind": "candidate",
            "description": card.description,
            "price": card.price.model_dump(mode="json", exclude_none=True),
            "context_window": card.context_window,
            "max_output_tokens": card.max_output_tokens,
            "modalities": list(card.modalities),
            "tools": card.tools,
            "json_schema": card.json_schema,
        }
        return {**model, "owned_by": card.endpoint or "pool", "router_r1": facts}
    if isinstance(target, EmbedderName):
        price = target.card.price.model_dump(mode="json", exclude_none=True)
        facts = {"kind": "embedder", "price": price, "dimensions": target.card.dimensions}
        return {**model, "router_r1": facts}
    return {**model, "router_r1": {"kind": "router", "router": target.router}}


async def route(request: Request) -> Response:
    """`POST /v1/route`: who would be asked for this, why, and for how much. No candidate is called.

    For the agent its policy writes the first turn, which costs what the reply says; for a router the predictions are
    shown. Keys, budgets and receipts are as for a request that is answered.
    """
    return await ticketed(request, ChatShape(), _route)


async def _route(request: Request, shape: Shape, gateway: Gateway, ticket: Ticket) -> Response:
    body = await identified(request, gateway, ticket)
    name = body.get("model", gateway.settings.name)
    target = find(gateway.targets, name, ticket.key)
    ticket.name(str(name))
    conversation = conversation_in(body)
    usd = 0.0
    if isinstance(target, AgentName):
        usd = gateway.turn_usd(conversation, target.limits)
    elif isinstance(target, RouterName):
        usd = gateway.choosing_usd(target.router, conversation)
    await ticket.admit(conversation.tokens, usd, gateway.lapses_in_s)
    plan = _plan(gateway, target, conversation, ticket)
    content = await unless_left(request.receive, plan)
    return json_response(content, headers=headers_of(ticket, spent=True))


async def _plan(
    gateway: Gateway, target: Target, conversation: Conversation, ticket: Ticket
) -> dict[str, Any]:
    pool = gateway.agent.pool
    if isinstance(target, CandidateName):
        card = target.card
        if missing := card.lacks(conversation.needs):
            raise CannotServeError(f"{card.name} lacks {', '.join(missing)}")
        call = {"model": card.name, "most_usd": card.quote_forward(conversation)}
        return {"kind": "candidate", "calls": [call], "why": "it was asked for by name"}
    if isinstance(target, EmbedderName):
        raise ApiError(400, f"model: {target.card.name} makes vectors", param="model")
    if isinstance(target, AgentName):
        return await _first_turn(gateway, target, conversation, ticket.receipt.ledger)
    choice = await gateway.route(target.router, conversation, ticket.receipt.ledger)
    most = pool.card(choice.model).quote_forward(conversation)
    known = {"usd": choice.costs[choice.model]} if choice.costs else {}
    return {
        "kind": "router",
        "calls": [{"model": choice.model, **known, "most_usd": most}],
        "why": choice.why,
        "predicted": {
            name: {"score": choice.scores[name], "usd": choice.costs[name]}
            for name in choice.scores
        },
    }


async def _first_turn(
    gateway: Gateway, target: AgentName, conversation: Conversation, ledger: Ledger
) -> dict[str, Any]:
    agent = gateway.agent
    episode = Episode(
        conversation, agent.pool.cards, target.limits, prompt=agent.prompt, style=agent.style
    )
    try:
        written = await agent.policy.write_turn(
            episode, Account(ledger, episode.id, 1, Role.POLICY)
        )
    except PolicyError as error:
        raise ApiError(502, str(error), kind="upstream_error", code="policy_failed") from error
    if written.failure is not None:
        raise ApiError(
            502,
            f"the policy failed: {written.failure.detail}",
            kind="upstream_error",
            code="policy_failed",
        )
    step = episode.step(written.text, tokens=written.tokens, cost_usd=written.cost_usd)
    calls = [
        {
            "model": call.model,
            "query": call.query,
            "most_usd": agent.pool.card(call.model).quote_forward(call.conversation)
            if call.conversation
            else agent.pool.card(call.model).quote(call.query),
        }
        for call in step.calls
    ]
    return {
        "kind": "agent",
        "calls": calls,
        "answer": step.answer,
        "why": step.turn.thought,
        "refused": step.observation or None,
        "policy_usd": ledger.cost_usd(),
    }


async def health(request: Request) -> Response:
    """`GET /health`: the process runs."""
    return json_response({"status": "ok"})


async def ready(request: Request) -> Response:
    """`GET /ready`: the agent is loaded, so requests can be answered."""
    gateway: Gateway = request.app.state.gateway
    content = {"status": "ready", "version": gateway.version, "in_flight": gateway.in_flight}
    return json_response(content)


async def metrics(request: Request) -> Response:
    """`GET /metrics`: Prometheus' text format."""
    gateway: Gateway = request.app.state.gateway
    return Response(gateway.metrics.text(), media_type=CONTENT_TYPE)
