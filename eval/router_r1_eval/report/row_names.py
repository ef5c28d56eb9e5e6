"""Names of rows, shortened to the space that a figure or a table has for them."""

from __future__ import annotations

from router_r1_eval.results import BEST_SINGLE, NAME_SEPARATOR


def one_name(name: str) -> str:
    """One name of a row that has several: the best single model's if it is among them, else the first."""
    names = name.split(NAME_SEPARATOR)
    return next((part for part in names if part.startswith(BEST_SINGLE)), names[0])


def shortened(name: str, limit: int) -> str:
    """The name in at most `limit` letters: in full, or one of several, or cut off."""
    if len(name) > limit:
        name = one_name(name)
    return name if len(name) <= limit else name[: limit - 1] + "…"
