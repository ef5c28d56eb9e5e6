"""The endpoints that ask a model: one path for all, whatever the shape and whoever answers.

authenticate -> read -> translate to chat -> find the model -> admit -> answer -> translate back -> close the ticket
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from router_r1.conversation import Conversation
from router_r1.errors import CannotServeError, ConfigError, RouterR1Error
from router_r1.forwarded_answer import able
from router_r1.model_cards import ModelCard
from router_r1.serve.access.errors import StoreUnavailableError
from router_r1.serve.answers.agent_answers import AgentAnswer
from router_r1.serve.answers.candidate_answers import CandidateAnswer, Raw
from router_r1.serve.answers.deadline import Deadline
from router_r1.serve.api_error import ApiError
from router_r1.serve.gateway import Gateway
from router_r1.serve.names import AgentName, CandidateName, EmbedderName, RouterName, find
from router_r1.serve.sessions import session_id
from router_r1.serve.shapes.base import ChatShape, Shape, chunks_of
from router_r1.serve.ticket import Ticket
from router_r1.serve.wire.bodies import json_response, read_body, read_object
from router_r1.serve.wire.event_stream import ClientLeftError, EventStream, unless_left
from router_r1.serve.wire.events import EventSplitter, data_of, message_of, object_in

log = logging.getLogger("router_r1.serve")

CLIENT_LEFT = 499
"""What nginx logs for a client that closed the connection; nobody receives it."""


Work = Callable[[Request, Shape, Gateway, Ticket], Awaitable[Response]]


async def complete(request: Request, shape: Shape) -> Response:
    """Answer a request to complete a conversation, in one of the shapes."""
    return await ticketed(request, shape, _complete)


async def embed(request: Request) -> Response:
    """`POST /v1/embeddings`: pass a request through to an embedding model of the pool."""
    return await ticketed(request, ChatShape(), _embed)


async def ticketed(request: Request, shape: Shape, work: Work) -> Response:
    """Do some work under a ticket, which is closed when the reply has ended, however it ended.

    The time of the request begins here, and nothing outlasts it: not the upload, a queue, a retry, or a stream.
    """
    gateway: Gateway = request.app.state.gateway
    gateway.enter()
    ticket = gateway.ticket(request.url.path, request.headers)
    try:
        async with Deadline(ticket.seconds_left):
            response = await work(request, shape, gateway, ticket)
    except BaseException as error:
        failure = as_api_error(error)
        try:
            await ticket.close(failure.status, failure.code or failure.kind)
        finally:
            gateway.leave()
        if isinstance(error, asyncio.CancelledError):
            raise
        headers = {**failure.headers, **headers_of(ticket)}
        if failure.status >= 500 and ticket.receipt.cost_usd > 0:
            headers["x-should-retry"] = "false"  # OpenAI's clients would pay for it again
        return json_response(shape.error(failure), failure.status, headers)
    if not isinstance(response, EventStream):
        try:
            await ticket.close(response.status_code, _outcome(ticket, response.status_code))
        finally:
            gateway.leave()
    return response


async def _complete(request: Request, shape: Shape, gateway: Gateway, ticket: Ticket) -> Response:
    body = await identified(request, gateway, ticket)
    chat = shape.to_chat(body)
    target = find(gateway.targets, chat.get("model"), ticket.key)
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
        return json_response(shape.from_chat(reply, body), headers=headers_of(ticket, spent=True))
    card = (
        target.card
        if isinstance(target, CandidateName)
        else await _chosen(target, chat, gateway, ticket)
    )
    if not shape.is_chat:
        gateway.name_limit(card, chat)
    passed = CandidateAnswer(gateway, card, chat, ticket)
    await passed.admit()
    if not passed.stream:
        return _whole(await unless_left(request.receive, passed.whole()), body, shape, ticket)
    opened = await unless_left(request.receive, passed.open())
    if not isinstance(opened, Raw):
        source = opened if shape.is_chat else chunks_in(opened)
        return _stream(source, body, shape, gateway, ticket)
    unstreamed = object_in(opened.body)
    if opened.status >= 400 or not (unstreamed and unstreamed.get("choices")):
        return _whole(opened, body, shape, ticket)
    return _stream(_each(chunks_of(unstreamed, chat)), body, shape, gateway, ticket)


async def _chosen(
    target: RouterName, chat: Mapping[str, Any], gateway: Gateway, ticket: Ticket
) -> ModelCard:
    """The candidate that a one-shot router chooses."""
    conversation = conversation_in(chat)
    kept = gateway.kept(ticket.receipt.session, conversation)
    if usd := gateway.choosing_usd(target.router, conversation):
        # The choice is paid for: reserve it with the most expensive answer before it is made.
        cards = able(conversation, gateway.agent.pool.cards)
        usd += max(card.quote_forward(conversation) for card in cards)
        tokens = 2 * conversation.tokens + max(card.max_output_tokens for card in cards)
        await ticket.admit(tokens, usd, gateway.lapses_in_s)
    choice = await gateway.route(target.router, conversation, ticket.receipt.ledger, kept)
    return gateway.agent.pool.card(choice.model)


async def _embed(request: Request, shape: Shape, gateway: Gateway, ticket: Ticket) -> Response:
    body = await identified(request, gateway, ticket)
    target = find(gateway.targets, body.get("model"), ticket.key)
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


async def identified(request: Request, gateway: Gateway, ticket: Ticket) -> dict[str, Any]:
    """Whose request it is, and its body. Raises `ApiError`."""
    ticket.identify(gateway.authenticate(request.headers))
    settings = gateway.settings
    raw = await read_body(request, int(settings.max_body_mib * 2**20))
    return read_object(raw, settings.max_depth)


def conversation_in(chat: Mapping[str, Any]) -> Conversation:
    """The conversation in a chat-completions body. Raises `ApiError` 400."""
    try:
        return Conversation.read(chat.get("messages"), chat)
    except ConfigError as error:
        raise ApiError(400, str(error), param="messages") from None


def _whole(raw: Raw, body: Mapping[str, Any], shape: Shape, ticket: Ticket) -> Response:
    """The reply of a candidate, as it came where the shape allows."""
    headers = {k: v for k, v in raw.headers.items() if k.startswith("retry-after")}
    headers |= headers_of(ticket, spent=True)
    if shape.is_chat:
        kind = raw.headers.get("content-type", "application/json").encode("ascii", "ignore")
        return Response(raw.body, raw.status, {**headers, "content-type": kind.decode()})
    reply = object_in(raw.body)
    if raw.status >= 400:
        message = message_of(reply, f"HTTP {raw.status}")
        failure = ApiError(raw.status, message, kind="upstream_error", code="upstream_failed")
        return json_response(shape.error(failure), raw.status, headers)
    if reply is None or (reply.get("error") and not reply.get("choices")):
        reason = message_of(reply, "the reply of the model is no JSON object")
        raise ApiError(502, reason, kind="upstream_error", code="upstream_failed")
    return json_response(shape.from_chat(reply, body), raw.status, headers)


def _stream(
    source: AsyncGenerator[Any, None],
    body: Mapping[str, Any],
    shape: Shape,
    gateway: Gateway,
    ticket: Ticket,
) -> EventStream:
    events = _events(source, body, shape, gateway, ticket)
    return EventStream(events, heartbeat_s=gateway.settings.heartbeat_s, headers=headers_of(ticket))


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
    is_passed = False
    try:
        async with Deadline(ticket.seconds_left):
            if first := translation.begin():
                yield first
            async for piece in source:
                is_passed = isinstance(piece, bytes)
                if sent := piece if is_passed else translation.feed(piece):
                    yield sent
            if not is_passed and (last := translation.finish()):
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


async def chunks_in(events: AsyncGenerator[bytes, None]) -> AsyncGenerator[dict[str, Any], None]:
    """The chunks in the events of a candidate.

    Raises:
        ApiError: an event is an error or no JSON object, or the stream ended before the reply did.
    """
    is_whole = False
    splitter = EventSplitter()
    async with contextlib.aclosing(events):
        async for piece in events:
            for event in splitter.feed(piece):
                data = data_of(event).strip()
                if data == b"[DONE]" or not data:
                    is_whole = is_whole or bool(data)
                    continue
                chunk = object_in(data)
                if chunk is None:
                    raise _broken("an event of the model is no JSON object")
                if chunk.get("error") and not chunk.get("choices"):
                    raise _broken(message_of(chunk, "the model failed"))
                choices = chunk.get("choices") or ()
                is_whole = is_whole or any(
                    c.get("finish_reason") for c in choices if isinstance(c, dict)
                )
                yield chunk
    if not is_whole:
        raise _broken("the stream of the model ended before its reply did")


def _broken(message: str) -> ApiError:
    return ApiError(502, message, kind="upstream_error", code="upstream_failed")


def as_api_error(error: BaseException) -> ApiError:
    """The error that a client gets for an exception. One that nobody expected is logged with its traceback."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ClientLeftError | ClientDisconnect | asyncio.CancelledError):
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


def headers_of(ticket: Ticket, *, spent: bool = False) -> dict[str, str]:
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


async def _each(chunks: Any) -> AsyncGenerator[dict[str, Any], None]:
    for chunk in chunks:
        yield chunk
