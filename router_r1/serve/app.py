"""The ASGI application: paths and their handlers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from router_r1.serve import endpoints
from router_r1.serve.api_error import ApiError
from router_r1.serve.completions import complete, embed
from router_r1.serve.gateway import Gateway
from router_r1.serve.shapes.base import ChatShape, Shape
from router_r1.serve.shapes.translated import MessagesShape, ResponsesShape
from router_r1.serve.wire.bodies import json_response

_SETTLE_S = 5.0
"""Seconds in which requests that were cut off at shutdown book what they spent."""

Handler = Callable[[Request], Awaitable[Response]]


def make_app(gateway: Gateway) -> Application:
    """The application for one gateway. Its `state.gateway` may be replaced while it runs; see `worker.py`."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        yield
        current: Gateway = app.state.gateway
        await current.retire(within_s=_SETTLE_S)

    app = Application(
        {
            "/v1/chat/completions": _completing(ChatShape()),
            "/v1/responses": _completing(ResponsesShape()),
            "/v1/messages": _completing(MessagesShape()),
            "/v1/embeddings": embed,
        },
        routes=[
            Route("/v1/models", endpoints.models, methods=["GET"]),
            Route("/v1/models/{name:path}", endpoints.model, methods=["GET"]),
            Route("/v1/route", endpoints.route, methods=["POST"]),
            Route("/health", endpoints.health, methods=["GET"]),
            Route("/ready", endpoints.ready, methods=["GET"]),
            Route("/metrics", endpoints.metrics, methods=["GET"]),
        ],
        lifespan=lifespan,
        exception_handlers={HTTPException: _http_error},
    )
    app.state.gateway = gateway
    return app


class Application(Starlette):
    """Starlette, but the busiest paths are looked up in a dictionary, and their handlers turn every error into a reply.

    Its own routing and middleware take a tenth of the processor time of a request.
    """

    def __init__(self, busy: Mapping[str, Handler], **options: Any) -> None:
        """
        Args:
            busy: handlers of POST by path; they never raise.
            options: of Starlette; other methods on those paths are refused.
        """
        refused = [Route(path, _only_post, methods=["POST"]) for path in busy]
        super().__init__(routes=[*refused, *options.pop("routes")], **options)
        self._busy = busy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            handler = self._busy.get(scope["path"])
            if handler is not None:
                scope["app"] = self
                response = await handler(Request(scope, receive, send))
                await response(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


async def _only_post(request: Request) -> Response:
    raise AssertionError("POST is answered before Starlette's routes are looked at")


def _completing(shape: Shape) -> Handler:
    async def handle(request: Request) -> Response:
        return await complete(request, shape)

    return handle


async def _http_error(request: Request, error: Exception) -> Response:
    """An unknown path or method, in OpenAI's shape."""
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return json_response(ApiError(error.status_code, message).body, error.status_code)
