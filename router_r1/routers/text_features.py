"""What text routers see of a question: words and pairs of words, in a few hundred dimensions.

TF-IDF of words and bigrams, latent semantic analysis, length 1: no download, no key, and the same for every text router, so that they differ
in what they do with it. Fitted on training questions alone.
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

_WORDS = 50_000  # the most frequent words and pairs
_DIMENSIONS = 256


class TextFeatures:
    """A map from questions to vectors of length 1, fitted on training questions; see `fit_features`."""

    def __init__(self, texts: Sequence[str]) -> None:
        """Learn the words of these texts. Raises `MissingDependencyError` without scikit-learn."""
        try:
            from sklearn.decomposition import TruncatedSVD
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError as error:
            raise MissingDependencyError(
                "text routers need scikit-learn: pip install 'router-r1[routers]'"
            ) from error
        # Single letters and digits are words here: options and small numbers say what kind of question it is.
        self._words = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+", max_features=_WORDS
        )
        counts = self._words.fit_transform(texts)
        most = min(_DIMENSIONS, *(side - 1 for side in counts.shape))
        self._space = TruncatedSVD(max(1, most), random_state=0)
        self.known = _unit(self._space.fit_transform(counts))
        """[n, d] the vectors of the texts it was fitted on."""

    def __call__(self, questions: Sequence[Question]) -> Floats:
        """[n, d] the vectors of these questions; zeros where no word is known."""
        return _unit(self._space.transform(self._words.transform(map(_text, questions))))


def fit_features(questions: Sequence[Question]) -> TextFeatures:
    """Features fitted on these questions; kept, so that routers which are fitted on the same questions share them."""
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
