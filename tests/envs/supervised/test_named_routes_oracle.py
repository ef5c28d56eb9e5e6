"""The oracle of named routes: the nine cells of two models, any number of models, and who says "I don't know"."""

import itertools

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.supervised.named_routes_oracle import (
    OracleSettings,
    State,
    cell_counts,
    oracle_labels,
    says_unknown,
)

C, I, U = State.CORRECT, State.INCORRECT, State.UNKNOWN  # noqa: E741
REPLIES = {C: ("42", 1.0), I: ("41", 0.0), U: ("I don't know.", 0.0)}
PRICES = {"cheap": 1.0, "middle": 3.0, "large": 10.0}


def table_of(*cells: tuple[State, ...], names=("cheap", "large"), samples: int = 1) -> OutcomeTable:
    """A question for each cell; a call costs 1, 3 or 10 millionths of a dollar a token, 1,000 tokens."""
    asked, outcomes = [], []
    for number, cell in enumerate(cells):
        asked.append(Question(id=f"q{number}", question=f"{number} + ?", answer="42", metric="em"))
        for place, state in enumerate(cell):
            text, score = REPLIES[state]
            outcomes.append(
                Outcome(
                    id=f"q{number}",
                    model=names[place % len(names)],
                    text=text,
                    score=score,
                    input_tokens=500,
                    output_tokens=500,
                    sample=place // len(names),
                )
            )
    cards = [ModelCard(name=n, price=Price(input=PRICES[n], output=PRICES[n])) for n in names]
    return OutcomeTable(cards, asked, outcomes)


def label(*cell: State, names=("cheap", "large"), **settings) -> str:
    (found,) = oracle_labels(table_of(cell, names=names), names, OracleSettings(**settings))
    return names[found.best]


@pytest.mark.parametrize(
    ("cheap", "large", "wanted"),
    [
        (C, C, "cheap"),  # both right: the cheaper one
        (C, I, "cheap"),
        (C, U, "cheap"),
        (I, C, "large"),  # only it is right
        (I, I, "cheap"),  # both wrong: at least cheap
        (I, U, "large"),  # it says that it does not know, which misleads nobody
        (U, C, "large"),
        (U, I, "cheap"),  # the same the other way round
        (U, U, "cheap"),
    ],
)
def test_the_nine_cells(cheap: State, large: State, wanted: str) -> None:
    assert label(cheap, large) == wanted
    # The order in which the models are named changes nothing.
    assert label(large, cheap, names=("large", "cheap")) == wanted


@pytest.mark.parametrize(
    ("cheap", "large", "least"),
    [(I, C, 0.009 / 1.25), (U, C, 0.009), (I, U, 0.009 / 0.25)],
)
def test_the_expensive_model_is_right_only_where_the_gain_is_worth_its_cost(
    cheap, large, least
) -> None:
    # A call costs $0.001 and $0.010; right counts 1, "I don't know" 0, wrong -0.25.
    assert label(cheap, large, worth_usd=least * 1.01) == "large"
    assert label(cheap, large, worth_usd=least * 0.99) == "cheap"


def test_without_a_penalty_a_wrong_answer_is_as_good_as_none() -> None:
    assert label(I, U, wrong=0) == "cheap"
    assert label(I, U, wrong=0.01) == "large"


def test_any_number_of_models() -> None:
    names = ("cheap", "middle", "large")
    for cell in itertools.product((C, I, U), repeat=3):
        found = label(*cell, names=names)
        best = C if C in cell else U if U in cell else I
        assert found == names[cell.index(best)], cell


def test_only_worse_replies_make_preferences() -> None:
    names = ("cheap", "middle", "large")
    (both,) = oracle_labels(table_of((I, C, C), names=names), names, OracleSettings())
    assert names[both.best] == "middle"
    assert [names[j] for j in both.worse()] == ["cheap"]  # `large` only costs more


def test_samples_are_averaged() -> None:
    table = table_of((C, U, I, U))  # `cheap`: right, then wrong; `large`: twice unknown
    (found,) = oracle_labels(table, ("cheap", "large"), OracleSettings())
    assert found.values == (0.375, 0.0)
    assert found.cell == (C, U)


def test_cells_are_counted() -> None:
    labels = oracle_labels(table_of((C, I), (U, I), (C, I)), ("cheap", "large"), OracleSettings())
    assert cell_counts(labels) == {"correct / incorrect": 2, "don't know / incorrect": 1}


def test_bad_input_is_an_error() -> None:
    table = table_of((C, I))
    with pytest.raises(ConfigError, match="compares at least two models, got cheap"):
        oracle_labels(table, ("cheap", "cheap"), OracleSettings())
    with pytest.raises(DataError, match="the pool has no 'huge'"):
        oracle_labels(table, ("cheap", "huge"), OracleSettings())
    alone = OutcomeTable(table.cards, table.questions, [o for o in table if o.model == "cheap"])
    with pytest.raises(DataError, match="'large' has no replies"):
        oracle_labels(alone, ("cheap", "large"), OracleSettings())


@pytest.mark.parametrize(
    "reply",
    [
        "I don't know.",
        "I don’t know the answer to that question.",
        "I'm not sure.",
        "IDK",
        "I have no idea, sorry!",
        "The answer is unknown.",
        "Answer: I don't know",
        '{"answer": "I don\'t know"}',
        "<think>It may be Paris.</think>I do not know.",
        "I'm sorry, but I don't have information about that person. You could ask a librarian.",
        "As of my last update, I don't know who won the prize.",
        "There is not enough information to determine the answer.",
        "It is unclear from the information given who wrote it.",
        "I couldn't find any information on that.",
        "I am not aware of any such person.",
        "As an AI, I cannot verify who won. Please consult an official source.",
        "Ich weiß es nicht.",
        "Das weiß ich leider nicht.",
        "Je ne sais pas.",
        "No lo sé.",
        "Non lo so.",
        "Não sei.",
        "Ik weet het niet.",
        "Jag vet inte.",
        "Nie wiem.",
        "Bilmiyorum.",
        "Я не знаю.",
        "我不知道。",
        "抱歉，我不知道这个问题的答案。",
        "わかりません。",
        "모르겠습니다.",
        "لا أعرف",
        "मुझे नहीं पता",
    ],
)
def test_these_replies_do_not_know(reply: str) -> None:
    assert says_unknown(reply)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Paris",
        "Answer: 42",
        "Unknown Pleasures",
        "I cannot find an error. The answer is 5.",
        "The answer is Paris, but I'm not sure.",
        "I'm not sure, but I think it is Paris.",
        "I'm not certain, but it may be 1912.",
        "I don't think it's London; it is Paris.",
        "While I don't have specific details, I believe it was Einstein.",
        "<think>I don't know, maybe Rome</think>Paris",
        "He said 'I don't know' in 1990.",
        "The song is called I Don't Know by Ozzy.",
        "Ich bin nicht sicher, aber ich glaube, es ist Paris.",
    ],
)
def test_these_replies_answer(reply: str) -> None:
    assert not says_unknown(reply)


def test_an_answer_that_the_question_offers_is_an_answer() -> None:
    offer = "Is it a blicket? Answer yes, no or undetermined."
    reply = "Nothing shows it.\n<answer>undetermined</answer>"
    assert says_unknown(reply) and not says_unknown(reply, offer)
    invited = "Who won? If you do not know, say: I don't know."
    assert says_unknown("I don't know.", invited)
