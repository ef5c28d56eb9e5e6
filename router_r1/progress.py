"""Progress of long work: a bar with dollars on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

_QUIET_S = 2.0  # between two lines where there is no terminal


@contextlib.contextmanager
def counting(what: str, total: int, *, paid: bool = True) -> Iterator[Callable[[float], None]]:
    """Count what is done and what it cost, on standard error (standard output is the program's own).

    Args:
        what: is done.
        total: how often.
        paid: whether it costs anything, so that dollars are shown.

    Yields:
        A function to call with the dollars of each when it is done.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    done, spent = 0, 0.0
    if not console.is_terminal:
        step, told = max(1, total // 20), time.monotonic()

        def tell(cost: float) -> None:
            nonlocal done, spent, told
            done, spent = done + 1, spent + cost
            if done == total or (done % step == 0 and time.monotonic() - told > _QUIET_S):
                told = time.monotonic()
                dollars = f", ${spent:.4f}" if paid else ""
                console.print(
                    f"{what}: {done} of {total}{dollars}",
                    highlight=False,
                    markup=False,
                    soft_wrap=True,
                )

        yield tell
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *([TextColumn("${task.fields[cost]:.4f}")] if paid else []),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=total, cost=0.0)

        def advance(cost: float) -> None:
            nonlocal spent
            spent += cost
            bar.update(task, advance=1, cost=spent)

        yield advance
