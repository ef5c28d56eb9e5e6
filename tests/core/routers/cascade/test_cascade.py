"""What all cascades have in common: they gain from reading replies, and decide live as over a table."""

import math

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.cascade.experience import Experience, Reading
from router_r1.routers.cascade.replies import Cells, Reply

pytest.importorskip("sklearn")

NAMES = tuple(n for n in routers.names() if issubclass(routers.ROUTERS[n], Cascade))  # type: ignore[arg-type]
PLANNED = ("agreement_cascade", "frugalgpt", "routerbench_cascade")
WORTH = 0.05


@pytest.fixture(scope="module", params=NAMES)
def cascade(request, reply_table):
    return routers.make(request.param, trees=40, folds=2).fit(reply_table(0))


def test_there_are_cascades() -> None:
    assert {*PLANNED, "automix", "cascade_routing"} <= set(NAMES)


def test_it_gains_from_what_replies_give_away(cascade, reply_table) -> None:
    table = reply_table(1)
    reading = cascade.read(table, table.questions)
    played = cascade.play(reading, WORTH)
    net = WORTH * played.score.mean() - played.cost.mean()
    # No single model, and so no router that knows the question alone, does as well: half of the questions look alike.
    singles = WORTH * reading.cells.score - reading.cells.cost[:, :, 0]
    margin = 0.0 if cascade.name == "routerbench_cascade" else 0.002
    assert net > singles.mean(0).max() + margin
    small = played.asked[:, 0] > 0
    right = reading.cells.score[:, 0] == 1
    if (
        cascade.name == "agreement_cascade"
    ):  # by the judge alone, it may choose the best of two for all
        return
    assert (played.calls[small & right] < played.calls[small & ~right].mean()).mean() > 0.9


def test_it_decides_live_as_over_a_table(cascade, reply_table) -> None:
    table = reply_table(1, 40)
    reading = cascade.read(table, table.questions)
    for worth in (0.002, WORTH, math.inf):
        played = cascade.play(reading, worth)
        for i, question in enumerate(table.questions):
            replies: dict[str, Reply | None] = {}
            while (move := cascade.step(question, replies, worth)).ask is not None:
                place = cascade.models.index(move.ask)
                assert played.asked[i, place] == len(replies) + 1
                replies[move.ask] = reading.cells.replies[i][place]
            assert len(replies) == (played.asked[i] > 0).sum()
            assert move.answer == cascade.models[played.answer[i]]


def test_a_saved_cascade_plays_the_same(cascade, reply_table, tmp_path) -> None:
    cascade.save(tmp_path / "saved")
    loaded = routers.load(tmp_path / "saved")
    assert isinstance(loaded, Cascade)
    table = reply_table(1, 40)
    played = (c.play(c.read(table, table.questions), WORTH) for c in (cascade, loaded))
    first, second = played
    assert np.array_equal(first.asked, second.asked)
    assert np.array_equal(first.answer, second.answer)
    assert loaded.explain(table.questions[0]) == cascade.explain(table.questions[0])


def test_a_worthless_answer_gets_the_cheapest_model_alone(cascade, reply_table) -> None:
    table = reply_table(1, 20)
    played = cascade.play(cascade.read(table, table.questions), 0.0)
    assert played.asked.tolist() == [[1, 0, 0]] * 20
    assert played.calls.tolist() == [1.0] * 20


def test_calls_that_failed_are_followed_by_others(cascade) -> None:
    question = Question(id="x", question="What is number 3?", answer="-", metric="em")
    asked: dict[str, Reply | None] = {}
    while (move := cascade.step(question, asked, math.inf)).ask is not None:
        assert move.answer is None
        asked[move.ask] = None
    assert len(asked) >= min(2, cascade.max_calls)
    last = Reply("right", "right", 100, 0.001)
    assert cascade.step(question, {"large": None, "middle": last}, math.inf).answer == "middle"
    assert cascade.step(question, {}, math.inf, available={"middle"}).ask == "middle"
    assert cascade.step(question, {"middle": None}, math.inf, available={"middle"}).ask is None


