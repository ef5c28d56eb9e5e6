"""What cascades learn from, read, do and decide: arrays for n questions, and the move of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from router_r1.routers.cascade.replies import Cells
from router_r1.routers.libraries import Floats, Ints


@dataclass(frozen=True)
class Experience:
    """What a method learns its decisions from: n training questions, cross-fitted."""

    prior: Floats
    """[n, m] scores that the prior predicts, by routers that were not fitted on the question."""
    judged: Floats
    """[n, m] judgement of every reply, by judges that were not fitted on the question."""
    answers: Ints
    """[n, m] equal numbers for equal answers, as in `Cells`."""
    score: Floats
    """[n, m] score of every reply."""
    cost: Floats
    """[n, m, further + 1] dollars, as in `Cells`."""

    def of(self, rows: Ints) -> Experience:
        """That of some of the questions."""
        return Experience(
            self.prior[rows],
            self.judged[rows],
            self.answers[rows],
            self.score[rows],
            self.cost[rows],
        )


@dataclass(frozen=True)
class Reading:
    """What a cascade makes of recorded replies, whatever a right answer is worth."""

    cells: Cells
    prior: Floats
    """[n, m] predicted scores."""
    costs: Floats
    """[n, m] predicted dollars."""
    judged: Floats
    """[n, m] judgements of all replies; `play` shows only those that were asked for."""


@dataclass(frozen=True)
class Played:
    """What a cascade did about n questions."""

    answer: Ints
    """[n] column of the model whose reply is the answer."""
    asked: Ints
    """[n, m] at which step each model was asked, from 1; 0 where it was not."""
    score: Floats
    """[n] score of the answer."""
    cost: Floats
    """[n] dollars of all calls."""
    calls: Floats
    """[n] number of calls, further samples included."""


@dataclass(frozen=True)
class Move:
    """What a cascade does next about one question."""

    ask: str | None
    """The model to ask; None: stop."""
    answer: str | None
    """The model whose reply would be the answer now; None if there is no reply."""
    judged: Mapping[str, float]
    """How likely each reply so far is right."""
    further: int = 0
    """Further samples of the model to ask for in the same call."""
