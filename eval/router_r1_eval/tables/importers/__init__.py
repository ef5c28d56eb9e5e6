"""Importers: public sets of recorded answers become outcome tables (`docs/tables.md`). One module per format.

Each keeps what the source says, marks what it estimates, and lists in `notes` what it dropped or corrected. To add one,
write a module here, or in a package of your own, that adds an `Importer` to `IMPORTERS`.

Nothing is downloaded: a missing source is an error that says which file to put where.
"""

from __future__ import annotations

from pathlib import Path

from router_r1.errors import DataError
from router_r1.files import check_input
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions


def read(kind: str, source: str | Path, options: ImportOptions | None = None) -> Import:
    """Read a public set of recorded answers.

    Args:
        kind: the name of an importer.
        source: file or folder.
        options: what the user adds to the source.

    Raises:
        ConfigError: there is no such importer, or a model has no price.
        DataError: the source is missing, lacks a column, or has a broken row; names file and row.
    """
    importer = IMPORTERS.find(kind)
    source = Path(source)
    if not source.exists():
        raise DataError(f"{source}: no such file or folder; put there: {importer.expected}")
    if not source.is_dir():
        try:
            check_input(source)
        except OSError as error:
            raise DataError(
                f"{source}: cannot be read ({error.strerror}); expected {importer.expected}"
            ) from error
    return importer.read(source, options or ImportOptions())


__all__ = ["IMPORTERS", "Import", "ImportOptions", "Importer", "read"]
