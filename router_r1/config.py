"""Configuration files: YAML in, validated objects out, and one line that helps when something is wrong.

`load` reads a YAML file into a pydantic model; unknown keys, duplicate keys and missing values are `ConfigError`s
that name file, field and remedy. `a.b=value` overrides use the same grammar as the training recipes.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from router_r1.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """Base of every configuration object: immutable, and unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which plain YAML would silently let win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping. Raises `ConfigError` for a missing file, bad YAML, or anything but a mapping."""
    path = Path(path)
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise ConfigError(f"{where}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(data, dict):
        found = "nothing" if data is None else f"a {type(data).__name__}"
        raise ConfigError(f"{path}: expected a mapping of keys to values, found {found}")
    return data


def validate(model: type[Model], data: object, source: str) -> Model:
    """Validate `data` against `model`; `source` (a file name, usually) opens the error message."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(_one_line(error, source)) from error


def load(model: type[Model], path: str | Path, overrides: Sequence[str] = ()) -> Model:
    """Read, override and validate one file."""
    return validate(model, override(read_yaml(path), overrides), str(path))


def override(data: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Apply `a.b=value` assignments to a copy of `data`; values are read as YAML."""
    result: dict[str, Any] = _copy(data)
    for assignment in assignments:
        dotted, equals, text = assignment.partition("=")
        keys = dotted.strip().split(".")
        if not equals or not all(keys):
            raise ConfigError(f"override {assignment!r}: expected key.subkey=value")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(f"override {assignment!r}: the value is not valid YAML") from error
        target: Any = result
        for depth, key in enumerate(keys):
            last = depth == len(keys) - 1
            if isinstance(target, list):
                key = _list_index(target, key, assignment)
            elif not isinstance(target, dict):
                parent = ".".join(keys[:depth])
                raise ConfigError(f"override {assignment!r}: {parent} has no keys below it")
            if last:
                target[key] = value
            elif isinstance(target, list):
                target = target[key]  # type: ignore[call-overload]  # an index by now
            else:
                target = target.setdefault(key, {})
    return result


def _list_index(items: list[Any], key: str, assignment: str) -> Any:
    if not key.isdigit() or int(key) >= len(items):
        raise ConfigError(
            f"override {assignment!r}: {key!r} is not an index; the list has {len(items)} items"
        )
    return int(key)


def _copy(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _copy(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_copy(value) for value in data]
    return data


_REMEDIES = {
    "missing": "it is required: add it",
    "extra_forbidden": "no such field: correct the spelling or remove it",
}


def _one_line(error: ValidationError, source: str) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    where = ".".join(str(part) for part in first["loc"])
    what = _REMEDIES.get(first["type"], first["msg"].removeprefix("Value error, "))
    if first["type"] not in _REMEDIES and "Value error" not in first["msg"]:
        what += f" (found {_shown(first['input'])})"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{source}: {where + ': ' if where else ''}{what}{more}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
