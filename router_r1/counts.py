"""Bounds on numbers of questions, rows or episodes, which a command keeps in memory: only a slip is above them."""

from __future__ import annotations

from router_r1.errors import ConfigError

MOST = 10**7
"""Questions, rows or episodes of one command: what fits into the memory of a large machine."""


def check_count(
    number: int, what: str, remedy: str, *, most: int = MOST, why: str = "fit into memory"
) -> None:
    """Refuse a number that no machine could carry out, before anything is read, made or paid.

    Args:
        number: how many; where options multiply, their product.
        what: what is counted, in the plural.
        remedy: what to do, e.g. the options to lower.
        most: the bound.
        why: what at most so many do.

    Raises:
        ConfigError: the number is above the bound.
    """
    if number > most:
        raise ConfigError(f"{number:,} {what}, of which at most {most:,} {why}; {remedy}")
