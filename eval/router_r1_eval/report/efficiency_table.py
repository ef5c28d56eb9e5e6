"""The table of the calls to each model of a run: counts, tokens, speed, price."""

from __future__ import annotations

from collections.abc import Callable

from router_r1_eval.report.markup import escaped
from router_r1_eval.report.number_format import compact
from router_r1_eval.report.table import Column, table
from router_r1_eval.results import Efficiency, Results

_Line = tuple[str, Efficiency]


def efficiency_table(results: Results, caption: str) -> str:
    """Candidate or policy x figures of its calls; empty for results without them."""
    lines = list(results.efficiency.items())
    if not lines:
        return ""
    if peaks := results.settings.peak_mib:
        listed = ", ".join(f"{escaped(name)} {mib:,.0f} MiB" for name, mib in peaks.items())
        caption += f" Peak memory of the run: {listed}."
    estimated = any(calls.tokens_estimated for _, calls in lines)
    columns: list[Column[_Line]] = [
        Column("model", lambda line: escaped(line[0]), words=True),
        _figure("calls", lambda calls: calls.attempts, "{:,}".format, "retries included"),
        _figure("failed", lambda calls: calls.failed, "{:,}".format),
        _figure("cut", lambda calls: calls.cut, "{:,}".format, "ended at the limit on tokens"),
        _tokens(
            "tokens in",
            lambda calls: calls.input_tokens,
            "of all calls" + ("; ≈: estimated from the texts" if estimated else ""),
        ),
        _tokens("tokens out", lambda calls: calls.output_tokens),
        _figure(
            "tokens/s",
            lambda calls: calls.tokens_per_s,
            compact,
            "output tokens by seconds of the whole call; median",
        ),
        _figure(
            "first token",
            lambda calls: calls.first_token_s,
            compact,
            "seconds to the first token of streamed replies; median",
        ),
        _figure(
            "$ in",
            lambda calls: None if calls.price is None else calls.price.input,
            compact,
            "US dollars per million tokens",
        ),
        _figure(
            "$ cached",
            lambda calls: None if calls.price is None else calls.price.cached,
            compact,
            "for tokens in the provider's cache",
        ),
        _figure(
            "$ out", lambda calls: None if calls.price is None else calls.price.output, compact
        ),
        Column("as of", _price_date, "date of the price", words=True),
    ]
    return table(columns, lines, caption)


def _figure(
    title: str,
    value: Callable[[Efficiency], float | None],
    number_format: Callable[[float], str],
    note: str = "",
) -> Column[_Line]:
    def text(line: _Line) -> str:
        found = value(line[1])
        return "" if found is None else number_format(found)

    return Column(title, text, note, lambda line: value(line[1]))


def _tokens(title: str, count: Callable[[Efficiency], int], note: str = "") -> Column[_Line]:
    def text(line: _Line) -> str:
        return f"{'≈ ' if line[1].tokens_estimated else ''}{count(line[1]):,}"

    return Column(title, text, note, lambda line: count(line[1]))


def _price_date(line: _Line) -> str:
    price = line[1].price
    return "" if price is None or price.as_of is None else price.as_of.isoformat()
