"""`scripts/data/table_without_questions.py`, and the table of three local models that it made."""

import importlib.util
import sys
from pathlib import Path

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "tests" / "data" / "local_models"


@pytest.fixture(scope="module")
def script():
    path = ROOT / "scripts" / "data" / "table_without_questions.py"
    spec = importlib.util.spec_from_file_location("table_without_questions", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_no_words_of_a_question_are_left(script) -> None:
    sum_, code = "Ann has three red apples and buys four more of them today.", "def f(x): pass"
    counts = {"input_tokens": 9, "output_tokens": 4}
    questions = [
        Question(id="m/1", question=sum_, answer="7", metric="math", category="m"),
        Question(
            id="c/1", question=code, answer="pass", metric="code", metadata={"tests": "check(f)"}
        ),
    ]
    outcomes = [
        Outcome(id="m/1", model="brief", text="Sum: 7. Answer: 7", score=1.0, **counts),
        Outcome(
            id="m/1", model="wordy", text=f"{sum_.upper()} The answer is 8.", score=0.0, **counts
        ),
        Outcome(id="c/1", model="brief", text="def f(x): pass", score=0.5, **counts),
    ]
    cards = [ModelCard(name=name, price=Price(input=1, output=1)) for name in ("brief", "wordy")]
    table = script.without_questions(OutcomeTable(cards, questions, outcomes))

    assert [q.question for q in table.questions] == [script.fingerprint(t) for t in (sum_, code)]
    assert table.question("c/1").metadata == {} and table.question("c/1").answer == "not kept"
    brief, wordy, program = (table.outcome(o.id, o.model) for o in outcomes)
    assert (brief.text, brief.short_answer) == ("Sum: 7. Answer: 7", "7")
    assert (wordy.text, wordy.short_answer) == ("", "8")
    assert (program.text, program.short_answer, program.score) == ("", None, 0.5)


def test_the_table_of_local_models_is_complete_where_it_says_so() -> None:
    table = OutcomeTable.load(KEPT)
    assert table.names == ("smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b")
    assert {q.category for q in table.questions} == {"gsm8k", "humaneval", "mmlu_redux"}
    assert all(q.question.startswith("sha256:") for q in table.questions)
    assert all(outcome.output_tokens > 0 for outcome in table)
    both = [q for q in table.questions if all(table.outcome(q.id, name) for name in table.names)]
    assert len(both) >= 40
    assert sum(file.stat().st_size for file in KEPT.iterdir()) < 2_000_000
