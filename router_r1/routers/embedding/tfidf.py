"""`tfidf`: TF-IDF of words and word pairs, reduced by latent semantic analysis (Deerwester et al. 1990).

It needs no download and no key, and is fitted on training texts alone.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from typing import Any, Self

from router_r1.errors import ConfigError
from router_r1.routers.libraries import Arrays, Floats, need, np

_WORDS = 50_000  # the most frequent words and pairs are kept
_DIMENSIONS = 256


class TfidfEmbedding:
    """Vectors of 256 dimensions at most; zeros for a text without a known word."""

    def __init__(self) -> None:
        self._words: Any = None
        self._axes: Floats | None = None

    def fit(self, texts: Sequence[str]) -> tuple[Self, Floats]:
        """Fit on these texts; several routers that are fitted on the same ones share the result.

        Raises:
            ConfigError: no text has a word.
            MissingDependencyError: scikit-learn is not installed.
        """
        self._words, self._axes, vectors = _fitted(tuple(texts))
        return self, vectors

    def __call__(self, texts: Sequence[str]) -> Floats:
        """[n, d] vectors of any texts."""
        if self._axes is None:
            raise ConfigError("the embedding is not fitted; call fit(texts) first")
        return _unit(self._words.transform(texts) @ self._axes.T)

    def arrays(self) -> Arrays:
        """The words with their weights, and the axes [d, words] that they are reduced to."""
        assert self._axes is not None
        words = sorted(self._words.vocabulary_, key=self._words.vocabulary_.__getitem__)
        return {
            # As bytes: an array of texts would have the length of the longest one in every row.
            "words": np.frombuffer(json.dumps(words).encode(), dtype=np.uint8),
            "weights": self._words.idf_,
            "axes": self._axes.astype(np.float32),
        }

    def restore(self, arrays: Arrays) -> None:
        """Become the embedding that `arrays` came from."""
        self._words = _vectorizer(vocabulary=json.loads(arrays["words"].tobytes()))
        self._words.idf_ = arrays["weights"]
        self._axes = arrays["axes"].astype(np.float64)


def _vectorizer(**settings: Any) -> Any:
    text = need("sklearn.feature_extraction.text", "routers")
    # Single letters and digits count as words: options and small numbers tell kinds of questions apart.
    return text.TfidfVectorizer(
        ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+", **settings
    )


@functools.lru_cache(maxsize=4)
def _fitted(texts: tuple[str, ...]) -> tuple[Any, Floats, Floats]:
    """The vectorizer, the axes [d, words] and the texts' vectors [n, d]."""
    decomposition = need("sklearn.decomposition", "routers")
    words = _vectorizer(max_features=_WORDS)
    try:
        counts = words.fit_transform(texts)
    except ValueError as error:  # an empty vocabulary
        raise ConfigError("no training question has a word, so texts cannot be compared") from error
    most = min(_DIMENSIONS, *(side - 1 for side in counts.shape))
    if most < 1:  # a single word, or a single text: nothing to reduce
        return words, np.eye(counts.shape[1], dtype=np.float64), _unit(counts.toarray())
    space = decomposition.TruncatedSVD(most, random_state=0)
    with np.errstate(
        invalid="ignore", divide="ignore"
    ):  # its share of explained variance, where there is none
        vectors = _unit(space.fit_transform(counts))
    # Rounded as in a file, so that a loaded router predicts the same to the last bit.
    return words, space.components_.astype(np.float32).astype(np.float64), vectors


def _unit(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = vectors / np.where(lengths == 0, 1.0, lengths)
    return scaled
