"""Vectors of a sentence-transformers model, such as all-MiniLM-L6-v2: a folder on this machine, or a name on the hub."""

from __future__ import annotations

import functools
import hashlib
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from router_r1.errors import ConfigError, shown_name
from router_r1.routers.embedding.cache import through_cache
from router_r1.routers.libraries import Arrays, Floats, need, np

log = logging.getLogger("router_r1.routers")
_LOCK = threading.RLock()


class SentenceModelEmbedding:
    """Vectors of a model that is loaded when the first text is not in the cache."""

    def __init__(self, name: str) -> None:
        """
        Args:
            name: folder, or name on the hub.
        """
        self._name = name

    def fit(self, texts: Sequence[str]) -> tuple[Self, Floats]:
        """The texts' vectors; nothing is learned from them."""
        return self, self(texts)

    def __call__(self, texts: Sequence[str]) -> Floats:
        """[n, d] vectors.

        A text that is longer than the model reads is cut, and the log says how many were.

        Raises:
            ConfigError: the model cannot be loaded.
            MissingDependencyError: sentence-transformers is not installed.
        """
        return through_cache(_identity(self._name), texts, self._encode)

    def arrays(self) -> Arrays:
        """Empty: the model is found by its name."""
        return {}

    def restore(self, arrays: Arrays) -> None:
        """Nothing to restore."""

    def _encode(self, texts: Sequence[str]) -> Floats:
        with _LOCK:  # its tokenizer cannot be used by two threads at once
            return self._encode_alone(texts)

    def _encode_alone(self, texts: Sequence[str]) -> Floats:
        model = _load(self._name)
        most = model.max_seq_length
        lengths = [len(ids) for ids in model.tokenizer(list(texts), truncation=False)["input_ids"]]
        long = sum(length > most for length in lengths)
        if long:
            log.warning(
                "%s reads %d tokens: %d of %d texts are longer, and their rest is not read",
                self._name,
                most,
                long,
                len(texts),
            )
        vectors: Floats = np.asarray(
            model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False)
        )
        return vectors


@functools.lru_cache(maxsize=2)
def _load(name: str) -> Any:
    library = need("sentence_transformers", "embeddings")
    try:
        return library.SentenceTransformer(name)
    except Exception as error:  # the library raises many kinds for what is no model
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"embedding {shown_name(name)!r}: cannot be loaded ({type(error).__name__}: {reason}); "
            f"expected tfidf, the folder or hub name of a sentence-transformers model, or URL#MODEL"
        ) from error


@functools.lru_cache(maxsize=8)
def _identity(name: str) -> str:
    """The model's name; for a folder a hash of its files, because they may change."""
    folder = Path(name)
    if not folder.is_dir():
        return name
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in (".json", ".safetensors", ".bin", ".txt"):
            digest.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
