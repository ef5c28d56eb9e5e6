"""`synthesize`: an LLM reads all responses and writes one answer; with layers, the candidates first revise theirs.

No LLM is called when enough candidates agree: if five of six give the same answer, the sixth gets no chance to talk an
LLM out of it. What the LLM reads is cut to its context window. If it cannot read even the question, if the budget
cannot pay for it, or if it fails, the votes decide.

Based on "Mixture-of-Agents Enhances Large Language Model Capabilities" (Wang et al., 2024, arXiv 2406.04692). Given the
findings on deceptive agents (Wolf et al., 2025, arXiv 2503.05856), dissent is weighted rather than dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from router_r1 import prompts
from router_r1.aggregation.answer_stream import AnswerStream, stated_in_full
from router_r1.aggregation.base import AGGREGATORS, Aggregation
from router_r1.aggregation.context_window import fit, prompt_room
from router_r1.aggregation.statements import Statement, statements_of
from router_r1.aggregation.tally import Tally
from router_r1.aggregation.vote import Vote
from router_r1.aggregation.voting import Voting
from router_r1.answers import answer_key, extract_answer
from router_r1.episode import Episode, StopReason, affordable
from router_r1.errors import ConfigError
from router_r1.ledger import Role
from router_r1.model_cards import ModelCard
from router_r1.pool import Account, ModelPool


@AGGREGATORS.register("synthesize", "an answer that an LLM writes from the responses of all rounds")
@dataclass(frozen=True)
class Synthesize(Voting):
    """An LLM reads the numbered, attributed responses of all rounds and writes one answer."""

    kind: ClassVar[str] = "synthesize"

    model: str | None = None
    """The candidate that writes the answer; by default the most expensive one that the remaining budget can pay for."""
    layers: int = 1
    """Number of layers of responses: the episode's own, and one revision by the proposers for each further one."""
    proposers: tuple[str, ...] | None = None
    """The candidates that answer in the layers after the first; by default those that responded in the episode."""
    agreement: float = 2 / 3
    """Share of the responding candidates whose agreement makes the LLM unnecessary; above 1, it is always called."""
    min_ballots: int = 3
    """Minimum number of readable answers for agreement to count."""

    def check(self, pool: ModelPool) -> None:
        """Raise `ConfigError` unless the models are candidates and the numbers in range."""
        super().check(pool)
        for name in (*([self.model] if self.model else []), *(self.proposers or ())):
            pool.card(name)
        if self.layers < 1 or self.min_ballots < 1 or self.agreement <= 0.5:
            raise ConfigError(
                "synthesize needs layers >= 1, min_ballots >= 1 and agreement > 0.5 (a majority), got "
                f"layers={self.layers}, min_ballots={self.min_ballots}, agreement={self.agreement}"
            )

    async def aggregate(
        self,
        episode: Episode,
        pool: ModelPool,
        account: Account,
        *,
        on_text: Callable[[str], None] | None = None,
    ) -> Aggregation:
        """Stop early on agreement, revise in layers, write the answer; `fallback` says why votes decided instead.

        Args:
            episode: a finished episode.
            pool: the candidates.
            account: books what the calls cost.
            on_text: called with each piece of an answer in the full style while the LLM writes it. If the LLM fails
                then, the answer is another one.
        """
        statements = statements_of(episode)
        if not statements:
            return Aggregation(self.kind, episode.answer, fallback="no_responses")
        account = replace(account, role=Role.AGGREGATOR)
        # From the ledger, which also holds calls that the episode never saw, such as one cut off by a deadline.
        budget = episode.limits.budget_usd
        purse = _Purse(None if budget is None else budget - account.ledger.cost_usd())
        return await _Synthesis(
            self, episode, pool, account, purse, statements, statements, on_text
        ).run()


