"""Write the tables of configuration fields in docs/ from the code: names, defaults and meanings.

    python scripts/docs/field_tables.py            rewrite the tables
    python scripts/docs/field_tables.py --check    change nothing; exit status 1 if a table is out of date

A table follows a comment that names its class, `<!-- fields: package.module.Class -->`. A field without a description in the
code keeps the meaning written in the page.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path

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
    model: type[BaseModel] = getattr(importlib.import_module(module), name)
    rows = [line.strip("| ").split(" | ", 2) for line in found[2].splitlines()[2:]]
    written = {row[0].strip("`"): row[2] for row in rows}
    lines = [f"<!-- fields: {found[1]} -->", "| field | default | meaning |", "| --- | --- | --- |"]
    for field, info in model.model_fields.items():
        meaning = info.description or written.get(field, "")
        lines.append(f"| `{field}` | {default(model, field)} | {' '.join(meaning.split())} |")
    return "\n".join(lines) + "\n"


def default(model: type[BaseModel], field: str) -> str:
    """A field's default as the tables write it."""
    info = model.model_fields[field]
    if info.is_required():
        return "required"
    value = info.get_default(call_default_factory=True)
    if value is None:
        return "none"
    if isinstance(value, BaseModel):
        return "see below"
    return f"`{value}`" if isinstance(value, str) and value else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
