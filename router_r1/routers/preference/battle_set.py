"""Battles as arrays. Of each pair, the model with the smaller number comes first, however the battle named them, so
that a router cannot learn from the order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from router_r1.routers.embedding import text_of
from router_r1.routers.libraries import Floats, Ints, np
from router_r1.routers.preference.battles import Battle, check_models
from router_r1.routers.training_set import TrainingSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Flags: TypeAlias = NDArray[np.bool_]
else:
    Flags = Any


@dataclass(frozen=True)
class BattleSet:
    """b battles of m models on n questions."""

    models: tuple[str, ...]
    texts: tuple[str, ...]
    """The n questions."""
    rows: Ints
    """[b] the question of each battle."""
    first: Ints
    """[b] the model with the smaller number."""
    second: Ints
    """[b] the model with the larger number."""
    won: Floats
    """[b] 1 if the first model won, 0 if the second did, 0.5 for a tie."""
    scores: Floats | None = None
    """[n, m] the scores that the battles come from, if they come from a table."""

    @classmethod
    def of_table(cls, data: TrainingSet) -> BattleSet:
        """All pairs of models on all questions; equal scores are ties."""
        count, size = data.scores.shape
        i, j = np.triu_indices(size, 1)
        won = (np.sign(data.scores[:, i] - data.scores[:, j]) + 1) / 2
        return cls(
            data.models,
            tuple(map(text_of, data.questions)),
            np.repeat(np.arange(count), len(i)),
            np.tile(i, count),
            np.tile(j, count),
            won.ravel(),
            data.scores,
        )

    @classmethod
    def of(cls, battles: Sequence[Battle], models: Sequence[str]) -> BattleSet:
        """Battles between these models. Raises `DataError` for another model."""
        numbers = {name: number for number, name in enumerate(models)}
        texts: dict[str, int] = {}
        entries = []
        for battle in battles:
            check_models(battle, numbers)
            row = texts.setdefault(battle.question, len(texts))
            a, b = numbers[battle.model_a], numbers[battle.model_b]
            result = {"a": 1.0, "b": 0.0, "tie": 0.5}[battle.winner]
            entries.append((row, a, b, result) if a < b else (row, b, a, 1.0 - result))
        table = np.array(entries, dtype=np.float64).reshape(-1, 4)
        rows, first, second = table[:, :3].astype(np.int64).T
        return cls(tuple(models), tuple(texts), rows, first, second, table[:, 3])

    def only(self, keep: Flags) -> BattleSet:
        """The battles where `keep` [b] is true, of the same questions."""
        return replace(
            self,
            rows=self.rows[keep],
            first=self.first[keep],
            second=self.second[keep],
            won=self.won[keep],
        )

    def results(self) -> Floats:
        """[n, m, 3] how many battles each model won, tied and lost on each question."""
        counts = np.zeros((len(self.texts), len(self.models), 3))
        place = (2 - 2 * self.won).astype(np.int64)  # won 1, 0.5, 0 -> 0, 1, 2
        np.add.at(counts, (self.rows, self.first, place), 1.0)
        np.add.at(counts, (self.rows, self.second, 2 - place), 1.0)
        return counts

    def held_out(self, seed: int) -> Ints:
        """Numbers of questions to set aside, drawn by the seed: a tenth, or a quarter where that is less than 50; none
        of fewer than 20."""
        count = len(self.texts)
        if count < 20:
            return np.arange(0)
        aside = max(count // 10, min(count // 4, 50))
        drawn: Ints = np.random.default_rng(seed).permutation(count)[:aside]
        return np.sort(drawn)
