"""The reward that Router-R1's authors published (ulab-uiuc/Router-R1, `main_ppo.py` and `qa_em.py`), for comparison.

    no answer, or malformed     -1
    correct = 0                  0
    correct > 0                 (1 - alpha) * correct + alpha * c

    c = 1 - clip((r - lo) / (hi - lo), 0, 1),   r = sqrt(completion tokens * price per million)

Malformed is what `passes_format` says. lo and hi are the 5th and the 95th percentile of the last 1,000 values of r, this one included. It is not the default,
because

- cost counts only in a right answer: an expensive wrong answer scores as much as a cheap one, and so does an invalid
  episode; and a malformed turn counts as much as no answer, even if it was corrected;
- the window moves: equal episodes get different rewards in different batches, and the reward can rise with no
  improvement;
- below the 5th and above the 95th percentile the slope is zero;
- the window belongs to one process: two reward workers disagree.

Differences from the release. It keeps the window in a global; here it is a value that can be stored and passed on. It
counts only the candidates' completion tokens; here the cost is the ledger's, so a pool in which prompts are free
(`price: {input: 0, ...}`) and a policy without a price give the same. It refuses queries with a second colon, or that
contain the candidate's name, and thoughts of three dots; here they pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from router_r1.protocol import ProblemKind, Turn

_LOW, _HIGH = 0.05, 0.95
_MIN_RANGE = 1e-8
_PASSED = (ProblemKind.MISSING_THINK, ProblemKind.TEXT_OUTSIDE_TAGS)
"""Problems that the release's check lets pass after the first words of an episode."""


@dataclass(frozen=True)
class CostWindow:
    """The last `size` costs, with which a cost is compared."""

    roots: tuple[float, ...] = ()
    """Square roots of the costs in millionths of a dollar, oldest first."""
    size: int = 1000

    @classmethod
    def of(cls, costs_usd: Iterable[float], size: int = 1000) -> Self:
        """The window after these costs."""
        return cls(tuple(map(_root, costs_usd))[-size:], size)

    def seen(self, cost_usd: float) -> Self:
        """The window after one more cost. The release adds a cost before it scales it."""
        return type(self)((*self.roots, _root(cost_usd))[-self.size :], self.size)

    def scale(self, cost_usd: float) -> float:
        """The cost as a reward from 0 (expensive) to 1 (cheap); 1/2 if the window is empty or its values are equal."""
        if not self.roots:
            return 0.5
        ordered = sorted(self.roots)
        low, high = _quantile(ordered, _LOW), _quantile(ordered, _HIGH)
        if high - low < _MIN_RANGE:
            return 0.5
        return 1.0 - min(1.0, max(0.0, (_root(cost_usd) - low) / (high - low)))


def passes_format(turns: Sequence[Turn]) -> bool:
    """The release's check of the form (`format_reward`): whether an episode's turns are free of all but small problems.

    The first turn begins with a thought, every tag is closed and none stands in another of its kind, every query names
    a candidate and asks something, only the environment writes information, and the answer comes once and last.

    Args:
        turns: all turns of the episode, malformed ones that were corrected included.
    """
    if not turns or not turns[0].thought:
        return False
    # The chat template may have opened the thought.
    before, _, _ = turns[0].text.partition("</think>")
    begins = before.lstrip().startswith("<think>") or "<think>" not in before
    return begins and all(problem.kind in _PASSED for turn in turns for problem in turn.problems)


def published_reward(valid: bool, correct: float, cost_score: float, alpha: float) -> float:
    """Router-R1's reward of one episode; see the module docstring for the formula.

    Args:
        valid: whether the policy answered, and in the form that `passes_format` asks for.
        correct: score of the answer, from 0 to 1.
        cost_score: c, from `CostWindow.scale`.
        alpha: weight of cost, from 0 to 1.
    """
    if not valid:
        return -1.0
    return (1 - alpha) * correct + alpha * cost_score if correct > 0 else 0.0


def _root(cost_usd: float) -> float:
    return math.sqrt(cost_usd * 1e6)


def _quantile(ordered: list[float], share: float) -> float:
    """Linear interpolation between neighbours, the default of `numpy.percentile`."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
