"""What all importers share: what came out, what the user adds, prices, and files that may be compressed."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from router_r1 import config
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.extensions import Registry
from router_r1.model_cards import ModelCard, PoolFile
from router_r1.pricing import Price

NOT_PUBLISHED = "not published"
"""The gold answer of a question whose source has scores alone."""
RECORDED = "recorded"
"""The metric of such a question: nothing can be graded by it, so a world refuses the table and a tournament takes its scores."""


@dataclass(frozen=True)
class Given:
    """What a source does not say."""

    cards: Mapping[str, ModelCard] = field(default_factory=dict)
    """Name -> card, whose price wins over one that the importer knows."""
    gold: Path | None = None
    """Questions with gold answers (JSON Lines with `question` and `answer`), for sources that have none."""
    as_published: bool = False
    """Keep scores that are known to be wrong, and duplicates, to compare with publications."""
    trusted: bool = False
    """The source may be a pickle, which can run any program when it is read."""
    priced: frozenset[str] = frozenset()
    """Names that were given a price by hand: the source must have them."""


@dataclass(frozen=True)
class Import:
    """What came out."""

    tables: Mapping[str, OutcomeTable]
    """The table by the name of its split; one without a name where the source has no splits."""
    notes: tuple[str, ...]
    """What was dropped, corrected, estimated, or is not known."""


class Importer(NamedTuple):
    """A public set of recorded answers, as it is registered."""

    read: Callable[[Path, Given], Import]
    """(file or folder, what the source does not say) -> the table."""
    expected: str
    """What the source is, for the message when it is missing."""


IMPORTERS: Registry[Importer] = Registry(
    "importer", folder="router_r1_eval.tables.importers", group="router_r1.importers"
)
"""All importers by name."""


def cards(names: Iterable[str], known: Mapping[str, ModelCard], given: Given) -> list[ModelCard]:
    """The cards of these models: what was given, or else what the importer knows.

    Raises:
        ConfigError: neither has one, or a price was given for a model that is not there.
    """
    every = list(names)
    if strange := sorted(given.priced - set(every)):
        raise ConfigError(
            f"--price {strange[0]}: there is no such model; there are {', '.join(every)}"
        )
    found = {**known, **given.cards}
    if missing := [name for name in every if name not in found]:
        raise ConfigError(
            f"no price is known for {', '.join(missing)}; give --price '{missing[0]}=INPUT,OUTPUT' in dollars per million "
            f"tokens, or --pool FILE with all of them"
        )
    return [found[name] for name in every]


def card(name: str, price_in: float, price_out: float, description: str = "") -> ModelCard:
    """A card with prices in dollars per million tokens."""
    return ModelCard(
        name=name, description=description, price=Price(input=price_in, output=price_out)
    )


def question(where: str, **fields: Any) -> Question:
    """A question of a row. Raises `ConfigError`, which names the row and the field."""
    return config.validate(Question, fields, where)


def accepted(gold: Any) -> str | tuple[str, ...]:
    """One gold answer, a list of them, or none: as a question has them."""
    given = gold if isinstance(gold, list) else [gold]
    texts = [str(one) for one in given if one is not None and str(one).strip()]
    return tuple(texts) if len(texts) > 1 else texts[0] if texts else NOT_PUBLISHED


def outcome(where: str, **fields: Any) -> Outcome:
    """An outcome of a row. Raises `ConfigError`, which names the row and the field."""
    return config.validate(Outcome, fields, where)


def tokens(text: str) -> int:
    """Estimated tokens of a text: characters / 4, rounded up."""
    return -(-len(text) // 4)


def read_csv(path: Path, needed: Iterable[str]) -> list[dict[str, str]]:
    """The rows of a CSV file, or of one with tabs (`.tsv`); gzipped if its name ends in `.gz`.

    Raises:
        DataError: not readable, or a column is missing.
    """
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        tabs = path.name.removesuffix(".gz").endswith(".tsv")
        return parse_csv(raw.decode("utf-8-sig"), str(path), needed, "\t" if tabs else ",")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can not be read: {error}") from error


def parse_csv(
    text: str, where: str, needed: Iterable[str], between: str = ","
) -> list[dict[str, str]]:
    """The rows of a CSV text, with this between its cells. Raises `DataError` where a column or a cell is missing."""
    csv.field_size_limit(sys.maxsize)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=between)
    columns = reader.fieldnames or []
    if missing := [name for name in needed if name not in columns]:
        raise DataError(f"{where}: has no column {missing[0]!r}; it has {_listed(columns)}")
    rows = []
    for number, row in enumerate(reader, 2):
        if None in row or None in row.values():
            raise DataError(f"{where}: row {number} has another number of cells than the header")
        rows.append(row)
    return rows


def number(value: Any, where: str, what: str) -> float:
    """A number of a row, from a JSON number or the text of a CSV cell, `True` being 1.

    Raises:
        DataError: it is none.
    """
    text = str(value).strip().lower()
    if text in ("true", "false"):
        return float(text == "true")
    try:
        found = float(text)
    except ValueError:
        raise DataError(f"{where}: {what} is {value!r}, which is no number") from None
    if found != found:
        raise DataError(f"{where}: {what} is missing")
    return found


def whole(folder: Path, name: str) -> Path:
    """`name` or `name.gz` in a folder. Raises `DataError` for neither."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.exists():
            return path
    raise DataError(f"{folder}: has neither {name} nor {name}.gz")


def must(condition: bool, message: str) -> None:
    """Raise `DataError` with this message unless the condition holds."""
    if not condition:
        raise DataError(message)


def wanted(row: Any, keys: Iterable[str], where: str) -> dict[str, Any]:
    """A row that is an object with these keys. Raises `DataError` naming what is missing."""
    if not isinstance(row, dict):
        raise DataError(f"{where}: expected an object, got {type(row).__name__}")
    if missing := [key for key in keys if key not in row]:
        raise DataError(f"{where}: has no {missing[0]!r}; it has {_listed(row)}")
    return row


def _listed(names: Iterable[str]) -> str:
    """Names for a message; where a file has no header, its first row stands for them, which may be long."""
    every = list(names)
    shown = [repr(name if len(name) <= 40 else f"{name[:39]}…") for name in every[:12]]
    return ", ".join([*shown, *(["..."] if len(every) > 12 else [])]) or "none"


def given_cards(prices: Iterable[str], pool: Path | None) -> dict[str, ModelCard]:
    """Cards from `NAME=INPUT,OUTPUT` and a pool file.

    Raises:
        ConfigError: a price is written otherwise, or the pool file is wrong.
    """
    found = {c.name: c for c in config.load(PoolFile, pool).candidates} if pool else {}
    for text in prices:
        name, _, rates = text.rpartition("=")
        try:
            price_in, price_out = (float(rate) for rate in rates.split(","))
            found[name] = card(name, price_in, price_out)
        except ValueError:
            raise ConfigError(
                f"--price {text}: expected NAME=INPUT,OUTPUT in dollars per million tokens"
            ) from None
    return found
