"""Checks of what an outcome table records besides scores.

    prices, costs    zero or undated prices, recorded costs far from price x tokens, estimated token counts
    texts            empty texts that score, no texts at all
    gold answers     questions without one

`check.py` runs these checks.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator

from router_r1.data.outcome_table import OutcomeTable
from router_r1.model_cards import ModelCard
from router_r1.token_prices import cost_usd
from router_r1_eval.tables.finding import Finding
from router_r1_eval.tables.importers.rows import NOT_PUBLISHED

MAX_COST_RATIO = 3.0
"""How many times recorded costs may differ from price x tokens."""


def findings(table: OutcomeTable) -> Iterator[Finding]:
    """All findings about the prices, costs and texts of a table."""
    yield from _prices(table)
    yield from _texts(table)


def _prices(table: OutcomeTable) -> Iterator[Finding]:
    undated = sum(card.price.as_of is None for card in table.cards)
    if undated:
        yield Finding(
            "note", "prices", f"{undated} of {len(table.cards)} prices have no date (as_of)"
        )
    if table.costs_estimated:
        yield Finding(
            "note",
            "costs",
            f"the costs of {table.costs_estimated:.0%} of the outcomes rest on estimated token counts",
        )
    recorded = Counter(o.model for o in table if o.cost is not None)
    for card in table.cards:
        if not (card.price.input or card.price.output):
            yield _zero_price(card, bool(recorded[card.name]))
        yield from _recorded_costs(table, card)


def _zero_price(card: ModelCard, recorded: bool) -> Finding:
    if recorded:
        return Finding("note", "prices", f"{card.name} has no list price; its costs are recorded")
    return Finding(
        "warning",
        "prices",
        f"{card.name} costs nothing; if it is not free, a router will call it without limit",
    )


def _recorded_costs(table: OutcomeTable, card: ModelCard) -> Iterator[Finding]:
    ratios = [
        outcome.cost / listed
        for outcome in table
        if outcome.model == card.name
        and outcome.cost is not None
        and (listed := cost_usd(outcome.usage, card.price))
    ]
    if ratios and not 1 / MAX_COST_RATIO < (typical := statistics.median(ratios)) < MAX_COST_RATIO:
        yield Finding(
            "warning",
            "prices",
            f"recorded costs of {card.name} are {typical:.2g} times price x tokens",
        )


def _texts(table: OutcomeTable) -> Iterator[Finding]:
    empty = [o for o in table if not o.text.strip()]
    if len(empty) == len(table):
        yield Finding("note", "texts", "no texts are recorded: nothing can be read or graded again")
    elif scoring := [o for o in empty if o.score > 0]:
        yield Finding(
            "warning",
            "texts",
            f"{len(scoring)} empty texts score, e.g. {scoring[0].model} on {scoring[0].id}",
        )
    unknown = sum(q.answers == (NOT_PUBLISHED,) for q in table.questions)
    if unknown:
        yield Finding(
            "note", "gold answers", f"{unknown} of {len(table.questions)} questions have none"
        )
