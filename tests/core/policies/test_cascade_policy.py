"""A fitted router as a policy: it writes the turns that ask, ask again, and adopt a reply."""

from pathlib import Path

import pytest

from router_r1 import Limits, RouterAgent, routers
from router_r1.agent_file import load_agent
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.policies.cascade_policy import CascadePolicy
from router_r1.testing import ScriptedPool
from router_r1.token_prices import Price
from router_r1.transport.messages import Failure, FailureKind

BRIEF, LONG = "The answer is 42.", "Hm, let me think. " * 30
QUESTION = "How wide is the moon Arna?"
LIMITS = Limits(worth_usd=0.05)


def table() -> OutcomeTable:
    """`small` is right half of the time, and then brief; `large` is always right."""
    cards = [ModelCard(name=n, price=Price(input=1, output=1)) for n in ("small", "large")]
    questions = [
        Question(id=f"q{n}", question=f"{QUESTION} ({n})", answer="42", metric="em")
        for n in range(80)
    ]
    outcomes = []
    for n, question in enumerate(questions):
        for name, right in (("small", n % 2 == 0), ("large", True)):
            outcomes.append(
                Outcome(
                    id=question.id,
                    model=name,
                    text=BRIEF if right else LONG,
                    score=float(right),
                    input_tokens=10,
                    output_tokens=6 if right else 150,
                    cost=0.001 if name == "small" else 0.01,
                )
            )
    return OutcomeTable(cards, questions, outcomes)


@pytest.fixture(scope="module")
def cascade() -> routers.Router:
    pytest.importorskip("sklearn")
    return routers.make("frugalgpt", trees=20, folds=2).fit(table())


def ask(router: routers.Router, scripts, limits: Limits = LIMITS):
    pool = ScriptedPool(scripts)
    with RouterAgent(policy=CascadePolicy(router), pool=pool, limits=limits) as agent:
        return agent.ask(QUESTION), pool.asked


def test_a_reply_that_looks_right_is_adopted(cascade) -> None:
    result, asked = ask(cascade, {"small": BRIEF, "large": "It is 7."})
    assert result.answer == BRIEF
    assert asked == [("small", QUESTION)]
    assert result.rounds == 1
    assert result.trace.policy == "router:frugalgpt"


def test_one_that_does_not_is_followed_by_another(cascade) -> None:
    result, asked = ask(cascade, {"small": LONG, "large": BRIEF})
    assert result.answer == BRIEF
    assert [model for model, _ in asked] == ["small", "large"]
    assert result.rounds == 2
    assert result.stop_reason == "answered"


def test_the_router_itself_costs_nothing(cascade) -> None:
    result, _ = ask(cascade, {"small": BRIEF, "large": BRIEF})
    rows = list(result.ledger)
    assert {row.model for row in rows} == {"small"}
    assert result.cost_usd == pytest.approx(sum(row.cost_usd or 0 for row in rows))


def test_a_worthless_answer_is_not_paid_for_twice(cascade) -> None:
    _, asked = ask(cascade, {"small": LONG, "large": BRIEF}, Limits(worth_usd=1e-5))
    assert [model for model, _ in asked] == ["small"]


def test_a_candidate_that_fails_is_replaced(cascade) -> None:
    down = Failure(FailureKind.SERVER_ERROR)
    result, _ = ask(cascade, {"small": down, "large": BRIEF})
    assert result.answer == BRIEF
    result, _ = ask(cascade, {"small": down, "large": down})
    assert result.answer is None
    assert "none of small, large gave a reply" in result.trace.stop_detail


def test_the_last_round_ends_with_what_there_is(cascade) -> None:
    result, asked = ask(
        cascade, {"small": LONG, "large": BRIEF}, Limits(worth_usd=0.05, max_rounds=1)
    )
    assert result.answer == LONG
    assert len(asked) == 1


def test_a_call_that_the_budget_refuses_counts_as_failed(cascade) -> None:
    limits = Limits(worth_usd=0.05, budget_usd=1e-12)
    result, asked = ask(cascade, {"small": LONG, "large": BRIEF}, limits)
    assert asked == []
    assert result.answer is None


def test_a_one_shot_router_asks_one_model_and_the_next_if_it_fails() -> None:
    router = routers.make("label").fit(table())
    for worth, best in ((0.001, "small"), (10.0, "large")):
        limits = Limits(worth_usd=worth)
        result, asked = ask(router, {"small": LONG, "large": BRIEF}, limits)
        assert [model for model, _ in asked] == [best]
        assert result.answer == {"small": LONG, "large": BRIEF}[best]
    down = Failure(FailureKind.TIMEOUT)
    result, asked = ask(router, {"small": BRIEF, "large": down}, Limits(worth_usd=10.0))
    assert result.answer == BRIEF


def test_only_candidates_that_the_router_knows_are_asked(cascade) -> None:
    result, asked = ask(cascade, {"large": BRIEF, "stranger": BRIEF})
    assert [model for model, _ in asked] == ["large"]
    result, _ = ask(cascade, {"stranger": BRIEF})
    assert "none of which is a candidate" in result.trace.stop_detail


def test_samples_that_verify_are_asked_in_the_same_turn() -> None:
    pytest.importorskip("sklearn")
    whole = table()
    again = [
        o.model_copy(
            update={"sample": s, **({} if o.score else {"text": f"{LONG} The answer is {s}."})}
        )
        for o in whole
        for s in (0, 1, 2)
    ]
    sampled = OutcomeTable(whole.cards, whole.questions, again)
    router = routers.make("automix", samples=2, trees=20, folds=2).fit(sampled)
    result, asked = ask(router, {"small": BRIEF, "large": "It is 7."})
    assert [model for model, _ in asked] == ["small"] * 3
    assert result.rounds == 1
    assert result.answer == BRIEF


def test_an_agent_file_names_a_saved_router(cascade, tmp_path: Path) -> None:
    cascade.save(tmp_path / "saved")
    (tmp_path / "pool.yaml").write_text(
        "endpoints: {here: {base_url: 'http://127.0.0.1:9/v1'}}\n"
        "candidates:\n"
        "- {name: small, endpoint: here, price: {input: 1, output: 1}}\n"
        "- {name: large, endpoint: here, price: {input: 9, output: 9}}\n"
    )
    path = tmp_path / "agent.yaml"
    text = "pool: pool.yaml\npolicy: {kind: router, path: PATH}\nlimits: {worth_usd: 0.05}\n"
    path.write_text(text.replace("PATH", "saved"))
    with load_agent(path) as agent:
        assert isinstance(agent.policy, CascadePolicy)
        assert agent.policy.router.models == ("small", "large")
    path.write_text(text.replace("PATH", "nowhere"))
    with pytest.raises(ConfigError, match=r"agent.yaml: policy: .*nowhere.*a saved router is"):
        load_agent(path)
    with pytest.raises(ConfigError, match="is not fitted"):
        CascadePolicy(routers.make("label"))


def test_without_a_worth_the_error_says_what_to_set(cascade) -> None:
    result, asked = ask(cascade, {"small": BRIEF, "large": BRIEF}, Limits())
    assert asked == []
    assert "limits.worth_usd is not set" in result.trace.stop_detail
