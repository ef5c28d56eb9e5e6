"""`router-r1 init`: from what runs here and which keys are set to a pool file and an agent file, in three questions.

`init_found.py` looks for models, `init_files.py` has the text of the files. Questions and answers are lines on standard
output and standard input, so a script can answer them.
"""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and never changes it

from __future__ import annotations

import math
import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from router_r1 import terminal
from router_r1.errors import ConfigError

if TYPE_CHECKING:
    from router_r1.serve.quick_start.known_models import ModelAt

Value = TypeVar("Value")

_BETWEEN = re.compile(r"[,\s]+(?![^{]*\})")
"""What separates models in an answer: commas and space outside braces."""

_POLICY_USD = 0.2
"""Dollars per million output tokens; hosted models below are mostly too small to keep to the form of a turn."""
_LEAST_BUDGET_USD = 0.01


def register(app: typer.Typer) -> None:
    """Add `init` to the application."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Where the files are written.")] = Path(),
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite pool.yaml and agent.yaml.")
    ] = False,
    server: Annotated[
        list[str],
        typer.Option(
            metavar="KIND=URL",
            help="A server, e.g. vllm=127.0.0.1:8001; repeatable. KIND is ollama, lm-studio, llama.cpp or vllm. By "
            "default their usual ports on this machine.",
        ),
    ] = [],
) -> None:
    """Write a pool file and an agent file for the models that you can use.

    Finds Ollama, LM Studio, llama.cpp and vLLM on this machine, and the keys of hosted providers in the environment.
    Asks which models to use, which of them writes the turns, and what a question may cost; an empty answer takes the
    default. No model is called. The exit status is 2 if there is nothing to use, or if a file exists.

        router-r1 init
        router-r1 init my-agent --yes
    """
    from router_r1.files import atomic_write
    from router_r1.serve.quick_start.init_files import AGENT_NAME, POOL_NAME, agent_text, pool_text
    from router_r1.serve.quick_start.init_found import find_models, nothing_found

    files = {name: folder / name for name in (POOL_NAME, AGENT_NAME)}
    if there := [str(path) for path in files.values() if path.exists() and not force]:
        raise ConfigError(
            f"{' and '.join(there)} exist{'s' * (len(there) == 1)}; choose another folder, or overwrite with --force"
        )
    found = find_models(_places(server), os.environ)
    for note in found.notes:
        terminal.echo(note, err=True)
    if not found.models:
        raise nothing_found(found)
    _show(found.models)
    chosen = _answer(
        "Which models? Numbers, or others such as openai/gpt-5-mini",
        "all",
        yes,
        lambda t: _models(t, found.models),
    )
    policy = chosen[0]
    if len(chosen) > 1:
        usual = default_policy(chosen)
        if not yes:
            _show(chosen)
        policy = _answer(
            "Which of them writes the turns (the policy)? A number or a name",
            usual.card.name,
            yes,
            lambda t: _one_of(t, chosen),
        )
    budget = None
    if any(one.card.price.input or one.card.price.output for one in chosen):
        budget = _answer(
            "Dollars that one question may cost, or none",
            f"{default_budget(chosen):g}",
            yes,
            _dollars,
        )
    texts = {POOL_NAME: pool_text(chosen), AGENT_NAME: agent_text(policy, budget)}
    for name, text in texts.items():
        with atomic_write(files[name]) as new:
            new.write_text(text, encoding="utf-8")
    terminal.echo(f"wrote {files[POOL_NAME]} ({len(chosen)} candidates) and {files[AGENT_NAME]}")
    terminal.echo(f"next: router-r1 serve {shlex.quote(str(files[AGENT_NAME]))}")


def default_policy(models: Sequence[ModelAt]) -> ModelAt:
    """The cheapest hosted model that is not tiny; else the largest model on this machine; else the most expensive one.

    Args:
        models: at least one.
    """
    hosted = [one for one in models if one.card.price.output >= _POLICY_USD]
    if hosted:
        return min(hosted, key=lambda one: one.card.price.output)
    free = [one for one in models if not one.card.price.output]
    if free:
        return max(free, key=lambda one: one.card.parameters_billions or 0.0)
    return max(models, key=lambda one: one.card.price.output)


def default_budget(models: Sequence[ModelAt]) -> float:
    """Dollars that pay for three answers of the most expensive model at their full length, rounded up to one digit.

    Args:
        models: at least one.
    """
    highest = max(one.card.price.output * one.card.max_output_tokens for one in models) / 1e6
    wanted = max(_LEAST_BUDGET_USD, 3 * highest)
    unit = 10.0 ** math.floor(math.log10(wanted))
    return float(f"{math.ceil(wanted / unit - 1e-9) * unit:.6g}")


def _places(servers: Sequence[str]) -> dict[str, str] | None:
    """Kind -> URL of each KIND=URL; None for the usual ports."""
    places: dict[str, str] = {}
    for item in servers:
        kind, sign, url = item.partition("=")
        if not (sign and kind and url):
            raise ConfigError(f"--server {item}: expected KIND=URL, e.g. vllm=127.0.0.1:8001")
        if kind in places:
            raise ConfigError(
                f"--server {item}: {kind} is given twice; add the other's models as {kind}/MODEL@URL when asked which"
            )
        places[kind] = url
    return places or None


def _show(models: Sequence[ModelAt]) -> None:
    """Print the models with their numbers."""
    from router_r1.prompts import usd

    for number, one in enumerate(models, 1):
        price = one.card.price
        cost = (
            "free"
            if not (price.input or price.output)
            else f"{usd(price.input)} in, {usd(price.output)} out"
        )
        terminal.echo(f"{number:3}  {one.card.name}  ({cost})")


def _answer(question: str, usual: str, yes: bool, read: Callable[[str], Value]) -> Value:
    """Ask until the answer can be read.

    Args:
        question: without a question mark at the end.
        usual: the answer that an empty line stands for.
        yes: take the usual answer without asking.
        read: makes a value of the answer; raises `ConfigError` for a wrong one.

    Raises:
        ConfigError: standard input has ended.
    """
    if yes:
        return read(usual)
    while True:
        terminal.echo(f"{question} [{usual}]: ", ends_line=False)
        sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            raise ConfigError(
                "standard input ended before the last question; answer it, or take the defaults with --yes"
            )
        try:
            return read(line.strip() or usual)
        except ConfigError as error:
            terminal.echo(str(error))


def _models(text: str, models: Sequence[ModelAt]) -> list[ModelAt]:
    """The models of an answer: numbers, names and specs, or `all`."""
    from router_r1.serve.quick_start.known_models import merged_endpoints, model_at

    if text.casefold() == "all":
        return list(models)
    names = {one.card.name: one for one in models}
    chosen: list[ModelAt] = []
    for item in filter(None, _BETWEEN.split(text)):
        one = _numbered(item, models) or names.get(item) or model_at(item, os.environ, "models")
        if one not in chosen:
            chosen.append(one)
    if not chosen:
        raise ConfigError("expected at least one number or name")
    merged_endpoints(chosen, "models")
    return chosen


def _numbered(text: str, models: Sequence[ModelAt]) -> ModelAt | None:
    """The model with this number; None if the text is no number."""
    if not text.isdecimal():
        return None
    if not 1 <= int(text) <= len(models):
        raise ConfigError(f"no model has the number {text}; expected 1 to {len(models)}")
    return models[int(text) - 1]


def _one_of(text: str, models: Sequence[ModelAt]) -> ModelAt:
    names = {one.card.name: one for one in models}
    one = _numbered(text, models) or names.get(text)
    if one is None:
        raise ConfigError(f"expected a number from 1 to {len(models)}, or one of the names above")
    return one


def _dollars(text: str) -> float | None:
    if text.casefold() == "none":
        return None
    try:
        dollars = float(text.removeprefix("$"))
    except ValueError:
        dollars = math.nan
    if not 0 < dollars < math.inf:
        raise ConfigError("expected dollars, such as 0.01, or none")
    return dollars
