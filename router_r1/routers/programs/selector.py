"""A selector of models for programs: it scores every combination by a graph network, and weighs that against its cost."""

from __future__ import annotations

import dataclasses
import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from router_r1.errors import ConfigError, DataError, shown_name
from router_r1.files import atomic_write, read_input, write_json
from router_r1.json_text import parse_json
from router_r1.routers.base import setting
from router_r1.routers.embedding import TFIDF, Embedding, make_embedding
from router_r1.routers.libraries import Arrays, Floats, Ints, np
from router_r1.routers.programs.graph import Program
from router_r1.routers.programs.network import HEADS, Graphs, forward
from router_r1.routers.programs.program_table import Combination, ModelChoices, ProgramTable

FORMAT = 1
"""Counts up when saved selectors can no longer be read."""
_EMBEDDING = "embedding."  # of the embedding's arrays among those that were learned
_BATCH = 32  # programs scored at a time
_SHOWN = 3
_WORDS: dict[type, str] = {int: "a whole number", float: "a number", str: "a text"}


@dataclass(frozen=True)
class ProgramExplanation:
    """Why a selector chooses what it chooses for one program."""

    program: Program
    chosen: Combination
    score: float
    """Predicted probability that the program succeeds with it."""
    cost: float
    """Dollars of the run."""
    because: tuple[str, ...]
    """The next best combinations, and what changing one type alone would do, a line each."""


