"""The last section: every setting and version that the results depend on."""

from __future__ import annotations

import json

from router_r1_eval.report.markup import escaped
from router_r1_eval.results import Results

_FOLDED_FROM = 1000
"""Characters of a value that is shown only on a click."""


def settings_section(results: Results) -> str:
    """One line per setting and version, with nested values as JSON.

    The settings of a benchmark run include the versions that it was made with; these are left out if they equal those
    of the results.
    """
    settings = results.settings.to_json()
    if settings.get("versions") == results.versions:
        del settings["versions"]
    lines = {"table": results.table, **settings, "seed": results.seed}.items()
    cells = "".join(
        f"<dt>{escaped(key)}</dt><dd>{_value(value)}</dd>"
        for key, value in (*lines, *results.versions.items())
        if value is not None
    )
    return f'<dl class="settings">{cells}</dl>'


def _value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    if len(text) <= _FOLDED_FROM:
        return escaped(text)
    summary = f"<summary>{len(text):,} characters</summary>"
    return f"<details>{summary}<div>{escaped(text)}</div></details>"
