"""Every exception the package raises on purpose.

One tree rooted in `RouterR1Error`; each member is also a standard type, so that code which knows nothing of
this package can still catch it. A message says what was expected, what came, and what to do.

To add one: subclass `RouterR1Error` and the closest built-in exception, and say in the docstring who raises it.

A candidate that fails is *not* an exception: it is a `router_r1.transport.messages.Failure` inside a `Response`, so that
one dead model cannot kill a batch.
"""

from __future__ import annotations


class RouterR1Error(Exception):
    """Root of the tree."""


class ConfigError(RouterR1Error, ValueError):
    """A pool, an agent file, an override or an environment variable is wrong. Names file, field and remedy."""


class EpisodeStateError(RouterR1Error, RuntimeError):
    """An episode was driven out of order: a turn after the end, responses nobody asked for."""


class PolicyError(RouterR1Error, RuntimeError):
    """The policy could not write a turn, for a reason that asking again will not change."""


class ReplayMissError(RouterR1Error, LookupError):
    """A replayed call is not in the record store."""


class StoreError(RouterR1Error, OSError):
    """A record store cannot be opened, or holds something that is not a record."""


class TraceError(RouterR1Error, ValueError):
    """A line of a trace file is not a trace this version can read."""


class DataError(RouterR1Error, ValueError):
    """A file of questions, an outcome table or a data set is not what it should be. Names file and line."""


class CallerError(RouterR1Error, RuntimeError):
    """Something was called from where it could only wait for itself."""


class MissingDependencyError(RouterR1Error, ImportError):
    """An optional extra is needed and not installed."""
