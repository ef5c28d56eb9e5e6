"""`knn`: a router that uses the k nearest training questions; hard to beat when well tuned (arXiv:2505.12601)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, Router
from router_r1.routers.text_features import fit_features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@ROUTERS.register("knn", "mean score of the k most similar training questions, by cosine")
class KnnRouter(Router):
    """The mean score of the k most similar training questions, by cosine."""

    name = "knn"

    def __init__(self, k: int = 100) -> None:
        """
        Args:
            k: number of neighbours; at most all training questions.
        """
        super().__init__()
        self._k = k

    def _fit(self, questions: Sequence[Question], scores: Floats) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._features, self._known = fit_features(questions), scores
        # On vectors of length 1, the nearest by Euclidean distance are the nearest by cosine.
        self._index = NearestNeighbors(n_neighbors=min(self._k, len(scores)), algorithm="brute")
        self._index.fit(self._features.known)

    def _scores(self, questions: Sequence[Question]) -> Floats:
        nearest = self._index.kneighbors(self._features(questions), return_distance=False)
        means: Floats = self._known[nearest].mean(1)
        return means
