"""`routerdc`: vectors of models and questions, trained by two contrasts (RouterDC, arXiv:2409.19886)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, Ints, need, np, torch
from router_r1.routers.training_set import TrainingSet

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CHECK = 50  # steps between two looks at the held-out questions
_FEW = 20  # training questions, of which none are held out
_RIGHT = 0.5  # a model that scores more is no negative
_SHOWN = 5


@ROUTERS.register(
    "routerdc", "cosine of learned vectors of model and question, trained by contrast"
)
@dataclass(kw_only=True, eq=False)
class RouterDcRouter(EmbeddingRouter):
    """`s(q, m) = cos(W x, k_m) / temperature` for a question's vector x, trained by two contrasts.

    - Question and model: for each of the best models t of a question, `-log(e^s(t) / (e^s(t) + sum of e^s(j)))` over
      its worst models j. The best score above 0, the worst at most 0.5 and less than the best.
    - Question and question, times `cluster_weight`: the same loss with a question of the same cluster in the place of
      t and questions of other clusters in the place of j, by the cosine of their projections.

    Scores are `sigmoid(slope s + base_m)`, with slope and bases fitted on the held-out fifth of the training questions.

    What differs from the paper: W is linear on a frozen embedding; scores are calibrated, so that they can be weighed
    against costs (the paper takes the highest cosine). What is mended: equal scores count alike instead of by the
    order of the columns; negatives come from all training questions, so that a small cluster shifts nothing; the step
    to keep is chosen on held-out training questions, never on test questions.
    """

    name = "routerdc"
    grid = {"temperature": (0.1, 0.3, 1.0), "cluster_weight": (0.0, 0.3, 1.0)}
    dimensions: int = setting(64, least=2)
    """Length of the vectors."""
    best: int = setting(3, least=1)
    """How many models of a question are positives; all that tie with the last of them are, too."""
    worst: int = setting(3, least=1)
    """How many models of a question are negatives; all that tie with the last of them are, too."""
    temperature: float = setting(0.1, least=0.001)
    """What cosines are divided by in both contrasts."""
    cluster_weight: float = setting(0.3, least=0)
    """Weight of the contrast of questions."""
    clusters: int = setting(8, least=1)
    """Clusters of the training questions, by k-means; with one, questions are not contrasted."""
    negatives: int = setting(3, least=1)
    """Questions of other clusters in each contrast of questions."""
    steps: int = setting(1000, least=1)
    """Steps of AdamW at most."""
    batch: int = setting(64, least=1)
    """Questions in a step."""
    rate: float = setting(0.001, least=0)
    """Learning rate."""
    decay: float = setting(0.1, least=0)
    """Weight decay."""
    seed: int = setting(0, least=0)
    """Seed of the first projection, the clusters and the batches."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        held = np.arange(len(vectors)) % 5 == 4
        if len(vectors) < _FEW:
            held[:] = True  # all questions serve for both
        used = np.flatnonzero(held if held.all() else ~held)
        projection, models = self._trained(vectors, data.scores, used, np.flatnonzero(held))
        cosines = _unit(vectors[held] @ projection) @ _unit(models).T
        slope, bases = _calibrated(cosines, data.scores[held])
        return {"projection": projection, "models": _unit(models), "slope": slope, "bases": bases}

    def _predict_vectors(self, vectors: Floats) -> Floats:
        return _sigmoid(self._cosines(vectors) * self.learned["slope"] + self.learned["bases"])

    def _because(self, question: Question) -> list[str]:
        cosines = self._cosines(self.vectors([question]))[0]
        order = np.argsort(-cosines, kind="stable")[:_SHOWN]
        shown = ", ".join(f"{self.models[j]} {cosines[j]:.2f}" for j in order)
        return [f"cosine of the question's and the models' learned vectors: {shown}"]

    def _cosines(self, vectors: Floats) -> Floats:
        cosines: Floats = _unit(vectors @ self.learned["projection"]) @ self.learned["models"].T
        return cosines

    def _trained(
        self, vectors: Floats, scores: Floats, used: Ints, held: Ints
    ) -> tuple[Floats, Floats]:
        """The projection [d, k] and the models' vectors [m, k] at the step with the least loss on `held`."""
        source = np.random.default_rng(self.seed)
        draw = torch.Generator().manual_seed(self.seed)
        first = source.normal(0, 1, (vectors.shape[1], self.dimensions)) / len(vectors[0]) ** 0.5
        # Where a model does better than others; from the data, so that the order of the models does not matter.
        above = (scores - scores.mean(1, keepdims=True))[used]
        start = _unit(above.T @ _unit(vectors[used] @ first) + 1e-6)
        learned = [torch.tensor(array, requires_grad=True) for array in (first, start)]
        optimizer = torch.optim.AdamW(learned, self.rate, weight_decay=self.decay)
        positive, negative = map(torch.tensor, _contrasted(scores, self.best, self.worst))
        points, labels = torch.tensor(vectors[used]), torch.tensor(self._labels(vectors[used]))
        counts, by_label = labels.bincount(), labels.argsort(stable=True)
        unit = torch.nn.functional.normalize

        def by_model(points: Any, of: Any) -> Any:
            cosines = unit(points @ learned[0], dim=1) @ unit(learned[1], dim=1).T
            return _contrast(cosines / self.temperature, positive[of], negative[of])

        least, kept = math.inf, [array.detach().clone() for array in learned]
        for step in range(1, self.steps + 1):
            of = torch.randint(len(used), (min(self.batch, len(used)),), generator=draw)
            loss = by_model(points[of], used[of])
            if self.cluster_weight > 0 and len(counts) > 1:
                of_pairs = _pairs(labels[of], counts, by_label, self.negatives, draw)
                pairs = unit(points[of_pairs] @ learned[0], dim=2)
                cosines = (pairs @ unit(points[of] @ learned[0], dim=1)[:, :, None])[:, :, 0]
                is_one = (torch.arange(1 + self.negatives) == 0).expand_as(cosines)
                alike = _contrast(cosines / self.temperature, is_one, ~is_one)
                loss = loss + self.cluster_weight * alike
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % _CHECK == 0 or step == self.steps:
                with torch.no_grad():
                    now = float(by_model(torch.tensor(vectors[held]), held))
                if now < least:
                    least, kept = now, [array.detach().clone() for array in learned]
        return kept[0].numpy(), kept[1].numpy()

    def _labels(self, vectors: Floats) -> Ints:
        """[n] the cluster of each question, 0 for all if there is one."""
        cluster = need("sklearn.cluster", "routers")
        count = min(self.clusters, len(np.unique(vectors, axis=0)))
        labels: Ints = cluster.KMeans(count, random_state=self.seed).fit(vectors).labels_
        return labels.astype(np.int64)


