"""The core's own commands, one module for each, and helpers that the commands of all packages share.

A command module has a function `register(app)` that adds its commands to the `typer.Typer` application. Other packages
name theirs by an entry point in the group `router_r1.commands`; see `router_r1/cli.py`.
"""
