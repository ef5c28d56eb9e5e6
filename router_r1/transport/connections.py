"""Connections to an endpoint: the openai SDK's client over aiohttp, and what to do with a connection that has died.

A server may close an idle connection at the moment the next request goes out. The request has then not been answered,
so it is sent once more, on a new connection, as browsers do (RFC 9112, section 9.3.1). That is no failed attempt: the
caller does not see it. On a new connection the same fault is a failure.

Importing this module imports the SDK, so the core imports it when it makes its first connection.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import aiohttp
import httpx2
import openai

from router_r1.model_cards import Endpoint
from router_r1.transport import bounded_body
from router_r1.transport.credentials import KEYS

_NOTHING_CAME = aiohttp.ServerDisconnectedError().message
"""The error's message if not one byte of the reply came; otherwise it has what came."""
_UNCONNECTED, _NEW, _KEPT = "", "new", "kept"
_connection: ContextVar[str] = ContextVar("connection", default=_UNCONNECTED)
"""The connection of the request that this task is sending."""


def may_be_sent() -> bool:
    """Whether the last request of this task got a connection, so that the server may have read it.

    Which time-out rang first does not tell: one for connecting can be late on a busy machine.
    """
    return _connection.get() != _UNCONNECTED


def forget_connection() -> None:
    """Begin a request of this task: `may_be_sent` is false until it has a connection."""
    _connection.set(_UNCONNECTED)


def connect(endpoint: Endpoint, key: str | None) -> openai.AsyncOpenAI:
    """A client of an endpoint, for one event loop. It connects at its first request, and never retries."""
    if key is not None:
        KEYS.add(key)
    client = openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=key or "none",
        max_retries=0,
        # No redirects: each would be a request beyond the configured number, to a server that was not configured.
        http_client=_HttpClient(
            follow_redirects=False, event_hooks={"response": [bounded_body.bound]}
        ),
    )
    # The SDK also reads OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS. Those are meant for one provider,
    # while this may be another's server: send only what the configuration says.
    client.organization = client.project = client.admin_api_key = None
    client._custom_headers = {"Accept-Encoding": "identity"} | endpoint.headers
    return client


# aiohttp underneath, because its cost per call does not grow with the number of open connections.
class _HttpClient(openai.DefaultAioHttpClient):
    def _init_transport(self, *given: Any, **settings: Any) -> httpx2.AsyncBaseTransport:
        return _Reconnecting(
            super()._init_transport(*given, **settings),
            super()._init_transport(*given, **_unkept(settings)),
        )

    def _init_proxy_transport(self, *given: Any, **settings: Any) -> httpx2.AsyncBaseTransport:
        return _Reconnecting(
            super()._init_proxy_transport(*given, **settings),
            super()._init_proxy_transport(*given, **_unkept(settings)),
        )


def _unkept(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings of a transport that opens a connection for every request."""
    return settings | {"limits": httpx2.Limits(max_connections=None, keepalive_expiry=0.0)}


class _Reconnecting(httpx2.AsyncBaseTransport):
    """Sends a request once more on a new connection if a kept one was closed before any byte of the reply came."""

    def __init__(self, kept: Any, new: Any) -> None:
        """
        Args:
            kept: the SDK's transport over aiohttp, which keeps connections.
            new: one that opens a connection for every request.
        """
        self._kept, self._new = _noting(kept), _noting(new)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        forget_connection()
        try:
            response: httpx2.Response = await self._kept.handle_async_request(request)
            return response
        except (httpx2.RequestError, aiohttp.ClientError) as error:
            if _connection.get() != _KEPT or not _died_silently(error):
                raise
        forget_connection()
        response = await self._new.handle_async_request(request)
        return response

    async def aclose(self) -> None:
        await self._kept.aclose()
        await self._new.aclose()


def _noting(transport: Any) -> Any:
    """The SDK's transport over aiohttp, which now notes the connection of each request."""

    def session() -> aiohttp.ClientSession:  # made within the event loop, at the first request
        transport.client = None
        made: aiohttp.ClientSession = transport.get_client()
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_kept)
        tracing.on_connection_create_end.append(_note_new)
        tracing.freeze()
        made.trace_configs.append(tracing)
        return made

    transport.client = session
    return transport


async def _note_kept(*_: object) -> None:
    _connection.set(_KEPT)


async def _note_new(*_: object) -> None:
    _connection.set(_NEW)


def _died_silently(error: Exception) -> bool:
    """Whether the connection was closed or reset, and nothing of a reply had come."""
    cause = error.__cause__ or error
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return cause.message == _NOTHING_CAME
    return isinstance(cause, aiohttp.ClientOSError) and not isinstance(
        cause, aiohttp.ClientConnectorError
    )
