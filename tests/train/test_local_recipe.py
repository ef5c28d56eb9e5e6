"""recipes/local.sh against servers on loopback: what it finds, records and fits; that it does nothing twice."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question, write_questions
from router_r1.testing import Exchange, LoopbackServer, Served, chat_reply, usage

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.train, pytest.mark.slow]

CHAT = "/v1/chat/completions"
SUMS = {f"What is {n} + {n}?": str(2 * n) for n in range(1, 31)}


def answer(exchange: Exchange) -> Served:
    """Two models: the large one is right, the small one only about even numbers."""
    if exchange.path == "/v1/models":
        return Served({"data": [{"id": "small-1b-instruct"}, {"id": "large-9b-instruct"}]})
    if exchange.path != CHAT:
        return Served(status=404)
    question = exchange.body["messages"][-1]["content"].splitlines()[0]
    gold = SUMS[question]
    right = exchange.body["model"].startswith("large") or int(gold) % 4 == 0
    return Served(chat_reply(f"Answer: {gold if right else 1}", usage=usage(20, 5)))


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer(answer) as running:
        yield running


def run(folder: Path, server: LoopbackServer, **variables: str) -> subprocess.CompletedProcess[str]:
    questions = folder / "sums.jsonl"
    write_questions(
        questions,
        [
            Question(id=f"s{number}", question=text, answer=gold, metric="math")
            for number, (text, gold) in enumerate(SUMS.items())
        ],
    )
    environment = os.environ | {
        "VENV": str(Path(sys.executable).parents[1]),
        "INSTALL": "0",
        "OUT": str(folder / "out"),
        "SERVERS": f"here={server.base_url}",
        "QUESTIONS": str(questions),
    }
    return subprocess.run(
        ["bash", "recipes/local.sh"],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )


def test_a_dry_run_prints_what_it_found_and_the_plan(
    tmp_path: Path, server: LoopbackServer
) -> None:
    done = run(tmp_path, server, DRY_RUN="1", LIMIT="5", STEPS="4")
    assert done.returncode == 0, done.stderr
    assert "large-9b" in done.stdout and "each answers 5 of the questions" in done.stdout
    assert "4 steps of 8 questions x 8 episodes" in done.stdout
    assert not (tmp_path / "out").exists()
    assert all(each.path != CHAT for each in server.exchanges)


def test_pool_table_and_routers_are_made_once(tmp_path: Path, server: LoopbackServer) -> None:
    out = tmp_path / "out"
    done = run(tmp_path, server, UNTIL="routers")
    assert done.returncode == 0, done.stderr[-3000:]
    pool = yaml.safe_load((out / "pool.yaml").read_text())
    assert [card["name"] for card in pool["candidates"]] == ["small-1b", "large-9b"]
    assert pool["candidates"][1]["price"] == {"input": 0.09, "output": 0.18}
    assert "left at the pace so far" in done.stderr, "the time is said before the recording"
    table = OutcomeTable.load(out / "recording" / "table")
    assert len(table) == 2 * len(SUMS) == Counter(e.path for e in server.exchanges)[CHAT]
    compared = json.loads((out / "compared" / "results.json").read_text())
    assert compared["settings"]["best_single"] == "large-9b"
    assert {"knn", "planner"} <= {row["name"].split(":")[0] for row in compared["rows"]}

    written = {file: file.stat().st_mtime_ns for file in out.rglob("*.json")}
    again = run(tmp_path, server, UNTIL="routers")
    assert again.returncode == 0, again.stderr
    assert Counter(e.path for e in server.exchanges)[CHAT] == 2 * len(SUMS), "nothing asked twice"
    assert {file: file.stat().st_mtime_ns for file in out.rglob("*.json")} == written

    other = run(tmp_path, server, UNTIL="routers", SEED="1")
    assert other.returncode == 2 and "was started with other settings" in other.stderr


def test_what_cannot_work_is_said_at_once(tmp_path: Path, server: LoopbackServer) -> None:
    assert "UNTIL is 'tables'" in run(tmp_path, server, UNTIL="tables").stderr
    gone = run(tmp_path, server, SERVERS="gone=127.0.0.1:9")
    assert gone.returncode == 2
    assert "gone at http://127.0.0.1:9/v1 (nothing listens there)" in gone.stderr
