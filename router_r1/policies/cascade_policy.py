"""A fitted router as a policy: a cascade asks, reads, and asks again or adopts a reply; a one-shot router asks once.

The turns are written by rule, so they cost nothing and hold no tokens of a model. A candidate gets the question or the
conversation as it came, and the answer is the reply of one candidate, word for word. What a right answer is worth comes
from the limits of the episode. Where a call fails, a one-shot router asks the next best candidate.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from router_r1 import routers
from router_r1.answers import extract_answer
from router_r1.data.questions import Question
from router_r1.episode import Episode, RouteOutcome
from router_r1.errors import ConfigError, PolicyError
from router_r1.policies.base import WrittenTurn
from router_r1.pool import Account
from router_r1.protocol import Route, render_turn
from router_r1.routers import Router
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.cascade.experience import Move
from router_r1.routers.cascade.replies import Reply

_FORWARD = "question"
"""The query that hands the question on as it is."""


class CascadePolicy:
    """Writes the turns that a fitted router decides. It keeps no state between turns."""

    def __init__(self, router: Router | str | Path, *, name: str | None = None) -> None:
        """
        Args:
            router: a fitted router, or the folder it was saved to.
            name: the policy's name in ledger and traces; by default `router:` and that of the router.

        Raises:
            ConfigError: the router is not fitted.
            DataError: the folder holds no saved router.
        """
        self.router = router if isinstance(router, Router) else routers.load(router)
        if not self.router.models:
            raise ConfigError(
                f"policy: router {self.router.name!r} is not fitted; call fit(table) first"
            )
        self.name = name or f"router:{self.router.name}"

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Write the next turn. Nothing is booked, as no model writes it.

        Raises:
            PolicyError: the limits state no worth, no candidate is known to the router, or no call brought a reply.
        """
        return WrittenTurn(await asyncio.to_thread(self._turn, episode), tokens=0)

    def check(self) -> None:
        """Decide about one question, so that an embedding that cannot be used is found before any is asked."""
        self.router.scores([_question("Is this a question?")])

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""

    def _turn(self, episode: Episode) -> str:
        worth = episode.limits.worth_usd
        if worth is None:
            raise PolicyError(
                f"{self.name}: limits.worth_usd is not set; state what a right answer is worth in dollars"
            )
        available = self._available(episode)
        replies = _replies(episode)
        question = _question(episode.question)
        if isinstance(self.router, Cascade):
            move = self.router.step(question, replies, worth, available)
        else:
            move = _one_shot(self.router, question, replies, worth, available)
        known = ", ".join(f"{name} {p:.2f}" for name, p in move.judged.items())
        thought = f"Likely to be right: {known}." if known else "No reply yet."
        if move.ask is not None and episode.rounds < episode.limits.max_rounds:
            times = min(1 + move.further, episode.limits.max_routes)
            return render_turn(f"{thought} I ask {move.ask}.", [Route(move.ask, _FORWARD)] * times)
        if move.answer is None:
            raise PolicyError(
                f"{self.name}: none of {', '.join(replies) or 'the candidates'} gave a reply"
            )
        # A cascade asks a candidate in one turn only; its first reply is the one that was judged.
        return render_turn(
            f"{thought} I adopt {move.answer}'s reply.", adopted=move.answer, adopted_reply=1
        )

    def _available(self, episode: Episode) -> frozenset[str]:
        """The router's models that are candidates and can serve the conversation."""
        needs = episode.conversation.needs if episode.conversation else frozenset()
        found = frozenset(card.name for card in episode.cards if not card.lacks(needs))
        known = found & set(self.router.models)
        if not known:
            raise PolicyError(
                f"{self.name}: knows {', '.join(self.router.models)}, none of which is a candidate for this question; "
                f"call the candidates as the table of the fit does"
            )
        return known


def _question(text: str) -> Question:
    """A question that nobody knows the answer to."""
    return Question(id="live", question=text, answer="-", metric="em")


def _replies(episode: Episode) -> dict[str, Reply | None]:
    """What each candidate replied so far, the first sample with the others; None where nothing came."""
    outcomes: dict[str, list[RouteOutcome]] = {}
    for record in episode.turns:
        for outcome in record.outcomes:
            outcomes.setdefault(outcome.model, []).append(outcome)
    return {model: _reply(of_model) for model, of_model in outcomes.items()}


def _reply(outcomes: list[RouteOutcome]) -> Reply | None:
    """One reply of several samples; None if none of the calls brought one."""
    given = [o.response for o in outcomes if o.response is not None and o.response.ok]
    if not given:
        return None
    short = [_short_answer(response.text or response.shown) for response in given]
    first = given[0]
    return Reply(
        first.text or first.shown,
        short[0],
        first.usage.completion,
        sum(response.cost_usd or 0.0 for response in given),
        tuple(short[1:]),
    )


def _short_answer(text: str) -> str | None:
    return (extract_answer(text) or "").strip() or None


def _one_shot(
    router: Router,
    question: Question,
    replies: Mapping[str, Reply | None],
    worth_usd: float,
    available: frozenset[str],
) -> Move:
    """The best candidate that did not fail; its reply, once it is there."""
    scores = router.scores([question])
    answer = next((name for name, reply in replies.items() if reply is not None), None)
    open_ = [name in available and name not in replies for name in router.models]
    if answer is not None or not any(open_):
        return Move(None, answer, {})
    scores[0, [place for place, is_open in enumerate(open_) if not is_open]] = float("-inf")
    return Move(router.decide(scores, router.costs([question]), worth_usd)[0], None, {})
