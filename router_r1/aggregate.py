"""Mixture of Agents: from the responses of all rounds to one final answer.

    policy        what the policy answered
    select        one candidate's response, word for word: the one most others agree with
    vote          the short answer most candidates gave, normalised and weighted
    synthesize    an LLM reads all responses and writes the answer; with layers, the candidates first revise theirs

How votes are counted is `votes.py`. `synthesize` asks nobody when enough candidates agree: an answer that five of six
share is not put in front of a model that the sixth could talk out of it.

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
from router_r1.cards import ModelCard
from router_r1.episode import Episode, StopReason, affordable
from router_r1.errors import ConfigError
from router_r1.ledger import Role
from router_r1.pool import Account, ModelPool
from router_r1.transport import Message
from router_r1.votes import Statement, Tally, deciding, statements_of


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
    """Why the aggregator did something simpler than it was asked to: `budget`, `deadline`, `no_responses`, `no_quorum`
    (too few readable answers to count), or a failure kind."""


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

    kind = "voting"

    weights: Mapping[str, float] = field(default_factory=dict)
    """Weight of a candidate's vote, by name; 1 for the rest."""
    policy_weight: float = 1.0
    """Weight of the policy's own answer. Ties go to the policy in any case."""

    def check(self, pool: ModelPool) -> None:
        """The weights must be of candidates, and not negative."""
        for name, weight in self.weights.items():
            pool.card(name)
            if not weight >= 0:  # also when it is no number
                raise ConfigError(f"the weight of {name!r} is {weight}; weights are 0 or more")
        if not self.policy_weight >= 0:
            raise ConfigError(f"policy_weight is {self.policy_weight}; weights are 0 or more")

    def tally(self, question: str, statements: Sequence[Statement], draft: str | None) -> Tally:
        """Count the votes."""
        final = deciding(question, statements, draft)
        return Tally.count(final, draft, self.weights, self.policy_weight)

    def without_quorum(
        self, question: str, statements: tuple[Statement, ...], draft: str | None
    ) -> Aggregation:
        """Too few readable answers to count: the policy's answer, or the response most others agree with."""
        if draft is not None:
            return Aggregation(self.kind, draft, statements, fallback="no_quorum")
        chosen = self._most_central(deciding(question, statements, None))
        return Aggregation(
            self.kind, chosen.text, statements, sources=(chosen.model,), fallback="no_quorum"
        )

    def _most_central(self, statements: Sequence[Statement]) -> Statement:
        """The response with the greatest weighted word overlap with all others."""
        latest = list({s.model: s for s in statements}.values())
        bags = [Counter(normalize_answer(s.text).split()) for s in latest]

        def centrality(index: int) -> float:
            return sum(
                self.weights.get(other.model, 1.0) * _overlap(bags[index], bags[at])
                for at, other in enumerate(latest)
                if at != index
            )

        return latest[max(range(len(latest)), key=centrality)]


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
        if key is None and not statements:
            return Aggregation(self.kind, draft, fallback="no_responses")
        if key is None or not tally.quorum:
            return self.without_quorum(question, statements, draft)
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
        if key is not None and tally.quorum:
            supporters = tally.supporters(key)
            if not supporters:  # only the policy holds this answer
                return Aggregation(self.kind, tally.draft, statements, tally.votes)
            heaviest = max(supporters, key=lambda name: self.weights.get(name, 1.0))
            text = tally.ballots[heaviest][1].text
            return Aggregation(self.kind, text, statements, tally.votes, supporters)
        if not statements:
            return Aggregation(self.kind, episode.answer, fallback="no_responses")
        if tally.draft is not None and not tally.responders:  # nobody was asked the question itself
            return Aggregation(self.kind, tally.draft, statements, tally.votes)
        return self.without_quorum(episode.question, statements, None)


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
        statements = statements_of(episode)
        if not statements:
            return Aggregation(self.kind, episode.answer, fallback="no_responses")
        account = replace(account, role=Role.AGGREGATOR)
        # By the ledger: it also has what the episode never saw, a call cut off by a deadline, say.
        budget = episode.limits.budget_usd
        purse = _Purse(None if budget is None else budget - account.ledger.cost_usd())
        return await _Synthesis(self, episode, pool, account, purse, statements, statements).run()


