"""`router-r1`: ask a question, check a pool. Other packages add commands through the entry points `router_r1.commands`.

An entry point names a function that takes the `typer.Typer` application and adds to it; its module must be light to
import, so that `--help` stays fast.

Exit status: 0 done, 1 something that was called failed, 2 wrong input or no answer.
"""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_r1.errors import ConfigError, RouterR1Error

if TYPE_CHECKING:
    from rich.console import Console

    from router_r1.agent import Result
    from router_r1.pool import ModelPool
    from router_r1.transport.messages import Response

_EXTRAS = {
    "torch": "local",
    "transformers": "local",
    "psutil": "local",
    "pyarrow": "parquet",
    "verl": "train",
    "ray": "train",
    "datasets": "eval",
    "scipy": "eval",
    "py3langid": "eval",
    "numpy": "routers",
    "sklearn": "routers",
}
"""Package -> the extra that brings it, for commands that need more than the core."""

app = typer.Typer(
    name="router-r1",
    help="Answer questions with a policy LLM that routes to other LLMs, and knows what they cost.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
pool_app = typer.Typer(help="Candidates and their prices.", no_args_is_help=True)
app.add_typer(pool_app, name="pool")


def _show_version(wanted: bool) -> None:
    if wanted:
        from router_r1.trace import package_version

        typer.echo(package_version())
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


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="The question; - reads it from standard input.")],
    config: Annotated[Path, typer.Option(help="The agent file: policy, pool, aggregator, limits.")],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print answer, cost_usd, rounds and trace as JSON.")
    ] = False,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override the file, e.g. --set limits.budget_usd=0.01"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the rounds.")] = False,
) -> None:
    """Answer one question.

    The answer goes to standard output; the rounds, as they happen, and the cost go to standard error. With --json there is
    one JSON object on standard output and nothing else.

        router-r1 ask "Who directed the film that won ...?" --config agent.yaml --set limits.budget_usd=0.005
    """
    from router_r1.agent_file import load_agent

    if question == "-":
        question = sys.stdin.read()
    with load_agent(config, overrides or []) as agent:
        result = agent.ask(question, emit=None if as_json or quiet else Narrator())
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "answer": result.answer,
                    "cost_usd": result.cost_usd,
                    "rounds": result.rounds,
                    "stop_reason": result.stop_reason.value,
                    "trace": result.trace.to_dict(),
                },
                ensure_ascii=False,
            )
        )
    elif result.answer is not None:
        typer.echo(result.answer)
        typer.echo(summary(result), err=True)
    if result.answer is None:
        raise ConfigError(_no_answer(result))


def summary(result: Result) -> str:
    """Cost, rounds and time of a result in one line."""
    from router_r1.episode import StopReason
    from router_r1.ledger import Role
    from router_r1.prompts import usd

    parts = [
        f"{usd(result.ledger.cost_usd(role))} {role.value}"
        for role in (Role.CANDIDATE, Role.POLICY, Role.AGGREGATOR)
        if result.ledger.cost_usd(role)
    ]
    split = f" ({', '.join(parts)})" if len(parts) > 1 else ""
    unpriced = result.ledger.unpriced_tokens
    split += f" + {unpriced} tokens without a price" if unpriced else ""
    plural = "" if result.rounds == 1 else "s"
    billed = result.ledger.billed_usd
    split += f", {usd(billed)} of it billed" if billed < result.cost_usd * (1 - 1e-9) else ""
    if result.stop_reason is not StopReason.ANSWERED:
        split += f", the policy itself gave no answer ({result.stop_reason.value})"
    return f"{usd(result.cost_usd)}{split}, {result.rounds} round{plural}, {result.trace.latency_s:.1f} s"


_REMEDIES = {
    "rounds": "raise limits.max_rounds, or use the aggregator 'vote' or 'synthesize'",
    "malformed": "this policy does not keep to the tags: try a stronger one, or raise limits.max_malformed",
    "tokens": "raise limits.max_policy_tokens",
    "budget": "raise limits.budget_usd",
    "deadline": "raise timeout_s",
    "policy_failed": "check the policy's server, model name and key",
}


