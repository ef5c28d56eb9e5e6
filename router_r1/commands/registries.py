"""The registries, by the names that the command line uses: `routers`, `metrics`, `benchmarks` and so on.

Each is an entry point in the group `router_r1.registries` that loads to a `router_r1.extensions.Registry`, so the core
can show what other packages register without importing them.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from router_r1.errors import ConfigError, shown_name
from router_r1.extensions import Registry, owner_of

GROUP = "router_r1.registries"


def registry_names() -> tuple[str, ...]:
    """The names of all registries, sorted. Loads none of them."""
    return tuple(sorted(entry_points(group=GROUP).names))


def find_registry(name: str) -> Registry[Any]:
    """Load the registry called `name`.

    Raises:
        ConfigError: no installed package declares this name, or what it declares is not a registry.
    """
    points = entry_points(group=GROUP, name=name)
    if not points:
        raise ConfigError(
            f"cannot list {shown_name(name)!r}; choose one of {', '.join(registry_names())}"
        )
    point = next(iter(points))
    registry = point.load()
    if not isinstance(registry, Registry):
        raise ConfigError(
            f"the entry point {name!r} of {owner_of(point)} loads a {type(registry).__name__}, not a Registry; "
            f"update or uninstall {owner_of(point)}"
        )
    return registry
