"""Examples for named routes: from categories, from an oracle, from a file; without a trace of answers."""

import json

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.model_cards import ModelCard
from router_r1.routers.named_routes import OTHER, Route, RoutesFile
from router_r1.token_prices import Price
from router_r1_envs.supervised.named_routes_examples import (
    by_category,
    by_oracle,
    divide,
    from_file,
    write_examples,
)
from router_r1_envs.supervised.named_routes_oracle import OracleSettings

ROUTES = RoutesFile(
    routes=(Route(name="Law", description="Courts"), Route(name="maths", description="Sums")),
    map={"Law": "small", "maths": "large"},
    default="small",
)
GOLDS = ("zebrafish", "quokkas", "axolotls", "marmosets")


def table(golds=GOLDS, replies=GOLDS) -> OutcomeTable:
    """Law, maths, law, poetry; `small` is right on the first and third question, `large` on all."""
    categories = ("law", "maths", "law", "poetry")
    asked = [
        Question(id=f"q{n}", question=f"Question {n} of how many?", answer=gold, metric="em", category=category)
        for n, (gold, category) in enumerate(zip(golds, categories, strict=True))
    ]  # fmt: skip
    outcomes = [
        Outcome(
            id=q.id,
            model=model,
            text=f"It is {reply}.",
            score=float(model == "large" or n % 2 == 0),
            input_tokens=10,
            output_tokens=10,
        )
        for n, (q, reply) in enumerate(zip(asked, replies, strict=True))
        for model in ("small", "large")
    ]
    cards = [
        ModelCard(name=n, price=Price(input=p, output=p)) for n, p in (("small", 1), ("large", 9))
    ]
    return OutcomeTable(cards, asked, outcomes)


def test_by_category() -> None:
    made = by_category(table(), ROUTES)
    assert [(row.id, row.route) for row in made.rows] == [
        ("q0", "Law"),
        ("q1", "maths"),
        ("q2", "Law"),
    ]
    assert made.made["left_out"] == {"poetry": 1}
    assert by_category(table(), ROUTES, others=True).rows[-1].route == OTHER
    strange = RoutesFile(routes=(Route(name="sport", description="Games"),), default="small")
    with pytest.raises(
        DataError, match="no category is named as a route is; it has law, maths, poetry"
    ):
        by_category(table(), strange)


def test_by_oracle() -> None:
    made = by_oracle(table(), ROUTES, OracleSettings())
    assert [row.route for row in made.rows] == ["Law", "maths", "Law", "maths"]
    assert [row.worse for row in made.rows] == [(), ("Law",), (), ("Law",)]
    assert made.made["cells"] == {"correct / correct": 2, "incorrect / correct": 2}
    with pytest.raises(ConfigError, match="'Law' and 'maths' both lead to 'small'"):
        by_oracle(table(), ROUTES.with_map({"Law": "small", "maths": "small"}), OracleSettings())
    with pytest.raises(ConfigError, match="at least two models"):
        by_oracle(table(), ROUTES.with_map({"Law": "small"}), OracleSettings())


@pytest.mark.parametrize("make", [by_category, lambda t, r: by_oracle(t, r, OracleSettings())])
def test_neither_answers_nor_replies_reach_an_example(make, tmp_path) -> None:
    replies = ("narwhals", "pangolins", "capybaras", "tapirs")
    files = []
    for number, golds in enumerate((GOLDS, GOLDS[1:] + GOLDS[:1], tuple(reversed(GOLDS)))):
        rows = make(table(golds, replies), ROUTES).rows
        write_examples(tmp_path / f"{number}.jsonl", rows)
        files.append((tmp_path / f"{number}.jsonl").read_text())
    assert not any(word in files[0] for word in (*GOLDS, *replies))
    # Permuted answers leave every question, analysis and label as it was.
    assert files[0] == files[1] == files[2]
    first = json.loads(files[0].splitlines()[0])
    assert first["analysis"] == {"difficulty": "easy", "domain": "general", "answer": "number"}


def test_a_file_is_read_as_it_was_written(tmp_path) -> None:
    rows = by_oracle(table(), ROUTES, OracleSettings()).rows
    write_examples(tmp_path / "examples.jsonl", rows)
    assert from_file(tmp_path / "examples.jsonl", ROUTES).rows == rows


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "?", "route": "law"}, "there is no route 'law'; there are Law, maths, other"),
        ({"question": "?", "route": "Law", "worse": ["x"]}, "there is no route 'x'"),
        ({"question": "?", "route": "Law", "worse": ["Law"]}, "among the worse ones"),
        ({"question": "?", "answer": "42", "route": "Law"}, "answer: no such field"),
        ({"route": "Law"}, "question: it is required"),
    ],
)
def test_a_bad_line_is_named(row, message: str, tmp_path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises((ConfigError, DataError), match=rf"examples.jsonl:1.*{message}"):
        from_file(path, ROUTES)


def test_copies_of_a_question_are_on_one_side_and_the_seed_decides() -> None:
    rows = by_category(table(), ROUTES).rows
    many = [
        row.model_copy(update={"question": f"{row.question} {n // 2}", "id": f"{row.id}-{n}"})
        for n in range(40)
        for row in rows
    ]
    learned, asked = divide(many, 20, 100, 0)
    assert (len(learned), len(asked)) == (40, 20)
    assert not {r.question for r in learned} & {r.question for r in asked}
    assert divide(list(reversed(many)), 20, 100, 0)[1][0].question == asked[0].question
    assert divide(many, 20, 100, 1)[1] != asked
    assert len(divide(many, 20, 7, 0)[0]) == 7
    with pytest.raises(ConfigError, match="of 60 distinct questions 60 are held out"):
        divide(many, 60, 100, 0)
