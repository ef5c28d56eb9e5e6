"""The table of what calling each model of a run was like: calls, tokens, speed, price."""

from __future__ import annotations

import html
from collections.abc import Callable

from router_r1_eval.report.read import Efficiency, Results
from router_r1_eval.report.svg import number
from router_r1_eval.report.tables import Column, table

_Line = tuple[str, Efficiency]


def efficiency_table(results: Results, caption: str) -> str:
    """Candidate, or policy x what calling it was like; empty where nothing says."""
    lines = list(results.efficiency.items())
    if not lines:
        return ""
    if results.peak_mib:
        peaks = (f"{html.escape(of)} {mib:,.0f} MiB" for of, mib in results.peak_mib.items())
        caption += f" Peak memory of the run: {', '.join(peaks)}."
    guessed = any(line.tokens_estimated for _, line in lines)

    def tokens(count: int, of: Efficiency) -> str:
        return f"{'≈ ' if of.tokens_estimated else ''}{count:,}"

    columns: list[Column[_Line]] = [
        Column("model", lambda line: html.escape(line[0]), words=True),
        _figure("calls", lambda e: e.attempts, "{:,}".format, "retries included"),
        _figure("failed", lambda e: e.failed, "{:,}".format),
        Column(
            "tokens in",
            lambda line: tokens(line[1].input_tokens, line[1]),
            "of all calls" + ("; ≈: guessed from the texts" if guessed else ""),
            lambda line: line[1].input_tokens,
        ),
        Column(
            "tokens out",
            lambda line: tokens(line[1].output_tokens, line[1]),
            by=lambda line: line[1].output_tokens,
        ),
        _figure(
            "tokens/s",
            lambda e: e.tokens_per_s,
            number,
            "tokens out by seconds of the whole call; the median",
        ),
        _figure(
            "first token",
            lambda e: e.first_token_s,
            number,
            "seconds until it came, where replies are streamed; the median",
        ),
        _figure(
            "$ in",
            lambda e: None if e.price is None else e.price.input,
            number,
            "price of a million tokens, in US dollars",
        ),
        _figure(
            "$ cached",
            lambda e: None if e.price is None else e.price.cached,
            number,
            "of those that a provider has kept",
        ),
        _figure("$ out", lambda e: None if e.price is None else e.price.output, number),
        Column(
            "as of",
            lambda line: "" if line[1].price is None else html.escape(line[1].price.as_of or ""),
            "the day of the price",
            words=True,
        ),
    ]
    return table(columns, lines, caption)


def _figure(
    title: str,
    value: Callable[[Efficiency], float | None],
    form: Callable[[float], str],
    note: str = "",
) -> Column[_Line]:
    def text(line: _Line) -> str:
        found = value(line[1])
        return "" if found is None else form(found)

    return Column(title, text, note, lambda line: value(line[1]))
