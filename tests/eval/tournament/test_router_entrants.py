"""One-shot routers as entrants: a setting for each level, the texts they are asked, and what they are fitted on."""

import pytest

from router_r1.errors import ConfigError
from router_r1.routers.lookup.category import CategoryRouter
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.entrants import single_model
from router_r1_eval.tournament.router_entrants import router_entrant


def test_a_one_shot_router_is_run_at_each_level(world_of, halves) -> None:
    splits = TableSplits.of(world_of(halves, size=400))
    entrant = router_entrant(splits, "label:prior=0")
    assert entrant.settings == tuple(level.name for level in splits.levels)
    run = entrant.run(splits.test, entrant.settings[0])
    assert run.value.mean() == single_model(splits.test, 2).value.mean()
    assert run.calls.tolist() == [1] * len(splits.test)
    assert run.cost.mean() < single_model(splits.test, 2).cost.mean()


def test_an_unknown_router_or_a_bad_setting_is_an_error(world_of, halves) -> None:
    splits = TableSplits.of(world_of(halves, size=400))
    with pytest.raises(ConfigError, match="there is no router"):
        router_entrant(splits, "none")
    with pytest.raises(ConfigError, match="router 'knn': k: expected 1 or more"):
        router_entrant(splits, "knn:k=0")


def test_a_router_is_asked_the_texts_it_was_fitted_on(monkeypatch, world_of, halves) -> None:
    asked: list[str] = []
    original = CategoryRouter.scores

    def scores(self, questions):
        asked.extend(question.question for question in questions)
        return original(self, questions)

    monkeypatch.setattr(CategoryRouter, "scores", scores)
    world = world_of(halves)
    splits = TableSplits.of(world)
    entrant = router_entrant(splits, "label")
    assert "(A) x" in splits.test.questions[0].question
    entrant.run(splits.test, entrant.settings[0])
    assert asked == [world.table.question(q.id).question for q in splits.test.questions]
    assert not any("(A)" in text for text in asked)


def test_a_cascade_that_never_continues_is_its_prior_router(world_of, halves) -> None:
    pytest.importorskip("sklearn")
    splits = TableSplits.of(world_of(halves, size=400))
    alone = router_entrant(splits, "label:prior=0")
    cascade = router_entrant(splits, "cascade_routing:max_calls=1,trees=5,prior=label:prior=0")
    assert cascade.settings == alone.settings
    for level in alone.settings:
        for arrays in (splits.validation, splits.test):
            first, second = alone.run(arrays, level), cascade.run(arrays, level)
            assert first.value.tolist() == second.value.tolist()
            assert first.cost.tolist() == second.cost.tolist()
            assert first.calls.tolist() == second.calls.tolist()
    assert alone.predict is not None
    assert cascade.predict is not None
    assert (alone.predict(splits.test) == cascade.predict(splits.test)).all()


def test_a_cascade_pays_for_every_call(world_of, halves) -> None:
    pytest.importorskip("sklearn")
    splits = TableSplits.of(world_of(halves, size=400))
    entrant = router_entrant(splits, "routerbench_cascade:trees=5")
    cheapest_first = sorted(range(3), key=lambda j: splits.train.cost[:, j].mean())
    paid = splits.test.cost[:, cheapest_first].cumsum(1)
    for level in entrant.settings:
        run = entrant.run(splits.test, level)
        for i, calls in enumerate(run.calls.astype(int)):
            assert run.cost[i] == pytest.approx(paid[i, calls - 1])
            assert run.value[i] == splits.test.score[i, cheapest_first[calls - 1]]


@pytest.mark.parametrize("name", ["label", "knn", "linear", "kmeans"])
def test_a_router_is_not_fitted_on_test_questions(name: str, world_of, is_test) -> None:
    """Only `b` is right on the test questions, whose category training lacks; a router that knows only training takes
    `c`, which is wrong on them."""
    if name != "label":
        pytest.importorskip("sklearn")
    world = world_of(
        lambda n: ("asked later", "C", "A", "B") if is_test(n) else ("one", "C", "B", "A"),
        size=200,
    )
    splits = TableSplits.of(world)
    entrant = router_entrant(splits, name)
    assert entrant.run(splits.test, "rich").value.mean() == 0
