"""The settings of the reward."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from router_r1.config import StrictModel


class RewardConfig(StrictModel):
    """How correctness, cost and tidiness are weighed."""

    kind: Literal["graded", "router_r1"] = "graded"
    """`graded`: this project's reward; `router_r1`: the one Router-R1 published, for comparison."""
    alpha: Annotated[float, Field(ge=0)] = 0.3
    """Weight of cost; 0 switches cost off."""
    beta: Annotated[float, Field(ge=0)] = 0.05
    """Weight of untidiness: malformed turns that were corrected, text outside tags. Unused by `router_r1`."""
    reference_usd: Annotated[float, Field(gt=0)] | None = None
    """Dollars of an episode at which half of `alpha` is lost. Unused where the episode has `worth_usd`."""
    allow_code: bool = False
    """Run the programs that answers to the metric `code` hold, in a sandbox."""

    @model_validator(mode="after")
    def _classes_stay_apart(self) -> Self:
        if self.alpha + self.beta >= 1:
            raise ValueError(
                f"alpha + beta must be below 1, found {self.alpha} + {self.beta}: a dear right answer would be worth "
                f"less than a cheap wrong one"
            )
        return self
