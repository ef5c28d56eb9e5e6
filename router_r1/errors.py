"""The exceptions that the package raises on purpose.

All derive from `RouterR1Error`, and each also from a built-in exception, so that code which does not know this package
can catch it. A message says what was expected, what came, and what to do.

To add one, subclass `RouterR1Error` and the closest built-in exception, and say in the docstring when it is raised.

A candidate that fails does *not* raise: it is a `router_r1.transport.messages.Failure` inside a `Response`, so that one
dead model cannot end a batch.
"""

from __future__ import annotations

import re

MOST_SHOWN = 2000
"""Characters of a message that are printed; a name of a megabyte would hide the rest."""


def one_line(message: object) -> str:
    """A message as one line that a terminal shows as it is: no line ends, no control characters, no endless names."""
    text = " ".join(str(message).split())
    if len(text) > MOST_SHOWN:
        text = f"{text[: MOST_SHOWN // 2]} ... {text[-MOST_SHOWN // 4 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# A key is one long word, of letters and digits or of very many letters.
_WORD = re.compile(r"[\w./+*=-]{6,}")
_NUMBER = re.compile(r"[\d.,+_eE-]+")


def is_harmless(text: str) -> bool:
    """Whether a text is certainly not a key, so that a message may show it."""
    return not any(map(_may_be_key, _WORD.findall(text)))


def without_keys(text: str) -> str:
    """A text without the words that may be keys; for the messages of libraries, which quote what they read."""
    return _WORD.sub(lambda word: "..." if _may_be_key(word[0]) else word[0], text)


def _may_be_key(word: str) -> bool:
    mixed = any(map(str.isdigit, word)) and any(map(str.isalpha, word))
    return len(word) > 15 or (mixed and not _NUMBER.fullmatch(word))


# What a user calls something has short parts; what a provider generates mixes letters and digits.
_PART = re.compile(r"[^\W_]{8,}")
_CHANGE = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")
_MOST_OF_NAME = 60


def shown_name(name: object) -> str:
    """A name for a message, shortened, and without what may be a key that was written in its place."""
    text = str(name)
    return without_generated(text if len(text) <= _MOST_OF_NAME else f"{text[:_MOST_OF_NAME]}...")


def without_generated(text: str) -> str:
    """A text without the parts of words that look generated; for messages that quote names and file names."""
    return _PART.sub(lambda part: "..." if len(_CHANGE.findall(part[0])) > 2 else part[0], text)


# What people write for a number or a flag: 1e3, 1,000, 30s, 5 %, yes.
_LIKE_NUMBER = re.compile(
    r"(?i)[-+$]?[\d.,_:]{1,12}(?:e[-+]?\d{1,4})?\s?[a-z%$]{0,2}"
    r"|[-+]?\.?(?:inf|infinity|nan)|true|false|yes|no|on|off|null|none|auto|~|"
)


def is_like_number(text: str) -> bool:
    """Whether a text in the place of a number or a flag is one, almost or entirely, so that a message may show it."""
    return _LIKE_NUMBER.fullmatch(text.strip()) is not None


class RouterR1Error(Exception):
    """Base class of all exceptions of this package."""


class ConfigError(RouterR1Error, ValueError):
    """A pool, agent file, override or environment variable is invalid. Names file, field and remedy."""


class EpisodeStateError(RouterR1Error, RuntimeError):
    """An episode was driven out of order: a turn after its end, or responses without calls."""


class PolicyError(RouterR1Error, RuntimeError):
    """The policy cannot write a turn, and trying again would not help."""


class ReplayMissError(RouterR1Error, LookupError):
    """A replayed call is not in the record store."""


class StoreError(RouterR1Error, OSError):
    """A record store cannot be opened, or holds something that is not a record."""


class TraceError(RouterR1Error, ValueError):
    """A line of a trace file is not a trace that this version can read."""


class NotSavedError(RouterR1Error, OSError):
    """Answers that were paid for could not be written, so a batch was stopped. Names file, reason and what is left."""


class DataError(RouterR1Error, ValueError):
    """A file of questions, an outcome table or a data set is invalid. Names file and line."""


class CallerError(RouterR1Error, RuntimeError):
    """A blocking method was called from a place where it would wait for itself."""


class EmbeddingError(RouterR1Error, RuntimeError):
    """An endpoint for embeddings failed, or returned something else than vectors."""


class MissingDependencyError(RouterR1Error, ImportError):
    """An optional dependency is needed but not installed."""


class CannotServeError(RouterR1Error, ValueError):
    """No candidate can do what a conversation needs; the message says what is missing."""
