"""What text routers see of a question: words and pairs of words, in a few hundred dimensions.

TF-IDF of words and bigrams, latent semantic analysis, length 1: no download, no key, and the same for every text router, so that they differ
in what they do with it. Fitted on training questions alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from router_r1.errors import MissingDependencyError
from router_r1.questions import Question

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


_WORDS = 50_000  # the most frequent words and pairs


class TextFeatures:
    """A map from questions to vectors of length 1."""

    def __init__(self, dimensions: int = 256, seed: int = 0) -> None:
        """
        Args:
            dimensions: most there are; fewer where there are fewer questions or words.
            seed: of the randomised decomposition.

        Raises:
            MissingDependencyError: scikit-learn is not installed.
        """
        try:
            from sklearn.feature_extraction.text import TfidfVectorizer
        except ImportError as error:
            raise MissingDependencyError(
                "text routers need scikit-learn: pip install 'router-r1[routers]'"
            ) from error
        self._dimensions, self._seed = dimensions, seed
        # Single letters and digits are words here: options and small numbers say what kind of question it is.
        self._words = TfidfVectorizer(
            ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+", max_features=_WORDS
        )

    def fit(self, questions: Sequence[Question]) -> Floats:
        """Learn the words of these questions, and return their vectors [n, d]."""
        from sklearn.decomposition import TruncatedSVD

        counts = self._words.fit_transform(map(_text, questions))
        self._space = TruncatedSVD(
            max(1, min(self._dimensions, *(side - 1 for side in counts.shape))),
            random_state=self._seed,
        )
        return _unit(self._space.fit_transform(counts))

    def __call__(self, questions: Sequence[Question]) -> Floats:
        """[n, d] the vectors of these questions; zeros where no word is known."""
        return _unit(self._space.transform(self._words.transform(map(_text, questions))))


def _text(question: Question) -> str:
    return " ".join([question.question, *(question.choices or ())])


def _unit(vectors: Floats) -> Floats:
    from sklearn.preprocessing import normalize

    scaled: Floats = normalize(vectors)
    return scaled
