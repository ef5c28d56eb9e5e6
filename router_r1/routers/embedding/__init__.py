"""Embeddings of questions: the vectors that routers read.

    tfidf                               words and word pairs, reduced to 256 dimensions; fitted on the training questions
    PATH or NAME                        a sentence-transformers model, on this machine or from the hub
    http://localhost:11434/v1#bge-m3    a model behind an OpenAI-compatible endpoint for embeddings

`make_embedding` makes one from such a text. Vectors have length 1, so that a product of two is their cosine. Those of a
model do not depend on the training questions and are kept on disk by content (`cache.py`).
"""

from __future__ import annotations

from router_r1.routers.embedding.base import Embedding, text_of

TFIDF = "tfidf"


def make_embedding(name: str) -> Embedding:
    """An embedding that is not fitted yet.

    Args:
        name: as in the module's docstring.

    Raises:
        ConfigError: an address without a model.
    """
    if name == TFIDF:
        from router_r1.routers.embedding.tfidf import TfidfEmbedding

        return TfidfEmbedding()
    if name.startswith(("http://", "https://")):
        from router_r1.routers.embedding.endpoint import EndpointEmbedding

        return EndpointEmbedding(name)
    from router_r1.routers.embedding.sentence_model import SentenceModelEmbedding

    return SentenceModelEmbedding(name)


__all__ = ["TFIDF", "Embedding", "make_embedding", "text_of"]
