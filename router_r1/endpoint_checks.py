"""Checks the address and the headers of an endpoint when a configuration is read, before anything is called or paid.

A message never repeats what was written: it may be a key.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from router_r1.transport.credentials import looks_like_key

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, section 5.6.2)."""
_SECRET_WORDS = frozenset(
    {"auth", "authentication", "authorization", "cookie", "credential", "credentials", "jwt", "key"}
    | {"passwd", "password", "secret", "signature", "token"}
)
_NOT_SECRET = frozenset({"idempotency-key"})
_FRAMING = frozenset(
    {"connection", "content-encoding", "content-length", "content-type", "expect", "host", "te"}
    | {"trailer", "transfer-encoding", "upgrade"}
)
"""Headers that describe the request itself; the client writes them."""
_USE_VARIABLE = "put the key into an environment variable and name that in api_key_env"


def check_base_url(url: str) -> str:
    """The URL without a slash at the end. Raises `ValueError` for one that cannot be called, or that holds a key."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("a base URL starts with http:// or https://, and usually ends with /v1")
    authority = re.split(r"[/?#]", url.split("://", 1)[1], maxsplit=1)[0]
    if "@" in authority or "?" in url or "#" in url:
        raise ValueError(f"a base URL must not contain a user, password or query: {_USE_VARIABLE}")
    if not url.isprintable() or re.search(r"[\s\\]", url):
        raise ValueError("a base URL must not contain space, backslashes or control characters")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = authority.rpartition(":")[0], 0
    if not host:
        raise ValueError("a base URL needs a host, e.g. http://127.0.0.1:8000/v1")
    if port == 0:
        raise ValueError(
            "a base URL needs a port from 1 to 65535, or none, and brackets around IPv6"
        )
    if not _is_host(host):
        raise ValueError("a base URL needs a host name or an IP address after http:// or https://")
    if looks_like_key(parts.path):
        raise ValueError(f"a base URL must not contain a key: {_USE_VARIABLE}")
    return url.rstrip("/")


def _is_host(host: str) -> bool:
    try:
        if ":" in host or host.rstrip(".").rpartition(".")[2].isdecimal():
            ipaddress.ip_address(host.partition("%")[0])
            return True
        if not host.isascii():
            import idna  # comes with the HTTP client

            host = idna.encode(host, uts46=True).decode()
    except ValueError:  # idna's errors are ValueErrors too
        return False
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    """The headers. Raises `ValueError` for one that cannot be sent, or that holds a key."""
    for name, value in headers.items():
        shown = name.strip() if _HEADER_NAME.fullmatch(name.strip()) else "a header"
        if _is_secret(name) or looks_like_key(value) or value.lower().startswith("basic "):
            raise ValueError(
                f"{shown} contains a key: name its environment variable in api_key_env"
            )
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(
                f"{shown}: a header's name has only letters, digits and -, without space; correct it"
            )
        if name.lower() in _FRAMING:
            raise ValueError(f"{shown}: this header is written by the client; remove it")
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise ValueError(
                f"{shown}: a header's value is one line of ASCII characters; correct it"
            )
    return headers


def _is_secret(name: str) -> bool:
    words = re.findall(r"[a-z0-9]+", re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name).lower())
    folded = name.strip().lower()
    ends = "".join(words).endswith(("apikey", "authorization", "token", "secret"))
    return folded not in _NOT_SECRET and (ends or not _SECRET_WORDS.isdisjoint(words))
