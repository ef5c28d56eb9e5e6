"""The candidates of the generated world: what the policy sees of them, and how often each is right.

For each of three skills a specialist beats the expensive generalist at a tenth of its price or less. One specialist has
a twin that is no better and costs twice as much. One candidate is the cheapest, never hedges, and is mostly wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.worlds.generated_world.relations import Skill

# Probability of a right answer: of a specialist on its own skill, on another one, and on several steps at once; of the
# generalist on one step and on several. The bluffer is as accurate as a specialist outside its skill.
OWN_SKILL, OTHER_SKILL, OTHER_SEVERAL = 0.92, 0.12, 0.04
GENERALIST, GENERALIST_SEVERAL = 0.80, 0.30
# Probability that a candidate hedges a wrong and a right answer.
HEDGED_WRONG, HEDGED_RIGHT = 0.60, 0.03
# Range of the reasoning tokens that a reply bills in addition to its text.
REASONING_TOKENS = (300, 400)
MAX_OUTPUT_TOKENS = 448


@dataclass(frozen=True)
class Candidate:
    """A candidate, with the properties that the policy does not see: `skill`, `general` and `hedges`."""

    name: str
    skill: Skill | None
    """The skill of a specialist; None for the generalist and the bluffer."""
    price: float
    """Dollars per million tokens, for input and output alike."""
    description: str
    general: bool = False
    hedges: bool = True

    @property
    def card(self) -> ModelCard:
        """The properties that the policy may see."""
        price = Price(input=self.price, output=self.price)
        return ModelCard(
            name=self.name,
            price=price,
            description=self.description,
            max_output_tokens=MAX_OUTPUT_TOKENS,
        )

    def accuracy(self, skill: Skill) -> float:
        """The probability of a right answer to a query that takes this skill."""
        if skill is Skill.SEVERAL:
            return GENERALIST_SEVERAL if self.general else OTHER_SEVERAL
        if self.general:
            return GENERALIST
        return OWN_SKILL if self.skill is skill else OTHER_SKILL


CANDIDATES = (
    Candidate("sage", None, 4.0, "Large model, good at everything.", general=True),
    Candidate("abacus", Skill.ARITHMETIC, 0.2, "Small model for calculation."),
    Candidate("scribe", Skill.SPELLING, 0.4, "Small model for letters and words."),
    Candidate("atlas", Skill.FACTS, 0.6, "Small model for countries and people."),
    Candidate("ledger", Skill.FACTS, 0.3, "Small model for people and countries."),
    Candidate("parrot", None, 0.1, "Tiny model for anything, always sure.", hedges=False),
)
