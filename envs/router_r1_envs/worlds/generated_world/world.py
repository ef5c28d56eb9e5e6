"""The generated world: six simulated candidates answer questions about made-up names, at no cost.

The policy sees names, descriptions and prices. It has to find out which candidate has which skill, and how often each
is right. A two-hop question is answered reliably only if it is decomposed.

A candidate's reply is a function of the world's seed, its name and the query, so a world behaves the same in training,
in evaluation and behind a server.

Not here: facts and questions (`facts.py`), the candidates (`candidates.py`), policies that route by a rule
(`rule_policies.py`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from router_r1.counts import check_count
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.episode import Limits
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelSpec
from router_r1.pool import ModelPool
from router_r1.token_prices import Usage, estimate_tokens
from router_r1.transport.messages import Request, Response
from router_r1.transport.simulated import SimulatedTransport
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.base import WORLDS, Level, SharedPoolWorld, WorldKind
from router_r1_envs.worlds.generated_world.candidates import (
    CANDIDATES,
    HEDGED_RIGHT,
    HEDGED_WRONG,
    MAX_OUTPUT_TOKENS,
    REASONING_TOKENS,
    Candidate,
)
from router_r1_envs.worlds.generated_world.facts import Knowledge, Puzzle
from router_r1_envs.worlds.generated_world.settings import GeneratedWorldConfig, level_name

DEFAULT_QUESTIONS = 1000
"""How many questions of a split a caller gets without a limit."""


class GeneratedWorld(SharedPoolWorld):
    """See the module's description."""

    def __init__(self, settings: GeneratedWorldConfig | None = None) -> None:
        self.settings = settings or GeneratedWorldConfig()
        self.name = f"generated-{self.settings.seed}"
        self.candidates = CANDIDATES
        cards = [candidate.card for candidate in CANDIDATES]
        pool = ModelPool(cards, transport=SimulatedTransport(self.reply), source=self.name)
        super().__init__(pool, self.settings.prompt)
        self.levels = tuple(
            Level(name=level_name(budget), budget_usd=budget)
            for budget in sorted(self.settings.budgets_usd)
        )
        compact = self.settings.prompt == "compact"
        self.limits = Limits(
            max_rounds=self.settings.max_rounds,
            max_routes=1 if compact else 4,
            max_malformed=0 if compact else 2,
            max_turn_tokens=64 if compact else 1024,
        )
        # About what two calls of the most expensive candidate cost.
        self.reference_usd = 2 * sum(REASONING_TOKENS) / 2 * max(c.price for c in CANDIDATES) / 1e6
        self.knowledge = Knowledge(self.settings.seed)
        self._by_name = {candidate.name: candidate for candidate in CANDIDATES}

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        """The first `limit` questions of a split (by default `DEFAULT_QUESTIONS`); a split is endless.

        Raises:
            ConfigError: more than `counts.MOST` are wanted.
        """
        wanted = DEFAULT_QUESTIONS if limit is None else limit
        check_count(wanted, f"questions of {self.name}", "ask for fewer")
        found: dict[str, Question] = {}
        for number in itertools.count():
            if len(found) == wanted:
                break
            source = seeded_random(self.settings.seed, "question", split, number)
            puzzle = self.knowledge.puzzle(source, lambda key: split_of(key) is split)
            found.setdefault(puzzle.text, self.question(puzzle, split))
        return list(found.values())

    def question(self, puzzle: Puzzle, split: Split) -> Question:
        """A puzzle as a question of a split; its metadata holds the hops and their skills."""
        return Question(
            id=f"{self.name}/{split}/{puzzle.text}",
            question=puzzle.text,
            answer=puzzle.answer,
            metric="em",
            category="two hops" if len(puzzle.hops) == 2 else str(puzzle.skills[0]),
            metadata={"hops": list(puzzle.hops), "skills": [str(skill) for skill in puzzle.skills]},
        )

    # --- candidates

    def candidate(self, name: str) -> Candidate:
        """A candidate with its hidden properties. Raises `ConfigError` for an unknown name."""
        if name not in self._by_name:
            raise ConfigError(
                f"{self.name}: no candidate {name!r}; it has {', '.join(self._by_name)}"
            )
        return self._by_name[name]

    def reply(self, card: ModelSpec, request: Request) -> Response:
        """A candidate's response to the last message of a request; equal requests get equal responses."""
        query = request.messages[-1]["content"]
        text, _ = self.answer(card.name, query)
        source = seeded_random(self.settings.seed, "length", card.name, query)
        tokens = source.randrange(*REASONING_TOKENS) + estimate_tokens(text)
        return Response(
            text=text,
            usage=Usage(request.prompt_tokens_estimate, min(tokens, MAX_OUTPUT_TOKENS)),
            finish_reason="stop",
        )

    def answer(self, name: str, query: str) -> tuple[str, bool]:
        """The text of a candidate's reply to a query, and whether its answer is right."""
        candidate = self.candidate(name)
        solution = self.knowledge.solve(query)
        if solution is None:
            return "i do not understand the question", False
        source = seeded_random(self.settings.seed, "answer", name, query)
        right = source.random() < candidate.accuracy(solution.skill)
        given = solution.answer if right else self.knowledge.wrong(solution, source)
        hedged = candidate.hedges and source.random() < (HEDGED_RIGHT if right else HEDGED_WRONG)
        return (f"not sure , maybe {given}" if hedged else f"the answer is {given}"), right


WORLDS.add(
    "generated",
    WorldKind(GeneratedWorldConfig, lambda settings, _: GeneratedWorld(settings)),
    "made-up facts and six candidates with hidden skills; free, with nothing to memorise",
)