@dataclass
class _Synthesis:
    """One run of `Synthesize`."""

    settings: Synthesize
    episode: Episode
    pool: ModelPool
    account: Account
    purse: _Purse
    statements: tuple[Statement, ...]
    """Of all layers."""
    current: tuple[Statement, ...]
    """Of the last layer: what is voted on and read."""

    async def run(self) -> Aggregation:
        for layer in range(1, self.settings.layers + 1):
            if layer > 1 and self.episode.stop_reason is not StopReason.DEADLINE:
                await self._propose(layer)
            if (agreed := self._agreed()) is not None:
                return replace(agreed, layers=layer)
        return await self._write()

    def _tally(self) -> Tally:
        return self.settings.tally(self.episode.question, self.current, self.episode.answer)

    def _agreed(self) -> Aggregation | None:
        tally = self._tally()
        key, share = tally.agreement()
        few = len(tally.ballots) < self.settings.min_ballots
        if key is None or few or share < self.settings.agreement:
            return None
        return Aggregation(
            self.settings.kind,
            tally.wording(key),
            self.statements,
            tally.votes,
            tally.supporters(key),
            early_exit=True,
        )

    async def _propose(self, layer: int) -> None:
        """Every proposer reads the layer before and answers the question itself."""
        names = self.settings.proposers or tuple(dict.fromkeys(s.model for s in self.statements))
        query = prompts.proposer_query(self.episode.question, _quoted(self.current))
        quotes = {name: self.pool.card(name).quote(query) for name in names}
        asked = [name for name in names if self.purse.reserve(quotes[name])]
        sample = self.episode.sample_index
        responses = await asyncio.gather(
            *(self.pool.ask(name, query, self.account, sample_index=sample) for name in asked)
        )
        proposed: list[Statement] = []
        for name, response in zip(asked, responses, strict=True):
            self.purse.settle(quotes[name], response.cost_usd or 0.0)
            if response.ok:
                proposed.append(Statement(name, self.episode.question, response.text, 0, layer))
        if proposed:
            self.current = tuple(proposed)
            self.statements += self.current

    async def _write(self) -> Aggregation:
        question, draft = self.episode.question, self.episode.answer
        messages = prompts.aggregator_messages(question, _quoted(self.current), draft)
        if self.episode.stop_reason is StopReason.DEADLINE:
            return self._fall_back("deadline")
        card = self._writer(messages)
        if card is None:
            return self._fall_back("budget")
        request = card.chat(
            messages,
            sample_index=self.episode.sample_index,
            token_limit_field=self.pool.token_limit_field(card),
        )
        response = await self.pool.call(card.name, request, self.account)
        if response.failure is not None:
            return self._fall_back(response.failure.kind.value)
        answer = extract_answer(response.text) or response.text.strip()
        tally = self._tally()
        return Aggregation(
            self.settings.kind,
            answer,
            self.statements,
            tally.votes,
            tally.supporters(answer_key(answer)),
            model=card.name,
            layers=self.settings.layers,
        )

    def _writer(self, messages: Sequence[Message]) -> ModelCard | None:
        """The aggregator LLM, or None when the budget can not pay for it."""
        text = "".join(message["content"] for message in messages)
        if self.settings.model is not None:
            cards = [self.pool.card(self.settings.model)]
        else:
            cards = sorted(self.pool.cards, key=_price_order, reverse=True)
        return next((card for card in cards if self.purse.reserve(card.quote(text))), None)

    def _fall_back(self, reason: str) -> Aggregation:
        vote = Vote(self.settings.weights, self.settings.policy_weight)
        voted = vote.decide(self.episode.question, self.current, self.episode.answer)
        kind = self.settings.kind
        return replace(voted, kind=kind, statements=self.statements, fallback=reason)


@dataclass
class _Purse:
    """What aggregation may still spend; None is no limit."""

    left: float | None

    def reserve(self, quote: float) -> bool:
        """Set a quote aside; False when it can not be paid."""
        if self.left is None:
            return True
        if not affordable(quote, self.left):
            return False
        self.left -= quote
        return True

    def settle(self, quote: float, cost: float) -> None:
        """Put back what a call did not use."""
        if self.left is not None:
            self.left += quote - cost


def _price_order(card: ModelCard) -> tuple[float, float]:
    return card.price.output, card.price.input


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
