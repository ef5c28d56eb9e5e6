"""The base class of routers that read an embedding of the question."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from router_r1.data.questions import Question
from router_r1.routers.base import Router, setting
from router_r1.routers.embedding import TFIDF, Embedding, make_embedding, text_of
from router_r1.routers.embedding.facts import QuestionFacts
from router_r1.routers.libraries import Arrays, Floats
from router_r1.routers.training_set import TrainingSet

_PREFIX = "embedding."  # of the embedding's arrays among those of the router
_FACTS = "facts."  # of the facts' arrays


@dataclass(kw_only=True, eq=False)
class EmbeddingRouter(Router):
    """A router that reads vectors. A subclass writes `_learn_vectors` and `_predict_vectors`."""

    embedding: str = setting(TFIDF)
    """`tfidf`, a sentence-transformers model, or an endpoint for embeddings (`router_r1.routers.embedding`)."""
    facts: float = setting(0.0, least=0, most=1)
    """Share of the question's facts (number of images, options, length: `facts.py`) in the vectors; 0: words alone."""
    _embed: Embedding | None = field(init=False, default=None, repr=False)

    def vectors(self, questions: Sequence[Question]) -> Floats:
        """[n, d] the vectors that this router reads, each of length 1. Raises `ConfigError` before `fit`."""
        self._check_fitted()
        return self._with_facts(self._embedding()(list(map(text_of, questions))), questions)

    def scores_of_vectors(self, vectors: Floats) -> Floats:
        """Predict scores [n, m] from `vectors` [n, d]: embed once, predict with many routers."""
        self._check_fitted()
        return self._predict_vectors(vectors)

    @abstractmethod
    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        """Learn from vectors [n, d] and the scores of `data` [n, m]; as `_learn`."""

    @abstractmethod
    def _predict_vectors(self, vectors: Floats) -> Floats:
        """Predict scores [n, m] from vectors [n, d]."""

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        """As `_learn_model`, from vectors [k, d]. Optional."""
        return super()._learn_model(data)

    def _learn(self, data: TrainingSet) -> Arrays:
        if self.embedding != TFIDF and Path(self.embedding).is_dir():  # found again from any folder
            self.embedding = str(Path(self.embedding).resolve())
        self._embed, vectors = make_embedding(self.embedding).fit(
            list(map(text_of, data.questions))
        )
        kept = {_PREFIX + name: array for name, array in self._embed.arrays().items()}
        if self.facts:
            facts = QuestionFacts.fit(data.questions)
            kept |= {_FACTS + name: array for name, array in facts.arrays().items()}
            vectors = facts.beside(vectors, data.questions, self.facts)
        return {**kept, **self._learn_vectors(vectors, data)}

    def _learn_model(self, data: TrainingSet) -> Arrays:
        return self._learn_model_vectors(self.vectors(data.questions), data)

    def _predict(self, questions: Sequence[Question]) -> Floats:
        return self._predict_vectors(self.vectors(questions))

    def _with_facts(self, vectors: Floats, questions: Sequence[Question]) -> Floats:
        if not self.facts:
            return vectors
        facts = QuestionFacts(self.learned[_FACTS + "lengths"])
        return facts.beside(vectors, questions, self.facts)

    def _embedding(self) -> Embedding:
        if self._embed is None:  # loaded from a file
            restored = make_embedding(self.embedding)
            restored.restore(
                {
                    name.removeprefix(_PREFIX): array
                    for name, array in self.learned.items()
                    if name.startswith(_PREFIX)
                }
            )
            self._embed = restored  # complete: other threads may use it
        return self._embed
