"""`router-r1 list`: what is registered, extensions included."""

from __future__ import annotations

from typing import Annotated

import typer

from router_r1 import terminal
from router_r1.commands.registries import find_registry, registry_names


def register(app: typer.Typer) -> None:
    """Add `list` to the application."""
    app.command("list")(list_registry)


def list_registry(
    kind: Annotated[
        str | None, typer.Argument(help="The kind to list; leave it out to list the kinds.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON list of objects with name, summary, owner.")
    ] = False,
) -> None:
    """List routers, metrics, benchmarks and everything else that can be extended.

    Prints one line for each: its name, what it is, and the package that provides it, your own packages included.
    Without an argument, prints the kinds that can be listed.

        router-r1 list routers
    """
    if kind is None:
        kinds = registry_names()
        if as_json:
            terminal.echo_json(kinds)
        else:
            terminal.echo("\n".join(kinds))
        return
    entries = find_registry(kind).entries()
    if as_json:
        listed = [{"name": e.name, "summary": e.summary, "owner": e.owner} for e in entries]
        terminal.echo_json(listed)
        return
    width = max((len(entry.name) for entry in entries), default=0)
    for entry in entries:
        terminal.echo(f"{entry.name:<{width}}  {entry.summary}  [{entry.owner}]")
