"""`irt`: item response theory, models as candidates in an examination (IRT-Router, arXiv:2506.01048)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, need, np
from router_r1.routers.training_set import TrainingSet

_BLOCK = 2048  # questions compared at a time
_SHOWN = 4


@ROUTERS.register(
    "irt", "item response theory: abilities of the model, discrimination and difficulty"
)
@dataclass(kw_only=True, eq=False)
class ItemResponseRouter(EmbeddingRouter):
    """`P(right) = sigmoid(a(q) . theta(m) - b(q))`: the paper's multidimensional model (MIRT).

    The discrimination `a(q) = softplus(A'x + c)` is never negative, so that more ability in any dimension never lowers
    a score; the difficulty `b(q)` is linear in the question's vector x. Warm-up: no model answered a new question, so
    its vector is mixed with those of its nearest training questions, `(1 - warmup) x + warmup (mean of neighbours)`.

    What differs from the paper: abilities are free parameters instead of a function of a text about the model, so that
    a new model needs answers and no description, and its theta is fitted alone (a convex problem); the fit is by
    L-BFGS with an L2 penalty on A, b and theta.
    """

    name = "irt"
    grid = {
        "penalty": (8.0, 16.0, 32.0),
        "ability_penalty": (1.0, 4.0, 16.0),
        "warmup": (0.3, 0.6),
    }
    dimensions: int = setting(16, least=1)
    """Number of abilities of a model."""
    penalty: float = setting(16.0, least=0)
    """Strength of the L2 penalty on the map from vectors to discrimination and difficulty."""
    ability_penalty: float = setting(4.0, least=0)
    """Strength of the L2 penalty on abilities: 0 is the ability of an average model."""
    warmup: float = setting(0.5, least=0, most=1)
    """Weight of the neighbours' mean in the vector of a question."""
    neighbours: int = setting(10, least=1)
    """Number of nearest training questions for the warm-up."""
    steps: int = setting(200, least=1)
    """Steps of L-BFGS at most."""
    seed: int = setting(0, least=0)
    """Seed of the initial parameters."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        d, m, k = vectors.shape[1], data.scores.shape[1], self.dimensions
        source = np.random.default_rng(self.seed)
        centre = vectors.mean(0)
        around = vectors - centre
        shapes = ((d, k), (k,), (d,), (1,), (m, k))
        start = [
            source.normal(0, 0.3, (d, k)),
            np.zeros(k),
            np.zeros(d),
            np.zeros(1),
            source.normal(0, 0.3, (m, k)),
        ]
        places = np.cumsum([array.size for array in start])[:-1]

        def unpacked(flat: Floats) -> list[Floats]:
            return [p.reshape(s) for p, s in zip(np.split(flat, places), shapes, strict=True)]

        def loss(flat: Floats) -> tuple[float, Floats]:
            slopes, offset, hardness, base, abilities = unpacked(flat)
            raw = around @ slopes + offset
            discrimination = np.logaddexp(0, raw)
            logits = discrimination @ abilities.T - (around @ hardness + base)[:, None]
            error = _sigmoid(logits) - data.scores
            back = error @ abilities * _sigmoid(raw)
            harder = -error.sum(1)
            gradients = (
                around.T @ back + self.penalty * slopes,
                back.sum(0) + self.ability_penalty * offset,
                around.T @ harder + self.penalty * hardness,
                harder.sum(keepdims=True),
                error.T @ discrimination + self.ability_penalty * abilities,
            )
            value = (np.logaddexp(0, logits) - data.scores * logits).sum()
            value += self.penalty / 2 * ((slopes**2).sum() + (hardness**2).sum())
            value += self.ability_penalty / 2 * ((abilities**2).sum() + (offset**2).sum())
            return float(value), np.concatenate([g.ravel() for g in gradients])

        flat = self._least(loss, np.concatenate([array.ravel() for array in start]))
        slopes, offset, hardness, base, abilities = unpacked(flat)
        return {
            "known": vectors.astype(np.float32),
            "slopes": slopes,
            "offset": offset - centre @ slopes,
            "hardness": hardness,
            "base": base - centre @ hardness,
            "abilities": abilities,
        }

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        discrimination, difficulty = self._items(vectors)
        scores = data.scores[:, 0]

        def loss(theta: Floats) -> tuple[float, Floats]:
            logits = discrimination @ theta - difficulty
            value = (np.logaddexp(0, logits) - scores * logits).sum()
            value += self.ability_penalty / 2 * (theta**2).sum()
            slope = (_sigmoid(logits) - scores) @ discrimination
            return float(value), slope + self.ability_penalty * theta

        theta = self._least(loss, np.zeros(self.dimensions))
        return {"abilities": np.vstack([self.learned["abilities"], theta])}

    def _predict_vectors(self, vectors: Floats) -> Floats:
        discrimination, difficulty = self._items(self._warm(vectors))
        return _sigmoid(discrimination @ self.learned["abilities"].T - difficulty[:, None])

    def _because(self, question: Question) -> list[str]:
        discrimination, difficulty = self._items(self._warm(self.vectors([question])))
        abilities = self.learned["abilities"]
        best = int((abilities @ discrimination[0]).argmax())
        weights = discrimination[0] * abilities.std(0)
        lines = [f"difficulty {difficulty[0]:.2f}; what tells the models apart on it:"]
        for k in np.argsort(-weights, kind="stable")[:_SHOWN]:
            lines.append(
                f"dimension {k}: discrimination {discrimination[0, k]:.2f}, ability of {self.models[best]} "
                f"{abilities[best, k]:+.2f}, mean of all {abilities[:, k].mean():+.2f}"
            )
        return lines

    def _items(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Discrimination [n, k] and difficulty [n] of questions."""
        learned = self.learned
        discrimination = np.logaddexp(0, vectors @ learned["slopes"] + learned["offset"])
        return discrimination, vectors @ learned["hardness"] + learned["base"]

    def _warm(self, vectors: Floats) -> Floats:
        """Vectors mixed with the mean of their nearest known ones."""
        known = self.learned["known"]
        k = min(self.neighbours, len(known))
        if self.warmup == 0:
            return vectors
        mixed = np.empty_like(vectors)
        for start in range(0, len(vectors), _BLOCK):
            block = vectors[start : start + _BLOCK]
            near = np.argpartition(-(block.astype(np.float32) @ known.T), k - 1, axis=1)[:, :k]
            mean = known[near].mean(1, dtype=np.float64)
            mixed[start : start + _BLOCK] = (1 - self.warmup) * block + self.warmup * mean
        return mixed

    def _least(self, loss: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
        optimize = need("scipy.optimize", "routers")
        found = optimize.minimize(
            loss, start, jac=True, method="L-BFGS-B", options={"maxiter": self.steps}
        )
        flat: Floats = found.x
        return flat


def _sigmoid(logits: Floats) -> Floats:
    values: Floats = 0.5 * (1 + np.tanh(logits / 2))
    return values