def _contrasted(scores: Floats, best: int, worst: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which models [n, m] are positives and negatives; models with equal scores are treated alike."""
    ordered = np.sort(scores, axis=1)
    m = scores.shape[1]
    positive = (scores >= ordered[:, [m - min(best, m)]]) & (scores > 0)
    # As many models may be among the best as among the worst: a negative is worse than all positives.
    weakest = np.where(positive, scores, np.inf).min(1, keepdims=True)
    negative = (scores <= ordered[:, [min(worst, m) - 1]]) & (scores <= _RIGHT) & (scores < weakest)
    return positive, negative


def _pairs(labels: Any, counts: Any, by_label: Any, negatives: int, draw: Any) -> Any:
    """For questions with these clusters [b], rows [b, 1 + negatives]: one of the same cluster, then others.

    Args:
        labels: [b] clusters, of two or more.
        counts: size of each cluster.
        by_label: all rows, in the order of their clusters.
        negatives: rows of other clusters, each with the same probability, possibly twice.
        draw: the generator.
    """
    size = counts[labels][:, None]
    before = (counts.cumsum(0) - counts)[labels][:, None]
    chance = torch.rand(len(labels), 1 + negatives, generator=draw, dtype=torch.float64)
    inside = before + (chance[:, :1] * size).long()
    outside = (chance[:, 1:] * (len(by_label) - size)).long()
    outside = torch.where(outside >= before, outside + size, outside)  # leave out the cluster
    return by_label[torch.cat([inside, outside], 1)]


def _contrast(logits: Any, positive: Any, negative: Any) -> Any:
    """Mean over rows with positives and negatives of the mean over positives t of `-log softmax of t and negatives`."""
    against = logits.masked_fill(~negative, -math.inf).logsumexp(1, keepdim=True)
    losses = torch.nn.functional.softplus(against - logits) * positive
    counted = positive.any(1) & negative.any(1)
    by_row = losses.sum(1) / positive.sum(1).clamp(min=1)
    return (by_row * counted).sum() / counted.sum().clamp(min=1)


def _calibrated(cosines: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Slope [1] and bases [m] with the least cross-entropy, and a slight penalty that keeps them finite."""
    optimize = need("scipy.optimize", "routers")

    def loss(flat: Floats) -> tuple[float, Floats]:
        logits = cosines * flat[0] + flat[1:]
        error = _sigmoid(logits) - scores
        value = (np.logaddexp(0, logits) - scores * logits).sum() + 0.05 * (flat**2).sum()
        return float(value), np.append((error * cosines).sum(), error.sum(0)) + 0.1 * flat

    start = np.append(1.0, np.zeros(scores.shape[1]))
    flat: Floats = optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x
    return flat[:1], flat[1:]


def _unit(rows: Floats) -> Floats:
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def _sigmoid(logits: Floats) -> Floats:
    values: Floats = 0.5 * (1 + np.tanh(logits / 2))
    return values
