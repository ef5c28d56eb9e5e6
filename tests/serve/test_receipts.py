"""Receipts: sums by day, key and model, and `router-r1 receipts`."""

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from router_r1.cli import _add_commands_of_other_packages, app
from router_r1.errors import StoreError
from router_r1.ledger import Cause
from router_r1.pool import Account
from router_r1.serve.receipts import Receipt, ReceiptStore, new_id
from router_r1.token_prices import Price, Usage
from router_r1.transport.messages import Attempt

DAY = 86_400
BEGIN = 1_800_000_000 // DAY * DAY  # 15 January 2027, UTC
PRICE = Price(input=1, output=2)


def receipt(at: float, key: str, *models: str) -> Receipt:
    """A receipt of calls with 100 + 50 tokens each: $0.0002."""
    made = Receipt(f"{int(at * 1000):012x}{new_id()[12:]}", key=key, asked="router-r1", at=at)
    for model in models:
        attempt = Attempt(1, Cause.FIRST, "ok", Usage(100, 50), True, "live", at, 0.1)
        Account(made.ledger, made.id).book(model, f"{made.id}{model}", attempt, PRICE)
    made.status, made.outcome, made.single_usd = 200, "answered", 0.001
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two days: an application asks twice on the first, another once on the second."""
    path = tmp_path / "receipts.db"
    store = ReceiptStore(path)
    store.add(receipt(BEGIN + 5, "app", "small", "large"), receipt(BEGIN + DAY - 1, "app", "small"))
    store.add(receipt(BEGIN + DAY, "other", "large"))
    store.close()
    return path


def run(*arguments: str) -> str:
    _add_commands_of_other_packages()
    result = CliRunner().invoke(app, ["receipts", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_sums(file: Path) -> None:
    def sums(*arguments: str) -> dict[str, tuple[int, float]]:
        rows = json.loads(run(str(file), "--json", *arguments))
        return {row["group"]: (row["requests"], round(row["cost_usd"], 10)) for row in rows}

    assert sums() == {"2027-01-15": (2, 0.0006), "2027-01-16": (1, 0.0002)}
    assert sums("--by", "key") == {"app": (2, 0.0006), "other": (1, 0.0002)}
    assert sums("--by", "model") == {"large": (2, 0.0004), "small": (2, 0.0004)}
    assert sums("--by", "day,key")["2027-01-15  app"] == (2, 0.0006)
    assert sums("--since", "2027-01-16") == {"2027-01-16": (1, 0.0002)}
    assert sums("--until", "2027-01-15") == {"2027-01-15": (2, 0.0006)}
    assert "$0.0006" in run(str(file))


def test_one_receipt(file: Path) -> None:
    (name,) = sqlite3.connect(file).execute("select max(id) from receipts").fetchone()
    shown = json.loads(run(str(file), "--request", name))
    assert shown["route"] == ["large"]
    assert shown["hops"][0]["completion_tokens"] == 50


def test_a_receipt_that_cannot_be_written_is_said_to_whoever_waits(tmp_path: Path) -> None:
    """And the next one is written: one bad row, or a full disk for a moment, holds up nobody."""
    store = ReceiptStore(tmp_path / "receipts.db")
    bad, good = receipt(BEGIN, "app", "small"), receipt(BEGIN, "app", "small")
    bad.rounds = 2**70

    async def both() -> None:
        with pytest.raises(StoreError, match=bad.id):
            await asyncio.wait_for(store.write(bad), 5)
        await asyncio.wait_for(store.write(good), 5)

    asyncio.run(both())
    assert store.find(good.id) is not None
    assert store.find(bad.id) is None
    store.close()


def test_an_id_is_written_once(tmp_path: Path) -> None:
    store = ReceiptStore(tmp_path / "receipts.db")
    twice = receipt(BEGIN, "app", "small")
    store.add(twice)
    with pytest.raises(StoreError):
        store.add(twice)
    assert store.totals(("key",))[0].requests == 1
    store.close()
