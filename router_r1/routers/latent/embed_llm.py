"""`embedllm`: a vector for each model, learned together with a projection of questions (EmbedLLM, arXiv:2410.02223)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, need, np
from router_r1.routers.training_set import TrainingSet


@ROUTERS.register(
    "embedllm", "product of a learned vector of the model and a projection of the question"
)
@dataclass(kw_only=True, eq=False)
class EmbedLlmRouter(EmbeddingRouter):
    """`P(right) = sigmoid(p_m . (A'x + c) + b_m)`: cross-entropy against the scores, penalty on A and all p_m.

    What differs from the paper: scores between 0 and 1 are targets as they are; the difference of its two logits is
    fitted directly, so that its last layer is part of p_m; the penalty takes the place of noise on the questions,
    which it approximates (the sum of both squared norms is the nuclear norm of `A P'`, so that it also chooses the
    rank); the fit is by L-BFGS on all questions at once. A new model's p and b are fitted alone, which is convex.
    """

    name = "embedllm"
    grid = {"penalty": (4.0, 8.0, 16.0, 32.0)}
    dimensions: int = setting(32, least=1)
    """Length of the models' vectors. The penalty leaves out those that do not help."""
    penalty: float = setting(16.0, least=0)
    """Strength of the L2 penalty on the projection and on the models' vectors."""
    steps: int = setting(200, least=1)
    """Steps of L-BFGS at most."""
    seed: int = setting(0, least=0)
    """Seed of the initial projection and vectors."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        d, m, k = vectors.shape[1], data.scores.shape[1], self.dimensions
        source = np.random.default_rng(self.seed)
        start = {
            "projection": source.normal(0, 0.3, (d, k)),
            "offset": np.zeros(k),
            "models": source.normal(0, 0.3, (m, k)),
            "biases": _logit(data.scores.mean(0)),
        }
        centre = vectors.mean(0)
        around = vectors - centre
        places = np.cumsum([array.size for array in start.values()])[:-1]

        def unpacked(flat: Floats) -> list[Floats]:
            parts = np.split(flat, places)
            return [p.reshape(a.shape) for p, a in zip(parts, start.values(), strict=True)]

        def loss(flat: Floats) -> tuple[float, Floats]:
            projection, offset, models, biases = unpacked(flat)
            hidden = around @ projection + offset
            value, error = _cross_entropy(hidden @ models.T + biases, data.scores)
            back = error @ models
            gradients = (
                around.T @ back + self.penalty * projection,
                back.sum(0) + self.penalty * offset,
                error.T @ hidden + self.penalty * models,
                error.sum(0),
            )
            squares = (projection**2).sum() + (offset**2).sum() + (models**2).sum()
            return value + self.penalty / 2 * squares, np.concatenate(
                [g.ravel() for g in gradients]
            )

        flat = self._least(loss, np.concatenate([array.ravel() for array in start.values()]))
        learned = dict(zip(start, unpacked(flat), strict=True))
        learned["offset"] = learned["offset"] - centre @ learned["projection"]
        return learned

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        hidden = vectors @ self.learned["projection"] + self.learned["offset"]

        def loss(flat: Floats) -> tuple[float, Floats]:
            value, error = _cross_entropy(hidden @ flat[:-1] + flat[-1], data.scores[:, 0])
            gradient = np.append(error @ hidden + self.penalty * flat[:-1], error.sum())
            return value + self.penalty / 2 * (flat[:-1] ** 2).sum(), gradient

        start = np.append(np.zeros(hidden.shape[1]), _logit(data.scores.mean(0)))
        flat = self._least(loss, start)
        return {
            "models": np.vstack([self.learned["models"], flat[:-1]]),
            "biases": np.append(self.learned["biases"], flat[-1]),
        }

    def _predict_vectors(self, vectors: Floats) -> Floats:
        hidden = vectors @ self.learned["projection"] + self.learned["offset"]
        return _sigmoid(hidden @ self.learned["models"].T + self.learned["biases"])

    def _because(self, question: Question) -> list[str]:
        vectors = self.learned["models"]
        best = int(self.scores([question])[0].argmax())
        lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-12)
        cosines = vectors @ vectors[best] / lengths / lengths[best]
        others = [j for j in np.argsort(-cosines, kind="stable") if j != best][:3]
        alike = ", ".join(f"{self.models[j]} {cosines[j]:.2f}" for j in others)
        return [f"learned vector of {self.models[best]}; the most similar by cosine: {alike}"]

    def _least(self, loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
        optimize = need("scipy.optimize", "routers")
        found = optimize.minimize(
            loss, start, jac=True, method="L-BFGS-B", options={"maxiter": self.steps}
        )
        flat: Floats = found.x
        return flat


def _cross_entropy(logits: Floats, scores: Floats) -> tuple[float, Floats]:
    """The sum of cross-entropies, and its gradient with respect to the logits."""
    value = (np.logaddexp(0, logits) - scores * logits).sum()
    return float(value), _sigmoid(logits) - scores


def _sigmoid(logits: Floats) -> Floats:
    values: Floats = 0.5 * (1 + np.tanh(logits / 2))
    return values


def _logit(means: Floats) -> Floats:
    inside = np.clip(means, 0.01, 0.99)
    values: Floats = np.log(inside / (1 - inside))
    return values
