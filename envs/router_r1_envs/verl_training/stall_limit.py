"""How long a training run may make no progress before it ends with an error."""

from __future__ import annotations

import math
import os

STALL_VARIABLE = "ROUTER_R1_STALL_S"
"""The environment variable with the limit in seconds; 1800 if it is not set."""


def stall_limit_s() -> float:
    """The limit in seconds.

    Raises:
        ValueError: the environment variable is not a positive number.
    """
    text = os.environ.get(STALL_VARIABLE, "1800")
    try:
        limit = float(text)
    except ValueError:
        limit = math.nan
    if not limit > 0:
        raise ValueError(f"{STALL_VARIABLE} is {text!r}; it must be a positive number of seconds")
    return limit
