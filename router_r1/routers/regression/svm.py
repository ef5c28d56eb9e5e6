"""`svm`: a linear support vector regression for each model's score (RouterBench, arXiv:2403.12031)."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, need, np
from router_r1.routers.training_set import TrainingSet


@ROUTERS.register("svm", "linear support vector regression of each model's score")
@dataclass(kw_only=True, eq=False)
class SvmRouter(EmbeddingRouter):
    """For each model the line w.x + b that minimises `|w|^2 / 2 + c sum_i max(0, |y_i - w.x_i - b| - epsilon)^2`.

    RouterBench takes the error itself instead of its square. That fits a median: where scores are 0 or 1, it predicts
    the commoner of the two, and models that are right more often than not look alike. A square fits a mean. Predictions
    can lie outside 0 to 1.
    """

    name = "svm"
    grid = {"c": (0.01, 0.03, 0.1, 0.3)}
    c: float = setting(0.1, least=1e-6)
    """Weight of the errors against the size of the weights."""
    epsilon: float = setting(0.05, least=0, most=1)
    """Errors smaller than this cost nothing."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        weights, intercept = self._solve(vectors, data.scores)
        return {"weights": weights, "intercept": intercept}

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        weights, intercept = self._solve(vectors, data.scores)
        return {
            "weights": np.hstack([self.learned["weights"], weights]),
            "intercept": np.append(self.learned["intercept"], intercept),
        }

    def _predict_vectors(self, vectors: Floats) -> Floats:
        scores: Floats = vectors @ self.learned["weights"] + self.learned["intercept"]
        return scores

    def _solve(self, vectors: Floats, scores: Floats) -> tuple[Floats, Floats]:
        """Weights [d, m] and intercept [m]."""
        svm = need("sklearn.svm", "routers")
        centre, mean = vectors.mean(0), scores.mean(0)
        weights, rest = [], []
        for column in (scores - mean).T:
            model = svm.LinearSVR(
                C=self.c,
                epsilon=self.epsilon,
                loss="squared_epsilon_insensitive",
                dual=False,
                # The library penalises the intercept like a weight; centred data and this scale make that negligible.
                intercept_scaling=10.0,
            ).fit(vectors - centre, column)
            weights.append(model.coef_)
            rest.append(model.intercept_[0] if np.ndim(model.intercept_) else model.intercept_)
        stacked: Floats = np.array(weights).T
        intercept: Floats = mean + np.array(rest) - centre @ stacked
        return stacked, intercept
