"""The `router-r1` program: its commands, and how errors become one line and an exit status.

The core's commands are in `router_r1/commands/`. Another package adds its own by an entry point in the group
`router_r1.commands`. It names a function that takes the `typer.Typer` application and adds commands to it, in a module
that is light to import, so that `--help` stays fast. A package whose commands cannot be loaded is reported in one line,
and all other commands work.

Exit status: 0 success; 1 a call, check or step failed; 2 invalid input, or no answer.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from typing import Annotated, NoReturn

import typer

from router_r1 import terminal
from router_r1.commands import ask, list, pool  # noqa: A004  # a command named like a builtin
from router_r1.errors import RouterR1Error, one_line, without_generated
from router_r1.extensions import report_broken
from router_r1.trace import package_version

_EXTRAS = {
    "torch": "local",
    "transformers": "local",
    "psutil": "local",
    "pyarrow": "parquet",
    "trl": "sft",
    "peft": "sft",
    "verl": "train",
    "ray": "train",
    "datasets": "eval",
    "scipy": "eval",
    "py3langid": "eval",
    "starlette": "serve",
    "uvicorn": "serve",
    "orjson": "serve",
    "prometheus_client": "serve",
    "redis": "redis",
    "numpy": "routers",
    "sentence_transformers": "embeddings",
    "skops": "routers",
    "sklearn": "routers",
}
"""Package -> the extra that installs it, for commands that need more than the core."""

app = typer.Typer(
    name="router-r1",
    help="Answer questions with a policy LLM that routes to other LLMs and knows what they cost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in (ask, pool, list):
    _command.register(app)


def _show_version(wanted: bool) -> None:
    if wanted:
        terminal.echo(package_version())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the `router-r1` program."""
    terminal.escape_log_messages()
    _add_commands_of_other_packages()
    try:
        sys.exit(app(prog_name="router-r1", standalone_mode=False))
    except RouterR1Error as error:
        _exit(str(error), 2)
    except OSError as error:
        _exit(f"{error.filename}: {error.strerror}" if error.filename else str(error), 2)
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(str(error.name).partition(".")[0])
        if extra is None:
            raise
        _exit(f"this needs {error.name}: pip install 'router-r1[{extra}]'", 2)
    except (KeyboardInterrupt, typer.Abort):
        _exit("interrupted", 130)
    except Exception as error:
        # What is wrong with the command line itself; typer brings its own copy of click's exceptions.
        if not hasattr(error, "format_message") or not hasattr(error, "exit_code"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            terminal.echo(error.format_message(), err=True)
            raise SystemExit(error.exit_code) from None
        context = getattr(error, "ctx", None)
        hint = f"; see {context.command_path} --help" if context is not None else ""
        problem = without_generated(error.format_message().rstrip("."))
        _exit(f"{problem}{hint}", error.exit_code)


def _add_commands_of_other_packages() -> None:
    for point in entry_points(group="router_r1.commands"):
        try:
            point.load()(app)
        except (Exception, SystemExit) as error:  # another package's module may raise anything
            report_broken(point, error)


def _exit(message: str, status: int) -> NoReturn:
    """End the program with one line on standard error; the exception that led here is not shown."""
    terminal.echo(one_line(f"router-r1: {message}"), err=True)
    raise SystemExit(status) from None
