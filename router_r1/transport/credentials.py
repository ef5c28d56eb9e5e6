"""Keys: read from the environment, and kept out of everything that is written down.

A server can send a key back: in an error, a reply, a header. Whatever comes from outside passes through `KEYS.hide`
before it reaches a response, a trace, a record or a message; the log lines of the HTTP libraries pass through it too.

Not covered: text that the application's own question holds.
"""

from __future__ import annotations

import html
import json
import logging
import re
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

from router_r1.errors import ConfigError

if TYPE_CHECKING:
    from router_r1.model_cards import Endpoint

HIDDEN = "[key]"
_KEY_LIKE = re.compile(r"(?i)\b(?:bearer\s+\S+|(?:sk|pk|key|nvapi|hf|gsk)[-_][\w*-]{8,})")
# What servers without keys are given: `EMPTY`, `none`, `1234`. Such a word means something else in an answer.
_PLACEHOLDER = re.compile(r"[A-Za-z]{1,15}|\d{1,7}")
_SHORT = 8


def read_key(endpoint: Endpoint, where: str, env: Mapping[str, str]) -> str | None:
    """The key of an endpoint from the environment; `where` is the endpoint's place in the configuration.

    Raises:
        ConfigError: the variable is not set, or holds what no HTTP header can.
    """
    variable = endpoint.api_key_env
    if variable is None:
        return None
    key = env.get(variable, "").strip()
    if not key:
        raise ConfigError(
            f"{where}.api_key_env: the environment variable {variable} is not set; "
            f"export it, or remove api_key_env for a server without keys"
        )
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"{where}.api_key_env: the environment variable {variable} holds characters that no "
            f"HTTP header can carry; export the key alone, on one line"
        )
    return key


class KeyRing(logging.Filter):
    """The keys in use, known so that they can be taken out of text. Its `repr` shows none of them."""

    # The loggers that would write down what a server said, at the levels INFO and DEBUG.
    _LOGGERS = ("httpx2", "openai._base_client", "openai._response")

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._keys: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"

    def add(self, key: str) -> None:
        """Hide this key from now on."""
        with self._lock:
            if key in self._keys:
                return
            self._keys |= {key}
            longest_first = sorted(self._keys, key=len, reverse=True)
            self._pattern = re.compile("|".join(_pattern(each) for each in longest_first))
            for name in self._LOGGERS:
                logging.getLogger(name).addFilter(self)  # adding it twice adds it once

    def hide(self, text: str) -> str:
        """Take the keys out, however they are escaped. For replies: nothing else is changed."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)

    def redact(self, text: str) -> str:
        """Take out the keys, and what looks like one. For messages about a failure."""
        return _KEY_LIKE.sub(HIDDEN, self.hide(text))

    def filter(self, record: logging.LogRecord) -> bool:
        """Take the keys out of a line of another library's log."""
        line = record.getMessage()
        if (hidden := self.hide(line)) != line:
            record.msg, record.args = hidden, None
        return True


def _pattern(key: str) -> str:
    """A regular expression for the spellings of a key: as it is, or escaped for JSON, Python, HTML or a URL.

    A key of a few characters is matched as a whole word only, and one that is a plain word only after `Bearer`:
    otherwise a reply that happens to hold those letters would be changed.
    """
    encoded = {quote(key, safe=""), quote(key), quote_plus(key)}
    spellings = {key, json.dumps(key)[1:-1], repr(key)[1:-1]} | encoded
    spellings |= {html.escape(key), html.escape(key, quote=False), key.replace("/", "\\/")}
    spellings |= {re.sub("%..", lambda code: code[0].lower(), each) for each in encoded}
    either = "|".join(re.escape(each) for each in sorted(spellings, key=len, reverse=True))
    if _PLACEHOLDER.fullmatch(key):
        return rf"\b[Bb]earer\s+(?:{either})(?!\w)"
    if len(key) < _SHORT:
        return rf"(?<!\w)(?:{either})(?!\w)"
    return f"(?:{either})"


KEYS = KeyRing()
"""The keys of this process; of all transports, since a log line does not say whose it is."""