@dataclass(kw_only=True, eq=False)
class ProgramSelector:
    """A model for each type of sub-task, chosen together (M3, arXiv:2310.08446).

    The network of `network.py` gives each combination a score s, trained by the loss of `training.py`; programs that
    nothing solves are kept and runs that are not recorded are masked, where M3's code drops the former and gives the
    latter the label 3. The probability of success is `sigma(a s + b)` (Platt), fitted on programs held back. Torch is
    needed to fit; decisions need numpy and the embedding alone.
    """

    embedding: str = setting(TFIDF)
    """Of the question: `tfidf`, a sentence-transformers model, or an endpoint (`router_r1.routers.embedding`)."""
    width: int = setting(32, least=HEADS)
    """Numbers in a node's vector, a multiple of 4."""
    epochs: int = setting(20, least=1)
    """Passes over the programs; the rate falls to 0 over them."""
    rate: float = setting(0.003, least=1e-6, most=1)
    """First learning rate of Adam."""
    combinations: int = setting(32, least=2)
    """Combinations of a program in a training step, drawn anew each time; decisions look at all."""
    seed: int = setting(0, least=0)
    """Seed of weights, order, and which programs are held back."""
    models: ModelChoices | None = field(init=False, default=None)
    """What is chosen from; None before `fit`."""
    learned: Arrays = field(init=False, default_factory=dict, repr=False)
    """What was learned, by name."""
    _graphs: Graphs | None = field(init=False, default=None, repr=False)
    _embed: Embedding | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        for described in fields(self):
            if described.init:
                _check_setting(described, getattr(self, described.name))
        if self.width % HEADS:
            raise ConfigError(
                f"program selector: width: expected a multiple of {HEADS}, got {self.width}"
            )

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.init}

    def fit(self, table: ProgramTable) -> Self:
        """Learn from what combinations achieved on programs. Raises `DataError` if no run is recorded."""
        from router_r1.routers.programs.training import train

        if np.isnan(table.outcomes).all():
            raise DataError("no run is recorded; fit on outcomes of 0 and 1")
        self.models, self._graphs = table.models, Graphs.of(table.programs, table.models)
        self._embed, questions = make_embedding(self.embedding).fit(
            [program.question for program in table.programs]
        )
        weights, scores, outcomes = train(
            self._graphs,
            table,
            questions,
            width=self.width,
            epochs=self.epochs,
            rate=self.rate,
            combinations=self.combinations,
            seed=self.seed,
        )
        kept = {_EMBEDDING + name: array for name, array in self._embed.arrays().items()}
        self.learned = {**kept, **weights, "calibration": _platt(scores, outcomes)}
        return self

    def scores(self, programs: Sequence[Program]) -> Floats:
        """[n, C] predicted probability that each program succeeds with each combination of `models.combinations`."""
        models, graphs = self._fitted()
        slope, offset = self.learned["calibration"]
        found = np.full((len(programs), len(models.combinations)), np.nan)
        if not programs:
            return found
        questions = self._vectors(programs).astype(np.float32)
        for batch in graphs.batches(programs, _BATCH):
            raw = forward(np, self.learned, questions[batch.rows], batch)
            found[np.ix_(batch.rows, batch.combinations)] = _sigma(slope * raw + offset)
        return np.take_along_axis(found, self._same(programs), 1)

    def costs(self, programs: Sequence[Program]) -> Floats:
        """[n, C] dollars of running each program with each combination: a call for each sub-task."""
        return self._fitted()[0].costs(programs)

    def choose(self, programs: Sequence[Program], willingness_to_pay: float) -> list[Combination]:
        """Choose for each program the combination with the highest `willingness_to_pay x score - cost`.

        Args:
            programs: n programs.
            willingness_to_pay: dollars that a success is worth, 0 or more; infinity ignores the cost.

        Returns:
            For each program the model of each type that it has.

        Raises:
            ConfigError: the selector is not fitted, or `willingness_to_pay` is negative or NaN.
        """
        models = self._fitted()[0]
        places = self.decide(self.scores(programs), self.costs(programs), willingness_to_pay)
        return [models.named(int(c), p) for c, p in zip(places, programs, strict=True)]

    def decide(self, scores: Floats, costs: Floats, willingness_to_pay: float) -> Ints:
        """[n] places of the combinations that `choose` names, from predictions made once; the cheaper on a tie."""
        if not willingness_to_pay >= 0:
            raise ConfigError(
                f"willingness_to_pay must be dollars of 0 or more, got {willingness_to_pay}"
            )
        value = scores - costs / max(willingness_to_pay, 1e-30)
        best = value >= value.max(1, keepdims=True)
        chosen: Ints = np.where(best, costs, np.inf).argmin(1)
        return chosen

    def explain(self, program: Program, willingness_to_pay: float = math.inf) -> ProgramExplanation:
        """Why the selector chooses what it chooses for this program. Raises as `choose`."""
        models = self._fitted()[0]
        scores, costs = self.scores([program]), self.costs([program])
        chosen = int(self.decide(scores, costs, willingness_to_pay)[0])
        places, lines = models.places, []
        for column, kind in enumerate(models.kinds):
            if kind in program.kinds:
                others = (np.delete(places, column, 1) == np.delete(places[chosen], column)).all(1)
                others[chosen] = False
                if others.any():
                    other = int(np.where(others, scores[0], -1).argmax())
                    name = models.combinations[other][column]
                    lines.append(f"with {name} for {kind} alone: {scores[0, other]:.2f}")
        distinct = models.distinct([program])[0].copy()
        distinct[chosen] = False
        for other in np.argsort(-np.where(distinct, scores[0], -1), kind="stable")[:_SHOWN]:
            if distinct[other]:
                named = ", ".join(models.named(int(other), program).values())
                lines.append(f"next: {named}: {scores[0, other]:.2f}, ${costs[0, other]:.6f}")
        return ProgramExplanation(
            program,
            models.named(chosen, program),
            float(scores[0, chosen]),
            float(costs[0, chosen]),
            tuple(lines),
        )

    def save(self, folder: str | Path) -> None:
        """Write `selector.json` and `learned.npz`. Raises `ConfigError` before `fit`, `OSError` if it cannot write."""
        models, graphs = self._fitted()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / "learned.npz") as path, path.open("wb") as file:
            arrays: dict[str, Any] = self.learned
            np.savez_compressed(file, **arrays)
        described = {
            "format": FORMAT,
            "settings": self.settings,
            "prices": {kind: dict(own) for kind, own in models.prices.items()},
            "kinds": list(graphs.kinds),
        }
        write_json(folder / "selector.json", described)

    @classmethod
    def load(cls, folder: str | Path) -> ProgramSelector:
        """Read what `save` wrote. Raises `DataError` for anything else, or another version."""
        path = Path(folder) / "selector.json"
        try:
            described = parse_json(read_input(path))
            if not isinstance(described, dict) or described.get("format") != FORMAT:
                raise DataError(
                    f"{path}: is no program selector of format {FORMAT}; fit and save it again"
                )
            selector = cls(**described["settings"])
            selector.models = ModelChoices(described["prices"])
            selector._graphs = Graphs(selector.models, tuple(described["kinds"]))
            content = io.BytesIO(read_input(Path(folder) / "learned.npz"))
            with np.load(content, allow_pickle=False) as arrays:
                selector.learned = {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, DataError | ConfigError):
                raise
            raise DataError(
                f"{folder}: is no saved program selector ({type(error).__name__}: {error}); save it again"
            ) from error
        if len(selector.learned.get("node", ())) != selector._graphs.embeddings:
            raise DataError(f"{folder}: selector.json and learned.npz differ; save it again")
        return selector

    def _vectors(self, programs: Sequence[Program]) -> Floats:
        if self._embed is None:  # loaded from a file
            restored = make_embedding(self.embedding)
            restored.restore(
                {
                    name.removeprefix(_EMBEDDING): array
                    for name, array in self.learned.items()
                    if name.startswith(_EMBEDDING)
                }
            )
            self._embed = restored  # complete: other threads may use it
        return self._embed([program.question for program in programs])

    def _same(self, programs: Sequence[Program]) -> Ints:
        """[n, C] for each combination the place of the one that is scored in its stead: see `ModelChoices.distinct`."""
        models = self._fitted()[0]
        sizes = [len(own) for own in models.prices.values()]
        steps = np.array([math.prod(sizes[place + 1 :]) for place in range(len(sizes))])
        present = np.array([[kind in p.kinds for kind in models.kinds] for p in programs])
        same: Ints = (present * steps) @ models.places.T
        return same

    def _fitted(self) -> tuple[ModelChoices, Graphs]:
        if self.models is None or self._graphs is None:
            raise ConfigError("the program selector is not fitted; call fit(table) first")
        return self.models, self._graphs


