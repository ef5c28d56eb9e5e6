"""Mixture of Agents: from the responses of all rounds to one final answer.

    policy        what the policy answered
    select        one candidate's response, word for word: the one most others agree with
    vote          the short answer most candidates gave, normalised and weighted
    synthesize    an LLM reads all responses and writes the answer; with layers, the candidates first revise theirs

Votes are one a candidate, so that asking one model three times does not give it three. The policy has a vote too.
Responses to intermediate questions do not vote: see `deciding`. `synthesize` asks nobody when enough candidates agree:
an answer that five of six share is not put in front of a model that the sixth could talk out of it.

After "Mixture-of-Agents Enhances Large Language Model Capabilities" (Wang et al., 2024, arXiv 2406.04692); weighting
rather than dropping dissent after the findings on deceptive agents (Wolf et al., 2025, arXiv 2503.05856).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from router_r1 import prompts
from router_r1.answers import answer_key, extract_answer, normalize_answer
from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1.ledger import Role
from router_r1.pool import Account, ModelCard, ModelPool
from router_r1.transport import Message


@dataclass(frozen=True, slots=True)
class Statement:
    """One response, and where it came from."""

    model: str
    query: str
    text: str
    turn: int
    """The policy turn that asked, from 1; 0 for a statement of a later layer."""
    layer: int = 1


@dataclass(frozen=True, slots=True)
class Aggregation:
    """The final answer and its provenance."""

    kind: str
    answer: str | None
    statements: tuple[Statement, ...] = ()
    """Everything that was read, in order; an aggregator's prompt numbers them from 1."""
    votes: dict[str, float] = field(default_factory=dict)
    """Weight of each distinct answer, by `answers.answer_key`."""
    sources: tuple[str, ...] = ()
    """The candidates whose statements support the answer, where that can be said."""
    model: str | None = None
    """The LLM that wrote the answer; None where no LLM did."""
    layers: int = 1
    early_exit: bool = False
    """True when agreement made the LLM unnecessary."""
    fallback: str | None = None
    """Why the aggregator did something simpler than it was asked to: `budget`, `no_responses`, a failure kind."""


class Aggregator(Protocol):
    """Turns a finished episode into one answer."""

    @property
    def kind(self) -> str:
        """What traces call it."""
        ...

    def check(self, pool: ModelPool) -> None:
        """Raise `ConfigError` if this aggregator can not work with this pool."""
        ...

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Merge the responses of all rounds. Never raises for a model's failure."""
        ...


def statements_of(episode: Episode) -> tuple[Statement, ...]:
    """Every answered route of an episode, in order."""
    return tuple(
        Statement(outcome.model, outcome.query, outcome.response.text, number)
        for number, record in enumerate(episode.turns, 1)
        for outcome in record.outcomes
        if outcome.response is not None and outcome.response.ok
    )


def deciding(
    question: str, statements: Sequence[Statement], draft: str | None
) -> tuple[Statement, ...]:
    """The statements that answer the question itself, as far as their use tells.

    A sub-query whose answer turns up as something new in the query of a later turn was a step on the way ("Paris" in
    "How many people live in Paris?"): the responses to it are no candidates for the final answer, unless the policy
    gave one of them as its answer. If nothing would be left, everything counts.
    """
    answers: dict[str, set[str]] = {}
    for statement in statements:
        answer = extract_answer(statement.text)
        if answer is not None:
            answers.setdefault(statement.query, set()).add(answer_key(answer))
    own = None if draft is None else answer_key(draft)
    steps = {
        query
        for query, keys in answers.items()
        if own not in keys
        and any(
            _builds_on(later.query, keys, question, query)
            for later in statements
            if later.turn > _turn(statements, query)
        )
    }
    kept = tuple(statement for statement in statements if statement.query not in steps)
    return kept or tuple(statements)


def _turn(statements: Sequence[Statement], query: str) -> int:
    return min(statement.turn for statement in statements if statement.query == query)


def _builds_on(later: str, keys: set[str], question: str, query: str) -> bool:
    """Does a later query hold one of the answers, and not merely because the question or the sub-query did?"""
    known = f" {normalize_answer(question)} | {normalize_answer(query)} "
    words = f" {normalize_answer(later)} "
    said = {f" {normalize_answer(key)} " for key in keys} - {"  "}
    return any(answer in words and answer not in known for answer in said)


