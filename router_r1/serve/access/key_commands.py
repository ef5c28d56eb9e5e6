"""`router-r1 keys`: make, list and revoke API keys of the gateway."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_r1 import config, terminal
from router_r1.errors import ConfigError, shown_name

if TYPE_CHECKING:
    from router_r1.serve.access.keys import Key, KeyStore

_FileOption = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help="The file of keys. By default $ROUTER_R1_KEYS, or router-r1/keys.db in your data folder.",
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the group `keys` to the application."""
    group = typer.Typer(help="API keys of the gateway and their limits.", no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(list_keys)
    group.command("revoke")(revoke)
    app.add_typer(group, name="keys")


def add(
    name: Annotated[str, typer.Argument(help="What the key is called in lists and logs.")],
    requests_per_minute: Annotated[
        int | None, typer.Option(help="Most requests per minute.", show_default="no limit")
    ] = None,
    tokens_per_minute: Annotated[
        int | None,
        typer.Option(help="Most tokens per minute, in and out.", show_default="no limit"),
    ] = None,
    budget_usd: Annotated[
        float | None, typer.Option(help="Most dollars per period.", show_default="no limit")
    ] = None,
    period: Annotated[
        str, typer.Option(help="What the budget is for: day or month (UTC), or total.")
    ] = "month",
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME",
            help="The models that the key may ask for, separated by commas.",
            show_default="all",
        ),
    ] = None,
    file: _FileOption = None,
) -> None:
    """Make a key and print its secret.

    The secret is printed once, alone on standard output; only its hash is kept. A running gateway accepts it within a
    second.

        KEY=$(router-r1 keys add app --requests-per-minute 60 --budget-usd 5 --period day)
    """
    from router_r1.serve.access.keys import KeyLimits

    given: dict[str, Any] = {
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "budget_usd": budget_usd,
        "budget_period": period,
        "models": None if models is None else _names(models),
    }
    limits = config.validate(KeyLimits, given, f"key {name}")
    store = _store(file, create=True)
    try:
        secret = store.add(name, limits)
    finally:
        store.close()
    terminal.echo(secret)
    terminal.echo(f"{store.path}: key {name}; keep the secret, it is not shown again", err=True)


def list_keys(
    file: _FileOption = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print a JSON list of objects with name, limits, created_at, revoked_at."
        ),
    ] = False,
) -> None:
    """List the keys and their limits, the revoked ones included. Secrets are not kept, so none is shown."""
    store = _store(file, create=False)
    try:
        keys = store.all()
    finally:
        store.close()
    if as_json:
        terminal.echo_json([_as_json(key) for key in keys])
    else:
        _print(keys)


def revoke(
    name: Annotated[str, typer.Argument(help="The key's name.")],
    file: _FileOption = None,
) -> None:
    """Make a key invalid; a running gateway refuses it within a second.

    Its name may be given to a new key, which goes on with what was counted under the name.
    """
    store = _store(file, create=False)
    try:
        was_valid = store.revoke(name)
    finally:
        store.close()
    done = "is revoked" if was_valid else "had been revoked before; nothing changed"
    terminal.echo(f"{store.path}: key {name} {done}", err=True)


def _store(file: Path | None, *, create: bool) -> KeyStore:
    from router_r1.serve.access.keys import KeyStore, default_path

    path = file or default_path()
    if not create and not path.exists():
        raise ConfigError(
            f"{path}: no such file; make a key with router-r1 keys add NAME, or correct --file"
        )
    return KeyStore(path, create=create)


def _names(models: str) -> list[str]:
    """The names in NAME,NAME. Raises `ConfigError` for an empty one."""
    names = [name.strip() for name in models.split(",")]
    if not all(names):
        raise ConfigError(f"--models {shown_name(models)}: expected NAME,NAME without empty names")
    return names


def _as_json(key: Key) -> dict[str, Any]:
    return {
        "name": key.name,
        "limits": key.limits.model_dump(mode="json"),
        "created_at": _time(key.created_at),
        "revoked_at": None if key.revoked_at is None else _time(key.revoked_at),
    }


def _time(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="seconds")


def _print(keys: tuple[Key, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    from router_r1.prompts import usd

    table = Table()
    for column in ("key", "requests/min", "tokens/min", "budget", "models", "made", "revoked"):
        right = column in ("requests/min", "tokens/min", "budget")
        table.add_column(column, justify="right" if right else "left")
    for key in keys:
        limits = key.limits
        each = "in total" if limits.budget_period == "total" else f"per {limits.budget_period}"
        row = [
            key.name,
            "-" if limits.requests_per_minute is None else f"{limits.requests_per_minute:,}",
            "-" if limits.tokens_per_minute is None else f"{limits.tokens_per_minute:,}",
            "-" if limits.budget_usd is None else f"{usd(limits.budget_usd)} {each}",
            "all" if limits.models is None else ", ".join(limits.models),
            _time(key.created_at)[:10],
            "" if key.revoked_at is None else _time(key.revoked_at)[:10],
        ]
        table.add_row(*map(terminal.styled, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)