def _check_setting(described: dataclasses.Field[Any], value: Any) -> None:
    kind, metadata = type(described.default), described.metadata
    fits = type(value) is kind or (kind is float and type(value) is int)
    least, most = metadata["least"], metadata["most"]
    if fits and kind is not str:
        fits = math.isfinite(value)
        fits &= (least is None or value >= least) and (most is None or value <= most)
    if not fits:
        bounds = "".join(
            f", {word} {bound}"
            for word, bound in (("at least", least), ("at most", most))
            if bound is not None
        )
        raise ConfigError(
            f"program selector: {described.name}: expected {_WORDS[kind]}{bounds}, got {shown_name(value)!r}"
        )


def _platt(scores: Floats, outcomes: Floats) -> Floats:
    """[2] slope and offset of the logistic regression of outcomes on scores; weak priors keep both finite."""
    design = np.column_stack([scores, np.ones(len(scores))])
    solution = np.array([1.0, 0.0])
    for _ in range(50):
        p = _sigma(design @ solution)
        gradient = design.T @ (p - outcomes) + 1e-2 * (solution - [1.0, 0.0])
        curvature = (design * (p * (1 - p))[:, None]).T @ design + 1e-2 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        solution = solution - np.clip(step, -1, 1)
        if abs(step).max() < 1e-9:
            break
    # Never falling: a higher score is never less likely.
    return np.array([max(float(solution[0]), 1e-3), float(solution[1])])


def _sigma(x: Any) -> Floats:
    values: Floats = 1 / (1 + np.exp(-np.clip(np.asarray(x, dtype=np.float64), -30, 30)))
    return values
