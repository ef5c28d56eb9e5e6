"""Settings of the planner's fit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from router_r1.config import StrictModel

Count = Annotated[int, Field(ge=1)]


class PlannerConfig(StrictModel):
    """How a planner is fitted. The defaults take about two minutes of one core for 5,000 questions and ten candidates."""

    max_calls: Count = 5
    """Maximum number of calls about one question."""
    folds: Annotated[int, Field(ge=2)] = 10
    """Number of parts of the training questions; each part is judged by what was fitted on the others."""
    states: Count = 3
    """Random states of each training question, from which posterior and gains are learned."""
    trees: Count = 120
    """Trees of each boosted model."""
    category_prior: Annotated[float, Field(gt=0)] = 6.0
    """How many questions the mean of all categories weighs in the mean of a category."""
    first_candidates: Count = 6
    """How many candidates may be asked first: those that a look-up by category would ask most often."""
    judged_share: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Weight of the posterior in the gain that is learned; the rest is the recorded score, which is unbiased and noisy."""
