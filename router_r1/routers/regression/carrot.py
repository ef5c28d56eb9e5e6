"""`carrot`: a router that predicts score and cost of each model for each question (CARROT, arXiv:2502.03261)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding import text_of
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.training_set import TrainingSet


@ROUTERS.register("carrot", "ridge regression of each model's score and of its cost")
@dataclass(kw_only=True, eq=False)
class CarrotRouter(EmbeddingRouter):
    """Two ridge regressions for each model: of the score, and of the logarithm of the dollars of a call.

    `cost_j(x) = scale_j exp(h_j(x))`, so that predicted dollars are never negative. `scale_j` makes the mean prediction
    over the training questions the mean recorded cost: without it, the exponential of a mean logarithm is too low
    (Duan's smearing, 1983). Before that scale, a prediction stays within the recorded costs of the model. The paper
    predicts cost from the embedding alone, by neighbours or a fine-tuned model. Here the cost also reads the logarithm
    of the question's length, which vectors of length 1 do not contain and prompts are billed for.
    """

    name = "carrot"
    grid = {"penalty": (1.0, 3.0, 10.0, 30.0), "cost_penalty": (0.3, 3.0)}
    penalty: float = setting(3.0, least=0)
    """Strength of the L2 penalty on the weights of scores."""
    cost_penalty: float = setting(1.0, least=0)
    """Strength of the L2 penalty on the weights of costs."""

    def costs(self, questions: Sequence[Question]) -> Floats:
        """Predict the dollars of a call of each model for each question, [n, m]."""
        self._check_fitted()
        if not questions:
            return np.zeros((0, len(self.models)))
        return self._dollars(self._with_length(self.vectors(questions), questions))

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        weights, intercept = _ridge(vectors, data.scores, self.penalty)
        return {"weights": weights, "intercept": intercept, **self._learn_costs(vectors, data)}

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        added = CarrotRouter._learn_vectors(self, vectors, data)
        return {
            name: np.concatenate([self.learned[name], array], axis=-1)
            for name, array in added.items()
        }

    def _predict_vectors(self, vectors: Floats) -> Floats:
        scores: Floats = vectors @ self.learned["weights"] + self.learned["intercept"]
        return scores

    def _because(self, question: Question) -> list[str]:
        usual, here = self.learned["mean_cost"], self.costs([question])[0]
        return [
            f"{model}: ${cost:.6f} expected for this question, ${mean:.6f} on average"
            for model, cost, mean in zip(self.models, here, usual, strict=True)
        ]

    def _learn_costs(self, vectors: Floats, data: TrainingSet) -> Arrays:
        paid = np.where(data.costs > 0, data.costs, np.nan)
        free = np.isnan(paid).all(0)  # models without a price
        least = np.nanmin(np.where(free, 1.0, paid), axis=0)
        logs = np.log(np.maximum(np.where(free, 1.0, data.costs), least))
        features = self._with_length(vectors, data.questions)
        weights, intercept = _ridge(features, logs, self.cost_penalty)
        predicted = np.exp(np.clip(features @ weights + intercept, logs.min(0), logs.max(0)))
        return {
            "cost_weights": weights,
            "cost_intercept": intercept,
            "cost_bounds": np.array([logs.min(0), logs.max(0)]),
            "cost_scale": data.costs.mean(0) / predicted.mean(0),  # 0 for a model without a price
        }

    def _dollars(self, features: Floats) -> Floats:
        low, high = self.learned["cost_bounds"]
        logs = features @ self.learned["cost_weights"] + self.learned["cost_intercept"]
        dollars: Floats = self.learned["cost_scale"] * np.exp(np.clip(logs, low, high))
        return dollars

    @staticmethod
    def _with_length(vectors: Floats, questions: Sequence[Question]) -> Floats:
        """[n, d + 1] the vectors, and the logarithm of the length in characters."""
        lengths = np.log([1.0 + len(text_of(question)) for question in questions])
        return np.column_stack([vectors, lengths])


def _ridge(features: Floats, targets: Floats, penalty: float) -> tuple[Floats, Floats]:
    """Weights [d, m] and intercept [m] of `|features w + b - targets|^2 + penalty |w|^2`, b without penalty."""
    centre, mean = features.mean(0), targets.mean(0)
    around = features - centre
    square = around.T @ around + max(penalty, 1e-9) * np.eye(features.shape[1])
    weights = np.linalg.solve(square, around.T @ (targets - mean))
    return weights, mean - centre @ weights
