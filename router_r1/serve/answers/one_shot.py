"""A fitted one-shot router as a model of the gateway: it reads the conversation and names the candidate that answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from router_r1 import routers
from router_r1.conversation import Conversation
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.forwarded_answer import able
from router_r1.pool import ModelPool
from router_r1.routers import Router
from router_r1.routers.cascade.base import Cascade
from router_r1.serve.sessions import Kept
from router_r1.serve.settings import FittedRouter


@dataclass(frozen=True)
class Choice:
    """What a router predicts for one conversation, and the candidate it chooses."""

    model: str
    scores: dict[str, float]
    """Predicted score of each candidate, 0 to 1."""
    costs: dict[str, float]
    """Predicted dollars of a call to each candidate."""
    why: str = "the highest predicted score, less its cost over the value of a right answer"
    """What decided."""


class OneShot:
    """A router over the candidates of a pool that its table knows."""

    def __init__(self, router: Router, pool: ModelPool, worth_usd: float, name: str) -> None:
        """
        Args:
            router: fitted.
            pool: the candidates.
            worth_usd: value of a right answer in dollars.
            name: for messages.

        Raises:
            ConfigError: no candidate is among the models that the router knows.
        """
        self._router, self._pool, self._worth = router, pool, worth_usd
        self._known = [name for name in router.models if name in pool.names]
        if not self._known:
            raise ConfigError(
                f"serve.routers.{name}: its table has {', '.join(router.models)}, none of which is a candidate; "
                f"call the candidates as the table does"
            )
        # An embedding that cannot be used is found before anybody asks.
        router.scores([Question(id="probe", question="Is this?", answer="-", metric="em")])

    @classmethod
    def fit(cls, name: str, spec: FittedRouter, pool: ModelPool, folder: Path) -> OneShot:
        """Read a router, or fit it on its table. Raises `ConfigError` or `DataError` if that cannot be done."""
        if spec.path is not None:
            router = routers.load(folder / spec.path)
        else:
            assert spec.kind is not None and spec.table is not None, "checked by the settings"
            router = routers.make(spec.kind, **spec.settings)
        if isinstance(router, Cascade):
            raise ConfigError(
                f"serve.routers.{name}: {router.name} reads replies before it chooses again; save it with `router-r1 "
                f"router fit`, and make it the agent's policy: {{kind: router, path: FOLDER}}"
            )
        if spec.table is not None:
            router.fit(OutcomeTable.load(folder / spec.table))
        return cls(router, pool, spec.worth_usd, name)

    def choose(self, conversation: Conversation, kept: Kept | None = None) -> Choice:
        """Choose among the candidates that can serve the conversation.

        Args:
            conversation: what to reply to.
            kept: a model that costs less than usual, because its provider has the conversation in its cache.

        Raises:
            CannotServeError: none of those that the router knows can.
        """
        cards = able(conversation, [self._pool.card(name) for name in self._known])
        question = Question(id="live", question=conversation.text, answer="-", metric="em")
        columns = [self._router.models.index(card.name) for card in cards]
        scores, costs = self._router.scores([question]), self._router.costs([question])
        if kept is not None and kept.model in self._router.models:
            costs[0, self._router.models.index(kept.model)] -= kept.saving_usd
        closed = [place for place in range(scores.shape[1]) if place not in columns]
        open_scores = scores.copy()
        open_scores[0, closed] = -math.inf
        best = self._router.decide(open_scores, costs, self._worth)[0]
        names = [card.name for card in cards]
        return Choice(
            best,
            dict(zip(names, map(float, scores[0, columns]), strict=True)),
            dict(zip(names, map(float, costs[0, columns]), strict=True)),
        )
