"""API keys of the gateway: an SQLite file of names, limits and hashed secrets.

A secret is shown once, when its key is made; the file holds its SHA-256. A slow hash such as bcrypt protects passwords,
which can be guessed because people choose them. A secret here is 256 random bits: nobody finds one by trying, however
fast a try is, and a fast hash keeps a lookup at microseconds.

One name has one valid key. A revoked name may be given again, so that a leaked secret can be replaced. What a key spent
is counted under its name (`admission.py`), so a new secret does not bring a new budget; a new name does.

Not here: whether a request is within the limits (`admission.py`), and the commands (`key_commands.py`).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, ValidationError

from router_r1.config import StrictModel
from router_r1.errors import ConfigError, one_line, shown_name
from router_r1.serve.access.database import open_database, store_errors, transaction
from router_r1.serve.access.errors import StoreUnavailableError

Period: TypeAlias = Literal["day", "month", "total"]
"""What a budget is for: a day or a calendar month in UTC, or the whole life of the name."""

_APPLICATION_ID = 0x52523153
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS keys (name TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, limits TEXT NOT NULL, "
    "created_at REAL NOT NULL, revoked_at REAL)",
    "CREATE UNIQUE INDEX IF NOT EXISTS one_valid_key ON keys (name) WHERE revoked_at IS NULL",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CHECK_S = 0.5
"""Seconds between two looks at the file for changes of other processes."""


class KeyLimits(StrictModel):
    """What a key may use; None is no limit."""

    requests_per_minute: Annotated[int, Field(gt=0, le=10**9)] | None = None
    """Requests that the key may make per minute; a request that fails counts."""
    tokens_per_minute: Annotated[int, Field(gt=0, le=10**9)] | None = None
    """Tokens per minute, of prompts and answers together."""
    budget_usd: Annotated[float, Field(ge=0, le=10**6)] | None = None
    """Dollars that the key may spend in each period; with 0, only models that cost nothing can be asked."""
    budget_period: Period = "month"
    """What the budget is for: `day` or `month` (UTC), or `total`."""
    models: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    """Names of the models that the key may ask for."""

    def allows(self, model: str) -> bool:
        """Whether the key may ask for this model."""
        return self.models is None or model in self.models


@dataclass(frozen=True)
class Key:
    """A key without its secret."""

    name: str
    """What people call it; counts and logs use it too."""
    limits: KeyLimits
    """What it may use."""
    created_at: float
    """Unix time in seconds."""
    revoked_at: float | None = None
    """Unix time in seconds; None while the key is valid."""


class KeyStore:
    """A file of keys that several processes may use at once.

    A lookup is answered from memory. Changes that another process makes hold within a second.
    """

    def __init__(self, path: str | Path, *, create: bool = True) -> None:
        """
        Args:
            path: the SQLite file; a new one is readable by its owner only (mode 0600).
            create: if False, a missing file is an error.

        Raises:
            StoreUnavailableError: the file is missing or cannot be used.
        """
        self.path = Path(path)
        self._lock = threading.RLock()
        self._database = open_database(
            self.path, application_id=_APPLICATION_ID, schema=_SCHEMA, create=create
        )
        with store_errors(self.path):
            self._inode = self.path.stat().st_ino
            self._load()

    def add(self, name: str, limits: KeyLimits) -> str:
        """Make a key and return its secret, which is not kept and cannot be shown again.

        Args:
            name: 1 to 64 letters, digits, `.`, `_`, `-`; a revoked name may be given again.
            limits: what the key may use.

        Raises:
            ConfigError: the name is not such a name, or has a valid key.
            StoreUnavailableError: the file cannot be written.
        """
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"key {shown_name(name)!r}: expected a name of 1 to 64 letters, digits, '.', '_', '-' that begins with "
                f"a letter or digit"
            )
        secret = f"rr1-{secrets.token_urlsafe(32)}"
        row = (name, _hash(secret), limits.model_dump_json(), time.time())
        with self._lock, store_errors(self.path):
            try:
                with transaction(self._database):
                    insert = "INSERT INTO keys (name, hash, limits, created_at) VALUES (?, ?, ?, ?)"
                    self._database.execute(insert, row)
            except sqlite3.IntegrityError:
                raise ConfigError(
                    f"key {shown_name(name)!r}: the name has a valid key; revoke it first, or choose another name"
                ) from None
            self._load()
        return secret

    def all(self) -> tuple[Key, ...]:
        """Every key, the revoked ones included, in the order in which they were made."""
        with self._lock, store_errors(self.path):
            return tuple(key for _, key in self._rows())

    def revoke(self, name: str) -> bool:
        """Make a key invalid.

        Args:
            name: the key's name.

        Returns:
            True if the key was valid until now, False if it had been revoked before.

        Raises:
            ConfigError: no key ever had this name.
            StoreUnavailableError: the file cannot be written.
        """
        with self._lock, store_errors(self.path):
            with transaction(self._database):
                update = "UPDATE keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL"
                was_valid = self._database.execute(update, (time.time(), name)).rowcount == 1
                query = "SELECT 1 FROM keys WHERE name = ?"
                known = self._database.execute(query, (name,)).fetchone()
            self._load()
        if not known:
            raise ConfigError(
                f"{self.path}: no key is named {shown_name(name)!r}; list the names with router-r1 keys list"
            )
        return was_valid

    def find(self, secret: str) -> Key | None:
        """The valid key that has this secret, or None.

        The time this takes tells nothing about the secrets: what is looked up is a hash, which a guess cannot approach
        step by step, and hashes are compared in constant time.

        Raises:
            StoreUnavailableError: the file cannot be read, has gone or was replaced, so that a revocation could be
                missed.
        """
        if time.monotonic() >= self._check_at:
            self._refresh()
        given = _hash(secret)
        known, key = self._valid.get(given, (b"", None))
        return key if hmac.compare_digest(known, given) else None

    def close(self) -> None:
        """Close the file; the store cannot be used afterwards."""
        with self._lock:
            self._database.close()

    def _refresh(self) -> None:
        """Read the keys again if another process changed them."""
        with self._lock, store_errors(self.path):
            if self.path.stat().st_ino != self._inode:
                # The log beside it belongs to the old file: SQLite would mix the two.
                raise StoreUnavailableError(
                    f"{self.path}: was replaced while in use; stop the gateway, put the file there, start it again"
                )
            if self._data_version() != self._version:
                self._load()
            self._check_at = time.monotonic() + _CHECK_S

    def _load(self) -> None:
        self._version = self._data_version()  # before the rows: a change in between is read twice
        self._valid = {known: (known, key) for known, key in self._rows() if not key.revoked_at}
        self._check_at = time.monotonic() + _CHECK_S

    def _data_version(self) -> int:
        """A number that changes when another connection has written."""
        return int(self._database.execute("PRAGMA data_version").fetchone()[0])

    def _rows(self) -> list[tuple[bytes, Key]]:
        query = "SELECT hash, name, limits, created_at, revoked_at FROM keys ORDER BY rowid"
        try:
            return [
                (known, Key(name, KeyLimits.model_validate_json(limits), created, revoked))
                for known, name, limits, created, revoked in self._database.execute(query)
            ]
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]["msg"]
            raise StoreUnavailableError(
                one_line(f"{self.path}: limits that this version cannot read: {problem}; update")
            ) from None


def default_path() -> Path:
    """`$ROUTER_R1_KEYS`, or `router-r1/keys.db` in the folder where this platform keeps the data of programs."""
    if given := os.environ.get("ROUTER_R1_KEYS"):
        return Path(given)
    if sys.platform == "win32":
        folder = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Application Support"
    else:
        folder = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(folder) / "router-r1" / "keys.db"


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()
