"""The share of programs that succeed with the combination chosen (SER of M3), beside choices that need no network."""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.errors import DataError
from router_r1.routers.libraries import Floats, Ints, np
from router_r1.routers.programs.graph import Program
from router_r1.routers.programs.program_table import ProgramTable

_PRIOR = 5.0  # programs that the mean of all shapes weighs in that of a shape


def successes(table: ProgramTable, chosen: Ints) -> Floats:
    """[n] whether each program succeeds with the combination chosen for it.

    Args:
        table: what was recorded.
        chosen: [n] places of combinations.

    Raises:
        DataError: such a run is not recorded.
    """
    found: Floats = table.outcomes[np.arange(len(table.programs)), chosen]
    if np.isnan(found).any():
        row = int(np.flatnonzero(np.isnan(found))[0])
        raise DataError(
            f"program {table.programs[row].id!r}: the run with combination {int(chosen[row])} is not recorded; "
            f"evaluate on programs of which all runs are"
        )
    return found


def at_random(table: ProgramTable) -> Floats:
    """[n] expectation of a combination drawn from those recorded."""
    _check_recorded(table)
    expected: Floats = np.nanmean(table.outcomes, 1)
    return expected


def of_oracle(table: ProgramTable) -> Floats:
    """[n] whether any combination succeeds; below 1 where programs are kept that nothing solves."""
    _check_recorded(table)
    any_succeeds: Floats = np.nanmax(table.outcomes, 1)
    return any_succeeds


def best_fixed(fit: ProgramTable, programs: Sequence[Program]) -> Ints:
    """[n] the one combination that succeeds most often on the programs of `fit`."""
    return np.full(len(programs), int(_means(fit.outcomes).argmax()))


def majority_of_each_type(fit: ProgramTable, programs: Sequence[Program]) -> Ints:
    """[n] for each type the model that succeeds most often over all choices for the others: types apart."""
    models = fit.models
    chosen = np.zeros(len(models.kinds), dtype=np.int64)
    for column, kind in enumerate(models.kinds):
        rows = [row for row, program in enumerate(fit.programs) if kind in program.kinds]
        columns = models.places[:, column]
        means = [
            _means(fit.outcomes[rows][:, columns == m].reshape(-1, 1))[0] if rows else 0.0
            for m in range(len(models.prices[kind]))
        ]
        chosen[column] = int(np.argmax(means))
    place = int(np.flatnonzero((models.places == chosen).all(1))[0])
    return np.full(len(programs), place)


def best_of_shape(fit: ProgramTable, programs: Sequence[Program]) -> Ints:
    """[n] the combination that succeeds most often on programs with the same steps, shrunk towards all programs."""
    overall = _means(fit.outcomes)
    shapes: dict[tuple[str, ...], list[int]] = {}
    for row, program in enumerate(fit.programs):
        shapes.setdefault(program.kinds, []).append(row)
    best = {}
    for shape, rows in shapes.items():
        known = ~np.isnan(fit.outcomes[rows])
        sums = np.where(known, fit.outcomes[rows], 0).sum(0) + _PRIOR * overall
        best[shape] = int((sums / (known.sum(0) + _PRIOR)).argmax())
    other = int(overall.argmax())
    return np.array([best.get(program.kinds, other) for program in programs])


def _check_recorded(table: ProgramTable) -> None:
    """Raise `DataError` for a program without any recorded run."""
    if (empty := np.isnan(table.outcomes).all(1)).any():
        name = table.programs[int(empty.argmax())].id
        raise DataError(f"program {name!r}: no run is recorded; evaluate without it")


def _means(outcomes: Floats) -> Floats:
    """[C] mean of what is recorded; 0 where nothing is."""
    known = ~np.isnan(outcomes)
    means: Floats = np.where(known, outcomes, 0).sum(0) / np.maximum(known.sum(0), 1)
    return means
