"""A fitted router as a folder: `router.json` (name, settings, models) and `learned.npz` (its arrays)."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_r1.errors import DataError, shown_name
from router_r1.files import atomic_write, read_input, write_json
from router_r1.json_text import parse_json
from router_r1.routers.libraries import np

if TYPE_CHECKING:
    from router_r1.routers.base import Router

FORMAT = 1
"""Counts up when saved routers can no longer be read."""


def write_router(router: Router, folder: Path) -> None:
    """Write a fitted router; see `Router.save`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "router.json").unlink(missing_ok=True)  # a router that is replaced in part is none
    with atomic_write(folder / "learned.npz") as path, path.open("wb") as file:
        arrays: dict[str, Any] = router.learned
        np.savez_compressed(file, **arrays)
    router._save_more(folder)
    described = {
        "format": FORMAT,
        "router": router.name,
        "settings": router.settings,
        "models": list(router.models),
    }
    write_json(folder / "router.json", described)  # last: a folder without it is no router


def load_router(folder: str | Path) -> Router:
    """Read a router that `Router.save` wrote.

    Raises:
        DataError: the folder holds no saved router, one of another version, or a damaged one.
        ConfigError: it is of a kind, or has a setting, that is not known here.
    """
    from router_r1.routers import make

    folder = Path(folder)
    described = _described(folder)
    router = make(described["router"], **described["settings"])
    try:
        with np.load(io.BytesIO(read_input(folder / "learned.npz")), allow_pickle=False) as arrays:
            router.learned = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{folder}/learned.npz: cannot be read ({error}); fit the router again"
        ) from error
    router.models = tuple(described["models"])
    names = {name for name in router.models if isinstance(name, str)}
    counts = {len(router.models), len(names), len(router.learned.get("mean_cost", ()))}
    if len(counts) > 1:
        raise DataError(f"{folder}: router.json and learned.npz differ; fit the router again")
    router._load_more(folder)
    return router


def _described(folder: Path) -> dict[str, Any]:
    """The content of `router.json`. Raises `DataError` unless it is one of this version."""
    path = folder / "router.json"
    try:
        content = parse_json(read_input(path))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); a saved router is a folder from `router-r1 router fit`"
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: is not JSON; fit the router again") from error
    found = content.get("format") if isinstance(content, dict) else None
    if found != FORMAT:
        raise DataError(
            f"{path}: has format {shown_name(str(found))}, this version reads {FORMAT}; fit the router again"
        )
    shapes = {"router": str, "settings": dict, "models": list}
    if not all(isinstance(content.get(key), kind) for key, kind in shapes.items()):
        raise DataError(f"{path}: is not a saved router; fit it again")
    return dict(content)