@dataclass(frozen=True)
class Tally:
    """The votes: one for each candidate that gave a readable answer, and one for the policy."""

    votes: dict[str, float]
    ballots: dict[str, tuple[str, Statement]]
    """Candidate -> (its answer, the statement it is read from)."""
    draft: str | None

    @classmethod
    def count(
        cls,
        statements: Sequence[Statement],
        draft: str | None,
        weights: Mapping[str, float],
        policy_weight: float,
    ) -> Tally:
        """Count each candidate's vote: the statement that agrees with the draft, or else its latest readable one.

        A candidate that gave the policy's answer and was then asked something else did not take it back.
        """
        own = None if draft is None else answer_key(draft)
        ballots: dict[str, tuple[str, Statement]] = {}
        for statement in statements:
            answer = extract_answer(statement.text)
            held = ballots.get(statement.model)
            if answer is not None and (held is None or answer_key(held[0]) != own):
                ballots[statement.model] = (answer, statement)
        votes: dict[str, float] = {}
        for model, (answer, _) in ballots.items():
            key = answer_key(answer)
            votes[key] = votes.get(key, 0.0) + weights.get(model, 1.0)
        if draft is not None:
            key = answer_key(draft)
            votes[key] = votes.get(key, 0.0) + policy_weight
        return cls(votes, ballots, draft)

    @property
    def winner(self) -> str | None:
        """The key with the greatest weight; among equals the policy's, then the one stated first."""
        if not self.votes:
            return None
        best = max(self.votes.values())
        leaders = [key for key, weight in self.votes.items() if weight >= best * (1 - 1e-9)]
        own = None if self.draft is None else answer_key(self.draft)
        return own if own in leaders else leaders[0]

    def wording(self, key: str) -> str | None:
        """How an answer was put: the policy's words where it agrees, else the first candidate's."""
        if self.draft is not None and answer_key(self.draft) == key:
            return self.draft
        return next((a for a, _ in self.ballots.values() if answer_key(a) == key), None)

    def supporters(self, key: str) -> tuple[str, ...]:
        """The candidates that gave this answer."""
        return tuple(m for m, (a, _) in self.ballots.items() if answer_key(a) == key)

    def agreement(self) -> tuple[str | None, float, int]:
        """Among candidates alone: the most common answer, its share of the ballots, the number of ballots."""
        counts = Counter(answer_key(answer) for answer, _ in self.ballots.values())
        if not counts:
            return None, 0.0, 0
        key, count = counts.most_common(1)[0]
        return key, count / len(self.ballots), len(self.ballots)


@dataclass(frozen=True)
class PolicyAnswer:
    """The policy's own answer."""

    kind: str = "policy"

    def check(self, pool: ModelPool) -> None:
        """Works with every pool."""

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Pass the answer on."""
        return Aggregation(self.kind, episode.answer, statements_of(episode))


@dataclass(frozen=True)
class _Voting:
    """What the voting aggregators share."""

    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of a candidate's vote, by name; 1 for the rest."""
    policy_weight: float = 1.0
    """Weight of the policy's own answer. Ties go to the policy in any case."""

    def check(self, pool: ModelPool) -> None:
        """The weights must be of candidates, and not negative."""
        for name, weight in self.weights.items():
            pool.card(name)
            if weight < 0:
                raise ConfigError(f"the weight of {name!r} is {weight}; weights are 0 or more")
        if self.policy_weight < 0:
            raise ConfigError(f"policy_weight is {self.policy_weight}; weights are 0 or more")

    def tally(self, question: str, statements: Sequence[Statement], draft: str | None) -> Tally:
        """Count the votes."""
        final = deciding(question, statements, draft)
        return Tally.count(final, draft, self.weights, self.policy_weight)


