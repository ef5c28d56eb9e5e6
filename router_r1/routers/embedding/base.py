"""The interface of embeddings, and the text of a question that they embed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from router_r1.data.questions import Question
from router_r1.routers.libraries import Arrays, Floats


class Embedding(Protocol):
    """A map from texts to vectors of length 1."""

    def fit(self, texts: Sequence[str]) -> tuple[Self, Floats]:
        """Fit the map on training texts; return the fitted map and the texts' vectors, [n, d]."""
        ...

    def __call__(self, texts: Sequence[str]) -> Floats:
        """[n, d] vectors of any texts. Raises `ConfigError` before `fit`."""
        ...

    def arrays(self) -> Arrays:
        """What `restore` needs beside the name; empty for a model that is not fitted on texts."""
        ...

    def restore(self, arrays: Arrays) -> None:
        """Become the embedding that `arrays` came from."""
        ...


def text_of(question: Question) -> str:
    """What is embedded: the question, and its options."""
    return " ".join([question.question, *(question.choices or ())])
