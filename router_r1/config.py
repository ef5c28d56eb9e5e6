"""Configuration files: YAML in, validated objects out, and a helpful one-line error for anything invalid.

`load` reads a YAML file into a pydantic model. Unknown keys, duplicate keys and missing values raise a `ConfigError`
that names file, field and remedy, and never shows what may be a key. `a.b=value` overrides have the same grammar as in
the training recipes. `yaml_text.py` reads the YAML.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar, get_args, get_origin

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from router_r1.errors import ConfigError, is_harmless, is_like_number, one_line, shown_name
from router_r1.files import read_input
from router_r1.json_text import is_text, problem_in
from router_r1.yaml_text import parse_yaml, unshared

MOST_BYTES = 2 << 20
"""Bytes of a configuration file; a pool of ten thousand models has as many."""
MAX_SEED = 2**32 - 1
"""The largest seed that numpy, scikit-learn and torch all take."""
RandomSeed = Annotated[int, Field(ge=0, le=MAX_SEED)]
"""A seed of random choices on this machine."""
Model = TypeVar("Model", bound=BaseModel)


class StrictModel(BaseModel):
    """Base class of all configuration objects: immutable, and unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _check_texts(cls, data: Any) -> Any:
        """Refuse texts that cannot be written in UTF-8: they would fail when they are sent, after others were paid."""
        for name, value in data.items() if isinstance(data, dict) else ():
            if not _is_writable(value):
                raise ValueError(
                    f"{shown_name(name)} holds characters that are not text; write it in UTF-8"
                )
        return data


def _is_writable(value: Any) -> bool:
    if isinstance(value, str):
        return is_text(value)
    if isinstance(value, Mapping):  # the values of deeper fields are checked by their own models
        value = [text for text in (*value, *value.values()) if isinstance(text, str)]
    return not isinstance(value, list | tuple) or all(map(_is_writable, value))


def _check_json(value: Any) -> Any:
    if problem := problem_in(value):
        raise ValueError(f"cannot be written as JSON: {problem}")
    return value


JsonObject = Annotated[dict[str, Any], AfterValidator(_check_json)]
"""A mapping that can be sent and kept as JSON."""


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a YAML mapping. Raises `ConfigError` for a missing file, invalid YAML, or anything but a mapping."""
    path = Path(path)
    try:
        text = read_input(path, MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text; save the file as UTF-8") from error
    try:
        data = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"{path}: not valid YAML: {error}; correct the file") from error
    if not isinstance(data, dict):
        found = "nothing" if data is None else _describe(data)
        raise ConfigError(
            f"{path}: expected a mapping of keys to values, found {found}; docs/pools/ has examples"
        )
    return data


def validate(model: type[Model], data: object, source: str) -> Model:
    """Validate data against a model.

    Args:
        model: the configuration class.
        data: the data as read from YAML, or an instance of the class.
        source: starts the error message; usually a file name.

    Raises:
        ConfigError: the data are invalid; the message names source, field and remedy.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # Not `from error`: its text shows the input, which may contain a key.
        raise ConfigError(_one_line(error, data, source, model)) from None


def load(model: type[Model], path: str | Path, overrides: Sequence[str] = ()) -> Model:
    """Read, override and validate one file.

    Args:
        model: the configuration class.
        path: the YAML file.
        overrides: `a.b=value` assignments, see `override`.

    Raises:
        ConfigError: the file or an override is invalid; the message names file, field and remedy.
    """
    return validate(model, override(read_yaml(path), overrides), str(path))


