"""`router-r1 pool`: check the candidates of a pool file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from router_r1 import terminal
from router_r1.pool import ModelPool
from router_r1.prompts import usd
from router_r1.transport.messages import Response


def register(app: typer.Typer) -> None:
    """Add the group `pool` to the application."""
    group = typer.Typer(help="Candidates and their prices.", no_args_is_help=True)
    group.command("check")(check)
    app.add_typer(group, name="pool")


def check(
    pool: Annotated[Path, typer.Argument(help="The pool file.")],
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Also call each candidate once and measure it. This costs a little."
        ),
    ] = False,
    prompt: Annotated[
        str, typer.Option(help="The prompt of --live.")
    ] = "Count from 1 to 30 in digits, separated by spaces.",
) -> None:
    """Validate a pool file; with --live also call each candidate.

    Without --live no model is called and no key is needed. With it, the table shows for each candidate the time to the
    first token, the tokens per second after it (where the server streams), and the cost of the call. The exit status is
    1 if a call failed.
    """
    checked = ModelPool.from_yaml(pool)
    if live:
        checked.check()
    responses = asyncio.run(_call_each(_streaming(checked), prompt)) if live else {}
    _print_pool(checked, responses)
    failed = [name for name, response in responses.items() if not response.ok]
    if failed:
        terminal.echo(
            f"{pool}: {len(failed)} of {len(responses)} failed: {', '.join(failed)}", err=True
        )
        raise typer.Exit(1)
    count = len(checked.cards)
    terminal.echo(f"{pool}: {count} candidate{'' if count == 1 else 's'}, all OK", err=True)


def _streaming(pool: ModelPool) -> ModelPool:
    """The same pool with streaming on: without it, the time to the first token is unknown."""
    cards = [
        card.model_copy(update={"limits": card.limits.model_copy(update={"stream": True})})
        for card in pool.cards
    ]
    return ModelPool(cards, pool.endpoints, source=pool.source)


async def _call_each(pool: ModelPool, prompt: str) -> dict[str, Response]:
    async with pool:
        responses = await asyncio.gather(*(pool.ask(name, prompt) for name in pool.names))
    return dict(zip(pool.names, responses, strict=True))


def _print_pool(pool: ModelPool, responses: dict[str, Response]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=terminal.styled(f"{pool.source} (version {pool.version})"), title_justify="left"
    )
    columns = ["candidate", "$/M in", "$/M out", "at most per reply", "endpoint"]
    columns += ["first token", "tokens/s", "cost", "result"] if responses else []
    for column in columns:
        table.add_column(
            column, justify="left" if column in ("candidate", "endpoint", "result") else "right"
        )
    for card in pool.cards:
        row = [
            card.name,
            usd(card.price.input),
            usd(card.price.output),
            usd(card.price.output * card.max_output_tokens / 1e6),
            card.endpoint or "none (replay only)",
        ]
        if responses:
            row += _measured(responses[card.name])
        table.add_row(*map(terminal.styled, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def _measured(response: Response) -> list[str]:
    cost = usd(response.cost_usd or 0.0)
    if response.failure is not None:
        return ["-", "-", cost, f"{response.failure.kind.value}: {response.failure.detail}"]
    first = response.first_token_s
    speed = "-"
    if first is not None and response.latency_s > first and response.usage.completion > 1:
        speed = f"{(response.usage.completion - 1) / (response.latency_s - first):.0f}"
    counted = " (tokens estimated)" if response.usage.estimated else ""
    seconds = "-" if first is None else f"{first * 1000:.0f} ms"
    return [seconds, speed, cost, f"ok{counted}"]
