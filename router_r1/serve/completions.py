"""The endpoints that ask a model: one path for all, whatever the shape and whoever answers.

authenticate -> read -> translate to chat -> find the model -> admit -> answer -> translate back -> close the ticket
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from router_r1.conversation import Conversation
from router_r1.errors import CannotServeError, ConfigError, RouterR1Error
from router_r1.serve.access.errors import StoreUnavailableError
from router_r1.serve.answers.agent_answers import AgentAnswer
from router_r1.serve.answers.candidate_answers import CandidateAnswer, Raw
from router_r1.serve.api_error import ApiError
from router_r1.serve.gateway import Gateway
from router_r1.serve.names import AgentName, CandidateName, EmbedderName, RouterName, find
from router_r1.serve.sessions import session_id
from router_r1.serve.shapes.base import ChatShape, Shape, chunks_of
from router_r1.serve.ticket import Ticket
from router_r1.serve.wire.bodies import json_response, read_body, read_object
from router_r1.serve.wire.event_stream import ClientLeftError, EventStream, unless_left

log = logging.getLogger("router_r1.serve")

CLIENT_LEFT = 499
"""What nginx logs for a client that closed the connection; nobody receives it."""


Work = Callable[[Request, Shape, Gateway, Ticket], Awaitable[Response]]


async def complete(request: Request, shape: Shape) -> Response:
    """Answer a request to complete a conversation, in one of the shapes."""
    return await _ticketed(request, shape, _complete)


async def embed(request: Request) -> Response:
    """`POST /v1/embeddings`: pass a request through to an embedding model of the pool."""
    return await _ticketed(request, ChatShape(), _embed)


async def _ticketed(request: Request, shape: Shape, work: Work) -> Response:
    """Do some work under a ticket, which is closed when the reply has ended, however it ended."""
    gateway: Gateway = request.app.state.gateway
    gateway.enter()
    ticket = gateway.ticket(request.url.path, request.headers)
    try:
        response = await work(request, shape, gateway, ticket)
    except BaseException as error:
        failure = as_api_error(error)
        try:
            await ticket.close(failure.status, failure.code or failure.kind)
        finally:
            gateway.leave()
        if isinstance(error, asyncio.CancelledError):
            raise
        headers = {**failure.headers, **_headers(ticket)}
        return json_response(shape.error(failure), failure.status, headers)
    if not isinstance(response, EventStream):
        try:
            await ticket.close(response.status_code, _outcome(ticket, response.status_code))
        finally:
            gateway.leave()
    return response


async def _complete(request: Request, shape: Shape, gateway: Gateway, ticket: Ticket) -> Response:
    body = await _identified(request, gateway, ticket)
    chat = shape.to_chat(body)
    target = find(gateway.targets, chat.get("model"))
    ticket.name(str(chat["model"]))
    if isinstance(target, EmbedderName):
        raise ApiError(
            400, f"model: {chat['model']} makes vectors; ask it at /v1/embeddings", param="model"
        )
    if not isinstance(target, CandidateName):
        ticket.receipt.session = session_id(request.headers, chat, ticket.receipt.key)
    if isinstance(target, AgentName):
        answer = AgentAnswer(gateway, target, chat, ticket)
        await answer.admit()
        if answer.request.stream:
            return _stream(answer.chunks(), body, shape, gateway, ticket)
        reply = await unless_left(request.receive, answer.whole())
        return json_response(shape.from_chat(reply, body), headers=_headers(ticket, spent=True))
    if isinstance(target, RouterName):
        conversation = _conversation(chat)
        kept = gateway.kept(ticket.receipt.session, conversation)
        choice = await asyncio.to_thread(gateway.routers[target.router].choose, conversation, kept)
        card = gateway.agent.pool.card(choice.model)
    else:
        card = target.card
    ticket.receipt.answered_by = card.name
    passed = CandidateAnswer(gateway, card, chat, ticket)
    await passed.admit()
    if passed.stream:
        opened = await unless_left(request.receive, passed.open())
        if not isinstance(opened, Raw):
            return _stream(opened, body, shape, gateway, ticket)
        if opened.status < 400 and (unstreamed := _object(opened.body)) is not None:
            return _stream(_each(chunks_of(unstreamed)), body, shape, gateway, ticket)
        return _whole(opened, body, shape, ticket)
    return _whole(await unless_left(request.receive, passed.whole()), body, shape, ticket)


async def _embed(request: Request, shape: Shape, gateway: Gateway, ticket: Ticket) -> Response:
    body = await _identified(request, gateway, ticket)
    target = find(gateway.targets, body.get("model"))
    ticket.name(str(body["model"]))
    if not isinstance(target, EmbedderName):
        known = [name for name, each in gateway.targets.items() if isinstance(each, EmbedderName)]
        raise ApiError(
            400,
            f"model: {body['model']} makes no vectors; those that do are: {', '.join(known) or 'none'}",
            param="model",
        )
    passed = CandidateAnswer(gateway, target.card, body, ticket, path="/embeddings")
    await passed.admit()
    return _whole(await unless_left(request.receive, passed.whole()), body, shape, ticket)


async def _identified(request: Request, gateway: Gateway, ticket: Ticket) -> dict[str, Any]:
    """Whose request it is, and its body. Raises `ApiError`."""
    ticket.identify(gateway.authenticate(request.headers))
    settings = gateway.settings
    raw = await read_body(request, int(settings.max_body_mib * 2**20))
    return read_object(raw, settings.max_depth)


def _whole(raw: Raw, body: Mapping[str, Any], shape: Shape, ticket: Ticket) -> Response:
    """The reply of a candidate, as it came where the shape allows."""
    headers = {k: v for k, v in raw.headers.items() if k.startswith("retry-after")}
    headers |= _headers(ticket, spent=True)
    if shape.is_chat:
        kind = raw.headers.get("content-type", "application/json")
        return Response(raw.body, raw.status, {**headers, "content-type": kind})
    reply = _object(raw.body)
    if raw.status >= 400:
        error = reply.get("error") if reply else None
        message = str(error.get("message")) if isinstance(error, dict) else f"HTTP {raw.status}"
        failure = ApiError(raw.status, message, kind="upstream_error", code="upstream_failed")
        return json_response(shape.error(failure), raw.status, headers)
    if reply is None:
        raise ApiError(502, "the reply of the model is no JSON object", kind="upstream_error")
    return json_response(shape.from_chat(reply, body), raw.status, headers)


def _stream(
    source: AsyncGenerator[Any, None],
    body: Mapping[str, Any],
    shape: Shape,
    gateway: Gateway,
    ticket: Ticket,
) -> EventStream:
    events = _events(source, body, shape, gateway, ticket)
    return EventStream(events, heartbeat_s=gateway.settings.heartbeat_s, headers=_headers(ticket))


async def _events(
    source: AsyncGenerator[Any, None],
    body: Mapping[str, Any],
    shape: Shape,
    gateway: Gateway,
    ticket: Ticket,
) -> AsyncGenerator[bytes, None]:
    """The bytes of a stream, from chunks (objects) or from the events of a candidate (bytes); closes the ticket."""
    translation = shape.stream(body)
    status, outcome = CLIENT_LEFT, "client_left"
    passes = False
    try:
        if first := translation.begin():
            yield first
        async for piece in source:
            if isinstance(piece, bytes) and shape.is_chat:
                passes = True
                yield piece
                continue
            chunks = _data_of(piece) if isinstance(piece, bytes) else (piece,)
            if sent := b"".join([translation.feed(chunk) for chunk in chunks]):
                yield sent
        if not passes and (last := translation.finish()):
            yield last
        status, outcome = 200, _outcome(ticket, 200)
    except (ClientLeftError, asyncio.CancelledError, GeneratorExit):
        raise
    except Exception as error:
        failure = as_api_error(error)
        status, outcome = failure.status, failure.code or failure.kind
        yield translation.fail(failure)
    finally:
        try:
            await source.aclose()
        finally:
            try:
                await ticket.close(status, outcome)
            finally:
                gateway.leave()


def as_api_error(error: BaseException) -> ApiError:
    """The error that a client gets for an exception. One that nobody expected is logged with its traceback."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ClientLeftError | asyncio.CancelledError):
        return ApiError(CLIENT_LEFT, "the client left", code="client_left")
    if isinstance(error, CannotServeError):
        return ApiError(400, str(error), param="messages", code="no_model_can_serve")
    field = getattr(error, "field", None)
    if isinstance(error, RouterR1Error) and isinstance(error, ValueError) and field is not None:
        return ApiError(400, str(error), param=str(field))
    if isinstance(error, StoreUnavailableError):
        log.error("%s", error)
        return ApiError(
            503, "keys and limits cannot be read now; try again later", kind="server_error"
        )
    if isinstance(error, ConfigError):
        log.error("%s", error)
        return ApiError(500, f"the gateway is not set up for this: {error}", kind="server_error")
    log.error("a request failed", exc_info=error)
    return ApiError(
        500, f"{type(error).__name__} inside the gateway", kind="server_error", code="internal"
    )


