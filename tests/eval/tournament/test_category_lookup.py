"""Look-up by category: its choice at each price, and categories that training does not have."""

import pytest

from router_r1.data.splits import Split
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.tournament.baselines import baselines


def best_per_category(splits):
    return next(entrant for entrant in baselines(splits) if entrant.name == "best per category")


def test_the_lookup_takes_the_best_model_of_each_category_at_each_price(
    world_of, halves, rows_of
) -> None:
    rows = rows_of(world_of(halves))
    by_price = {p["setting"]: p for p in rows["best per category, by price"]["curve"]}
    assert by_price["rich"]["accuracy"] == rows["oracle"]["accuracy"]
    assert by_price["rich"]["cost_usd"] < rows["best single"]["cost_usd"]
    assert by_price["poor"]["cost_usd"] == pytest.approx(1e-4)


@pytest.mark.parametrize("name", ["a first one", "the last one"])
def test_a_category_that_training_lacks_gets_the_best_single_model(
    name: str, world_of, halves
) -> None:
    """Whether the category in which `a` is best comes first or last in the list of categories."""

    def renamed(number):
        category, *answers = halves(number)
        return name if category == "even" else "middle", *answers

    world = world_of(renamed)
    splits = TableSplits.of(world)
    even = next(q for q in world.questions(Split.TEST) if int(q.id[1:]) % 2 == 0)
    unseen = even.model_copy(update={"category": "unheard of"})
    for question, cost in ((even, 1e-4), (unseen, 1e-3)):
        run = best_per_category(splits).run(splits.arrays([question]), "")
        assert run.cost[0] == pytest.approx(cost)


def test_in_an_unknown_category_the_lookup_expects_the_overall_scores(
    sampled_world, small_fails_long
) -> None:
    world = sampled_world(small_fails_long)
    splits = TableSplits.of(world)
    lookup = best_per_category(splits)
    assert lookup.predict is not None
    first = world.table.question("q0")
    arrays = splits.arrays([first.model_copy(update={"category": "unheard of"})])
    overall = splits.train.score.mean(0).tolist()
    assert lookup.predict(arrays)[0].tolist() == pytest.approx(overall)
