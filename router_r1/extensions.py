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
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from router_r1.errors import ConfigError, shown_name

log = logging.getLogger("router_r1.extensions")

T = TypeVar("T")

_OWN_PACKAGES = frozenset({"router_r1", "router_r1_reward", "router_r1_envs", "router_r1_eval"})
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
    module: str
    """The module that registered it."""


class Registry(Mapping[str, T]):
    """Objects of one kind, by name. A lookup imports every built-in module and every extension once."""

    def __init__(self, noun: str, *, folder: str, group: str, subfolders: bool = False) -> None:
        """
        Args:
            noun: what one entry is called in messages, e.g. "router".
            folder: the package whose modules register the built-ins when they are imported.
            group: the entry-point group of extensions, e.g. "router_r1.routers".
            subfolders: whether modules in the package's subpackages are imported, too.
        """
        self.noun = noun
        self.group = group
        self._folder = folder
        self._modules = pkgutil.walk_packages if subfolders else pkgutil.iter_modules
        self._entries: dict[str, Entry[T]] = {}
        self._built_ins_loaded = False
        self._loaded = False
        self._complete = False
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
        module = _registering_module()
        owner = self._owner_of_module(module)
        if owner != BUILT_IN:
            # An extension may be imported before the first lookup; the names of the built-ins are taken all the same.
            self._load_built_ins()
        taken = self._entries.get(name)
        if taken is not None and taken.value is not value:
            raise ConfigError(
                f"the {self.noun} {name!r} is registered already, by {taken.owner}; rename one of them"
            )
        summary = summary or (value.__doc__ or "").strip().partition("\n")[0]
        self._entries[name] = Entry(name, value, summary, owner, module)
        return value

    def register(self, name: str, summary: str = "") -> Callable[[T], T]:
        """A decorator that registers what it decorates; arguments as for `add`."""
        return lambda value: self.add(name, value, summary)

    # --- looking up

    def find(self, name: str) -> T:
        """What is registered under `name`. Raises `ConfigError`, which lists the names there are."""
        if not self._complete:
            self._load()
        entry = self._entries.get(name)
        if entry is None:
            shown = shown_name(name)
            raise ConfigError(f"there is no {self.noun} {shown!r}; choose one of {', '.join(self)}")
        return entry.value

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
            self._load_built_ins()
            self._loaded = (
                True  # set first: an extension that looks something up must not start over
            )
            try:
                for point in sorted(entry_points(group=self.group), key=_place):
                    self._load_extension(point)
                self._complete = True  # other threads may look up without the lock
            except BaseException:
                self._loaded = False  # the next lookup must not find an incomplete registry
                raise

    def _load_built_ins(self) -> None:
        with self._lock:
            if self._built_ins_loaded:
                return
            self._built_ins_loaded = True  # set first, as above
            module = self._folder
            try:
                folder = importlib.import_module(module)
                for found in self._modules(folder.__path__, f"{self._folder}."):
                    module = found.name
                    importlib.import_module(module)
            except BaseException:
                self._built_ins_loaded = False  # the next lookup must raise too
                self._forget(module)
                raise

    def _load_extension(self, point: EntryPoint) -> None:
        try:
            point.load()
        except (Exception, SystemExit) as error:  # the module of another package may raise anything
            self._forget(point.module)
            report_broken(point, error)

    def _forget(self, module: str) -> None:
        """Drop what a module registered before it failed. Modules that it imported stay loaded and keep their entries."""
        self._entries = {n: entry for n, entry in self._entries.items() if entry.module != module}

    def _owner_of_module(self, module: str) -> str:
        """The distribution of a registering module; its top-level package if no entry point tells."""
        package = module.partition(".")[0]
        if package == self._folder.partition(".")[0] or package in _OWN_PACKAGES:
            return BUILT_IN
        for point in entry_points(group=self.group):
            if point.module.partition(".")[0] == package:
                return owner_of(point)
        return package


def _registering_module() -> str:
    """The module that registers something: the first caller that is a module's own code, or outside this project."""
    frame = sys._getframe(1)
    name = str(frame.f_globals.get("__name__", ""))
    while frame.f_code.co_name != "<module>" and name.partition(".")[0] in _OWN_PACKAGES:
        if frame.f_back is None:
            break
        frame = frame.f_back
        name = str(frame.f_globals.get("__name__", ""))
    return name


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
