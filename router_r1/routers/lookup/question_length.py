"""`question_length`: a heuristic baseline that knows only how long a question is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, Router, setting
from router_r1.routers.embedding import text_of
from router_r1.routers.libraries import Arrays, Floats, Ints, np
from router_r1.routers.training_set import TrainingSet


@ROUTERS.register("question_length", "mean score of questions of similar length")
@dataclass(kw_only=True, eq=False)
class QuestionLengthRouter(Router):
    """The mean score between two quantiles of length in characters, shrunk towards the overall mean.

    A learned router that does not beat it has learned no more than this. On two models it is the heuristic "long
    questions to the stronger model", except that it learns the direction.
    """

    name = "question_length"
    grid = {"bins": (2, 4, 8, 16)}
    bins: int = setting(8, least=1)
    """Number of bins with about as many training questions each; fewer where many have the same length."""
    prior: float = setting(5.0, least=0)
    """How many questions the overall mean counts like in each bin."""

    def _learn(self, data: TrainingSet) -> Arrays:
        inner = np.arange(1, self.bins) / self.bins
        edges = np.unique(np.quantile(_lengths(data.questions), inner))
        return {"edges": edges, "means": self._means(edges, data)}

    def _learn_model(self, data: TrainingSet) -> Arrays:
        column = self._means(self.learned["edges"], data)
        return {"means": np.hstack([self.learned["means"], column])}

    def _predict(self, questions: Sequence[Question]) -> Floats:
        means: Floats = self.learned["means"][_bin(self.learned["edges"], questions)]
        return means

    def _because(self, question: Question) -> list[str]:
        edges = [0, *self.learned["edges"].tolist(), float("inf")]
        place = int(_bin(self.learned["edges"], [question])[0])
        length = int(_lengths([question])[0])
        return [f"{length} characters: mean scores from {edges[place]:g} to {edges[place + 1]:g}"]

    def _means(self, edges: Floats, data: TrainingSet) -> Floats:
        """[bins, m] shrunken means; an empty bin has the overall mean."""
        overall = data.scores.mean(0)
        inside = _bin(edges, data.questions) == np.arange(len(edges) + 1)[:, None]
        weights = inside.sum(1, keepdims=True) + self.prior
        sums = inside @ data.scores + self.prior * overall
        means: Floats = np.where(weights > 0, sums / np.maximum(weights, 1e-12), overall)
        return means


def _lengths(questions: Sequence[Question]) -> Floats:
    """[n] characters of the question and its options."""
    return np.array([len(text_of(question)) for question in questions], dtype=np.float64)


def _bin(edges: Floats, questions: Sequence[Question]) -> Ints:
    """[n] the bin of each question; a length equal to an edge belongs to the upper one."""
    places: Ints = np.searchsorted(edges, _lengths(questions), side="right")
    return places
