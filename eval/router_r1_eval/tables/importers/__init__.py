"""Public sets of recorded answers, read into outcome tables (`docs/tables.md`). One file a format:

    mmlu_pro.py      TIGER-AI-Lab/MMLU-Pro, eval_results: a zip of answers for each model
    routerbench.py   RouterBench: a pickled data frame, or the same as CSV
    routellm.py      lm-sys/RouteLLM, evaluations of GSM8K (regraded) and MMLU
    llmrouter.py     ulab-uiuc/LLMRouter: scores of training and test questions, duplicates dropped
    routerarena.py   RouteWorks/RouterArena, cached_results

Each keeps what the source says, marks what it had to estimate or could not know, and says in `notes` what it dropped or
corrected. To add one: a module here that registers an `Importer`.

Nothing is downloaded: a source that is not there is an error that says which file to put where.
"""

from __future__ import annotations

from pathlib import Path

from router_r1.errors import DataError
from router_r1_eval.tables.importers.base import IMPORTERS, Given, Import


def read(kind: str, source: str | Path, given: Given | None = None) -> Import:
    """Read a public set of recorded answers.

    Args:
        kind: one of `IMPORTERS`.
        source: file or folder.
        given: what the source does not say; see `Given`.

    Raises:
        ConfigError: no such kind, or a price that the source does not hold was not given.
        DataError: the source is missing, lacks a column, or holds a broken row; names file and row.
    """
    importer = IMPORTERS.find(kind)
    source = Path(source)
    if not source.exists():
        raise DataError(f"{source}: no such file or folder; put there: {importer.expected}")
    return importer.read(source, given or Given())


__all__ = ["IMPORTERS", "Given", "Import", "read"]
