"""A program of several steps as a directed acyclic graph of typed sub-tasks."""

from __future__ import annotations

import functools
import graphlib
from dataclasses import dataclass

from router_r1.errors import DataError, shown_name

INPUT = "IMAGE"
"""What a sub-task names as an input if it reads the program's own input, such as the image."""


@dataclass(frozen=True, slots=True)
class SubTask:
    """One step of a program."""

    name: str
    """What it is called in the program: the name of its result."""
    kind: str
    """Its type, such as `LOC` or `VQA`: what models there are to choose from depends on it."""
    inputs: tuple[str, ...] = ()
    """The names of the sub-tasks whose results it reads, and `INPUT`."""


@dataclass(frozen=True)
class Program:
    """The steps that answer a question.

    Raises:
        DataError: it has no sub-task, two of one name, an input that no sub-task has made, or a cycle.
    """

    id: str
    """Unique among the programs it is used with."""
    question: str
    """What the program answers."""
    tasks: tuple[SubTask, ...]
    """Its sub-tasks, in any order."""
    image: str | None = None
    """Identity of the image, if there is one."""

    def __post_init__(self) -> None:
        where = f"program {shown_name(self.id)!r}"
        if not self.tasks:
            raise DataError(f"{where}: has no sub-task; a program has at least one")
        names = [task.name for task in self.tasks]
        if twice := [name for place, name in enumerate(names) if name in names[:place]]:
            raise DataError(
                f"{where}: two sub-tasks are called {shown_name(twice[0])!r}; give each its own name"
            )
        if INPUT in names:
            raise DataError(f"{where}: a sub-task is called {INPUT!r}, the name of the input")
        for task in self.tasks:
            for name in task.inputs:
                if name != INPUT and name not in names:
                    raise DataError(
                        f"{where}: {shown_name(task.name)!r} reads {shown_name(name)!r}, which no sub-task makes"
                    )
        try:
            graphlib.TopologicalSorter({t.name: t.inputs for t in self.tasks}).prepare()
        except graphlib.CycleError as error:
            circle = " -> ".join(map(shown_name, error.args[1]))
            raise DataError(f"{where}: its sub-tasks wait for each other: {circle}") from None

    @property
    def kinds(self) -> tuple[str, ...]:
        """The type of each sub-task, in the order of `tasks`."""
        return tuple(task.kind for task in self.tasks)

    @functools.cached_property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(from, to) for each result that is read, as places in `tasks`; sorted."""
        places = {task.name: place for place, task in enumerate(self.tasks)}
        found = {
            (places[name], place)
            for place, task in enumerate(self.tasks)
            for name in task.inputs
            if name != INPUT
        }
        return tuple(sorted(found))

    def next_of(self, kinds: frozenset[str]) -> tuple[tuple[int, int], ...]:
        """Pairs (from, to) of sub-tasks of these types between which there are only sub-tasks of other types."""
        after: dict[int, list[int]] = {}
        for source, target in self.edges:
            after.setdefault(source, []).append(target)
        found = set()
        for start, task in enumerate(self.tasks):
            waiting, seen = list(after.get(start, ())) if task.kind in kinds else [], set()
            while waiting:
                place = waiting.pop()
                if place in seen:
                    continue
                seen.add(place)
                if self.tasks[place].kind in kinds:
                    found.add((start, place))
                else:
                    waiting += after.get(place, ())
        return tuple(sorted(found))
