"""`knn`: a router that uses the k nearest training questions; hard to beat when well tuned (arXiv:2505.12601)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.training_set import TrainingSet

_BLOCK = 2048  # questions compared at a time
_SHOWN = 5


@ROUTERS.register("knn", "mean score of the k most similar training questions, by cosine")
@dataclass(kw_only=True, eq=False)
class KnnRouter(EmbeddingRouter):
    """The mean score of the k most similar training questions, by cosine (RouterBench, arXiv:2403.12031)."""

    name = "knn"
    grid = {"k": (10, 20, 40, 80, 160)}
    k: int = setting(100, least=1)
    """Number of neighbours; at most all training questions."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        shown = [f"{q.id}: {' '.join(q.question.split())[:60]}" for q in data.questions]
        return {
            "known": vectors.astype(np.float32),
            "scores": data.scores,
            "shown": np.frombuffer(json.dumps(shown).encode(), dtype=np.uint8),
        }

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        # Each known question gets the mean of its nearest calibration questions, fewer than k where there are few.
        count = max(1, min(self.k, round(len(vectors) ** 0.5)))
        column = _mean_of_nearest(self.learned["known"], vectors, data.scores, count)[:, 0]
        return {"scores": np.column_stack([self.learned["scores"], column])}

    def _predict_vectors(self, vectors: Floats) -> Floats:
        return _mean_of_nearest(vectors, self.learned["known"], self.learned["scores"], self.k)

    def _because(self, question: Question) -> list[str]:
        cosines = self.learned["known"] @ self.vectors([question])[0].astype(np.float32)
        order = np.argsort(-cosines, kind="stable")[:_SHOWN]
        shown: Sequence[str] = json.loads(self.learned["shown"].tobytes())
        lines = [f"cosine {cosines[i]:.2f}: {shown[i]}" for i in order]
        count = min(self.k, len(cosines))
        return [f"mean of {count} nearest training questions; the first are", *lines]


def _mean_of_nearest(vectors: Floats, known: Floats, scores: Floats, k: int) -> Floats:
    """[n, m] mean scores of the k rows of `known` with the largest cosine; rows equally far as the last one count too."""
    k = min(k, len(known))
    known, means = known.astype(np.float32, copy=False), []
    for start in range(0, len(vectors), _BLOCK):
        cosines = vectors[start : start + _BLOCK].astype(np.float32) @ known.T
        # Values are partitioned many times faster than places.
        last = np.partition(cosines, len(known) - k, axis=1)[:, len(known) - k, None]
        near = (cosines >= last).astype(np.float64)
        means.append(near @ scores / near.sum(1, keepdims=True))
    return np.vstack(means)
