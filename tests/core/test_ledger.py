"""The sums of a ledger."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1 import Ledger, LedgerEntry, Role, Usage
from router_r1.ledger import Cause

MANY = settings(max_examples=300, deadline=None)

dollars = st.floats(0, 10_000, allow_nan=False)


def row(
    cost: float | None = 0.5,
    *,
    role: Role = Role.CANDIDATE,
    model: str = "a",
    usage: Usage | None = None,
    billed: bool = True,
    outcome: str = "ok",
) -> LedgerEntry:
    return LedgerEntry(
        episode_id="e",
        round=1,
        role=role,
        model=model,
        call_id="c",
        attempt=1,
        cause=Cause.FIRST,
        outcome=outcome,
        usage=usage or Usage(10, 5),
        price_version=None if cost is None else "undated/0",
        cost_usd=cost,
        billed=billed,
        source="live",
        started_at=0.0,
        latency_s=0.0,
    )


def test_a_ledger_sums_by_role_and_by_model() -> None:
    ledger = Ledger([row(0.25), row(0.5, role=Role.POLICY, model="p")])
    ledger.add(row(1.0, role=Role.AGGREGATOR, model="b"))
    ledger.add(row(2.0, model="b", outcome="timeout"))
    assert ledger.cost_usd() == 3.75
    assert [ledger.cost_usd(role) for role in Role] == [0.5, 2.25, 1.0, 0.0]
    assert ledger.cost_by_model() == {"a": 0.25, "p": 0.5, "b": 3.0}
    assert list(ledger.cost_by_model()) == ["a", "p", "b"]
    assert ledger.usage() == Usage(40, 20) and ledger.usage(Role.POLICY) == Usage(10, 5)
    assert len(ledger) == len(list(ledger)) == 4 and ledger[3].outcome == "timeout"


def test_an_empty_ledger_costs_nothing() -> None:
    ledger = Ledger()
    assert (ledger.cost_usd(), ledger.billed_usd, ledger.unpriced_tokens) == (0.0, 0.0, 0)
    assert ledger.usage() == Usage() and ledger.cost_by_model() == {}


def test_cost_and_billed_dollars_are_separate() -> None:
    ledger = Ledger([row(0.25, billed=False), row(0.5), row(1.0, billed=False)])
    assert ledger.cost_usd() == 1.75 and ledger.billed_usd == 0.5


def test_tokens_without_a_price_are_reported_rather_than_priced_at_zero() -> None:
    ledger = Ledger([row(0.25), row(None, model="p", role=Role.POLICY, usage=Usage(100, 20))])
    assert ledger.cost_usd() == 0.25 and ledger.unpriced_tokens == 120
    assert ledger.usage(Role.POLICY) == Usage(100, 20)
    free = Ledger([row(0.0, usage=Usage(100, 20))])
    assert free.cost_usd() == 0 and free.unpriced_tokens == 0


def test_summing_many_small_costs_loses_no_precision() -> None:
    assert Ledger([row(0.1) for _ in range(10)]).cost_usd() == 1.0


@MANY
@given(st.lists(st.tuples(st.none() | dollars, st.sampled_from(Role), st.booleans())))
def test_the_sums_over_roles_and_over_models_equal_the_total(
    rows: list[tuple[float | None, Role, bool]],
) -> None:
    ledger = Ledger(row(cost, role=role, billed=billed) for cost, role, billed in rows)
    whole = ledger.cost_usd()
    assert sum(map(ledger.cost_usd, Role)) == pytest.approx(whole)
    assert sum(ledger.cost_by_model().values()) == pytest.approx(whole)
    assert 0 <= ledger.billed_usd <= whole
    assert ledger.unpriced_tokens == 15 * sum(cost is None for cost, _, _ in rows)
