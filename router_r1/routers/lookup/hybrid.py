"""`hybrid`: is the smaller model good enough for this question? (HybridLLM, arXiv:2404.14618.)"""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, shown_name
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, need, np
from router_r1.routers.training_set import TrainingSet

_TARGETS = ("det", "prob", "trans")
_SEVERAL = 20  # thresholds of `trans` that are tried


@ROUTERS.register(
    "hybrid", "how likely each model is as good as the strongest one, on this question"
)
@dataclass(kw_only=True, eq=False)
class HybridRouter(EmbeddingRouter):
    """A logistic regression p(x) of the probability that a model S is good enough, against the strongest model L.

    L is the model with the highest mean score. With q the score of a sample of an answer, the label of a question is

        det     1 if the mean q_S >= the mean q_L, else 0
        prob    the share of pairs of samples with q_S >= q_L
        trans   the share of pairs with q_S >= q_L - t, where t makes labels differ most: the highest mean |y_i - y_j|

    With one sample `prob` is `det`, and with scores of 0 or 1 all three are. The paper sends a question to S where p(x)
    is at least a threshold, found for two models and one level of quality. Here every threshold is found at once: the
    difference of recorded scores is fitted as a non-decreasing function of p, on questions that p was not fitted on. The
    model with the higher utility is then S exactly above the threshold with the highest total utility there, whatever an
    answer is worth. More than two models are each compared with L.
    """

    name = "hybrid"
    grid = {"penalty": (0.3, 1.0, 3.0)}
    target: str = setting("prob")
    """Labels: `det`, `prob` or `trans`."""
    penalty: float = setting(1.0, least=1e-6)
    """Strength of the L2 penalty on the weights of the logistic regression."""
    folds: int = setting(4, least=2)
    """Parts of the training questions; p of one comes from the others when thresholds are found."""
    seed: int = setting(0, least=0)
    """Seed of the parts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.target not in _TARGETS:
            raise ConfigError(
                f"router 'hybrid': target: expected one of {', '.join(_TARGETS)}, got {shown_name(self.target)!r}"
            )

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        large = int(data.scores.mean(0).argmax())
        labels = self._labels(data, large)
        place = np.random.default_rng(self.seed).permutation(len(vectors)) % self.folds
        held_out = np.zeros_like(labels)
        for fold in range(self.folds):
            inside = place == fold
            if inside.any() and not inside.all():
                weights = self._logistic(vectors[~inside], labels[~inside])
                held_out[inside] = _logits(vectors[inside], weights)
        learned = {"weights": self._logistic(vectors, labels), "large": np.array(large)}
        for model in range(data.scores.shape[1]):
            pair = data.scores[:, [model, large]]
            starts, means = _blocks(held_out[:, model], pair, constant=model == large)
            learned |= {f"starts{model}": starts, f"means{model}": means}
        return learned

    def _predict_vectors(self, vectors: Floats) -> Floats:
        logits, large = _logits(vectors, self.learned["weights"]), int(self.learned["large"])
        means = [
            self.learned[f"means{model}"][
                np.searchsorted(self.learned[f"starts{model}"], column, side="right")
            ]
            for model, column in enumerate(logits.T)
        ]
        both = np.array(means)  # [m, n, 2] of the model, and of the strongest one on such questions
        others = np.arange(len(both)) != large
        strongest = both[others, :, 1].mean(0)
        scores: Floats = (strongest + both[:, :, 0] - both[:, :, 1]).T
        return scores

    def _because(self, question: Question) -> list[str]:
        logits = _logits(self.vectors([question]), self.learned["weights"])[0]
        large = int(self.learned["large"])
        return [
            f"{model} is as good as {self.models[large]}: probability {_sigmoid(logit):.2f}"
            for place, (model, logit) in enumerate(zip(self.models, logits, strict=True))
            if place != large
        ]

    # --- labels

    def _labels(self, data: TrainingSet, large: int) -> Floats:
        """[n, m] labels of each model against the strongest one."""
        if self.target == "det":
            labels: Floats = (data.scores >= data.scores[:, [large]]).astype(np.float64)
            return labels
        columns = []
        for model in data.models:
            gaps = [_gaps(data, q, model, data.models[large]) for q in data.questions]
            threshold = _most_different(gaps) if self.target == "trans" else 0.0
            columns.append([float((gap >= -threshold).mean()) for gap in gaps])
        return np.array(columns).T

    def _logistic(self, vectors: Floats, labels: Floats) -> Floats:
        """[d + 1, m] weights and intercept of the least cross-entropy, for labels from 0 to 1."""
        optimize = need("scipy.optimize", "routers")
        inputs = np.column_stack([vectors, np.ones(len(vectors))])
        shape = (inputs.shape[1], labels.shape[1])
        penalty = np.full((shape[0], 1), self.penalty)
        penalty[-1] = 1e-3  # finite where all labels are equal

        def loss(flat: Floats) -> tuple[float, Floats]:
            weights = flat.reshape(shape)
            logits = inputs @ weights
            value = (np.logaddexp(0, logits) - labels * logits).sum()
            value += (penalty * weights**2).sum() / 2
            return float(value), (
                inputs.T @ (_sigmoid(logits) - labels) + penalty * weights
            ).ravel()

        options = {"maxiter": 200}
        found = optimize.minimize(
            loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B", options=options
        )
        weights: Floats = found.x.reshape(shape)
        return weights


def _gaps(data: TrainingSet, question: Question, small: str, large: str) -> Floats:
    """Differences of score of all pairs of samples, small minus large."""
    sampled = []
    for model in (small, large):
        scores: list[float] = []
        while (outcome := data.table.outcome(question.id, model, len(scores))) is not None:
            scores.append(outcome.score)
        sampled.append(np.array(scores))
    gaps: Floats = np.subtract.outer(*sampled).ravel()
    return gaps


def _most_different(gaps: list[Floats]) -> float:
    """The threshold t >= 0 with the highest mean |y_i - y_j| over pairs of questions; the smallest of equal ones."""
    losses = np.unique([0.0, *(-gap for gap in np.concatenate(gaps) if gap < 0)])
    if len(losses) > _SEVERAL:
        losses = np.quantile(losses, np.linspace(0, 1, _SEVERAL))
    spreads = []
    for threshold in losses:
        labels = np.sort([float((gap >= -threshold).mean()) for gap in gaps])
        ranks = 2 * np.arange(len(labels)) - len(labels) + 1
        spreads.append(float((ranks * labels).sum()))
    return float(losses[int(np.argmax(spreads))])


def _blocks(logits: Floats, pair: Floats, *, constant: bool) -> tuple[Floats, Floats]:
    """Fit `pair[:, 0] - pair[:, 1]` as a non-decreasing step function of the logits (pool adjacent violators).

    Args:
        logits: [n].
        pair: [n, 2] scores of a model and of the strongest one.
        constant: one block, for the strongest model itself.

    Returns:
        Where each block but the first starts [b - 1], and the mean scores of both models in each [b, 2].
    """
    order = np.argsort(logits, kind="stable")
    at, sums, counts = [], [], []
    for logit, row in zip(logits[order], pair[order], strict=True):
        at.append(logit)
        sums.append(row)
        counts.append(1)
        while len(at) > 1 and (
            constant
            or at[-1] == at[-2]
            or (sums[-1][0] - sums[-1][1]) * counts[-2] <= (sums[-2][0] - sums[-2][1]) * counts[-1]
        ):
            last, many = sums.pop(), counts.pop()
            at.pop()
            sums[-1], counts[-1] = sums[-1] + last, counts[-1] + many
    return np.array(at[1:], dtype=np.float64), np.array(sums) / np.array(counts)[:, None]


def _logits(vectors: Floats, weights: Floats) -> Floats:
    logits: Floats = vectors @ weights[:-1] + weights[-1]
    return logits


def _sigmoid(logits: Floats) -> Floats:
    shares: Floats = 0.5 * (1 + np.tanh(logits / 2))
    return shares
