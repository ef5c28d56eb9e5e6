"""`kmeans`: a router that clusters questions (UniRoute, arXiv:2502.08773; Avengers); the most robust on new domains."""

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


@ROUTERS.register("kmeans", "mean score of the question's cluster")
class KMeansRouter(Router):
    """The mean score of the question's cluster."""

    name = "kmeans"

    def __init__(self, clusters: int = 16, seed: int = 0) -> None:
        """
        Args:
            clusters: number of clusters; at most one for each training question.
            seed: seed of the initial centres.
        """
        super().__init__()
        self._clusters, self._seed = clusters, seed

    def _fit(self, questions: Sequence[Question], scores: Floats) -> None:
        import numpy as np
        from sklearn.cluster import KMeans

        count = min(self._clusters, len(scores))
        self._model = KMeans(count, n_init=4, random_state=self._seed)
        self._features = fit_features(questions)
        labels = self._model.fit_predict(self._features.known)
        overall = scores.mean(0)
        self._means = np.array(
            [scores[labels == c].mean(0) if (labels == c).any() else overall for c in range(count)]
        )

    def _scores(self, questions: Sequence[Question]) -> Floats:
        means: Floats = self._means[self._model.predict(self._features(questions))]
        return means
