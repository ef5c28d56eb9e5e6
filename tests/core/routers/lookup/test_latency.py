"""`latency`: a price on seconds, and an honest word on where the seconds come from."""

import json
import math

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError, DataError


@pytest.fixture
def table(topic_table) -> OutcomeTable:
    """`solver` writes 2,000 tokens."""
    plain = topic_table(0)
    outcomes = [
        o.model_copy(update={"output_tokens": 2000}) if o.model == "solver" else o for o in plain
    ]
    return OutcomeTable(plain.cards, plain.questions, outcomes)


def test_without_a_price_on_seconds_it_is_the_other_router(table) -> None:
    other = routers.make("label").fit(table)
    mine = routers.make("latency", base="label", value_of_a_second=0).fit(table)
    for worth in (0.0, 0.01, math.inf):
        assert mine.choose(table.questions, worth) == other.choose(table.questions, worth)


def test_a_better_answer_is_waited_for_as_long_as_it_is_worth(table) -> None:
    # 2,000 tokens at 100 a second are 20 s, 19 more than the other's; the answer is right about 0.7 more often.
    settings = {"base": "label", "tokens_per_second": 100.0, "first_token_s": 1.0}
    for value, models in ((0.7 / 19 / 2, {"lawyer", "solver"}), (0.7 / 19 * 2, {"lawyer"})):
        fitted = routers.make("latency", value_of_a_second=value, **settings).fit(table)
        assert fitted.learned["seconds"].tolist() == [2.0, 21.0]
        assert set(fitted.choose(table.questions, math.inf)) == models


def test_costs_are_dollars_alone(table) -> None:
    fitted = routers.make("latency", base="label", value_of_a_second=1.0).fit(table)
    assert np.array_equal(
        fitted.costs(table.questions), routers.make("label").fit(table).costs(table.questions)
    )


def test_it_says_whether_seconds_are_measured(table, tmp_path) -> None:
    estimated = routers.make("latency", base="label").fit(table)
    assert "estimated at 50 tokens/s" in estimated.explain(table.questions[0]).because[0]
    file = tmp_path / "seconds.json"
    file.write_text(json.dumps({"lawyer": 9, "solver": 0.5}))
    measured = routers.make("latency", base="label", seconds=str(file)).fit(table)
    assert measured.learned["seconds"].tolist() == [9.0, 0.5]
    assert measured.explain(table.questions[0]).because[0] == "lawyer: 9.0 s, measured"
    measured.save(tmp_path / "saved")
    file.unlink()
    assert routers.load(tmp_path / "saved").learned["seconds"].tolist() == [9.0, 0.5]


def test_seconds_of_every_model_are_needed(table, tmp_path) -> None:
    file = tmp_path / "seconds.json"
    router = routers.make("latency", base="label", seconds=str(file))
    with pytest.raises(DataError, match="cannot be read"):
        router.fit(table)
    for text, message in {
        "{": "is not JSON",
        "[1]": "expected an object",
        '{"lawyer": -1}': "seconds of 0 or more",
        '{"lawyer": true}': "expected an object",
    }.items():
        file.write_text(text)
        with pytest.raises(DataError, match=message):
            router.fit(table)
    file.write_text('{"lawyer": 1}')
    with pytest.raises(ConfigError, match="has no seconds of 'solver'"):
        router.fit(table)


def test_a_model_joins_with_its_seconds_where_the_other_router_takes_it(table) -> None:
    fitted = routers.make("latency", base="label", first_token_s=0.0).fit(table)
    copies = [o.model_copy(update={"model": "new"}) for o in table if o.model == "solver"]
    card = table.cards[1].model_copy(update={"name": "new"})
    calibration = OutcomeTable([card], table.questions, copies)
    fitted.add_model("new", calibration)
    assert fitted.models == ("lawyer", "solver", "new")
    assert fitted.learned["seconds"].tolist() == [2.0, 40.0, 40.0]
    scores = fitted.scores(table.questions)
    assert np.allclose(scores[:, 1], scores[:, 2])
