"""`linear`: a router that predicts each model's score from the question's text by ridge regression."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.training_set import TrainingSet


@ROUTERS.register("linear", "ridge regression of each model's score on the question's text")
@dataclass(kw_only=True, eq=False)
class RidgeRouter(EmbeddingRouter):
    """Ridge regression of each model's score; predictions can lie outside 0 to 1.

    `W = (X'X + penalty I)^-1 X'Y` on centred vectors X and scores Y; the mean scores are the intercept.
    """

    name = "linear"
    grid = {"penalty": (0.3, 1.0, 3.0, 10.0, 30.0)}
    penalty: float = setting(1.0, least=0)
    """Strength of the L2 penalty on the weights."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        return dict(zip(("weights", "intercept"), self._solve(vectors, data.scores), strict=True))

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
        centre, mean = vectors.mean(0), scores.mean(0)
        around = vectors - centre
        square = around.T @ around + max(self.penalty, 1e-9) * np.eye(vectors.shape[1])
        weights = np.linalg.solve(square, around.T @ (scores - mean))
        return weights, mean - centre @ weights