@dataclass(frozen=True)
class Vote(_Voting):
    """The short answer with the greatest weight."""

    kind: str = "vote"

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Count."""
        return self.decide(episode.question, statements_of(episode), episode.answer)

    def decide(
        self, question: str, statements: tuple[Statement, ...], draft: str | None
    ) -> Aggregation:
        """Count given statements."""
        tally = self.tally(question, statements, draft)
        key = tally.winner
        if key is None:
            return Aggregation(self.kind, draft, statements, fallback="no_responses")
        return Aggregation(
            self.kind, tally.wording(key), statements, tally.votes, tally.supporters(key)
        )


@dataclass(frozen=True)
class Select(_Voting):
    """One candidate's response, word for word.

    Where answers can be read, the first response for the winning one. Where they can not (long free text), the
    response with the greatest weighted word overlap with all others.
    """

    kind: str = "select"

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Choose."""
        statements = statements_of(episode)
        tally = self.tally(episode.question, statements, episode.answer)
        key = tally.winner if tally.ballots else None
        if key is not None:
            supporters = tally.supporters(key)
            if not supporters:  # only the policy holds this answer
                return Aggregation(self.kind, tally.draft, statements, tally.votes)
            heaviest = max(supporters, key=lambda name: self.weights.get(name, 1.0))
            text = tally.ballots[heaviest][1].text
            return Aggregation(self.kind, text, statements, tally.votes, supporters)
        if not statements:
            return Aggregation(self.kind, episode.answer, fallback="no_responses")
        chosen = self._most_central(statements)
        return Aggregation(self.kind, chosen.text, statements, sources=(chosen.model,))

    def _most_central(self, statements: Sequence[Statement]) -> Statement:
        latest = list({s.model: s for s in statements}.values())
        bags = [Counter(normalize_answer(s.text).split()) for s in latest]

        def centrality(index: int) -> float:
            return sum(
                self.weights.get(other.model, 1.0) * _overlap(bags[index], bags[at])
                for at, other in enumerate(latest)
                if at != index
            )

        return latest[max(range(len(latest)), key=centrality)]


def _overlap(one: Counter[str], other: Counter[str]) -> float:
    """F1 of two bags of words."""
    total = one.total() + other.total()
    return 2.0 * (one & other).total() / total if total else 0.0


