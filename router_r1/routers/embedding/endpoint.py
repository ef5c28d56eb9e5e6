"""Vectors from an OpenAI-compatible endpoint, such as Ollama's nomic-embed-text or bge-m3, or a hosted one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Self

from router_r1.errors import ConfigError, EmbeddingError, shown_name
from router_r1.routers.embedding.cache import through_cache
from router_r1.routers.libraries import Arrays, Floats, np

_TIMEOUT_S = 60.0


class EndpointEmbedding:
    """Vectors of `URL#MODEL`; the key, if one is needed, is in the environment variable `EMBEDDING_API_KEY`."""

    def __init__(self, address: str) -> None:
        """
        Args:
            address: base URL and model, e.g. `http://localhost:11434/v1#nomic-embed-text`.

        Raises:
            ConfigError: the model is missing.
        """
        self._address = address
        self._url, _, self._model = address.partition("#")
        if not self._model:
            raise ConfigError(
                f"embedding {shown_name(address)!r}: expected URL#MODEL, e.g. http://localhost:11434/v1#bge-m3"
            )

    def fit(self, texts: Sequence[str]) -> tuple[Self, Floats]:
        """The texts' vectors; nothing is learned from them."""
        return self, self(texts)

    def __call__(self, texts: Sequence[str]) -> Floats:
        """[n, d] vectors of length 1.

        Raises:
            EmbeddingError: the endpoint cannot be reached, refuses, or returns something else than a vector for each text.
        """
        return through_cache(self._address, texts, self._ask)

    def arrays(self) -> Arrays:
        """Empty: the model is found by its address."""
        return {}

    def restore(self, arrays: Arrays) -> None:
        """Nothing to restore."""

    def _ask(self, texts: Sequence[str]) -> Floats:
        import openai

        key = os.environ.get("EMBEDDING_API_KEY", "none")
        try:
            with openai.OpenAI(
                base_url=self._url, api_key=key, timeout=_TIMEOUT_S, max_retries=1
            ) as client:
                reply = client.embeddings.create(
                    model=self._model, input=list(texts), encoding_format="float"
                )
            # A server may list the vectors in any order.
            by_place = {item.index: item.embedding for item in reply.data}
            vectors = np.array([by_place[n] for n in range(len(texts))], dtype=np.float64)
        except openai.OpenAIError as error:
            reason = " ".join(str(error).split())[:200]
            raise EmbeddingError(f"embeddings of {shown_name(self._address)}: {reason}") from error
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise EmbeddingError(
                f"embeddings of {shown_name(self._address)}: the reply has no vector of one length for each text"
            ) from error
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(vectors).all() and lengths.all()):
            raise EmbeddingError(
                f"embeddings of {shown_name(self._address)}: a vector is zero or not finite"
            )
        scaled: Floats = vectors / lengths
        return scaled
