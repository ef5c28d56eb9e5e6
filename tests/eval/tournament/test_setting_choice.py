"""Which setting represents a router: chosen on the validation questions, under a cap on cost."""

from dataclasses import replace

import pytest

from router_r1.data.splits import Split, split_of
from router_r1_envs.worlds.recorded_world.table_arrays import TableArrays
from router_r1_eval.tournament.entrants import Entrant, single_model


def choice_of(**columns: int) -> Entrant:
    """An entrant that asks, at each setting, the model of one column."""
    return Entrant(
        "ours", "baseline", tuple(columns), lambda arrays, s: single_model(arrays, columns[s])
    )


def test_validation_chooses_the_setting_even_against_the_test_questions(world_of, measured) -> None:
    """`a` is right on the validation questions alone, `c` on all others."""

    def by_split(number):
        validation = split_of(f"q{number}") is Split.VALIDATION
        return ("one", *(("A", "C", "B") if validation else ("B", "C", "A")))

    world = world_of(by_split, size=200)
    (row,) = measured(world, [choice_of(cheap=0, expensive=2)])["rows"]
    assert row["setting"] == "cheap"
    assert row["accuracy"] == 0 < row["curve"][1]["accuracy"]


def test_under_each_cap_validation_takes_the_most_accurate_setting(
    world_of, halves, measured
) -> None:
    every = choice_of(a=0, b=1, c=2)
    expensive = replace(choice_of(c=2), name="expensive")
    each, only = measured(world_of(halves), [every, expensive])["rows"]
    assert each["within"]["its cost"]["setting"] == "c"
    assert each["within"]["three quarters of its cost"]["setting"] == "a"
    assert each["within"]["three quarters of its cost"]["accuracy"] == each["curve"][0]["accuracy"]
    assert only["within"]["three quarters of its cost"] is None


@pytest.mark.parametrize("order", [("expensive", "cheap"), ("cheap", "expensive")])
def test_of_equally_accurate_settings_the_cheaper_one_is_taken(order, world_of, measured) -> None:
    """On validation questions `a` is as accurate as `c`, the best single model, at a tenth of its cost."""
    world = world_of(
        lambda n: ("one", "A" if split_of(f"q{n}") is Split.VALIDATION else "B", "C", "A"), size=200
    )
    columns = {"cheap": 0, "expensive": 2}
    (row,) = measured(world, [choice_of(**{name: columns[name] for name in order})])["rows"]
    assert row["setting"] == "cheap"
    assert {item["setting"] for item in row["within"].values()} == {"cheap"}


@pytest.mark.parametrize("order", [("2", "3"), ("3", "2")])
def test_if_every_setting_is_over_the_cap_the_cheapest_represents_the_router(
    order, world_of, halves, measured
) -> None:
    def run(arrays: TableArrays, times: str):
        return replace(single_model(arrays, 2), cost=float(times) * single_model(arrays, 2).cost)

    world = world_of(halves)
    (row,) = measured(world, [Entrant("expensive", "baseline", order, run)])["rows"]
    assert row["setting"] == "2"
    assert row["cost_usd"] == pytest.approx(2e-3)
    assert set(row["within"].values()) == {None}


def test_the_cap_is_the_cost_of_the_best_single_model_on_validation_questions(
    world_of, with_outcomes, is_test, measured
) -> None:
    """`c` is always right. On test questions alone it is so cheap that `b` would exceed a cap taken from them."""
    world = world_of(
        lambda n: ("one", "A" if is_test(n) else "C", "C" if n % 5 == 0 else "A", "A"), size=200
    )
    world = with_outcomes(
        world, lambda o: {"cost": 1e-4} if is_test(int(o.id[1:])) and o.model == "c" else {}
    )
    (row,) = measured(world, [choice_of(a=0, b=1)])["rows"]
    assert row["setting"] == "b"
    assert row["within"]["its cost"]["setting"] == "b"
