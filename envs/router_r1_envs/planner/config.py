"""Settings of the planner's fit."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from router_r1.config import StrictModel

Count = Annotated[int, Field(ge=1)]


class PlannerConfig(StrictModel):
    """How a planner is fitted. The defaults take about a minute of one core for ten candidates."""

    max_calls: Count = 5
    """Maximum number of candidates asked about one question."""
    folds: Annotated[int, Field(ge=2)] = 3
    """Number of parts of the training questions; each part has a posterior fitted on the others."""
    posterior_steps: Count = 700
    """Optimiser steps of each posterior."""
    value_steps: Count = 1000
    """Optimiser steps of the value function. Three times as many gain nothing: it memorises the questions."""
    value_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.4
    """Dropout in the value function, against memorising."""
    batch: Count = 512
    """Questions per step."""
    members: Count = 3
    """Number of value networks that are averaged."""
    hidden: Count = 64
    """Width of the posterior; the value function is half as wide again."""
    checkpoints: Count = 3
    """Checkpoints of the value function, all in the second half of the steps, compared on the validation questions."""
