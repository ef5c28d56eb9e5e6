"""The ASGI application: paths and their handlers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from router_r1.serve import endpoints
from router_r1.serve.api_error import ApiError
from router_r1.serve.completions import complete, embed
from router_r1.serve.gateway import Gateway
from router_r1.serve.shapes.base import ChatShape, Shape
from router_r1.serve.shapes.translated import MessagesShape, ResponsesShape
from router_r1.serve.wire.bodies import json_response

Handler = Callable[[Request], Awaitable[Response]]


def make_app(gateway: Gateway) -> Starlette:
    """The application for one gateway. Its `state.gateway` may be replaced while it runs; see `reload.py`."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None, None]:
        yield
        current: Gateway = app.state.gateway
        await current.retire(within_s=0.0)

    app = Starlette(
        routes=[
            Route("/v1/chat/completions", _completing(ChatShape()), methods=["POST"]),
            Route("/v1/responses", _completing(ResponsesShape()), methods=["POST"]),
            Route("/v1/messages", _completing(MessagesShape()), methods=["POST"]),
            Route("/v1/embeddings", embed, methods=["POST"]),
            Route("/v1/models", endpoints.models, methods=["GET"]),
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


def _completing(shape: Shape) -> Handler:
    async def handle(request: Request) -> Response:
        return await complete(request, shape)

    return handle


async def _http_error(request: Request, error: Exception) -> Response:
    """An unknown path or method, in OpenAI's shape."""
    assert isinstance(error, HTTPException)
    message = f"{request.method} {request.url.path}: {error.detail}"
    return json_response(ApiError(error.status_code, message).body, error.status_code)
