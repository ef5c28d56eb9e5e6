"""Settings of a recorded world."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from router_r1.config import RandomSeed, StrictModel
from router_r1.token_prices import Price
from router_r1_envs.worlds.base import Levels
from router_r1_envs.worlds.candidate_variation import CandidateVariation

SENSITIVITIES = (0.01, 0.03, 0.06, 0.09, 0.12, 0.16, 0.3)
"""The default levels: the accuracy that one mean call of the best single model must buy to be worth its price."""

Share = Annotated[float, Field(gt=0, lt=1)]


class RecordedWorldConfig(StrictModel):
    """Settings of a recorded world."""

    kind: Literal["recorded"] = "recorded"
    """Kind of world."""
    table: str
    """Folder of the outcome table, relative to the file that names it."""
    fit: str | None = None
    """Folder of another table of the same models: its questions are for training and validation, those of `table` all
    for testing. None: `table` is split."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """List prices in place of the table's, by model: what the pool would cost at other prices. Recorded costs are scaled."""
    view: Literal["text", "answer"] = "text"
    """What the policy reads: the recorded texts, or labels of their answers (`answer_view.py`)."""
    prompt: Literal["full", "compact"] = "full"
    """The opening in the text view: rules and candidates, or `compact` for a policy that has learned them."""
    vary: CandidateVariation | None = CandidateVariation()
    """How candidates vary between training questions, with the full prompt in the text view; null: not at all."""
    levels: Levels | None = None
    """Budgets, or values of a right answer, that an episode may have. None: a value for each of `sensitivities`."""
    sensitivities: Annotated[tuple[Share, ...], Field(min_length=1)] = SENSITIVITIES
    """One level for each: the accuracy that one mean call of the best single model must buy to be worth its price.
    Useful ones depend on the pool: they lie below the difference in accuracy between the best single model and the
    cheap ones."""
    validation: Share = 0.1
    """Share of the questions that choose settings."""
    test: Share = 0.3
    """Share of the questions that give the figures."""
    duplicates: Literal["error", "first"] = "error"
    """What to do about the same question under two ids in different splits: refuse the table, or keep the first id."""
    complete: bool | None = None
    """True: leave out questions that some model was not asked. False: such a call is a miss. Unset: as False, but a
    tournament, where a miss would count as wrong and free, refuses the table."""
    graded: bool = True
    """Refuse a question with an unknown metric, for which no policy could be rewarded. False: for tournaments of
    routers alone, which use the recorded scores."""
    max_rounds: Annotated[int, Field(ge=1)] = 5
    """Maximum rounds of routing in an episode."""
    max_routes: Annotated[int, Field(ge=1)] = 4
    """Maximum candidates asked at once."""
    seed: RandomSeed = 0
    """Seed of the order of the questions in a split."""
