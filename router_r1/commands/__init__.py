"""The core's own commands, one module a command, and what commands of every package share.

A command module has a function `register(app)` that adds its commands to the `typer.Typer` application. Other packages
name theirs by an entry point in the group `router_r1.commands`; see `router_r1/cli.py`.
"""
