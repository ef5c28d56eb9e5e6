"""`label`: a router that uses only the question's category, a baseline that text-based routers rarely beat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, Router, setting
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.training_set import TrainingSet


@ROUTERS.register("label", "mean score of the question's category, shrunk towards the overall mean")
@dataclass(kw_only=True, eq=False)
class CategoryRouter(Router):
    """The mean score of the question's category, shrunk towards the overall mean where the category is small:
    `(sum of scores + prior x overall mean) / (questions + prior)`."""

    name = "label"
    grid = {"prior": (1.0, 5.0, 20.0)}
    prior: float = setting(5.0, least=0)
    """How many questions the overall mean counts like in each category."""

    def _learn(self, data: TrainingSet) -> Arrays:
        categories = sorted({q.category for q in data.questions if q.category is not None})
        overall = data.scores.mean(0)
        return {
            "categories": np.frombuffer(json.dumps(categories).encode(), dtype=np.uint8),
            "overall": overall,
            "means": self._means(categories, data, overall),
        }

    def _learn_model(self, data: TrainingSet) -> Arrays:
        overall = data.scores.mean(0)
        means = self._means(self._categories(), data, overall)
        return {
            "overall": np.append(self.learned["overall"], overall),
            "means": np.hstack([self.learned["means"], means]),
        }

    def _predict(self, questions: Sequence[Question]) -> Floats:
        places: dict[str | None, int] = {c: place for place, c in enumerate(self._categories())}
        table = np.vstack([self.learned["means"], self.learned["overall"]])
        scores: Floats = table[[places.get(q.category, len(places)) for q in questions]]
        return scores

    def _because(self, question: Question) -> list[str]:
        if question.category in self._categories():
            return [f"mean scores of the category {question.category!r}"]
        return [f"mean scores of all questions; training had no category {question.category!r}"]

    def _means(self, categories: Sequence[str], data: TrainingSet, overall: Floats) -> Floats:
        """[categories, m] shrunken means."""
        places = {category: place for place, category in enumerate(categories)}
        sums, counts = np.zeros((len(places), len(overall))), np.zeros((len(places), 1))
        for question, scores in zip(data.questions, data.scores, strict=True):
            place = places.get(question.category or "")
            if place is not None:
                sums[place] += scores
                counts[place] += 1
        weights = np.maximum(counts + self.prior, 1e-12)  # without prior, an empty category
        means: Floats = np.where(
            counts + self.prior > 0, (sums + self.prior * overall) / weights, overall
        )
        return means

    def _categories(self) -> list[str]:
        categories: list[str] = json.loads(self.learned["categories"].tobytes())
        return categories
