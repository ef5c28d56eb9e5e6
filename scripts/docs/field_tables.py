"""Write the tables of configuration fields in docs/ from the code: names, defaults and meanings.

    python scripts/docs/field_tables.py            rewrite the tables
    python scripts/docs/field_tables.py --check    change nothing; exit status 1 if a table is out of date

A table follows a comment that names its class (a pydantic model or dataclass): `<!-- fields: package.module.Class -->`.
A field without a docstring in the code keeps the meaning written in the page.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

ROOT = Path(__file__).parents[2]
TABLE = re.compile(r"^<!-- fields: (\S+) -->\n((?:\|.*\n)+)", re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Rewrite or check every page. Returns the exit status."""
    outdated = []
    for page in sorted((ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        new = TABLE.sub(_table, text)
        if new != text:
            outdated.append(str(page.relative_to(ROOT)))
            if "--check" not in arguments:
                page.write_text(new, encoding="utf-8")
    for name in outdated:
        print(f"{name}: {'out of date' if '--check' in arguments else 'rewritten'}")
    return 1 if outdated and "--check" in arguments else 0


def _table(found: re.Match[str]) -> str:
    module, _, name = found[1].rpartition(".")
    rows = [line.strip("| ").split(" | ", 2) for line in found[2].splitlines()[2:]]
    written = {row[0].strip("`"): row[2] for row in rows}
    lines = [f"<!-- fields: {found[1]} -->", "| field | default | meaning |", "| --- | --- | --- |"]
    fields = documented_fields(getattr(importlib.import_module(module), name))
    for field, (default, docstring) in fields.items():
        meaning = " ".join((docstring or written.get(field, "")).split())
        lines.append(f"| `{field}` | {written_default(default)} | {meaning} |")
    return "\n".join(lines) + "\n"


REQUIRED = object()


def documented_fields(configuration: type[Any]) -> dict[str, tuple[Any, str | None]]:
    """The fields of a model or a dataclass: name -> (default, docstring)."""
    if issubclass(configuration, BaseModel):
        return {
            name: (
                REQUIRED if info.is_required() else info.get_default(call_default_factory=True),
                None if info.description is None else " ".join(info.description.split()),
            )
            for name, info in configuration.model_fields.items()
        }
    docstrings = attribute_docstrings(configuration)
    defaults = configuration()
    return {
        field.name: (getattr(defaults, field.name), docstrings.get(field.name))
        for field in dataclasses.fields(configuration)
    }


def attribute_docstrings(configuration: type[Any]) -> dict[str, str]:
    """The strings under the attributes of a class and of its bases."""
    found = {}
    for base in reversed(configuration.__mro__[:-1]):
        (definition,) = ast.parse(inspect.getsource(base)).body
        assert isinstance(definition, ast.ClassDef)
        for attribute, below in pairwise(definition.body):
            if isinstance(attribute, ast.AnnAssign) and isinstance(below, ast.Expr):
                name, docstring = ast.unparse(attribute.target), ast.literal_eval(below.value)
                found[name] = inspect.cleandoc(docstring)
    return found


def written_default(value: Any) -> str:
    """How the tables write the default of a field."""
    if value is REQUIRED:
        return "required"
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
