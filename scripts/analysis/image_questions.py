"""Do routers that read facts of a question (number of images, all in an image, options, length) choose better?

    python scripts/analysis/image_questions.py DATA/mmmu_pro DATA/mmmu_pro_vision --out runs/image_questions

Each table alone, and all of them as one table if their models are the same. Questions fall into five parts by a hash of
their id; each part is predicted by what was fitted on the other four, so that every question is measured once. The same
question in two tables has the same id and is in the same part. Cost is ignored: the figure is the accuracy of the models
chosen. `facts` is a setting of every router that reads vectors; the share is stated, not chosen on these questions.

Writes OUT/image_questions.md and .json: for each router its accuracy without facts, the paired difference that facts
make with its 95 % bootstrap interval, over all questions and over those with several images, and the baselines.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import DataError, RouterR1Error
from router_r1.routers.embedding.facts import image_count
from router_r1.routers.training_set import TrainingSet
from router_r1_eval.stats.bootstrap import paired

PARTS = 5
SHARES = (0.3, 0.1, 0.6)
"""Values of `facts`; the first is the one that conclusions are about."""
_JOIN = "@"
_POINTS = 100

Values = NDArray[np.float64]


def part_of(question: str) -> int:
    """The part of a question, by its id without the name of its table."""
    return hashlib.sha256(question.rpartition(_JOIN)[0].encode()).digest()[0] % PARTS


def joined(tables: Sequence[OutcomeTable]) -> OutcomeTable:
    """All questions of tables with the same models in one; the ids get the number of their table."""
    if len({table.names for table in tables}) > 1:
        raise DataError("the tables have different models, so they cannot be joined")
    questions, outcomes = [], []
    for number, table in enumerate(tables):
        named = {q.id: f"{q.id}{_JOIN}{number}" for q in table.questions}
        questions += [q.model_copy(update={"id": named[q.id]}) for q in table.questions]
        outcomes += [o.model_copy(update={"id": named[o.id]}) for o in table]
    return OutcomeTable(tables[0].cards, questions, outcomes)


def chosen_scores(
    table: OutcomeTable, data: TrainingSet, unfitted: Sequence[routers.Router]
) -> list[Values]:
    """For each router [n], the recorded score of the model it chooses, fitted on the other parts."""
    parts = np.array([part_of(q.id) for q in data.questions])
    found = [np.zeros(len(parts)) for _ in unfitted]
    for part in range(PARTS):  # outermost, so that routers share the embedding of a part
        rows = np.flatnonzero(parts == part)
        known = [q.id for q, own in zip(data.questions, parts, strict=True) if own != part]
        rest, asked = table.subset(known), [data.questions[i] for i in rows]
        for router, scores in zip(unfitted, found, strict=True):
            chosen = router.fit(rest).choose(asked, float("inf"))
            scores[rows] = data.scores[rows, [data.models.index(name) for name in chosen]]
    return found


def measure(table: OutcomeTable, names: Sequence[str], embedding: str) -> dict[str, Any]:
    """The figures of one table."""
    data = TrainingSet.of(table)
    several = np.array([image_count(q) > 1 for q in data.questions])
    # With a prior beyond any table, every category has the overall mean: the best single model of the other parts.
    unfitted = [routers.make("label"), routers.make("label", prior=1e9)]
    for name in names:
        plain = routers.from_text(name)
        for share in (0.0, *SHARES):
            settings = {**plain.settings, "embedding": embedding, "facts": share}
            unfitted.append(routers.make(plain.name, **settings))
    label, single, *others = chosen_scores(table, data, unfitted)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        first = place * (1 + len(SHARES))
        without = others[first]
        for share, given in zip(SHARES, others[first + 1 : first + 1 + len(SHARES)], strict=True):
            rows.append(
                {
                    "router": name,
                    "facts": share,
                    "accuracy_without": float(without.mean()),
                    "accuracy": float(given.mean()),
                    "gain": _figures(given, without),
                    "gain_several_images": _figures(given[several], without[several]),
                    "over_best_single": _figures(given, single),
                    "over_label": _figures(given, label),
                }
            )
    return {
        "questions": len(several),
        "several_images": int(several.sum()),
        "best_single": float(single.mean()),
        "best_single_several_images": float(single[several].mean()),
        "label": float(label.mean()),
        "oracle": float(data.scores.max(1).mean()),
        "rows": rows,
    }


def _figures(ours: Values, theirs: Values) -> list[float]:
    found = paired(ours, theirs)
    return [found.mean, found.low, found.high]


def page(results: dict[str, dict[str, Any]], embedding: str) -> str:
    """The figures in Markdown."""
    lines = [f"# Facts of image questions ({embedding})", ""]
    for name, found in results.items():
        lines += [
            f"## {name}",
            "",
            f"{found['questions']} questions, {found['several_images']} with several images. Best single "
            f"{found['best_single']:.3f} ({found['best_single_several_images']:.3f} on several images), label "
            f"{found['label']:.3f}, oracle {found['oracle']:.3f}. Differences in points.",
            "",
            "| router | facts | without | with | gain | gain, several images | over best single | over label |",
            "|---|---|---|---|---|---|---|---|",
        ]
        for row in found["rows"]:
            cells = [
                row["router"],
                f"{row['facts']:g}",
                f"{row['accuracy_without']:.3f}",
                f"{row['accuracy']:.3f}",
                *(
                    _shown(row[key])
                    for key in ("gain", "gain_several_images", "over_best_single", "over_label")
                ),
            ]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def _shown(figures: Sequence[float]) -> str:
    mean, low, high = (_POINTS * value for value in figures)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def main() -> None:
    """Measure each table, then all as one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", type=Path, nargs="+", help="outcome tables of image questions")
    parser.add_argument("--out", type=Path, required=True, help="folder for the page")
    parser.add_argument(
        "--router",
        action="append",
        metavar="NAME[:SETTING=VALUE]",
        help="a router that reads vectors; repeatable (default: linear, knn:k=40, kmeans)",
    )
    parser.add_argument("--embedding", default="tfidf", help="of the words, as in docs/routers.md")
    options = parser.parse_args()
    names = options.router or ["linear", "knn:k=40", "kmeans"]
    try:
        tables = [OutcomeTable.load(path) for path in options.tables]
        parts = {
            path.name: joined([table]) for path, table in zip(options.tables, tables, strict=True)
        }
        if len(tables) > 1:
            parts["together"] = joined(tables)
        results = {name: measure(table, names, options.embedding) for name, table in parts.items()}
    except RouterR1Error as error:
        sys.exit(f"image_questions.py: {error}")
    options.out.mkdir(parents=True, exist_ok=True)
    text = page(results, options.embedding)
    (options.out / "image_questions.md").write_text(text)
    (options.out / "image_questions.json").write_text(json.dumps(results, indent=1))
    print(text)


if __name__ == "__main__":
    main()
