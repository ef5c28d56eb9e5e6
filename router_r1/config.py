"""Configuration files: YAML in, validated objects out, and one line that helps when something is wrong.

`load` reads a YAML file into a pydantic model; unknown keys, duplicate keys and missing values are `ConfigError`s
that name file, field and remedy. `a.b=value` overrides use the same grammar as the training recipes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from router_r1.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """Base of every configuration object: immutable, and unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )


class _UniqueKeyLoader(yaml.SafeLoader):
    """A safe loader that refuses a key given twice, which plain YAML would silently let win."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Here, not when the mapping is constructed: by then merge keys (`<<`) may have been written out.
        node = super().compose_mapping_node(anchor)
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                problem = f"the key {key.value!r} is given twice; remove one"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            seen.add((key.tag, key.value))
        return node


def _parse(text: str) -> Any:
    """YAML to plain objects, nothing shared between them. Raises `ValueError` with one line."""
    try:
        return _copy(yaml.load(text, Loader=_UniqueKeyLoader))
    except yaml.MarkedYAMLError as error:
        mark = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{mark}{error.problem}") from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("nested too deep, or an alias holds itself") from error
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        # PyYAML lets these through for a value that is not what it looks like, e.g. the 30th of February.
        raise ValueError(f"a value can not be read: {error}") from error


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping. Raises `ConfigError` for a missing file, bad YAML, or anything but a mapping."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: can not be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text; save it as UTF-8") from error
    try:
        data = _parse(text)
    except ValueError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}; correct it there") from error
    if not isinstance(data, dict):
        found = "nothing" if data is None else _shown(data)
        raise ConfigError(
            f"{path}: expected a mapping of keys to values, found {found}; docs/pools/ has examples"
        )
    return data


def validate(model: type[Model], data: object, source: str) -> Model:
    """Validate `data` against `model`; `source` (a file name, usually) opens the error message."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # Not `from error`: its text shows the input, which may hold a key.
        raise ConfigError(_one_line(error, data, source, model)) from None


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
            value = _parse(text)
        except ValueError as error:
            raise ConfigError(
                f"override {assignment!r}: the value is not valid YAML ({error}); quote it"
            ) from error
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
    if not key.isdecimal() or int(key) >= len(items):
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


# By pydantic's error type. Its other messages say what was expected well enough.
_REMEDIES = {
    "missing": "it is required: add it",
    "extra_forbidden": "no such field: correct the spelling or remove it",
    "union_tag_not_found": "it needs a field {discriminator}: add it",
    "union_tag_invalid": "{discriminator} must be one of {expected_tags}, not '{tag}'",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "dict_type": "expected a mapping of keys to values",
    "model_type": "expected a mapping of fields to values",
    "model_attributes_type": "expected a mapping of fields to values",
}
# Where the input is certainly no key, showing it helps.
_SHOWS_TEXT = frozenset(
    {"float_parsing", "int_parsing", "bool_parsing", "date_from_datetime_parsing", "literal_error"}
)
_Path: TypeAlias = tuple[str | int, ...]


def _one_line(error: ValidationError, data: object, source: str, model: type[BaseModel]) -> str:
    """The first two problems as one line that names fields as their author would, and never shows a key."""
    problems = sorted(error.errors(include_url=False), key=_rank)
    found: dict[_Path, ErrorDetails] = {}
    for problem in problems:
        found.setdefault(_path(problem, data), problem)
    # Every branch of a union complains; the one that got furthest into the data is the one that was meant.
    found = {
        path: problem
        for path, problem in found.items()
        if not any(len(o) > len(path) and o[: len(path)] == path for o in found)
    }
    told = [
        ".".join(map(str, path)) + ": " * bool(path) + _what(found[path], path, model)
        for path in found
    ]
    more = f" (and {len(told) - 2} more)" if len(told) > 2 else ""
    return " ".join(f"{source}: {'; '.join(told[:2])}{more}".split())


def _rank(problem: ErrorDetails) -> int:
    """Which problem is told first: a misspelt field before the one that is missing for it."""
    if problem["type"] == "extra_forbidden":
        return 0
    # A mapping can not be meant as one of several words: other branches of the union have more to say about it.
    return 2 if problem["type"] == "literal_error" and isinstance(problem["input"], Mapping) else 1


def _path(problem: ErrorDetails, data: Any) -> _Path:
    """Where the problem is, in the words of the data: without the names of union branches."""
    path: list[str | int] = []
    for depth, part in enumerate(problem["loc"], 1):
        index = isinstance(data, (list, tuple)) and isinstance(part, int)
        if index or (isinstance(data, Mapping) and part in data):
            data = data[part]
        elif depth < len(problem["loc"]) or problem["type"] != "missing":
            continue
        path.append(part)
    return tuple(path)


def _what(problem: ErrorDetails, path: _Path, model: type[BaseModel]) -> str:
    kind, message = problem["type"], problem["msg"]
    if kind == "extra_forbidden" and (meant := _meant(path, model)):
        return f"no such field: did you mean {meant}?"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    context = problem.get("ctx", {})
    what = _REMEDIES[kind].format(**context) if kind in _REMEDIES else message
    if kind in ("missing", "extra_forbidden", "union_tag_not_found", "union_tag_invalid"):
        return what
    return f"{what} (found {_shown(problem['input'], kind in _SHOWS_TEXT)})"


def _meant(refused: _Path, model: type[BaseModel]) -> str:
    """The field that has this name elsewhere in the model, or one that is spelt much like it; empty if none is."""
    name, here = str(refused[-1]), ".".join(str(part) for part in refused if isinstance(part, str))
    paths = [path for path in _field_paths(model) if path != here]  # another kind may have it here
    by_name = {path.rpartition(".")[2]: path for path in reversed(paths)}
    close = [name] if name in by_name else difflib.get_close_matches(name, by_name, 1, cutoff=0.75)
    return by_name[close[0]] if close else ""


def _field_paths(annotation: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of the fields of a model, and of the models in its fields; NAME stands for the keys of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield prefix + name
            yield from _field_paths(field.annotation, f"{prefix}{name}.")
    else:
        named = "NAME." if get_origin(annotation) is dict else ""
        for part in get_args(annotation):
            yield from _field_paths(part, prefix + named)


def _shown(value: object, text: bool = False) -> str:
    if isinstance(value, str):
        if not text:
            return "a text"
        return repr(value) if len(value) <= 40 else f"a text of {len(value)} characters"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else repr(value)