def _conversation(chat: Mapping[str, Any]) -> Conversation:
    try:
        return Conversation.read(chat.get("messages"), chat)
    except ConfigError as error:
        raise ApiError(400, str(error), param="messages") from None


def _headers(ticket: Ticket, *, spent: bool = False) -> dict[str, str]:
    """The small default headers of a reply.

    Args:
        ticket: of the request.
        spent: whether all calls have ended, so that route and cost are known.
    """
    receipt = ticket.receipt
    headers = {"x-request-id": receipt.id}
    if spent:
        route = ",".join(receipt.route).encode("ascii", "replace").decode()
        headers["x-router-r1-route"] = route
        headers["x-router-r1-rounds"] = str(receipt.rounds)
        headers["x-router-r1-cost-usd"] = f"{receipt.cost_usd:.10f}".rstrip("0").rstrip(".")
    return headers


def _outcome(ticket: Ticket, status: int) -> str:
    return ticket.receipt.outcome or ("ok" if status < 400 else "upstream_failed")


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict) else None


def _data_of(events: bytes) -> list[dict[str, Any]]:
    """The objects in the data of some whole events."""
    found = []
    for line in events.splitlines():
        if line.startswith(b"data:") and (data := _object(line[5:])) is not None:
            found.append(data)
    return found


async def _each(chunks: Any) -> AsyncGenerator[dict[str, Any], None]:
    for chunk in chunks:
        yield chunk
