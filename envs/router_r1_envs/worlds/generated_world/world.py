"""The generated world: six candidates with hidden skills answer questions about made-up names. Costs nothing to ask.

The policy sees names, descriptions and prices; who is good at what, and how often each is right, it has to find out. For each
of three skills a specialist beats the dear generalist at a tenth of its price or less; one of them has a dearer twin that is no
better; and one candidate is cheap, never unsure, and mostly wrong. A question of two hops is answered well only if it is taken apart.

Everything a candidate says is a function of the world's seed, its name and the query, so a world is the same in training,
evaluation and behind a server.

Not covered: the facts (`knowledge.py`) and who routes by which rule (`explorers.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from router_r1.config import StrictModel
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.episode import Limits
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard, ModelSpec
from router_r1.pool import ModelPool
from router_r1.pricing import Price, Usage, estimate_tokens
from router_r1.prompts import PROMPTS, PromptBuilder
from router_r1.transport.messages import Request, Response
from router_r1.transport.simulated import SimulatedTransport
from router_r1_envs.worlds.base import WORLDS, Level, WorldKind
from router_r1_envs.worlds.generated_world.facts import Knowledge, Puzzle, Skill, draw

# How often a candidate is right: on its own skill, on another one, the generalist on one step and on several at once.
OWN, OTHER, GENERAL, GENERAL_SEVERAL, OTHER_SEVERAL = 0.92, 0.12, 0.80, 0.30, 0.04
# How often a wrong and a right answer is hedged; the bluffer never hedges.
HEDGED_WRONG, HEDGED_RIGHT = 0.60, 0.03
# What a reply bills beside its text: the candidate's reasoning, in tokens.
REASONING = (300, 400)
MAX_OUTPUT_TOKENS = 448


@dataclass(frozen=True)
class Candidate:
    """A candidate and what is hidden about it."""

    name: str
    skill: Skill | None
    """What it is good at; None for the generalist and the bluffer."""
    price: float
    """Dollars per million tokens, in and out."""
    description: str
    general: bool = False
    hedges: bool = True

    @property
    def card(self) -> ModelCard:
        """What the policy may know."""
        price = Price(input=self.price, output=self.price)
        return ModelCard(
            name=self.name,
            price=price,
            description=self.description,
            max_output_tokens=MAX_OUTPUT_TOKENS,
        )


CANDIDATES = (
    Candidate("sage", None, 4.0, "Large model, good at everything.", general=True),
    Candidate("abacus", Skill.ARITHMETIC, 0.2, "Small model for calculation."),
    Candidate("scribe", Skill.SPELLING, 0.4, "Small model for letters and words."),
    Candidate("atlas", Skill.FACTS, 0.6, "Small model for countries and people."),
    Candidate("ledger", Skill.FACTS, 0.3, "Small model for people and countries."),
    Candidate("parrot", None, 0.1, "Tiny model for anything, always sure.", hedges=False),
)


def _told_apart(budgets: tuple[float, ...]) -> tuple[float, ...]:
    if len({_level_name(budget) for budget in budgets}) < len(budgets):
        raise ValueError("the same budget is there twice; remove one")
    return budgets


def _level_name(budget: float) -> str:
    return f"budget-{budget:g}"


Budgets = Annotated[
    tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1), AfterValidator(_told_apart)
]


class GeneratedWorldConfig(StrictModel):
    """Settings of a generated world."""

    kind: Literal["generated"] = "generated"
    """Which kind of world this is."""
    seed: int = 0
    """Another seed is another world: other facts, other mistakes."""
    prompt: Literal["compact", "full"] = "compact"
    """`compact` for a small policy that learns this pool by heart; `full` tells rules and candidates to a pre-trained LLM."""
    budgets_usd: Budgets = (0.0006, 0.002, 0.01)
    """Budgets of an episode; one is drawn for each. The smallest does not pay for the generalist."""
    max_rounds: Annotated[int, Field(ge=1)] = 4
    """Most rounds of routing."""


class GeneratedWorld:
    """See the module's description."""

    def __init__(self, settings: GeneratedWorldConfig | None = None) -> None:
        self.settings = settings or GeneratedWorldConfig()
        self.name = f"generated-{self.settings.seed}"
        self.candidates = CANDIDATES
        self.cards = tuple(candidate.card for candidate in CANDIDATES)
        self.levels = tuple(
            Level(name=_level_name(budget), budget_usd=budget)
            for budget in sorted(self.settings.budgets_usd)
        )
        compact = self.settings.prompt == "compact"
        self.limits = Limits(
            max_rounds=self.settings.max_rounds,
            max_routes=1 if compact else 4,
            max_malformed=0 if compact else 2,
            max_turn_tokens=64 if compact else 1024,
        )
        # What two calls of the dearest candidate cost, about: an episode that cost this was dear.
        self.reference_usd = 2 * sum(REASONING) / 2 * max(c.price for c in CANDIDATES) / 1e6
        self.knowledge = Knowledge(self.settings.seed)
        self._by_name = {candidate.name: candidate for candidate in CANDIDATES}
        self._pool = ModelPool(
            self.cards, transport=SimulatedTransport(self.reply), source=self.name
        )

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        """The first `limit` questions of a split (1,000 when left out); there is no end of them."""
        found: dict[str, Question] = {}
        for number in itertools.count():
            if len(found) == (1000 if limit is None else limit):
                return list(found.values())
            source = draw(self.settings.seed, "question", split, number)
            puzzle = self.knowledge.puzzle(source, lambda key: split_of(key) is split)
            found.setdefault(puzzle.text, self.question(puzzle, split))
        raise AssertionError("unreachable")

    def question(self, puzzle: Puzzle, split: Split) -> Question:
        """A puzzle as a question. It belongs to the split of everything that its steps are about."""
        return Question(
            id=f"{self.name}/{split}/{puzzle.text}",
            question=puzzle.text,
            answer=puzzle.answer,
            metric="em",
            category="two hops" if len(puzzle.hops) == 2 else str(puzzle.skills[0]),
            metadata={"hops": list(puzzle.hops), "skills": [str(skill) for skill in puzzle.skills]},
        )

    def prompt(self, question: Question) -> PromptBuilder:
        """The same for every question."""
        return PROMPTS[self.settings.prompt]

    def varied(self, question: Question, seed: int) -> Question:
        """A question has one guise."""
        return question

    def pool(self, question: Question) -> ModelPool:
        """The same for every question."""
        return self._pool

    # --- candidates

    def candidate(self, name: str) -> Candidate:
        """A candidate with its hidden side. Raises `ConfigError` for an unknown name."""
        if name not in self._by_name:
            raise ConfigError(
                f"{self.name}: no candidate {name!r}; it has {', '.join(self._by_name)}"
            )
        return self._by_name[name]

    def reply(self, card: ModelSpec, request: Request) -> Response:
        """What a candidate answers; the same query gets the same answer, whoever asks and however often."""
        query = request.messages[-1]["content"]
        text, _ = self.answer(card.name, query)
        source = draw(self.settings.seed, "length", card.name, query)
        tokens = source.randrange(*REASONING) + estimate_tokens(text)
        return Response(
            text=text,
            usage=Usage(request.prompt_tokens_estimate, min(tokens, MAX_OUTPUT_TOKENS)),
            finish_reason="stop",
        )

    def answer(self, name: str, query: str) -> tuple[str, bool]:
        """What a candidate says to a query, and whether that is right."""
        candidate = self.candidate(name)
        solved = self.knowledge.solve(query)
        if solved is None:
            return "i do not understand the question", False
        source = draw(self.settings.seed, "answer", name, query)
        right = source.random() < self.accuracy(candidate, solved.skill)
        said = solved.answer if right else self.knowledge.wrong(solved, source)
        hedged = candidate.hedges and source.random() < (HEDGED_RIGHT if right else HEDGED_WRONG)
        return (f"not sure , maybe {said}" if hedged else f"the answer is {said}"), right

    @staticmethod
    def accuracy(candidate: Candidate, skill: Skill) -> float:
        """How often a candidate is right on sub-queries that take this skill."""
        if skill is Skill.SEVERAL:
            return GENERAL_SEVERAL if candidate.general else OTHER_SEVERAL
        if candidate.general:
            return GENERAL
        return OWN if candidate.skill is skill else OTHER


WORLDS.add(
    "generated",
    WorldKind(GeneratedWorldConfig, lambda settings, _: GeneratedWorld(settings)),
    "made-up facts and six candidates with hidden skills; free, and nothing to memorise",
)
