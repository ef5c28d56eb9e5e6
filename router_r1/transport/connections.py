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
_reused: ContextVar[list[bool]] = ContextVar("reused")
"""Of the request that this task is sending; gets an item when a kept connection is taken for it."""


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

    def __init__(self, kept: Any, new: httpx2.AsyncBaseTransport) -> None:
        """
        Args:
            kept: the SDK's transport over aiohttp, which keeps connections.
            new: a transport that opens one for every request.
        """
        self._kept, self._new = kept, new
        kept.client = self._session

    def _session(self) -> aiohttp.ClientSession:
        """The session of the kept connections, made within the event loop at the first request."""
        self._kept.client = None
        session: aiohttp.ClientSession = self._kept.get_client()
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_reuse)
        tracing.freeze()
        session.trace_configs.append(tracing)
        return session

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        reused: list[bool] = []
        token = _reused.set(reused)
        try:
            response: httpx2.Response = await self._kept.handle_async_request(request)
            return response
        except (httpx2.RequestError, aiohttp.ClientError) as error:
            if not reused or not _died_silently(error):
                raise
        finally:
            _reused.reset(token)
        return await self._new.handle_async_request(request)

    async def aclose(self) -> None:
        await self._kept.aclose()
        await self._new.aclose()


async def _note_reuse(*_: object) -> None:
    _reused.get().append(True)


def _died_silently(error: Exception) -> bool:
    """Whether the connection was closed or reset, and nothing of a reply had come."""
    cause = error.__cause__ or error
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return cause.message == _NOTHING_CAME
    return isinstance(cause, aiohttp.ClientOSError) and not isinstance(
        cause, aiohttp.ClientConnectorError
    )