def override(data: Mapping[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    """Apply `a.b=value` assignments to a copy of `data`.

    Values are parsed as YAML, and a number addresses an item of a list. Missing mappings are created.

    Raises:
        ConfigError: an assignment is malformed, or does not fit the data.
    """
    result: dict[str, Any] = unshared(data)
    for given in assignments:
        dotted, equals, text = given.partition("=")
        keys = dotted.strip().split(".")
        shown = text if len(text) <= _MOST_SHOWN and is_harmless(text) else "..."
        assignment = f"{shown_name(dotted)}{equals}{shown}"
        if not equals or not all(keys):
            raise ConfigError(f"override {assignment!r}: expected key.subkey=value")
        try:
            value = parse_yaml(text)
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
                parent = shown_name(".".join(keys[:depth]))
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


# Messages by pydantic's error type. For all other types, pydantic's own message is clear enough.
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
_MOST_SHOWN = 40  # characters of a value
_MOST_LISTED = 2  # problems of one file that are explained; the rest are counted
_Path: TypeAlias = tuple[str | int, ...]


def _one_line(error: ValidationError, data: object, source: str, model: type[BaseModel]) -> str:
    """The first two problems as one line, which names fields as the file does and never shows a key."""
    problems = sorted(error.errors(include_url=False), key=_rank)
    found: dict[_Path, ErrorDetails] = {}
    for problem in problems:
        found.setdefault(_path(problem, data), problem)
    # Every branch of a union reports its own problem; keep the one that got furthest into the data.
    above = {path[:length] for path in found for length in range(len(path))}
    kept = [path for path in found if path not in above]
    lines = [
        ".".join(map(shown_name, path)) + ": " * bool(path) + _explain(found[path], path, model)
        for path in kept[:_MOST_LISTED]
    ]
    more = f" (and {len(kept) - len(lines):,} more)" if len(kept) > len(lines) else ""
    return one_line(f"{source}: {'; '.join(lines)}{more}")


def _rank(problem: ErrorDetails) -> int:
    """Sort key of a problem: a misspelt field comes before the field that is missing because of it."""
    if problem["type"] == "extra_forbidden":
        return 0
    # Where a mapping was given, a list of permitted words does not help: other branches of the union explain it better.
    return 2 if problem["type"] == "literal_error" and isinstance(problem["input"], Mapping) else 1


def _path(problem: ErrorDetails, data: Any) -> _Path:
    """Path to the problem in the data, without the names of union branches."""
    path: list[str | int] = []
    for depth, part in enumerate(problem["loc"], 1):
        index = isinstance(data, (list, tuple)) and isinstance(part, int)
        if index or (isinstance(data, Mapping) and part in data):
            data = data[part]
        elif depth < len(problem["loc"]) or problem["type"] != "missing":
            continue
        path.append(part)
    return tuple(path)


def _explain(problem: ErrorDetails, path: _Path, model: type[BaseModel]) -> str:
    kind, message = problem["type"], problem["msg"]
    if kind == "extra_forbidden" and (suggestion := _suggest(path, model)):
        return f"no such field: did you mean {suggestion}?"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    context = dict(problem.get("ctx", {}))
    if not is_harmless(str(context.get("tag", ""))):
        context["tag"] = "..."
    text = _REMEDIES[kind].format(**context) if kind in _REMEDIES else message
    if kind in ("missing", "extra_forbidden", "union_tag_not_found", "union_tag_invalid"):
        return text
    return f"{text} (found {_describe(problem['input'], kind)})"


def _suggest(unknown: _Path, model: type[BaseModel]) -> str:
    """The field with this name elsewhere in the model, or one with a similar spelling; empty if there is none."""
    name, here = str(unknown[-1]), ".".join(str(part) for part in unknown if isinstance(part, str))
    # Another branch of the union may have the field here.
    paths = [path for path in _field_paths(model) if path != here]
    by_name = {path.rpartition(".")[2]: path for path in reversed(paths)}
    close = [name] if name in by_name else difflib.get_close_matches(name, by_name, 1, cutoff=0.75)
    return by_name[close[0]] if close else ""


def _field_paths(annotation: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all fields of a model, nested ones included; NAME stands for the keys of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield prefix + name
            yield from _field_paths(field.annotation, f"{prefix}{name}.")
    else:
        named = "NAME." if get_origin(annotation) is dict else ""
        for part in get_args(annotation):
            yield from _field_paths(part, prefix + named)


def _describe(value: object, problem: str = "") -> str:
    """A value for an error message. A text may be a key, so it is shown only if it looks like what was expected.

    Args:
        value: the value.
        problem: pydantic's type of the error.
    """
    if isinstance(value, str):
        may_show = is_harmless if problem == "literal_error" else is_like_number
        return repr(value) if len(value) <= _MOST_SHOWN and may_show(value) else "text"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and abs(value) >= 10**12:
        return f"a number of {1 + int(math.log10(abs(value)))} digits"
    shown = value is None or isinstance(value, int | float | date)
    return repr(value) if shown else f"a {type(value).__name__}"
