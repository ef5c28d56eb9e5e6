"""`router-r1 ask`: answer one question with an agent."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from router_r1 import terminal
from router_r1.agent import Result
from router_r1.agent_file import load_agent
from router_r1.episode import StopReason
from router_r1.errors import ConfigError, one_line
from router_r1.ledger import Role
from router_r1.prompts import usd

MOST_BYTES = 16 << 20
"""Bytes of a question on standard input."""


def register(app: typer.Typer) -> None:
    """Add `ask` to the application."""
    app.command()(ask)


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

    The answer goes to standard output; the rounds, as they happen, and the cost go to standard error. With --json,
    standard output is one JSON object and nothing else. Control characters in what models wrote are shown as escapes.
    An answer whose trace or recording could not be written is shown all the same; the exit status is then 1.

        router-r1 ask "Who directed the film that won ...?" --config agent.yaml --set limits.budget_usd=0.005
    """
    from router_r1.commands.narrator import Narrator  # imports rich

    if question == "-":
        question = _from_standard_input()
    with _the_last_line_says_it(), load_agent(config, overrides or []) as agent:
        result = agent.ask(question, emit=None if as_json or quiet else Narrator())
    if as_json:
        terminal.echo_json(_as_json(result))
    elif result.answer is not None:
        terminal.echo(result.answer)
        terminal.echo(summary(result), err=True)
    if result.answer is None:
        raise ConfigError(_no_answer(result))
    if result.not_saved:
        terminal.echo(one_line(f"router-r1: {result.not_saved}"), err=True)
        raise typer.Exit(1)


def _from_standard_input() -> str:
    """The question on standard input. Raises `ConfigError` for one that is no text, or that never ends."""
    raw = sys.stdin.buffer.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"standard input: more than {MOST_BYTES >> 20} MiB; expected a question")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("standard input: not UTF-8 text; expected a question") from error


@contextmanager
def _the_last_line_says_it() -> Iterator[None]:
    """Leave out what the agent logs about files: the last line of the command says it."""
    log = logging.getLogger("router_r1.agent")

    def below_error(record: logging.LogRecord) -> bool:
        return record.levelno < logging.ERROR

    log.addFilter(below_error)
    try:
        yield
    finally:
        log.removeFilter(below_error)


def _as_json(result: Result) -> dict[str, Any]:
    return {
        "answer": result.answer,
        "cost_usd": result.cost_usd,
        "rounds": result.rounds,
        "stop_reason": result.stop_reason.value,
        "trace": result.trace.to_dict(),
    }


def summary(result: Result) -> str:
    """Cost, rounds and time of a result in one line."""
    ledger = result.ledger
    by_role = [
        f"{usd(ledger.cost_usd(role))} {role.value}"
        for role in (Role.CANDIDATE, Role.POLICY, Role.AGGREGATOR)
        if ledger.cost_usd(role)
    ]
    cost = usd(result.cost_usd)
    if len(by_role) > 1:
        cost += f" ({', '.join(by_role)})"
    if ledger.unpriced_tokens:
        cost += f" + {ledger.unpriced_tokens} tokens without a price"
    if ledger.billed_usd < result.cost_usd * (1 - 1e-9):
        cost += f", {usd(ledger.billed_usd)} of it billed"
    if result.stop_reason is not StopReason.ANSWERED:
        cost += f", the policy itself gave no answer ({result.stop_reason.value})"
    rounds = f"{result.rounds} round{'' if result.rounds == 1 else 's'}"
    return f"{cost}, {rounds}, {result.trace.latency_s:.1f} s"


_REMEDIES = {
    StopReason.ROUNDS: "raise limits.max_rounds, or use the aggregator 'vote' or 'synthesize'",
    StopReason.MALFORMED: "this policy does not follow the tag format: try a stronger one, or raise limits.max_malformed",
    StopReason.TOKENS: "raise limits.max_policy_tokens",
    StopReason.BUDGET: "raise limits.budget_usd",
    StopReason.DEADLINE: "raise timeout_s",
    StopReason.POLICY_FAILED: "check the policy's server, model name and key",
}


def _no_answer(result: Result) -> str:
    detail = f" ({result.trace.stop_detail})" if result.trace.stop_detail else ""
    remedy = _REMEDIES.get(result.stop_reason, "ask again with --json to see the trace")
    if result.cost_usd:
        remedy += f"; it cost {usd(result.cost_usd)}"
    reason = result.stop_reason.value
    lost = f"; {result.not_saved}" if result.not_saved else ""
    return f"the policy {result.trace.policy!r} gave no answer: {reason}{detail}; {remedy}{lost}"
