"""A judge that does not know who wrote what scores a table anew."""

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.testing import ScriptedPool
from router_r1.token_prices import Price
from router_r1_eval.run.judge import Judge
from router_r1_eval.tables.judging import blinded, judge_table

NAMES = ("alpha-7b", "omega")


def table(metric: str = "em") -> OutcomeTable:
    """Twelve questions; `alpha-7b` says who it is and is right on even ones, `omega` on those divisible by three."""
    asked = [
        Question(id=f"q{n}", question=f"Which is number {n}?", answer=f"item{n}", metric=metric)
        for n in range(12)
    ]
    outcomes = []
    for n, question in enumerate(asked):
        for model, right in zip(NAMES, (n % 2 == 0, n % 3 == 0), strict=True):
            text = f"I am {model.upper()}: it is item{n if right else 99}."
            cell = {"id": question.id, "model": model, "text": text}
            outcomes.append(Outcome(**cell, score=0.0, input_tokens=9, output_tokens=9))
    cards = [ModelCard(name=n, price=Price(input=1, output=1)) for n in NAMES]
    return OutcomeTable(cards, asked, outcomes)


def judging(prompt: str) -> str:
    gold = prompt.split("BEGIN ACCEPTED ANSWER")[1].split("\n")[1]
    answer = prompt.split("BEGIN ANSWER")[1].split("END ANSWER")[0]
    return f"VERDICT: {'CORRECT' if f'{gold}.' in answer else 'INCORRECT'}"


def test_scores_are_the_judges_and_it_never_reads_who_wrote_a_reply() -> None:
    pool = ScriptedPool({"judge": judging})
    found = judge_table(table(), Judge(pool, "judge"))
    for outcome in found.table:
        n, step = int(outcome.id[1:]), 2 if outcome.model == "alpha-7b" else 3
        assert outcome.score == float(n % step == 0)
    assert found.changed == sum(o.score for o in found.table) == 10
    prompts = [prompt for _, prompt in pool.asked]
    assert not any(name in prompt.casefold() for prompt in prompts for name in NAMES)
    # Without their names the two replies are the same where both are right or both wrong: judged once.
    assert found.verdicts == len(prompts) == len(set(prompts)) == 12 + 6
    assert found.cost_usd > 0


def test_the_seed_shuffles_the_order_and_changes_no_score() -> None:
    orders, scores = [], []
    for seed in (0, 0, 1):
        pool = ScriptedPool({"judge": judging})
        found = judge_table(table(), Judge(pool, "judge"), seed=seed, concurrency=1)
        orders.append([prompt for _, prompt in pool.asked])
        scores.append([o.score for o in found.table])
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])
    assert scores[0] == scores[2]
    asked = [int(p.split("Which is number ")[1].split("?")[0]) for p in orders[0]]
    assert asked != sorted(asked)


def test_names_are_hidden_unless_the_question_is_about_them() -> None:
    about = Question(id="q", question="Who made Omega?", answer="Acme", metric="em")
    text = "As alpha 7B (not alphabet, not Omega) I say Acme."
    assert blinded(text, about, NAMES) == "As [model] (not alphabet, not Omega) I say Acme."
    other = about.model_copy(update={"question": "Who made it?"})
    assert blinded(text, other, NAMES) == "As [model] (not alphabet, not [model]) I say Acme."


def test_a_table_without_gold_answers_cannot_be_judged() -> None:
    with pytest.raises(DataError, match="no question has a gold answer"):
        judge_table(table("ifeval"), Judge(ScriptedPool({"judge": judging}), "judge"))
    with pytest.raises(ConfigError, match="gpt"):
        Judge(ScriptedPool({"judge": judging}), "gpt")
