"""Renamed commands: the old name prints the new one instead of running."""

from __future__ import annotations

import typer

from router_r1 import terminal


def add_renamed(group: typer.Typer, name: str, new: str) -> None:
    """Add a hidden command for a name that is no longer used.

    Whatever arguments follow it, it prints the new name to standard error and exits with status 2.

    Args:
        group: the application or command group that had the command.
        name: the old name within the group, e.g. `prepare`.
        new: the new command as users type it after `router-r1`, e.g. `train prepare`.
    """
    any_arguments = {
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    }

    @group.command(name, hidden=True, context_settings=any_arguments)
    def refuse(context: typer.Context) -> None:
        old = context.command_path.removeprefix(context.find_root().command_path).strip()
        terminal.echo(f"router-r1: `{old}` is now `{new}`", err=True)
        raise typer.Exit(2)
