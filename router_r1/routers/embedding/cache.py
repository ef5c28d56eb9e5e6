"""Vectors on disk, by the content of the text and the model: nothing is embedded or paid for twice.

One SQLite file for all models of a user: `embeddings.db` in the folder of the environment variable
`ROUTER_R1_CACHE`, by default `~/.cache/router-r1`. It may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from router_r1.errors import EmbeddingError
from router_r1.routers.libraries import Floats, np

log = logging.getLogger("router_r1.routers")
_BATCH = 256
"""Texts that are embedded and kept at a time: an interruption loses no more."""


def cache_folder() -> Path:
    """Where vectors are kept."""
    return Path(os.environ.get("ROUTER_R1_CACHE") or Path.home() / ".cache" / "router-r1")


def through_cache(
    model: str, texts: Sequence[str], embed: Callable[[Sequence[str]], Floats]
) -> Floats:
    """The vectors of texts: those on disk are read, the others are made and kept.

    Args:
        model: identity of the model; vectors of another one are not taken for its own.
        texts: n texts.
        embed: makes the vectors [k, d] of k texts.

    Returns:
        [n, d] vectors. If the file cannot be used, all are made, with one line in the log.
    """
    keys = [
        hashlib.sha256(f"{model}\0{text}".encode("utf-8", "surrogatepass")).digest()
        for text in texts
    ]
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / "embeddings.db", timeout=30)
    except (OSError, sqlite3.Error) as error:
        log.warning("vectors are not kept: %s: %s", cache_folder(), error)
        return _in_batches(texts, embed)
    with closing(connection):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID"
            )
            found = _read(connection, set(keys))
        except sqlite3.Error as error:
            log.warning("vectors are not kept: %s: %s", folder / "embeddings.db", error)
            return _in_batches(texts, embed)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        items = list(missing.items())
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            vectors = embed([text for _, text in batch]).astype(np.float32)
            made = {key: vector for (key, _), vector in zip(batch, vectors, strict=True)}
            found |= made
            try:
                with connection:
                    connection.executemany(
                        "INSERT OR REPLACE INTO vectors VALUES (?, ?)",
                        [(key, vector.tobytes()) for key, vector in made.items()],
                    )
            except sqlite3.Error as error:
                log.warning("vectors are not kept: %s: %s", folder / "embeddings.db", error)
    lengths = {len(found[key]) for key in keys}
    if len(lengths) > 1:
        raise EmbeddingError(
            f"{model}: vectors of {' and '.join(map(str, sorted(lengths)))} numbers; the model has changed: remove "
            f"{folder / 'embeddings.db'}, and fit the router again"
        )
    return np.array([found[key] for key in keys], dtype=np.float64)


def _read(connection: sqlite3.Connection, keys: set[bytes]) -> dict[bytes, Floats]:
    found: dict[bytes, Floats] = {}
    wanted = list(keys)
    for start in range(0, len(wanted), 500):  # SQLite's limit on parameters
        part = wanted[start : start + 500]
        marks = ",".join("?" * len(part))
        rows = connection.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", part)
        found |= {key: np.frombuffer(vector, dtype=np.float32) for key, vector in rows}
    return found


def _in_batches(texts: Sequence[str], embed: Callable[[Sequence[str]], Floats]) -> Floats:
    parts = [embed(texts[start : start + _BATCH]) for start in range(0, len(texts), _BATCH)]
    vectors: Floats = np.vstack(parts)
    return vectors
