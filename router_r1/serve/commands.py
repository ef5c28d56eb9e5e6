"""`router-r1 serve` and `router-r1 receipts`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from router_r1 import terminal
from router_r1.errors import ConfigError
from router_r1.prompts import usd

_GROUPS = ("day", "key", "model", "asked")


def register(app: typer.Typer) -> None:
    """Add the commands of the gateway to the application."""
    from router_r1.serve.access import key_commands
    from router_r1.serve.quick_start import init_command

    app.command()(serve)
    app.command()(receipts)
    key_commands.register(app)
    init_command.register(app)


def serve(
    agent_file: Annotated[
        Path | None, typer.Argument(help="The agent file; `router-r1 init` writes one.")
    ] = None,
    models: Annotated[
        str,
        typer.Option(
            help="Instead of a file: models such as openai/gpt-5-mini,ollama/llama3.1:8b."
        ),
    ] = "",
    policy: Annotated[
        str | None,
        typer.Option(help="With --models: the one that writes the turns; by default the first."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Others than this machine's own need keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 4000,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Number of processes.")] = 1,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override the file, e.g. --set serve.ceiling.budget_usd=0.01"),
    ] = None,
    log_level: Annotated[str, typer.Option(help="error, warning, info or debug.")] = "info",
) -> None:
    """Serve an agent and its candidates as one OpenAI-compatible endpoint.

    An application sets its base URL to http://127.0.0.1:4000/v1 and asks for the model `router-r1`, for `router-r1:cheap`,
    `:balanced` or `:best`, or for a candidate by its name. `/v1/models` lists them all. SIGHUP loads the file anew
    without dropping a request; SIGTERM finishes what was begun.

        router-r1 serve agent.yaml --port 4000

        router-r1 serve --models openai/gpt-5-mini,ollama/llama3.1:8b
    """
    from router_r1.serve import workers as processes
    from router_r1.serve.quick_start.known_models import split_specs
    from router_r1.serve.start import Plan, check_models

    specs = tuple(split_specs(models))
    check_models(specs, agent_file)
    if log_level not in ("error", "warning", "info", "debug"):
        raise ConfigError(f"--log-level: expected error, warning, info or debug, got {log_level!r}")
    plan = Plan(
        agent_file=None if agent_file is None else str(agent_file),
        models=specs,
        policy=policy,
        overrides=tuple(overrides or ()),
        workers=workers,
        host=host,
    )
    processes.serve(plan, port, log_level)


def receipts(
    file: Annotated[Path, typer.Argument(help="The file of receipts.")] = Path("receipts.db"),
    by: Annotated[
        str,
        typer.Option(
            help="How to sum: day, key, model (that was called), asked (for); or several: day,key."
        ),
    ] = "day",
    since: Annotated[str | None, typer.Option(help="First day, e.g. 2027-01-31 (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Last day (UTC).")] = None,
    request: Annotated[
        str | None, typer.Option(help="Show the receipt of one request, by its id.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Sum up what the gateway answered and what that cost.

    router-r1 receipts receipts.db --by day,key
    """
    from router_r1.serve.receipts import ReceiptStore

    store = ReceiptStore(file, create=False)
    try:
        if request is not None:
            found = store.find(request)
            if found is None:
                raise ConfigError(f"{file}: there is no receipt of a request {request!r}")
            terminal.echo_json(found)
            return
        groups: Any = tuple(each.strip() for each in by.split(","))
        if not set(groups) <= set(_GROUPS):
            raise ConfigError(f"--by: expected {', '.join(_GROUPS)}, got {by!r}")
        end = 1e18 if until is None else _day(until, "--until") + 86_400
        totals = store.totals(groups, 0.0 if since is None else _day(since, "--since"), end)
    finally:
        store.close()
    if as_json:
        terminal.echo_json([vars(total) for total in totals])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(by, "requests", "prompt tokens", "completion tokens", "cost", "best single model")
    for total in totals:
        single = "" if total.single_usd is None else usd(total.single_usd)
        counts = (total.requests, total.prompt_tokens, total.completion_tokens)
        table.add_row(
            terminal.styled(total.group),
            *(f"{count:,}" for count in counts),
            usd(total.cost_usd),
            single,
        )
    Console().print(table)


def _day(text: str, option: str) -> float:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise ConfigError(f"{option}: expected a day such as 2027-01-31, got {text!r}") from None
