"""A whole tournament on a table: duplicate names, estimated costs, and that the test questions choose nothing."""

import pytest

from router_r1.errors import ConfigError
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_eval.report.page import write_report
from router_r1_eval.results import Results
from router_r1_eval.tournament.baselines import baselines
from router_r1_eval.tournament.router_entrants import router_entrant


def test_two_rows_of_one_name_are_an_error(world_of, halves, hold) -> None:
    with pytest.raises(ConfigError, match="duplicate row name 'label'"):
        hold(world_of(halves, size=400), one_shot=["label", "label"])


def test_estimated_costs_are_marked_in_results_lines_and_page(
    tmp_path, sampled_world, two_of_three, with_outcomes, hold, lines_of
) -> None:
    exact = sampled_world(two_of_three)
    estimated = with_outcomes(exact, lambda o: {"estimated": o.model == "large"})
    for world, share in ((exact, 0), (estimated, 0.25)):
        results = hold(world)
        assert results["settings"]["costs_estimated"] == share
        notes = [
            line for line in lines_of(results) if line.startswith("costs are estimates in 25%")
        ]
        assert len(notes) == (1 if share else 0)
        Results.model_validate(results).write(tmp_path)
        assert ("Costs are estimates in 25%" in write_report(tmp_path).read_text()) == bool(share)


def test_nothing_that_is_fitted_or_chosen_depends_on_the_test_questions(
    world_of, halves, is_test, with_outcomes, hold
) -> None:
    """Two worlds with the same training and validation questions, but other answers to the test questions."""

    def changed(number):
        category, *answers = halves(number)
        return category, *(("B", "A", "C") if is_test(number) else answers)

    one = world_of(halves, size=300)
    other = with_outcomes(
        world_of(changed, size=300), lambda o: {"cost": 0.01} if is_test(int(o.id[1:])) else {}
    )
    splits = [TableSplits.of(world) for world in (one, other)]
    entrants = ([*baselines(s), router_entrant(s, "label")] for s in splits)
    for first, second in zip(*entrants, strict=True):
        for setting in first.settings:
            ours = first.run(splits[0].train, setting)
            theirs = second.run(splits[1].train, setting)
            assert (ours.value == theirs.value).all(), (first.name, setting)
            assert (ours.cost == theirs.cost).all(), (first.name, setting)
        if first.predict is not None and second.predict is not None:
            expected = [e.predict(s.train) for e, s in zip((first, second), splits, strict=True)]
            assert (expected[0] == expected[1]).all(), first.name
    rows = [hold(world, one_shot=["label"])["rows"] for world in (one, other)]
    for first, second in zip(*rows, strict=True):
        assert first["accuracy"] != second["accuracy"] or first["name"] == "random"
        assert choices(first) == choices(second), first["name"]


def choices(row):
    """Everything in a row that validation chooses."""
    within = {name: item and item["setting"] for name, item in row["within"].items()}
    return row["setting"], within, row["hull"]["corners"]
