"""`router-r1 pool`: check the candidates of a pool file, or make one of the servers on this machine."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and never changes it

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from router_r1 import config, local_servers, terminal
from router_r1.errors import ConfigError
from router_r1.files import atomic_write
from router_r1.pool import ModelPool
from router_r1.prompts import usd
from router_r1.token_prices import Price
from router_r1.transport.messages import Response


def register(app: typer.Typer) -> None:
    """Add the group `pool` to the application."""
    group = typer.Typer(help="Candidates and their prices.", no_args_is_help=True)
    group.command("check")(check)
    group.command("find")(find)
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


def find(
    server: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=URL",
            help="A server, e.g. big=127.0.0.1:8081; repeatable. By default the usual ports of Ollama, LM Studio, "
            "llama.cpp and vLLM.",
        ),
    ] = [],
    model: Annotated[
        list[str], typer.Option(help="Only this model of what is served; repeatable.")
    ] = [],
    price: Annotated[
        list[str],
        typer.Option(
            metavar="MODEL=INPUT,OUTPUT",
            help="Dollars per million tokens of a model, instead of the made-up ones; repeatable.",
        ),
    ] = [],
    system_prompt: Annotated[
        str | None, typer.Option(help="What every candidate is told before a question.")
    ] = None,
    max_output_tokens: Annotated[int, typer.Option(min=1, help="Most tokens of one answer.")] = 512,
    out: Annotated[
        Path | None, typer.Option(help="The pool file to write; it must not exist.")
    ] = None,
) -> None:
    """Find OpenAI-compatible servers on this machine, and write a pool file of the models that they serve.

    No model is called. Prices are made up: local models cost nothing, but a policy learns to save only if larger models
    cost more. The exit status is 2 if no server with a model is found.

        router-r1 pool find                                        shows what there is
        router-r1 pool find --out pool.yaml
        router-r1 pool find --server small=127.0.0.1:8081 --server large=127.0.0.1:8082 --out pool.yaml
    """
    places = _pairs("--server", "NAME=URL", server) if server else None
    prices = {
        name: _price(name, text)
        for name, text in _pairs("--price", "MODEL=INPUT,OUTPUT", price).items()
    }
    servers = asyncio.run(local_servers.find_servers(places))
    for found in servers:
        if not (found.absent and places is None):
            what = found.problem or ", ".join(one.id for one in found.models)
            terminal.echo(f"{found.name} at {found.base_url}: {what}", err=True)
    pool = local_servers.local_pool(
        servers,
        prices=prices,
        only=model,
        system_prompt=system_prompt,
        max_output_tokens=max_output_tokens,
    )
    _print_pool(ModelPool(pool.candidates, pool.endpoints, source="found"), {})
    if out is not None:
        if out.exists():
            raise ConfigError(f"{out} exists; remove it, or choose another --out")
        with atomic_write(out) as new:
            new.write_text(local_servers.pool_text(pool))
        terminal.echo(f"{out}: {len(pool.candidates)} candidates", err=True)


def _pairs(option: str, form: str, items: list[str]) -> dict[str, str]:
    """Name -> value of each NAME=VALUE. A model's name may hold `=`: a value never does."""
    found: dict[str, str] = {}
    for item in items:
        name, sign, value = item.rpartition("=")
        if not (sign and name and value):
            raise ConfigError(f"{option} {item}: expected {form}")
        if name in found:
            raise ConfigError(f"{option} {item}: {name!r} is given twice; give each its own name")
        found[name] = value
    return found


def _price(name: str, text: str) -> Price:
    """A price from INPUT,OUTPUT. Raises `ConfigError` for anything else."""
    try:
        input_price, output_price = (float(rate) for rate in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--price {name}={text}: expected MODEL=INPUT,OUTPUT in dollars per million tokens"
        ) from None
    rates = {"input": input_price, "output": output_price}
    return config.validate(Price, rates, f"--price {name}={text}")


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
