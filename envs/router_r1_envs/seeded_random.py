"""Reproducible randomness: a random generator that is seeded by what it is for, the same in every process."""

from __future__ import annotations

import hashlib
import random


def seeded_random(*parts: object) -> random.Random:
    """A generator seeded by a hash of `parts`: equal parts give equal draws, in every process and on every machine."""
    digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "big"))
