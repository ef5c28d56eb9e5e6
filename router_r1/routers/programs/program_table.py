"""What each combination of models achieved on each program."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router_r1.errors import DataError, shown_name
from router_r1.routers.libraries import Floats, Ints, np
from router_r1.routers.programs.graph import Program

Combination = dict[str, str]
"""A model for each type of sub-task."""


@dataclass(frozen=True)
class ModelChoices:
    """The models of each type of sub-task that has a choice, and their price.

    Raises:
        DataError: no type has two models, or a price is negative.
    """

    prices: Mapping[str, Mapping[str, float]]
    """Type -> model -> dollars of one call."""

    def __post_init__(self) -> None:
        if not any(len(models) > 1 for models in self.prices.values()) or not all(
            self.prices.values()
        ):
            raise DataError(
                "expected a type of sub-task with at least two models, and none without"
            )
        for kind, models in self.prices.items():
            for name, price in models.items():
                if not 0 <= price < float("inf"):
                    raise DataError(
                        f"{kind}: {shown_name(name)!r}: price {price}; expected dollars"
                    )

    @property
    def kinds(self) -> tuple[str, ...]:
        """The types, in the order of combinations."""
        return tuple(self.prices)

    @functools.cached_property
    def combinations(self) -> tuple[tuple[str, ...], ...]:
        """All C combinations, each a model for each of `kinds`."""
        return tuple(itertools.product(*self.prices.values()))

    @functools.cached_property
    def places(self) -> Ints:
        """[C, kinds] place of each combination's model among those of its type."""
        return np.array(list(itertools.product(*(range(len(m)) for m in self.prices.values()))))

    def named(self, combination: int, program: Program) -> Combination:
        """The models of a combination for the types that a program has."""
        chosen = zip(self.kinds, self.combinations[combination], strict=True)
        return {kind: model for kind, model in chosen if kind in program.kinds}

    def costs(self, programs: Sequence[Program]) -> Floats:
        """[n, C] dollars: each sub-task calls the model of its type once."""
        each = np.array(
            [
                [self.prices[k][m] for k, m in zip(self.kinds, c, strict=True)]
                for c in self.combinations
            ]
        )
        counts = np.array([[p.kinds.count(kind) for kind in self.kinds] for p in programs])
        dollars: Floats = counts.reshape(-1, len(self.kinds)) @ each.T
        return dollars

    def distinct(self, programs: Sequence[Program]) -> Floats:
        """[n, C] true for one of the combinations that differ only in types which a program does not have."""
        present = np.array([[kind in p.kinds for kind in self.kinds] for p in programs], dtype=bool)
        first = self.places == 0
        mask: Floats = (present[:, None, :] | first[None]).all(2)
        return mask


@dataclass(frozen=True)
class ProgramTable:
    """n programs x C combinations.

    Raises:
        DataError: no program, a shape that does not fit, or an outcome that is neither 0, 1 nor NaN.
    """

    programs: tuple[Program, ...]
    models: ModelChoices
    outcomes: Floats
    """[n, C] 1: the program succeeds with the combination; 0: it fails; NaN: it was not run. Combinations that differ
    only in types which a program does not have are the same run."""

    def __post_init__(self) -> None:
        expected = (len(self.programs), len(self.models.combinations))
        if not self.programs or self.outcomes.shape != expected:
            raise DataError(
                f"expected outcomes [programs, combinations] of shape {expected} with at least one program, "
                f"got {self.outcomes.shape}"
            )
        known = self.outcomes[~np.isnan(self.outcomes)]
        if not np.isin(known, (0.0, 1.0)).all():
            raise DataError(
                "an outcome is 1 (success), 0 (failure) or NaN (not run); got another number"
            )

    @classmethod
    def of_runs(
        cls,
        programs: Sequence[Program],
        models: ModelChoices,
        runs: Mapping[str, Sequence[tuple[Combination, bool]]],
    ) -> ProgramTable:
        """Make a table from runs: the id of a program -> (models, whether it succeeded); other cells are not run.

        Raises:
            DataError: a run names a program or model that is not there, or lacks the model of a type.
        """
        rows = {program.id: row for row, program in enumerate(programs)}
        outcomes = np.full((len(rows), len(models.combinations)), np.nan)
        for key, found in runs.items():
            if key not in rows:
                raise DataError(f"no program has the id {shown_name(key)!r}")
            kinds = [kind for kind in models.kinds if kind in programs[rows[key]].kinds]
            for chosen, succeeded in found:
                for kind in kinds:
                    if chosen.get(kind) not in models.prices[kind]:
                        raise DataError(
                            f"program {shown_name(key)!r}: a run has {shown_name(chosen.get(kind))!r} for {kind}; "
                            f"expected one of {', '.join(models.prices[kind])}"
                        )
                same = [
                    all(c[models.kinds.index(kind)] == chosen[kind] for kind in kinds)
                    for c in models.combinations
                ]
                outcomes[rows[key], same] = float(succeeded)
        return cls(tuple(programs), models, outcomes)
