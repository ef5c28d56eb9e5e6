"""`label`: a router that uses only the question's category, a baseline that text-based routers rarely beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, Router

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@ROUTERS.register("label", "mean score of the question's category, shrunk towards the overall mean")
class CategoryRouter(Router):
    """The mean score of the question's category, shrunk towards the overall mean where the category is small."""

    name = "label"

    def __init__(self, prior: float = 5.0) -> None:
        """
        Args:
            prior: strength of the shrinkage: the overall mean counts like this many questions in each category.
        """
        super().__init__()
        self._prior = prior

    def _fit(self, questions: Sequence[Question], scores: Floats) -> None:
        self._overall = scores.mean(0)
        members: dict[str | None, list[int]] = {}
        for row, question in enumerate(questions):
            members.setdefault(question.category, []).append(row)
        self._means = {
            category: (scores[rows].sum(0) + self._prior * self._overall)
            / (len(rows) + self._prior)
            for category, rows in members.items()
        }

    def _scores(self, questions: Sequence[Question]) -> Floats:
        import numpy as np

        return np.array([self._means.get(q.category, self._overall) for q in questions])
