"""`mlp`: small neural networks that predict each model's score (RouterBench, arXiv:2403.12031)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from router_r1.errors import ConfigError, shown_name
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.training_set import TrainingSet

_BATCH = 128
_RIDGE = 1.0  # penalty of the output of a model that is added
_NETS = ("each", "shared")


@ROUTERS.register("mlp", "a neural network of each model's score on the question's vector")
@dataclass(kw_only=True, eq=False)
class MlpRouter(EmbeddingRouter):
    """`score_j(x) = v_j . relu(... relu(U_j x + a_j) ...) + b_j`, by the squared error, with Adam.

    With `nets="each"` every model has a network of its own, as in RouterBench (there one or two layers of 100 units and
    200 passes at a learning rate of 0.001); with `nets="shared"` all models share the hidden layers and have an output
    each. Fewer passes than there, and more decay: recorded scores are noisy labels, and later passes learn the noise.
    Predictions can lie outside 0 to 1.
    """

    name = "mlp"
    grid = {"nets": _NETS, "passes": (5, 10, 20)}
    nets: str = setting("shared")
    """`each`: a network for each model; `shared`: one network with an output for each model."""
    layers: int = setting(1, least=1, most=3)
    """Hidden layers."""
    width: int = setting(100, least=1)
    """Units of a hidden layer."""
    passes: int = setting(10, least=1)
    """Passes over the training questions."""
    learning_rate: float = setting(1e-3, least=1e-6, most=1)
    """Step size of Adam."""
    decay: float = setting(1.0, least=0)
    """Weight decay, apart from the gradient (AdamW, arXiv:1711.05101)."""
    seed: int = setting(0, least=0)
    """Seed of the first weights and of the order of questions."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nets not in _NETS:
            raise ConfigError(
                f"router 'mlp': nets: expected 'each' or 'shared', got {shown_name(self.nets)!r}"
            )

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        models = data.scores.shape[1]
        groups, outputs = (models, 1) if self.nets == "each" else (1, models)
        return self._train(vectors, data.scores.T.reshape(groups, outputs, -1).swapaxes(1, 2))

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        if self.nets == "each":
            new = self._train(vectors, data.scores.T[:, :, None])
            return {name: np.concatenate([self.learned[name], new[name]]) for name in new}
        # The hidden layers stay; the new output is a ridge regression on their units.
        units = self._units(vectors)[0]
        mean, around = data.scores.mean(), units - units.mean(0)
        square = around.T @ around + _RIDGE * np.eye(around.shape[1])
        weights = np.linalg.solve(square, around.T @ (data.scores - mean))
        last, bias = f"weights{self.layers}", f"bias{self.layers}"
        level = np.array([[mean - units.mean(0) @ weights[:, 0]]])
        return {
            last: np.concatenate([self.learned[last], weights[None]], axis=2),
            bias: np.concatenate([self.learned[bias], level[None]], axis=2),
        }

    def _predict_vectors(self, vectors: Floats) -> Floats:
        last = self.layers
        out = self._units(vectors) @ self.learned[f"weights{last}"] + self.learned[f"bias{last}"]
        scores: Floats = out.transpose(1, 0, 2).reshape(len(vectors), -1)
        return scores

    def _units(self, vectors: Floats) -> Floats:
        """[groups, n, width] the last hidden layer."""
        units: Floats = vectors[None]
        for layer in range(self.layers):
            weights, bias = self.learned[f"weights{layer}"], self.learned[f"bias{layer}"]
            units = np.maximum(units @ weights + bias, 0.0)
        return units

    def _train(self, vectors: Floats, targets: Floats) -> Arrays:
        """Train networks side by side on the same batches.

        Args:
            vectors: [n, d].
            targets: [groups, n, outputs], a network for each group.

        Returns:
            `weights0` [groups, d, width], `bias0` [groups, 1, width], and so on.
        """
        source = np.random.default_rng(self.seed)
        groups, n, outputs = targets.shape
        sizes = [vectors.shape[1], *[self.width] * self.layers, outputs]
        # In 32 bits: half the time.
        known: Any = vectors.astype(np.float32)
        wanted: Any = targets.astype(np.float32)
        # Small at first, because vectors have length 1, then He initialisation; outputs start at the mean score.
        scales = [self.width**-0.5, *[(2.0 / self.width) ** 0.5] * (self.layers - 1), 0.0]
        values: list[Floats] = []  # weights and bias of each layer in turn
        for a, b, scale in zip(sizes[:-1], sizes[1:], scales, strict=True):
            first = source.standard_normal((1, a, b)).repeat(groups, 0) * scale
            values += [first.astype(np.float32), np.zeros((groups, 1, b), np.float32)]
        values[-1] += wanted.mean(1, keepdims=True)
        first_moment = [np.zeros_like(v) for v in values]
        second_moment = [np.zeros_like(v) for v in values]
        step = 0
        for _ in range(self.passes):
            order = source.permutation(n)
            for start in range(0, n, _BATCH):
                batch = order[start : start + _BATCH]
                step += 1
                rate = self.learning_rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step)
                gradients = _gradients(values, known[batch], wanted[:, batch])
                for i, gradient in enumerate(gradients):
                    first_moment[i] += 0.1 * (gradient - first_moment[i])
                    second_moment[i] += 0.001 * (gradient * gradient - second_moment[i])
                    if i % 2 == 0:
                        values[i] *= 1 - self.learning_rate * self.decay
                    values[i] -= rate * first_moment[i] / (np.sqrt(second_moment[i]) + 1e-8)
        names = (
            name for layer in range(len(sizes) - 1) for name in (f"weights{layer}", f"bias{layer}")
        )
        return {name: v.astype(np.float64) for name, v in zip(names, values, strict=True)}


def _gradients(values: list[Floats], vectors: Floats, targets: Floats) -> list[Floats]:
    """Of half the mean squared error of each output, in the order of `values`."""
    units: list[Floats] = [vectors[None]]
    for weights, bias in zip(values[:-2:2], values[1:-2:2], strict=True):
        units.append(np.maximum(units[-1] @ weights + bias, 0))
    delta = (units[-1] @ values[-2] + values[-1] - targets) / len(vectors)
    found: list[Floats] = []
    for place in range(len(units) - 1, -1, -1):
        found[:0] = [units[place].swapaxes(1, 2) @ delta, delta.sum(1, keepdims=True)]
        if place:
            delta = (delta @ values[2 * place].swapaxes(1, 2)) * (units[place] > 0)
    return found