@dataclass(frozen=True)
class Synthesize(_Voting):
    """An LLM reads the numbered, attributed responses of all rounds and writes one answer."""

    model: str | None = None
    """The candidate that writes it. By default the dearest one that the remaining budget can pay for."""
    layers: int = 1
    """1: the aggregator reads the episode's responses. N: before that, N - 1 times, every proposer reads the
    responses of the layer before and gives its own answer."""
    proposers: tuple[str, ...] | None = None
    """Who proposes in layers 2 to N; by default the candidates that responded in the episode."""
    agreement: float = 2 / 3
    """Share of the candidates' answers that makes the LLM unnecessary; above 1 it is always asked."""
    min_ballots: int = 3
    """Readable answers needed before agreement counts."""
    kind: str = "synthesize"

    def check(self, pool: ModelPool) -> None:
        """The models must be candidates, the numbers in range."""
        super().check(pool)
        for name in (*([self.model] if self.model else []), *(self.proposers or ())):
            pool.card(name)
        if self.layers < 1 or self.min_ballots < 1 or self.agreement <= 0.5:
            raise ConfigError(
                "synthesize needs layers >= 1, min_ballots >= 1 and agreement > 0.5 (a majority), got "
                f"layers={self.layers}, min_ballots={self.min_ballots}, agreement={self.agreement}"
            )

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Agree, revise, write; or say in `fallback` why not."""
        statements, draft = statements_of(episode), episode.answer
        if not statements:
            return Aggregation(self.kind, draft, fallback="no_responses")
        account = replace(account, role=Role.AGGREGATOR)
        purse = _Purse(episode.left_usd)
        current = statements
        for layer in range(1, self.layers + 1):
            if layer > 1:
                proposed = await self._propose(episode, pool, account, purse, current, layer)
                current = proposed or current
                statements += proposed
            if (agreed := self._agreed(episode.question, current, draft)) is not None:
                return replace(agreed, statements=statements, layers=layer)
        return await self._write(episode, pool, account, purse, current, statements)

    def _agreed(
        self, question: str, current: tuple[Statement, ...], draft: str | None
    ) -> Aggregation | None:
        tally = self.tally(question, current, draft)
        key, share, ballots = tally.agreement()
        if key is None or ballots < self.min_ballots or share < self.agreement:
            return None
        sources = tally.supporters(key)
        return Aggregation(
            self.kind, tally.wording(key), current, tally.votes, sources, early_exit=True
        )

    async def _propose(
        self,
        episode: Episode,
        pool: ModelPool,
        account: Account,
        purse: _Purse,
        current: tuple[Statement, ...],
        layer: int,
    ) -> tuple[Statement, ...]:
        names = self.proposers or tuple(dict.fromkeys(s.model for s in statements_of(episode)))
        query = prompts.proposer_query(episode.question, _quoted(current))
        affordable = [name for name in names if purse.reserve(pool.card(name).quote(query))]
        responses = await asyncio.gather(
            *(
                pool.ask(name, query, account, sample_index=episode.sample_index)
                for name in affordable
            )
        )
        for name, response in zip(affordable, responses, strict=True):
            purse.settle(pool.card(name).quote(query), response.cost_usd or 0.0)
        return tuple(
            Statement(name, episode.question, response.text, 0, layer)
            for name, response in zip(affordable, responses, strict=True)
            if response.ok
        )

    async def _write(
        self,
        episode: Episode,
        pool: ModelPool,
        account: Account,
        purse: _Purse,
        current: tuple[Statement, ...],
        statements: tuple[Statement, ...],
    ) -> Aggregation:
        draft = episode.answer
        messages = prompts.aggregator_messages(episode.question, _quoted(current), draft)
        card = self._writer(pool, purse, messages)
        if card is None:
            return self._fall_back(episode.question, current, statements, draft, "budget")
        request = card.chat(
            messages,
            sample_index=episode.sample_index,
            token_limit_field=pool.token_limit_field(card),
        )
        response = await pool.call(card.name, request, account)
        if response.failure is not None:
            return self._fall_back(
                episode.question, current, statements, draft, response.failure.kind.value
            )
        answer = extract_answer(response.text) or response.text.strip()
        tally = self.tally(episode.question, current, draft)
        return Aggregation(
            self.kind,
            answer,
            statements,
            tally.votes,
            tally.supporters(answer_key(answer)),
            model=card.name,
            layers=self.layers,
        )

    def _writer(
        self, pool: ModelPool, purse: _Purse, messages: Sequence[Message]
    ) -> ModelCard | None:
        """The aggregator LLM, or None when the budget can not pay for it."""
        text = "".join(message["content"] for message in messages)
        if self.model is not None:
            cards = [pool.card(self.model)]
        else:
            cards = sorted(pool.cards, key=lambda c: (c.price.output, c.price.input), reverse=True)
        return next((card for card in cards if purse.reserve(card.quote(text))), None)

    def _fall_back(
        self,
        question: str,
        current: tuple[Statement, ...],
        statements: tuple[Statement, ...],
        draft: str | None,
        reason: str,
    ) -> Aggregation:
        voted = Vote(self.weights, self.policy_weight).decide(question, current, draft)
        return replace(voted, kind=self.kind, statements=statements, fallback=reason)


@dataclass
class _Purse:
    """What aggregation may still spend; None is no limit."""

    left: float | None

    def reserve(self, quote: float) -> bool:
        """Set a quote aside; False when it can not be paid."""
        if self.left is None:
            return True
        if quote > self.left:
            return False
        self.left -= quote
        return True

    def settle(self, quote: float, cost: float) -> None:
        """Put back what a call did not use."""
        if self.left is not None:
            self.left += quote - cost


def _quoted(statements: Sequence[Statement]) -> list[tuple[str, str, str]]:
    return [(s.model, s.query, s.text) for s in statements]


def by_name(name: str) -> Aggregator:
    """An aggregator with its defaults. Raises `ConfigError` for an unknown name."""
    kinds: dict[str, type[PolicyAnswer | Vote | Select | Synthesize]] = {
        "policy": PolicyAnswer,
        "select": Select,
        "vote": Vote,
        "synthesize": Synthesize,
    }
    if name not in kinds:
        raise ConfigError(f"no aggregator {name!r}; choose one of {', '.join(kinds)}")
    return kinds[name]()
