"""Programs as graphs of sub-tasks: their edges, and what is no graph."""

import pytest

from router_r1.errors import DataError
from router_r1.routers.programs import INPUT, Program, SubTask


def program(*tasks: SubTask) -> Program:
    return Program("p", "Who wears the dress?", tasks)


def test_edges_are_the_results_that_are_read() -> None:
    found = program(
        SubTask("box", "LOC", (INPUT,)),
        SubTask("crop", "CROP", (INPUT, "box")),
        SubTask("one", "VQA", ("crop",)),
        SubTask("two", "VQA", ("crop",)),
        SubTask("end", "EVAL", ("one", "two")),
    )
    assert found.edges == ((0, 1), (1, 2), (1, 3), (2, 4), (3, 4))
    assert found.kinds == ("LOC", "CROP", "VQA", "VQA", "EVAL")
    # Between the detector and both answers there is only a step without a choice; between the answers, nothing.
    assert found.next_of(frozenset({"LOC", "VQA"})) == ((0, 2), (0, 3))


def test_steps_may_come_in_any_order() -> None:
    assert program(SubTask("b", "VQA", ("a",)), SubTask("a", "LOC")).edges == ((1, 0),)


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ((), "has no sub-task"),
        ((SubTask("a", "LOC"), SubTask("a", "VQA")), "two sub-tasks are called 'a'"),
        ((SubTask(INPUT, "LOC"),), "the name of the input"),
        ((SubTask("a", "VQA", ("b",)),), "'a' reads 'b', which no sub-task makes"),
        ((SubTask("a", "EVAL", ("a",)),), "wait for each other: a -> a"),
        (
            (SubTask("a", "LOC", ("c",)), SubTask("b", "X", ("a",)), SubTask("c", "X", ("b",))),
            "wait for each other",
        ),
    ],
)
def test_what_is_no_graph_is_an_error(tasks, message) -> None:
    with pytest.raises(DataError, match=message):
        program(*tasks)
