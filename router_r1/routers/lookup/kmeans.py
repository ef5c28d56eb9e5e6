"""`kmeans`: a router that clusters questions, the most robust on new domains (UniRoute, arXiv:2502.08773; Avengers)."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, Ints, need, np
from router_r1.routers.training_set import TrainingSet


@ROUTERS.register("kmeans", "mean score of the question's cluster")
@dataclass(kw_only=True, eq=False)
class KMeansRouter(EmbeddingRouter):
    """The mean score of the question's cluster, shrunk towards the model's overall mean where the cluster is small:
    `(sum of scores + prior x overall mean) / (questions + prior)`. A model added later needs some questions of each
    cluster."""

    name = "kmeans"
    grid = {"clusters": (8, 16, 32, 64, 128)}
    clusters: int = setting(16, least=1)
    """Number of clusters; at most one for each training question."""
    prior: float = setting(10.0, least=0)
    """How many questions a model's overall mean counts like in each cluster. Most useful to a model that is added."""
    seed: int = setting(0, least=0)
    """Seed of the initial centres."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        cluster = need("sklearn.cluster", "routers")
        count = min(self.clusters, len(vectors))
        model = cluster.KMeans(count, n_init=4, random_state=self.seed).fit(vectors)
        centres: Floats = model.cluster_centers_
        return {"centres": centres, "means": self._means(_closest(vectors, centres), count, data)}

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        centres = self.learned["centres"]
        column = self._means(_closest(vectors, centres), len(centres), data)
        return {"means": np.hstack([self.learned["means"], column])}

    def _predict_vectors(self, vectors: Floats) -> Floats:
        means: Floats = self.learned["means"][_closest(vectors, self.learned["centres"])]
        return means

    def _because(self, question: Question) -> list[str]:
        place = int(_closest(self.vectors([question]), self.learned["centres"])[0])
        return [f"mean scores of cluster {place} of {len(self.learned['centres'])}"]

    def _means(self, labels: Ints, count: int, data: TrainingSet) -> Floats:
        """[count, m] mean score in each cluster, shrunk towards the overall mean; an empty cluster has that."""
        overall = data.scores.mean(0)
        inside = labels == np.arange(count)[:, None]
        weights = inside.sum(1, keepdims=True) + self.prior
        sums = inside @ data.scores + self.prior * overall
        means: Floats = np.where(weights > 0, sums / np.maximum(weights, 1e-12), overall)
        return means


def _closest(vectors: Floats, centres: Floats) -> Ints:
    """[n] the centre at the least Euclidean distance from each vector."""
    distances = (centres**2).sum(1) - 2 * vectors @ centres.T
    closest: Ints = distances.argmin(1)
    return closest
