"""`scripts/data/gsm8k_pool.py` joins two sets of recorded GSM8K answers into a table: the join, scores and costs."""

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from router_r1.data.outcome_table import OutcomeTable

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "data" / "gsm8k_pool.py"
SHARED = ROOT.parent / "shared" / "data"
MIXTRAL, GPT4 = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
OLD = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")

# Texts of GPT-4, and the number that each means.
TEXTS = {
    "She earns $20.00.": 20,
    "Kylar needs to pay $64 for the 16 glasses.": 64,
    "So she makes 9 * $2 = $18 every day.": 18,
    "First 3 + 4 = 7.\n\n#### 1,070": 1070,
    "If 5 people work together, they need 48 hours.": 48,
    "The pension after 30 years would be $25,000.": 25000,
    "It fell to -10 degrees in 3 hours.": -10,
    "It is 2.50.\n\nGood luck!": 2.5,
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True)


@pytest.fixture
def sources(tmp_path):
    """Two small files, as arguments: GPT-4 and the old solvers are always right, Mixtral always answers 1."""
    with gzip.open(tmp_path / "chat.csv.gz", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt", MIXTRAL, GPT4, f"{MIXTRAL}_response", f"{GPT4}_response"])
        for number, text in enumerate(TEXTS):
            writer.writerow([f"Question  {number}?", "False", "False", "#### 1", text])
    rows = [
        {"question": f"Question {number}?", "ground_truth": f"So it is.\nA: {value:,}"}
        | {old: {"is_correct": True, "solution": f"Well\nA: {value}"} for old in OLD}
        for number, value in enumerate(TEXTS.values())
    ]
    (tmp_path / "old.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    out = tmp_path / "table"
    return [
        "--routellm",
        str(tmp_path / "chat.csv.gz"),
        "--solutions",
        str(tmp_path / "old.jsonl"),
    ], out


def test_answers_and_scores_are_read_from_the_texts(sources) -> None:
    arguments, out = sources
    result = run(*arguments, "--out", str(out))
    assert result.returncode == 0, result.stderr
    assert "gpt-4-1106-preview       accuracy 1.0000" in result.stdout
    table = OutcomeTable.load(out)
    assert (len(table.names), len(table)) == (6, 6 * len(TEXTS))
    for question, value in zip(table.questions, TEXTS.values(), strict=True):
        assert float(table.outcome(question.id, "gpt-4-1106-preview").answer) == value
        assert table.outcome(question.id, "gpt3-6b").score == 1
        assert table.outcome(question.id, "mixtral-8x7b-instruct").score == 0


def test_prices_and_verification_samples_can_be_set(sources) -> None:
    arguments, out = sources
    result = run(
        *arguments, "--out", str(out), "--verification-samples", "7", "--price", "gpt3-6b=3,4"
    )
    assert result.returncode == 0, result.stderr
    table = OutcomeTable.load(out)
    assert (table.card("gpt3-6b").price.input, table.card("gpt3-6b").price.output) == (3, 4)
    first = table.questions[0].id
    plain, verified = (table.outcome(first, f"gpt3-175b{end}") for end in ("", "-verified"))
    assert verified.output_tokens == 7 * plain.output_tokens
    for bad, message in (("gpt3-6b=3", "expected NAME=INPUT,OUTPUT"), ("x=1,2", "no model 'x'")):
        refused = run(*arguments, "--out", str(out), "--price", bad)
        assert refused.returncode != 0 and message in refused.stderr


def test_files_with_different_questions_are_an_error(sources) -> None:
    arguments, out = sources
    path = Path(arguments[3])
    path.write_text(path.read_text().replace("Question 2?", "Another?"))
    result = run(*arguments, "--out", str(out))
    assert result.returncode != 0
    assert "old.jsonl:3: this question is not in" in result.stderr
    assert not out.exists()


@pytest.mark.skipif(not (SHARED / "gsm8k_pool").is_dir(), reason="needs the shared data")
def test_the_published_files_join_and_wrong_labels_are_corrected(tmp_path) -> None:
    chat = SHARED / "routellm" / "gsm8k_responses.csv.gz"
    old = SHARED / "gsm8k_pool" / "example_model_solutions.jsonl.gz"
    result = run("--routellm", str(chat), "--solutions", str(old), "--out", str(tmp_path))
    assert result.returncode == 0, result.stderr
    table = OutcomeTable.load(tmp_path)
    assert len(table.questions) == 1319
    right = dict.fromkeys(table.names, 0.0)
    for outcome in table:
        right[outcome.model] += outcome.score / 1319
    assert right["gpt-4-1106-preview"] > 0.92  # .857 by the labels that came with the texts
    assert right["gpt3-175b-verified"] == pytest.approx(742 / 1319)  # as its own labels say
