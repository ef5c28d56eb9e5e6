"""The text features that `knn`, `linear` and `kmeans` share, so that these routers differ only in how they use them.

TF-IDF of words and bigrams, reduced by latent semantic analysis to a few hundred dimensions and scaled to length 1.
They need no download and no key, and are fitted on training questions alone.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from router_r1.data.questions import Question
from router_r1.errors import MissingDependencyError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_WORDS = 50_000  # the most frequent words and bigrams are kept
_DIMENSIONS = 256


class TextFeatures:
    """A map from questions to vectors of length 1, fitted on training texts; see `fit_features`."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Fit the map on these texts. Raises `MissingDependencyError` without scikit-learn."""
        try:
            from sklearn.decomposition import TruncatedSVD
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError as error:
            raise MissingDependencyError(
                "text routers need scikit-learn: pip install 'router-r1[routers]'"
            ) from error
        # Single letters and digits count as words: options and small numbers tell kinds of questions apart.
        self._words = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+", max_features=_WORDS
        )
        counts = self._words.fit_transform(texts)
        most = min(_DIMENSIONS, *(side - 1 for side in counts.shape))
        self._space = TruncatedSVD(max(1, most), random_state=0)
        self.known = _unit(self._space.fit_transform(counts))
        """[n, d] vectors of the training texts."""

    def __call__(self, questions: Sequence[Question]) -> Floats:
        """[n, d] vectors of these questions; zeros for a question without a known word."""
        return _unit(self._space.transform(self._words.transform(map(_text, questions))))


def fit_features(questions: Sequence[Question]) -> TextFeatures:
    """Features fitted on these questions; the last ones are kept, for routers fitted on the same questions."""
    return _fitted(tuple(map(_text, questions)))


@functools.lru_cache(maxsize=1)
def _fitted(texts: tuple[str, ...]) -> TextFeatures:
    return TextFeatures(texts)


def _text(question: Question) -> str:
    return " ".join([question.question, *(question.choices or ())])


def _unit(vectors: Floats) -> Floats:
    from sklearn.preprocessing import normalize

    scaled: Floats = normalize(vectors)
    return scaled