@dataclass
class _Synthesis:
    """One run of `Synthesize`."""

    settings: Synthesize
    episode: Episode
    pool: ModelPool
    account: Account
    purse: _Purse
    statements: tuple[Statement, ...]
    """Statements of all layers."""
    current: tuple[Statement, ...]
    """Statements of the last layer: these are counted and shown to the LLM."""
    on_text: Callable[[str], None] | None = None

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
        """Every proposer reads the previous layer, as much of it as it can, and answers the question itself."""
        names = self.settings.proposers or tuple(dict.fromkeys(s.model for s in self.statements))
        queries = {name: self._query_for(self.pool.card(name)) for name in names}
        quotes = {
            name: self.pool.card(name).quote(query)
            for name, query in queries.items()
            if query is not None
        }
        asked = {
            name: query
            for name, query in queries.items()
            if query is not None and self.purse.reserve(quotes[name])
        }
        sample = self.episode.sample_index
        responses = await asyncio.gather(
            *(self.pool.ask(*call, self.account, sample_index=sample) for call in asked.items())
        )
        proposed: list[Statement] = []
        for name, response in zip(asked, responses, strict=True):
            self.purse.settle(quotes[name], response.cost_usd or 0.0)
            if response.ok:
                proposed.append(Statement(name, self.episode.question, response.text, 0, layer))
        if proposed:
            self.current = tuple(proposed)
            self.statements += self.current

    def _query_for(self, card: ModelCard) -> str | None:
        """The query for a proposer; None if it cannot read the question and some of each reply."""
        names = [s.model for s in self.current]

        def build(texts: Sequence[str]) -> str:
            quoted = list(zip(names, names, texts, strict=True))
            return prompts.proposer_query(self.episode.question, quoted)

        return fit(build, [s.text for s in self.current], prompt_room(card))

    async def _write(self) -> Aggregation:
        if self.episode.stop_reason is StopReason.DEADLINE:
            return self._fall_back("deadline")
        if self.settings.model is not None:
            cards = [self.pool.card(self.settings.model)]
        else:
            cards = sorted(self.pool.cards, key=_price_order, reverse=True)
        readers = [(card, text) for card in cards if (text := self._prompt_for(card)) is not None]
        if not readers:
            return self._fall_back("context_window")
        for card, text in readers:
            if self.purse.reserve(card.quote(text)):
                return await self._write_with(card, text)
        return self._fall_back("budget")

    def _prompt_for(self, card: ModelCard) -> str | None:
        """The prompt for a writer; None if it cannot read the question and some of each reply."""
        draft = self.episode.answer
        count = len(self.current)

        def build(texts: Sequence[str]) -> str:
            names = (s.model for s in self.current)
            quoted = list(zip(names, texts[:count], texts[count : 2 * count], strict=True))
            # The texts end with the draft, if there is one.
            opinion = None if draft is None else texts[-1]
            (message,) = prompts.aggregator_messages(
                self.episode.question, quoted, opinion, self.episode.style
            )
            return message["content"]

        texts = [s.query for s in self.current] + [s.text for s in self.current]
        return fit(build, texts if draft is None else [*texts, draft], prompt_room(card))

    async def _write_with(self, card: ModelCard, text: str) -> Aggregation:
        request = card.chat(
            [{"role": "user", "content": text}],
            sample_index=self.episode.sample_index,
            token_limit_field=self.pool.token_limit_field(card),
        )
        full = self.episode.style == "full"
        if full and self.on_text is not None:
            request = replace(request, on_text=AnswerStream(self.on_text))
        response = await self.pool.call(card.name, request, self.account)
        if response.failure is not None:
            return self._fall_back(response.failure.kind.value)
        answer = (
            stated_in_full(response.text)
            if full
            else extract_answer(response.text) or response.text.strip()
        )
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

    def _fall_back(self, reason: str) -> Aggregation:
        vote = Vote(self.settings.weights, self.settings.policy_weight)
        voted = vote.decide(self.episode.question, self.current, self.episode.answer)
        kind = self.settings.kind
        return replace(voted, kind=kind, statements=self.statements, fallback=reason)


@dataclass
class _Purse:
    """Dollars that aggregation may still spend; None: no limit."""

    left: float | None

    def reserve(self, quote: float) -> bool:
        """Set a quote aside; False when too little is left."""
        if self.left is None:
            return True
        if not affordable(quote, self.left):
            return False
        self.left -= quote
        return True

    def settle(self, quote: float, cost: float) -> None:
        """Return the part of a quote that the call did not use."""
        if self.left is not None:
            self.left += quote - cost


def _price_order(card: ModelCard) -> tuple[float, float]:
    return card.price.output, card.price.input
