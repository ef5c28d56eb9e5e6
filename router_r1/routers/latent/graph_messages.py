"""The messages of `graphrouter`, once for numpy and torch: they use only what arrays of both can do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

EDGE = 4
"""Numbers on an edge between a question and a model: 1, the model's mean score, the deviation from it, cost."""


def shapes(dimensions: int, hidden: int) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters, by their names in the docstring of `GraphRouter`."""
    square, gate = (hidden, hidden), (EDGE, hidden)
    return {
        "P": (dimensions, hidden),
        "p": (hidden,),
        "A1": square,
        "A2": square,
        "B": square,
        "C": square,
        "D1": square,
        "D2": square,
        "G1": gate,
        "G2": gate,
        "G3": gate,
        "d": (hidden,),
        "e": (hidden,),
        "o": (1,),
    }


def first_states(p: Mapping[str, Any], vectors: Any) -> Any:
    """x' [n, h] of centred vectors [n, d]."""
    return vectors @ p["P"] + p["p"]


def heard_by_nodes(gates: Any, states: Any, edges: Sequence[Any]) -> Any:
    """[m, h] the mean over questions of `states * (gates e)`.

    Args:
        gates: [EDGE, h] G1 or G3.
        states: [n, h] of questions.
        edges: the numbers on edges, each [n, m], times weights of the questions that have the sum 1.
    """
    return sum((e.T @ states) * gate for e, gate in zip(edges, gates, strict=True))


def spread(heard: Any) -> tuple[Any, Any]:
    """Mean and standard deviation over the models, [h] both."""
    mean = heard.mean(0)
    return mean, (((heard - mean) ** 2).mean(0) + 1e-4) ** 0.5


def task_states(
    p: Mapping[str, Any], first: Any, nodes: Any, edges: Sequence[Any], member: Any
) -> Any:
    """t [tasks, h].

    Args:
        p: parameters.
        first: x' [n, h].
        nodes: u [m, h].
        edges: numbers on edges, each [n, m].
        member: [n, tasks] weights of a task's questions, with the sum 1 for each task, or 0 for one without questions.
    """
    heard = sum((member.T @ e) @ nodes * gate for e, gate in zip(edges, p["G2"], strict=True))
    return ((member.T @ first) @ p["A1"] + heard @ p["A2"] / len(nodes)).clip(min=0)


def question_states(p: Mapping[str, Any], first: Any, tasks: Any) -> Any:
    """h [n, h] from x' and the state of each question's task, [n, h] both."""
    return (first @ p["B"] + tasks @ p["C"]).clip(min=0)


def last_nodes(p: Mapping[str, Any], nodes: Any, heard: Any) -> Any:
    """v [m, h] from u and what the models hear from h, [m, h] both."""
    return nodes @ p["D1"] + heard @ p["D2"]


def logits(p: Mapping[str, Any], states: Any, nodes: Any) -> Any:
    """[n, m] from h [n, h] and v [m, h]."""
    shared = (states @ p["e"] + p["o"])[:, None]
    return states @ nodes.T / len(p["d"]) ** 0.5 + nodes @ p["d"] + shared
