"""What an importer is, and the registry of all importers.

`rows.py` has what importers share for reading rows, `cards.py` what they share for prices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from router_r1.data.outcome_table import OutcomeTable
from router_r1.extensions import Registry
from router_r1.model_cards import ModelCard


@dataclass(frozen=True)
class ImportOptions:
    """What the user adds to a source, or decides about it."""

    cards: Mapping[str, ModelCard] = field(default_factory=dict)
    """Model name -> card; its price overrides the importer's."""
    gold: Path | None = None
    """The questions of a source that lacks them, as JSON Lines: `question` and `answer` for routellm; see each importer."""
    as_published: bool = False
    """Keep duplicates and scores that are known to be wrong, to compare with publications."""
    trusted: bool = False
    """Allow reading a pickle, which can run any program."""
    priced: frozenset[str] = frozenset()
    """Models whose price the user gave by name; the source must have them."""


@dataclass(frozen=True)
class Import:
    """The tables of a source."""

    tables: Mapping[str, OutcomeTable]
    """Name of the split -> table; the name is empty if the source has no splits."""
    notes: tuple[str, ...]
    """What was dropped, corrected or estimated, and what the source lacks."""


class Importer(NamedTuple):
    """How to read one public set of recorded answers."""

    read: Callable[[Path, ImportOptions], Import]
    """(file or folder, options) -> the tables."""
    expected: str
    """What the source is and where to get it, for the message when it is missing."""


IMPORTERS: Registry[Importer] = Registry(
    "importer", folder="router_r1_eval.tables.importers", group="router_r1.importers"
)
"""All importers by name."""
