"""What the rollout benchmark prints: a table for people, and a JSON object for programs."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from rollout_bench.comparison import Comparison


def show(results: Sequence[Comparison], slots: int, threads: int) -> None:
    """Print a table of all runs, and the terms of each bound."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=110, highlight=False)
    table = Table(title="One batch, driven twice", title_justify="left")
    for column in ("draw", "driver", "wall s", "x bound", "efficiency", "calls", "in flight"):
        table.add_column(column, justify="left" if column == "driver" else "right", no_wrap=True)
    table.add_column("client CPU s", justify="right")
    table.add_column("server CPU s", justify="right")
    for result in results:
        bound, ideal = result.bound.wall_s, result.ideal_s
        seed = str(result.draw.seed)
        table.add_row(seed, "lower bound", f"{bound:.2f}", "1.00", "1.00")
        table.add_row(
            "", "ideal queue", f"{ideal:.2f}", f"{ideal / bound:.2f}", f"{bound / ideal:.2f}"
        )
        for name, run in (
            (f"asynchronous, {slots} slots", result.asynchronous),
            (f"lock-step, {threads} threads", result.lock_step),
        ):
            table.add_row(
                "",
                name,
                f"{run.wall_s:.2f}",
                f"{run.wall_s / bound:.2f}",
                f"{bound / run.wall_s:.2f}",
                str(run.calls),
                str(run.most_in_flight),
                f"{run.client_cpu_s:.2f}",
                f"{run.server_cpu_s:.2f}",
            )
        table.add_section()
    console.print(table)
    for result in results:
        terms = result.bound
        console.print(
            f"draw {result.draw.seed}: lower bound {terms.wall_s:.2f} s = max(critical path {terms.critical_path_s:.2f}, "
            f"total latency / slots {terms.work_s:.2f}, calls / rate {terms.rate_s:.2f}); "
            f"lock-step / asynchronous {result.figures()['ratio_lockstep']:.2f}",
            soft_wrap=True,
        )


def summary(results: Sequence[Comparison], options: argparse.Namespace) -> dict[str, Any]:
    """The JSON object of the last line: medians over the draws, the settings, and the figures of each draw."""
    draws = [{"seed": result.draw.seed} | result.figures() for result in results]
    medians = {
        name: statistics.median(result.figures()[name] for result in results)
        for name in results[0].figures()
    }
    names = ("episodes", "rounds", "slots", "threads", "mean_latency_s", "sigma", "rate")
    return medians | {"settings": {name: getattr(options, name) for name in names}, "draws": draws}
