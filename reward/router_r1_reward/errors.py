"""The one exception this package adds to the tree of `router_r1.errors`."""

from __future__ import annotations

from router_r1.errors import RouterR1Error


class ScorerError(RouterR1Error, RuntimeError):
    """An answer could not be scored, through no fault of the answer. Never turned into a score."""