def test_a_reply_is_judged_by_what_it_looks_like(cascade) -> None:
    question = Question(id="x", question="What is number 3?", answer="-", metric="em")
    replies = [
        Reply("right", "right", 100, 0.001),
        Reply("hm, " * 40 + "wrong 7", "wrong 7", 400, 0.001),
        None,
    ]
    brief, long, none = cascade.judge([question] * 3, "small", replies)
    assert brief > 0.8 > 0.2 > long > none == 0
    assert cascade.judge([], "small", []).shape == (0,)


@pytest.mark.parametrize("name", PLANNED)
@pytest.mark.parametrize("worth", [0.0, 0.5, 3.0, 20.0, 500.0, math.inf])
def test_a_plan_is_played_as_it_was_tried(name, worth, reply_table) -> None:
    """Score and cost that a plan had on the training questions are what `play` gets from the same judgements."""
    draw = np.random.default_rng(3)
    score = draw.random((200, 3)).round()
    judged = (0.6 * score + 0.4 * draw.random((200, 3))).clip(0.01)
    cost = draw.random((200, 3, 1)) * np.array([1, 2, 4])[:, None]
    answers = np.where(score > 0, 0, np.arange(3) + draw.integers(0, 2, (200, 1)))
    seen = Experience(score.mean(0) + 0 * score, judged, answers, score, cost)
    cascade = routers.make(name, trees=5).fit(reply_table(0, 12))
    cascade.learned |= cascade._learn_decisions(seen)
    cells = Cells((), (), answers, score, cost)
    played = cascade.play(Reading(cells, seen.prior, cost[:, :, 0], judged), worth)
    net = cascade.learned["plan_score"] - cascade.learned["plan_cost"] / max(worth, 1e-30)
    best = net.argmax()
    assert played.score.mean() == pytest.approx(cascade.learned["plan_score"][best])
    assert played.cost.mean() == pytest.approx(cascade.learned["plan_cost"][best])


def test_cells_that_are_not_recorded_score_nothing(cascade, reply_table) -> None:
    table = reply_table(1, 20)
    large = OutcomeTable(table.cards, table.questions, [o for o in table if o.model == "large"])
    reading = cascade.read(large, large.questions)
    assert not reading.judged[:, :2].any()
    played = cascade.play(reading, math.inf)
    assert (played.score <= reading.cells.score[:, 2]).all()
    assert cascade.play(cascade.read(table, []), 1.0).score.shape == (0,)


def test_bad_input_is_an_error(cascade, reply_table) -> None:
    table = reply_table(1, 20)
    with pytest.raises(ConfigError, match="does not know 'huge'; it was fitted on small, middle"):
        cascade.judge(table.questions, "huge", [None] * 20)
    with pytest.raises(ConfigError, match="20 questions and 1 replies"):
        cascade.judge(table.questions, "small", [None])
    for worth in (-1.0, math.nan):
        with pytest.raises(ConfigError, match="worth_usd must be dollars of 0 or more"):
            cascade.step(table.questions[0], {}, worth)
        with pytest.raises(ConfigError, match="worth_usd must be dollars of 0 or more"):
            cascade.play(cascade.read(table, []), worth)
    unlike = OutcomeTable(
        table.cards[:2], table.questions, [o for o in table if o.model != "large"]
    )
    with pytest.raises(DataError, match="has no 'large', which the router was fitted on"):
        cascade.read(unlike, unlike.questions)
    with pytest.raises(ConfigError, match="is a cascade; give a one-shot router"):
        routers.make(cascade.name, prior="frugalgpt").fit(table)
    with pytest.raises(ConfigError, match="is not fitted"):
        routers.make(cascade.name).step(table.questions[0], {}, 1.0)


def test_another_router_can_be_the_prior(reply_table) -> None:
    table = reply_table(0, 60)
    cascade = routers.from_text("frugalgpt:trees=5,prior=knn:k=7").fit(table)
    alone = routers.make("knn", k=7).fit(table)
    assert np.array_equal(cascade.scores(table.questions), alone.scores(table.questions))
    assert np.array_equal(cascade.costs(table.questions), alone.costs(table.questions))
