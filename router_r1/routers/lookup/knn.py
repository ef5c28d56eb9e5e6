"""`knn`: a router that uses the k nearest training questions; hard to beat when well tuned (arXiv:2505.12601)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, Ints, np
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
        near = _nearest(self.learned["known"], vectors.astype(np.float32), count)[0]
        column = data.scores[near, 0].mean(1)
        return {"scores": np.column_stack([self.learned["scores"], column])}

    def _predict_vectors(self, vectors: Floats) -> Floats:
        near, _ = _nearest(vectors.astype(np.float32), self.learned["known"], self.k)
        scores: Floats = self.learned["scores"][near].mean(1)
        return scores

    def _because(self, question: Question) -> list[str]:
        near, cosines = _nearest(
            self.vectors([question]).astype(np.float32), self.learned["known"], self.k
        )
        order = np.argsort(-cosines[0])[:_SHOWN]
        shown: Sequence[str] = json.loads(self.learned["shown"].tobytes())
        lines = [f"cosine {cosines[0, i]:.2f}: {shown[near[0, i]]}" for i in order]
        return [f"mean of {near.shape[1]} nearest training questions; the first are", *lines]


def _nearest(vectors: Floats, known: Floats, k: int) -> tuple[Ints, Floats]:
    """[n, k] the rows of `known` with the largest cosine, in no order, and the cosines."""
    k = min(k, len(known))
    rows, cosines = [], []
    for start in range(0, len(vectors), _BLOCK):
        cosine = vectors[start : start + _BLOCK] @ known.T
        near = np.argpartition(-cosine, k - 1, axis=1)[:, :k]
        rows.append(near)
        cosines.append(np.take_along_axis(cosine, near, 1))
    return np.vstack(rows), np.vstack(cosines)
