"""The progress of supervised training: its stages, and their display on standard error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from router_r1 import terminal

_LINES = 20


@dataclass(frozen=True)
class Progress:
    """How far a training loop has come."""

    step: int
    steps: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class Stage:
    """A training stage that has just begun or made progress."""

    name: str
    progress: Progress | None = None
    """None while demonstrations are being generated."""


@contextlib.contextmanager
def show_stages() -> Iterator[Callable[[Stage], None]]:
    """A function that shows stages: as progress bars on a terminal, otherwise as at most twenty lines for a stage."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as ProgressBars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _LinePrinter()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeElapsedColumn(),
    )
    with ProgressBars(*columns, console=console) as bars:
        tasks: dict[str, Any] = {}

        def show(stage: Stage) -> None:
            if stage.name not in tasks:
                tasks[stage.name] = bars.add_task(
                    terminal.printable(stage.name), total=None, loss=float("nan")
                )
            if stage.progress is not None:
                done, total = stage.progress.step, stage.progress.steps
                bars.update(
                    tasks[stage.name], completed=done, total=total, loss=stage.progress.loss
                )

        yield show


class _LinePrinter:
    """Prints a line when a stage begins, after each twentieth of its steps, and at its end."""

    def __init__(self) -> None:
        self._shown: dict[str, int] = {}

    def __call__(self, stage: Stage) -> None:
        done = stage.progress
        if done is None:
            terminal.echo(stage.name, err=True)
            return
        part = done.step * _LINES // done.steps
        if part > self._shown.get(stage.name, 0):
            self._shown[stage.name] = part
            line = f"{stage.name}: step {done.step} of {done.steps}, loss {done.loss:.3f}, {done.seconds:.0f} s"
            terminal.echo(line, err=True)
