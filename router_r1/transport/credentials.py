"""API keys: read from the environment, and removed from every text that is stored, logged or shown.

A server can send a key back in an error, a reply or a header. All text from outside passes through `KEYS.hide` before
it reaches a response, a trace, a record or a message, and so do the log lines of the HTTP libraries.

A key that the application puts into its own question is not removed.
"""

from __future__ import annotations

import base64
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
# What people set for servers without keys: `EMPTY`, `none`, `1234`. In an answer such a word is an ordinary word.
_PLACEHOLDER = re.compile(r"[A-Za-z]{1,15}|\d{1,7}")
_WHOLE_WORD_BELOW = 8
"""A key with fewer characters is hidden only where it is a whole word."""


def read_key(endpoint: Endpoint, where: str, env: Mapping[str, str]) -> str | None:
    """Read the key of an endpoint from the environment.

    Args:
        endpoint: names the environment variable.
        where: place of the endpoint in the configuration, for error messages.
        env: the environment.

    Returns:
        The key without surrounding space; None for a server without keys.

    Raises:
        ConfigError: the variable is not set, or its value does not fit an HTTP header.
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
            f"{where}.api_key_env: the environment variable {variable} holds characters that "
            f"an HTTP header cannot carry; export only the key, on one line"
        )
    return key


class KeyRing(logging.Filter):
    """The keys in use, to be removed from text. Its `repr` shows none of them."""

    # These loggers write what a server sent, at the levels INFO and DEBUG.
    _LOGGERS = ("httpx2", "openai._base_client", "openai._response")

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._keys: frozenset[str] = frozenset()
        self._patterns: dict[str, re.Pattern[str]] = {}
        """How each spelling of each key is found, the longest first."""

    def __repr__(self) -> str:
        return f"KeyRing({len(self._keys)} keys)"

    def add(self, key: str) -> None:
        """Hide this key from now on."""
        with self._lock:
            if key in self._keys:
                return
            self._keys |= {key}
            patterns = self._patterns | _patterns(key)
            self._patterns = {each: patterns[each] for each in sorted(patterns, key=len)[::-1]}
            for name in self._LOGGERS:
                logging.getLogger(name).addFilter(self)  # a filter is added only once

    def hide(self, text: str) -> str:
        """`text` without the keys, however they are escaped. For replies; changes nothing else."""
        for spelling, pattern in self._patterns.items():
            if spelling in text:  # a pattern is slow on a long text
                text = pattern.sub(HIDDEN, text)
        return text

    def redact(self, text: str) -> str:
        """`text` without the keys and without anything that looks like one. For error messages."""
        return _KEY_LIKE.sub(HIDDEN, self.hide(text))

    def filter(self, record: logging.LogRecord) -> bool:
        """Remove the keys from a log line of another library; keeps every line."""
        line = record.getMessage()
        if (hidden := self.hide(line)) != line:
            record.msg, record.args = hidden, None
        return True


def looks_like_key(text: str) -> bool:
    """Whether a text contains something in the form of a provider's key."""
    return _KEY_LIKE.search(text) is not None


def _spellings(key: str) -> frozenset[str]:
    """A key verbatim, and as JSON, Python, HTML, URLs, base64 and hexadecimal spell it."""
    raw = key.encode()
    encoded = {quote(key, safe=""), quote(key), quote_plus(key)}
    spellings = {key, json.dumps(key)[1:-1], repr(key)[1:-1]} | encoded
    spellings |= {html.escape(key), html.escape(key, quote=False), key.replace("/", "\\/")}
    spellings |= {re.sub("%..", lambda code: code[0].lower(), each) for each in encoded}
    if not _is_short(key):
        spellings |= {raw.hex(), raw.hex().upper(), key[::-1]} | _in_base64(raw)
        for form in (
            "%{:02x}",
            "%{:02X}",
            "\\u{:04x}",
            "\\u{:04X}",
            "\\x{:02x}",
            "&#{};",
            "&#x{:x};",
        ):
            spellings.add("".join(map(form.format, raw)))
    return frozenset(spellings)


def _in_base64(raw: bytes) -> set[str]:
    """How base64 spells these bytes, alone and within any others: it depends on what is before them, modulo three."""
    spellings = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode()
        certain = text.rstrip("=")[: -1 if (before + len(raw)) % 3 else None]
        spellings.add(certain[(before * 8 + 5) // 6 :])
        if before == 0:
            spellings |= {text, text.rstrip("=")}
    return spellings | {each.translate({43: "-", 47: "_"}) for each in spellings}


def _is_short(key: str) -> bool:
    return len(key) < _WHOLE_WORD_BELOW or _PLACEHOLDER.fullmatch(key) is not None


def _patterns(key: str) -> dict[str, re.Pattern[str]]:
    """A regular expression for each spelling of a key.

    A short key matches only as a whole word, and a placeholder such as `none` only after `Bearer`: otherwise replies
    that happen to contain those letters would be changed.
    """
    frame = "{}"
    if _PLACEHOLDER.fullmatch(key):
        frame = r"\b[Bb]earer\s+{}(?!\w)"
    elif _is_short(key):
        frame = r"(?<!\w){}(?!\w)"
    return {each: re.compile(frame.format(re.escape(each))) for each in _spellings(key)}


KEYS = KeyRing()
"""The keys of this process. All transports share them, since a log line does not say which transport wrote it."""
