"""Progress of a long task: a bar with the cost so far on a terminal, and an occasional line elsewhere."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from router_r1 import terminal

_MIN_INTERVAL_S = 2.0
"""Seconds between two lines if there is no terminal."""
_MAX_LINES = 20


@contextlib.contextmanager
def show_progress(
    task: str, total: int, *, show_cost: bool = True
) -> Iterator[Callable[[float], None]]:
    """Show progress and cost on standard error, because standard output belongs to the program.

    Args:
        task: description of the task.
        total: number of steps.
        show_cost: whether to show the dollars spent.

    Yields:
        A function to call after each step, with the dollars of that step.
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
    task = terminal.printable(task)
    done, spent = 0, 0.0
    if not console.is_terminal:
        began = last_print = time.monotonic()
        interval = max(1, total // _MAX_LINES)

        def advance_line(cost: float) -> None:
            nonlocal done, spent, last_print
            done, spent = done + 1, spent + cost
            due = done % interval == 0 and time.monotonic() - last_print > _MIN_INTERVAL_S
            if done == total or due:
                last_print = time.monotonic()
                dollars = f", ${spent:.4f}" if show_cost else ""
                seconds = (last_print - began) / done * (total - done)
                left = f", {_in_words(seconds)} left" if done < total else ""
                terminal.echo(f"{task}: {done} of {total}{dollars}{left}", err=True)

        yield advance_line
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *([TextColumn("${task.fields[cost]:.4f}")] if show_cost else []),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        bar_task = bar.add_task(task, total=total, cost=0.0)

        def advance_bar(cost: float) -> None:
            nonlocal spent
            spent += cost
            bar.update(bar_task, advance=1, cost=spent)

        yield advance_bar


def _in_words(seconds: float) -> str:
    """`50 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
