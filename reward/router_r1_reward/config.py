"""The settings of the reward."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from router_r1.config import StrictModel


class RewardConfig(StrictModel):
    """The weights of correctness, cost and format."""

    kind: Literal["graded", "router_r1"] = "graded"
    """`graded`: this project's reward; `router_r1`: the reward that Router-R1 published, for comparison."""
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.3
    """Weight of cost; 0 ignores cost."""
    beta: Annotated[float, Field(ge=0)] = 0.05
    """Weight of format problems: malformed turns that were corrected, text outside tags. Unused by `router_r1`."""
    reference_usd: Annotated[float, Field(gt=0)] | None = None
    """Cost of an episode in dollars at which half of `alpha` is lost. Unused where the episode has `worth_usd`."""
    allow_code: bool = False
    """Permit metrics that run programs from answers, in a sandbox."""

    @model_validator(mode="after")
    def _right_beats_wrong(self) -> Self:
        if self.kind == "graded" and self.alpha + self.beta >= 1:
            raise ValueError(
                f"alpha + beta must be below 1, found {self.alpha} + {self.beta}: an expensive right answer would score "
                f"less than a cheap wrong one"
            )
        return self
