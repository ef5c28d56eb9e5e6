"""One worker process: an event loop, a uvicorn server, and a gateway that is loaded anew on SIGHUP.

A file that is broken keeps the old gateway, and the log says why. A new gateway takes every request that comes from then
on; the old one finishes its own. On SIGTERM the worker takes no new request and finishes its streams, up to
`DRAIN_S`.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from router_r1.errors import one_line
from router_r1.serve.app import make_app
from router_r1.serve.gateway import Gateway
from router_r1.serve.start import Opened, Plan, load_gateway

log = logging.getLogger("router_r1.serve")

_retiring: set[asyncio.Task[None]] = set()
"""Gateways that finish their requests; the set keeps their tasks alive."""
DRAIN_S = 120
"""Seconds that requests in work may take after SIGTERM."""


def serve(plan: Plan, listening: socket.socket, log_level: str) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        plan: what to serve.
        listening: a bound socket, which workers share.
        log_level: of uvicorn and of this project, e.g. `info`.

    Raises:
        ConfigError: the plan cannot be carried out.
    """
    logging.basicConfig(
        level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    for library in ("httpx2", "openai"):  # they log every request
        logging.getLogger(library).setLevel(logging.WARNING)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(plan, listening, log_level))


async def _serve(plan: Plan, listening: socket.socket, log_level: str) -> None:
    opened = Opened()
    app = make_app(load_gateway(plan, opened))
    server = _Server(
        uvicorn.Config(
            app,
            log_level=log_level,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=DRAIN_S,
            loop="none",
        )
    )
    reloads: set[asyncio.Task[None]] = set()

    one_by_one = asyncio.Lock()

    async def reload_in_turn() -> None:
        async with one_by_one:  # the last file that was read is the one that holds
            await _reload(app, plan, opened)

    def reload() -> None:
        task = asyncio.ensure_future(reload_in_turn())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    gc.collect()
    gc.freeze()  # the collector need not look through everything that was imported, again and again
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    loop.add_signal_handler(signal.SIGTERM, server.handle_exit, signal.SIGTERM, None)
    if plan.workers == 1:
        loop.add_signal_handler(signal.SIGINT, server.handle_exit, signal.SIGINT, None)
    else:  # a terminal sends it to all processes, and the parent passes it on as SIGTERM
        loop.add_signal_handler(signal.SIGINT, lambda: None)
    try:
        await server.serve(sockets=[listening])
    finally:
        await opened.aclose()


class _Server(uvicorn.Server):
    """Uvicorn's server, which raises a signal again when it has ended, before anything else could be closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the event loop."""
        yield


async def _reload(app: Starlette, plan: Plan, opened: Opened) -> None:
    """Put a new gateway in place of the old one."""
    try:
        new = await asyncio.to_thread(load_gateway, plan, opened)
    except Exception as error:  # whatever is wrong with a file, it must not end the service
        log.error(
            "not reloaded, the old configuration stays: %s: %s",
            type(error).__name__,
            one_line(error),
        )
        return
    old: Gateway = app.state.gateway
    app.state.gateway = new
    log.info("reloaded; version %s", new.version)
    retiring = asyncio.ensure_future(old.retire())
    _retiring.add(retiring)
    retiring.add_done_callback(_retiring.discard)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop where it is installed, which halves the time per request."""
    try:
        import uvloop
    except ImportError:
        return None
    found: type[asyncio.AbstractEventLoop] = uvloop.Loop
    return found
