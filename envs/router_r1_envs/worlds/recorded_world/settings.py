"""The settings of a recorded world."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router_r1.config import StrictModel
from router_r1_envs.worlds.base import Levels

SENSITIVITIES = (0.01, 0.03, 0.06, 0.09, 0.12, 0.16, 0.3)
"""The default levels: the accuracy that one mean call of the best single model must buy to be worth its price."""


Share = Annotated[float, Field(gt=0, lt=1)]


class RecordedWorldConfig(StrictModel):
    """Settings of a recorded world."""

    kind: Literal["recorded"] = "recorded"
    """Which world."""
    table: str
    """Folder of the outcome table, relative to the file that names it."""
    fit: str | None = None
    """Folder of another table with the same models: its questions are for training and validation, and those of `table` all
    for tests. None: `table` is split."""
    view: Literal["text", "answer"] = "text"
    """What the policy reads: the recorded texts, or only the short answers."""
    levels: Levels | None = None
    """Budgets or worths an episode may have. None: a worth for each of `sensitivities`."""
    sensitivities: Annotated[tuple[Share, ...], Field(min_length=1)] = SENSITIVITIES
    """The accuracy that one mean call of the best single model must buy to be worth its price, a level for each. What fits depends on
    the pool: the interesting ones lie below the distance in accuracy between the best single model and the cheap ones."""
    validation: Share = 0.1
    """Share of the questions for choices."""
    test: Share = 0.3
    """Share of the questions for numbers that are quoted."""
    duplicates: Literal["error", "first"] = "error"
    """What to do about the same question under two ids in different splits: refuse, or keep the first of them."""
    complete: bool | None = None
    """Leave out questions that not every model was asked. Off: asking a model that was not is a miss. Unset: as off, and a tournament,
    in which a miss would count as wrong and free, refuses such a table."""
    graded: bool = True
    """Refuse a question whose metric does not exist: no policy could be rewarded. Off: for a tournament of routers alone, whose
    scores are recorded."""
    max_rounds: Annotated[int, Field(ge=1)] = 5
    """Most rounds of routing in an episode."""
    max_routes: Annotated[int, Field(ge=1)] = 4
    """Most candidates asked at once."""
    seed: int = 0
    """Orders the questions of a split."""
