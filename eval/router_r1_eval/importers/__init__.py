"""Public sets of recorded answers, read into outcome tables (`docs/tables.md`). One file a format:

    mmlu_pro.py      TIGER-AI-Lab/MMLU-Pro, eval_results: a zip of answers for each model
    routerbench.py   RouterBench: a pickled data frame, or the same as CSV
    routellm.py      lm-sys/RouteLLM, evaluations of GSM8K (regraded) and MMLU
    llmrouter.py     ulab-uiuc/LLMRouter: scores of training and test questions, duplicates dropped
    routerarena.py   RouteWorks/RouterArena, cached_results

Each keeps what the source says, marks what it had to estimate or could not know, and says in `notes` what it dropped or
corrected. To add one: a module with `read(source, given) -> Import`, and a line in `KINDS`.

Nothing is downloaded: a source that is not there is an error that says which file to put where.
"""

from __future__ import annotations

import importlib
from pathlib import Path

from router_r1.errors import ConfigError, DataError
from router_r1_eval.importers.common import Given, Import

KINDS = {
    "mmlu-pro": "mmlu_pro",
    "routerbench": "routerbench",
    "routellm": "routellm",
    "llmrouter": "llmrouter",
    "routerarena": "routerarena",
}
"""Formats and their modules."""


def read(kind: str, source: str | Path, given: Given | None = None) -> Import:
    """Read a public set of recorded answers.

    Args:
        kind: one of `KINDS`.
        source: file or folder.
        given: what the source does not say; see `Given`.

    Raises:
        ConfigError: no such kind, or a price that the source does not hold was not given.
        DataError: the source is missing, lacks a column, or holds a broken row; names file and row.
    """
    if kind not in KINDS:
        raise ConfigError(f"there is no importer {kind!r}; there are {', '.join(KINDS)}")
    source = Path(source)
    module = importlib.import_module(f"router_r1_eval.importers.{KINDS[kind]}")
    if not source.exists():
        raise DataError(f"{source}: no such file or folder; put there: {module.EXPECTED}")
    found: Import = module.read(source, given or Given())
    return found


__all__ = ["KINDS", "Given", "Import", "read"]
