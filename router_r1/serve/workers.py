"""Several worker processes behind one socket, and the parent that watches them.

The parent binds the socket, starts the workers, passes SIGHUP and SIGTERM on, and starts a new worker in place of one
that was killed. If the first workers find the configuration invalid, the gateway ends.
"""

from __future__ import annotations

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import socket
import tempfile
import time
from multiprocessing.context import SpawnProcess
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from router_r1.errors import ConfigError, RouterR1Error, one_line
from router_r1.serve.start import Plan

log = logging.getLogger("router_r1.serve")

_REFUSED = 2
"""Exit status of a worker whose configuration is invalid."""
_RETRY_S = 5.0
"""Seconds after which a worker counts as one that works."""
_PAUSE_S = 1.0
"""Seconds before a worker is started in place of one that did not."""
_BACKLOG = 4096


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises `ConfigError` if the address cannot be used."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        listening.set_inheritable(True)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; is another program there?"
        ) from error
    return listening


def serve(plan: Plan, port: int, log_level: str) -> None:
    """Serve until SIGTERM or SIGINT; in this process if there is one worker.

    Args:
        plan: what to serve.
        port: port to listen on.
        log_level: e.g. `info`.

    Raises:
        ConfigError: the address or the plan is invalid.
    """
    listening = bind(plan.host, port)
    if plan.workers == 1:
        from router_r1.serve import worker

        worker.serve(plan, listening, log_level)
        return
    with tempfile.TemporaryDirectory(prefix="router-r1-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        logging.basicConfig(
            level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        _Parent(plan, listening, log_level).run()


class _Parent:
    def __init__(self, plan: Plan, listening: socket.socket, log_level: str) -> None:
        self._arguments = (plan, listening, log_level)
        self._count = plan.workers
        self._children: dict[SpawnProcess, float] = {}
        """Workers, and when they were started on the monotonic clock."""
        self._stopping = False

    def run(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass_on)
        try:
            while not self._stopping:
                self._fill()
                multiprocessing.connection.wait([child.sentinel for child in self._children], 1.0)
                self._bury()
        finally:
            self._signal(signal.SIGTERM)
            for child in self._children:
                child.join()

    def _fill(self) -> None:
        while len(self._children) < self._count:
            context = multiprocessing.get_context("spawn")
            child = context.Process(
                target=_run_worker, args=self._arguments, name="router-r1 worker"
            )
            child.start()
            self._children[child] = time.monotonic()

    def _bury(self) -> None:
        for child in [each for each in self._children if not each.is_alive()]:
            lived = time.monotonic() - self._children.pop(child)
            if child.pid is not None:
                mark_process_dead(child.pid)  # type: ignore[no-untyped-call]
            if self._stopping:
                continue
            if child.exitcode == _REFUSED and not self._proven():
                self._stopping = True
                raise ConfigError("the gateway cannot start; the message stands above")
            log.error("worker %s ended (%s); another is started", child.pid, child.exitcode)
            if lived < _RETRY_S:
                time.sleep(_PAUSE_S)  # it may end again at once

    def _proven(self) -> bool:
        """Whether another worker has served for a while, so that one that cannot start is no reason to end."""
        now = time.monotonic()
        return any(now - began > _RETRY_S for began in self._children.values())

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self._stopping = self._stopping or number != signal.SIGHUP
        self._signal(signal.SIGHUP if number == signal.SIGHUP else signal.SIGTERM)

    def _signal(self, number: int) -> None:
        for child in self._children:
            if child.pid is not None and child.is_alive():
                os.kill(child.pid, number)


def _run_worker(plan: Plan, listening: socket.socket, log_level: str) -> None:
    from router_r1.serve import worker

    try:
        worker.serve(plan, listening, log_level)
    except RouterR1Error as error:
        log.error("%s", one_line(error))
        raise SystemExit(_REFUSED) from None
