"""Reading YAML that nobody vouches for, into plain values that share nothing.

PyYAML silently takes the last of two equal keys, and writes out aliases: a file of 385 bytes becomes gigabytes.
Here both are errors, and so is a number that no program could use. Its parser in C, which is six times as fast as the
one in Python, crashes on deep nesting, so the depth is checked before anything is built.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import yaml

from router_r1.errors import without_keys
from router_r1.json_text import MOST_DEPTH, MOST_DIGITS

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without C
MOST_VALUES = 200_000
"""Values in a file once its aliases and merged keys are written out."""


def parse_yaml(text: str) -> Any:
    """The value of a YAML text. Raises `ValueError`, with a message of one line, for anything else."""
    try:
        _check_shape(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _Check().size(node)
            return unshared(loader.construct_document(node))
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{mark}{without_keys(str(error.problem))}") from None
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("an alias contains itself, or is nested too deeply") from error
    except _Refused as error:
        raise ValueError(str(error)) from error
    except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
        # PyYAML raises these for a value that is not what it looks like, e.g. the 30th of February.
        raise ValueError(f"a value cannot be read: {without_keys(str(error))}") from None


def quoted(text: str) -> str:
    """A text as YAML on one line, which `parse_yaml` reads as the same text."""
    return str(yaml.safe_dump(text, default_style='"', width=sys.maxsize)).strip()


class _Refused(Exception):
    """A file that PyYAML would read, with the reason not to."""


def _check_shape(text: str) -> None:
    """Raise `_Refused` for a text with too many levels or values as it is written, before any is kept."""
    depth = values = 0
    for event in yaml.parse(text, Loader=_Loader):
        values += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_DEPTH:
            raise _Refused(
                f"{_line(event)}: nested too deeply; at most {MOST_DEPTH} levels are read"
            )
        if values > MOST_VALUES:
            raise _Refused(f"{_line(event)}: more than {MOST_VALUES:,} values; write fewer")


class _Check:
    """Walks the nodes of a file once, before anything is made of them."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}

    def size(self, node: yaml.Node) -> int:
        """How many values this node is, with every alias written out. Raises `_Refused` for a file to refuse."""
        if isinstance(node, yaml.ScalarNode):
            self._scalar(node)
            return 1
        if (known := self._sizes.get(id(node))) is not None:
            return known
        if isinstance(node, yaml.MappingNode):
            self._keys(node)
            parts = [part for pair in node.value for part in pair]
        else:
            parts = node.value
        size = 1 + sum(self.size(part) for part in parts)
        if size > MOST_VALUES:
            raise _Refused(
                f"{_line(node)}: more than {MOST_VALUES:,} values once aliases are written out; write fewer"
            )
        self._sizes[id(node)] = size
        return size

    def _keys(self, node: yaml.MappingNode) -> None:
        # Only keys that the mapping itself has: a merged key (`<<`) may be overridden.
        seen: set[tuple[str, str]] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if (key.tag, key.value) in seen:
                raise _Refused(
                    f"{_line(key)}: the key {without_keys(key.value[:60])!r} occurs twice; remove one"
                )
            seen.add((key.tag, key.value))

    def _scalar(self, node: yaml.ScalarNode) -> None:
        # `1:1:1:...` is a number too, in base 60, and takes time with the square of its length.
        if not node.tag.endswith((":str", ":binary")) and len(node.value) > MOST_DIGITS:
            raise _Refused(
                f"{_line(node)}: a number of {len(node.value)} characters; at most {MOST_DIGITS} are read"
            )


def _line(node: yaml.Node | yaml.Event) -> str:
    mark = node.start_mark
    return f"line {mark.line + 1 if mark else 1}"


def unshared(data: Any) -> Any:
    """A copy in which no mapping or list occurs twice."""
    if isinstance(data, Mapping):
        return {key: unshared(value) for key, value in data.items()}
    if isinstance(data, list):
        return [unshared(value) for value in data]
    return data
