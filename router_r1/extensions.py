"""Registries of routers, metrics, benchmarks, worlds, aggregators and importers: built-in ones and extensions.

A built-in is a module in the registry's own folder that registers itself when it is imported. An extension is a module
of another installed package that does the same, named by an entry point in the registry's group:

    [project.entry-points."router_r1.routers"]
    nearest = "my_package.nearest_router"

Both are imported at the first lookup and never at `import router_r1`. An extension that cannot be imported, or that
uses a name which is taken, is left out with one line in the log (logger `router_r1.extensions`); the others work.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from router_r1.errors import ConfigError

log = logging.getLogger("router_r1.extensions")

T = TypeVar("T")

BUILT_IN = "router-r1"
"""The owner of what this distribution registers itself."""


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """One registered object, with its name and origin."""

    name: str
    value: T
    summary: str
    """One line for lists and help texts."""
    owner: str
    """The distribution that provides it."""


class Registry(Mapping[str, T]):
    """Objects of one kind, by name. A lookup imports every built-in module and every extension once."""

    def __init__(self, noun: str, *, folder: str, group: str) -> None:
        """
        Args:
            noun: what one entry is called in messages, e.g. "router".
            folder: the package whose modules register the built-ins when they are imported.
            group: the entry-point group of extensions, e.g. "router_r1.routers".
        """
        self.noun = noun
        self.group = group
        self._folder = folder
        self._entries: dict[str, Entry[T]] = {}
        self._owner = BUILT_IN
        self._loaded = False
        self._lock = threading.RLock()

    # --- registering

    def add(self, name: str, value: T, summary: str = "") -> T:
        """Register `value` under `name`.

        Args:
            name: what users write; unique in this registry.
            value: what is registered.
            summary: one line; by default the first line of the value's docstring.

        Raises:
            ConfigError: the name is taken by something else.
        """
        taken = self._entries.get(name)
        if taken is not None and taken.value is not value:
            raise ConfigError(
                f"the {self.noun} {name!r} is registered already, by {taken.owner}; rename one of them"
            )
        summary = summary or (value.__doc__ or "").strip().partition("\n")[0]
        self._entries[name] = Entry(name, value, summary, self._owner)
        return value

    def register(self, name: str, summary: str = "") -> Callable[[T], T]:
        """A decorator that registers what it decorates; arguments as for `add`."""
        return lambda value: self.add(name, value, summary)

    # --- looking up

    def find(self, name: str) -> T:
        """What is registered under `name`. Raises `ConfigError`, which lists the names there are."""
        self._load()
        if name not in self._entries:
            raise ConfigError(f"there is no {self.noun} {name!r}; choose one of {', '.join(self)}")
        return self._entries[name].value

    def entries(self) -> tuple[Entry[T], ...]:
        """Everything that is registered: built-ins first, then extensions by package; each by name."""
        self._load()
        return tuple(
            sorted(
                self._entries.values(),
                key=lambda e: (e.owner != BUILT_IN, e.owner.casefold(), e.name),
            )
        )

    def __getitem__(self, name: str) -> T:
        self._load()
        return self._entries[name].value

    def __iter__(self) -> Iterator[str]:
        return iter([entry.name for entry in self.entries()])

    def __len__(self) -> int:
        self._load()
        return len(self._entries)

    # --- loading

    def _load(self) -> None:
        with self._lock:
            if self._loaded:
                return
            self._loaded = True  # set first: a module that looks something up while it registers must not start over
            try:
                folder = importlib.import_module(self._folder)
                for module in pkgutil.iter_modules(folder.__path__, f"{self._folder}."):
                    importlib.import_module(module.name)
            except BaseException:
                self._loaded = (
                    False  # the next lookup must raise too, not find an incomplete registry
                )
                raise
            for point in sorted(entry_points(group=self.group), key=_place):
                self._load_extension(point)

    def _load_extension(self, point: EntryPoint) -> None:
        before = dict(self._entries)
        self._owner = owner_of(point)
        try:
            point.load()
        except Exception as error:  # the module of another package may raise anything
            self._entries = before
            report_broken(point, error)
        finally:
            self._owner = BUILT_IN


def owner_of(point: EntryPoint) -> str:
    """The name of the distribution that declares an entry point."""
    return point.dist.name if point.dist is not None else point.value.partition(".")[0]


def report_broken(point: EntryPoint, error: BaseException) -> None:
    """Log one line about an extension that is left out: the package, what is wrong, the remedy."""
    what = " ".join(str(error).split()) or type(error).__name__
    log.warning(
        "the extension %r of the package %s is left out: %s: %s; update or uninstall %s",
        point.name,
        owner_of(point),
        type(error).__name__,
        what,
        owner_of(point),
    )


def _place(point: EntryPoint) -> tuple[str, str]:
    return owner_of(point).casefold(), point.name
