"""Settings of a generated world."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from router_r1.config import RandomSeed, StrictModel
from router_r1_envs.worlds.candidate_variation import CandidateVariation


def level_name(budget_usd: float) -> str:
    """The name of the level with this budget."""
    return f"budget-{budget_usd:g}"


def _unique(budgets: tuple[float, ...]) -> tuple[float, ...]:
    if len({level_name(budget) for budget in budgets}) < len(budgets):
        raise ValueError("a budget occurs twice; remove one")
    return budgets


Budgets = Annotated[
    tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1), AfterValidator(_unique)
]


class GeneratedWorldConfig(StrictModel):
    """Settings of a generated world."""

    kind: Literal["generated"] = "generated"
    """The kind of this world."""
    seed: RandomSeed = 0
    """Another seed gives another world, with different facts and different mistakes."""
    prompt: Literal["compact", "full"] = "compact"
    """`compact` for a small policy that learns this pool by heart; `full` states rules and candidates, for an LLM."""
    vary: CandidateVariation | None = CandidateVariation()
    """How candidates vary between training questions, with the full prompt; null: not at all."""
    budgets_usd: Budgets = (0.0006, 0.002, 0.01)
    """Budgets of an episode; training draws one for each question. The smallest default cannot pay the generalist."""
    max_rounds: Annotated[int, Field(ge=1)] = 4
    """Maximum number of routing rounds."""
    max_routes: Annotated[int, Field(ge=1)] | None = None
    """Maximum number of routes in a turn; by default 1 with the compact prompt, 4 with the full one."""