def _no_answer(result: Result) -> str:
    from router_r1.prompts import usd

    reason = result.stop_reason.value
    detail = f" ({result.trace.stop_detail})" if result.trace.stop_detail else ""
    remedy = _REMEDIES.get(reason, "ask again with --json to see the trace")
    if result.cost_usd:
        remedy += f"; it cost {usd(result.cost_usd)}"
    return f"the policy {result.trace.policy!r} gave no answer: {reason}{detail}; {remedy}"


class Narrator:
    """Shows the events of a question on a console, standard error by default."""

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)

    def __call__(self, event: object) -> None:
        from rich.markup import escape

        from router_r1.prompts import usd
        from router_r1.rollout import CallFinished, TurnWritten

        if isinstance(event, TurnWritten):
            thought = " ".join(event.turn.thought.split())
            self._console.print(f"[bold]{event.number}[/] [dim]{escape(_cut(thought))}[/]")
            called = {(call.model, call.query) for call in event.calls}
            for route in event.turn.routes:
                asked = (route.model, route.query) in called
                arrow = "<-" if asked else "[yellow]not called:[/]"
                query = escape(_cut(route.query))
                self._console.print(f"  [cyan]{escape(route.model)}[/] {arrow} {query}")
            if event.turn.malformed:
                kinds = ", ".join(dict.fromkeys(p.kind.value for p in event.turn.problems))
                self._console.print(f"  [yellow]malformed: {kinds}[/]")
        elif isinstance(event, CallFinished):
            response = event.response
            failure = response.failure
            text = f"{failure.kind.value}: {failure.detail}" if failure else response.text
            text = " ".join(text.split())
            cost = usd(response.cost_usd or 0.0)
            self._console.print(
                f"  [cyan]{escape(event.call.model)}[/] -> {escape(_cut(text))} [dim]{cost}[/]"
            )


def _cut(text: str, limit: int = 160) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


@pool_app.command("check")
def pool_check(
    pool: Annotated[Path, typer.Argument(help="The pool file.")],
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Also call each candidate once, and measure it. This costs a little."
        ),
    ] = False,
    prompt: Annotated[
        str, typer.Option(help="What --live asks.")
    ] = "Count from 1 to 30 in digits, separated by spaces.",
) -> None:
    """Validate a pool file; with --live also call each candidate.

    Without --live nothing is called and no key is needed. With it, the table shows for each candidate the time to the
    first token, tokens per second after it (where the server streams), and what the call cost. Exit status 1 if one failed.
    """
    from router_r1.pool import ModelPool

    checked = ModelPool.from_yaml(pool)
    if live:
        checked.check()
    responses = asyncio.run(_call_each(_streaming(checked), prompt)) if live else {}
    _print_pool(checked, responses)
    failed = [name for name, response in responses.items() if not response.ok]
    if failed:
        typer.echo(
            f"{pool}: {len(failed)} of {len(responses)} failed: {', '.join(failed)}", err=True
        )
        raise typer.Exit(1)
    count = len(checked.cards)
    typer.echo(f"{pool}: {count} candidate{'' if count == 1 else 's'}, all well", err=True)


def _streaming(pool: ModelPool) -> ModelPool:
    """The same pool, asked to stream: only then is there a time to the first token."""
    from router_r1.pool import ModelPool

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
    from rich.markup import escape
    from rich.table import Table

    from router_r1.prompts import usd

    table = Table(title=f"{pool.source} (version {pool.version})", title_justify="left")
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
        table.add_row(*map(escape, row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=200)
    console.print(table)


def _measured(response: Response) -> list[str]:
    from router_r1.prompts import usd

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


def main() -> None:
    """Entry point of the `router-r1` command."""
    for point in entry_points(group="router_r1.commands"):
        point.load()(app)
    try:
        app()
    except RouterR1Error as error:
        typer.echo(f"router-r1: {error}", err=True)
        raise SystemExit(2) from None
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        typer.echo(f"router-r1: {what}", err=True)
        raise SystemExit(2) from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(str(error.name).partition(".")[0])
        if extra is None:
            raise
        wanted = f"this needs {error.name}: pip install 'router-r1[{extra}]'"
        typer.echo(f"router-r1: {wanted}", err=True)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        typer.echo("router-r1: interrupted", err=True)
        raise SystemExit(130) from None
