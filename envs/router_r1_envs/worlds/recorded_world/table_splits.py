"""What an outcome table tells a router: its splits as arrays, the levels, and the unit of cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.errors import ConfigError
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.recorded_world.question_features import FeatureExtractor
from router_r1_envs.worlds.recorded_world.table_arrays import TableArrays
from router_r1_envs.worlds.recorded_world.world import RecordedWorld


@dataclass(frozen=True)
class TableSplits:
    """A table as routers see it: they are fitted on `train`, tuned on `validation` and measured on `test`."""

    name: str
    """Name of the world, for messages."""
    table: OutcomeTable
    features: FeatureExtractor
    """Fitted on the training questions."""
    train: TableArrays
    validation: TableArrays
    test: TableArrays
    levels: tuple[Level, ...]
    sensitivities: Mapping[str, float]
    """Level name -> the score that one mean call of the best single model must buy; only levels that state a value."""
    best_single: str
    """The model with the highest mean training score."""
    reference_usd: float
    """Mean training cost of a call of the best single model, in dollars: the unit of cost."""
    incomplete: int
    """Questions that some model was not asked."""
    incomplete_left_out: bool | None
    """Whether those are left out; None if the setting `complete` is unset."""

    @classmethod
    def of(cls, world: RecordedWorld) -> TableSplits:
        """The splits of a recorded world.

        Raises:
            ConfigError: no level of the world states `worth_usd`, the dollar value of a right answer.
        """
        sensitivities = {
            level.name: world.reference_usd / level.worth_usd
            for level in world.levels
            if level.worth_usd is not None
        }
        if not sensitivities:
            raise ConfigError(
                f"{world.name}: no level states worth_usd, which baselines and planner need; add it to a level"
            )

        def arrays(split: Split) -> TableArrays:
            return TableArrays.of(world.table, world.questions(split), world.features)

        return cls(
            name=world.name,
            table=world.table,
            features=world.features,
            train=arrays(Split.TRAIN),
            validation=arrays(Split.VALIDATION),
            test=arrays(Split.TEST),
            levels=world.levels,
            sensitivities=sensitivities,
            best_single=world.best_single,
            reference_usd=world.reference_usd,
            incomplete=world.incomplete,
            incomplete_left_out=world.settings.complete,
        )

    @property
    def best_column(self) -> int:
        """The column of the best single model in every array."""
        return self.table.names.index(self.best_single)

    def arrays(self, questions: Sequence[Question]) -> TableArrays:
        """The arrays of any questions of the table."""
        return TableArrays.of(self.table, questions, self.features)
