"""The exception that this package adds to those of `router_r1.errors`."""

from __future__ import annotations

from router_r1.errors import RouterR1Error


class ScorerError(RouterR1Error, RuntimeError):
    """An answer could not be scored, for a reason that is not the answer. Never turned into a score."""
