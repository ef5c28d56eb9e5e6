#!/usr/bin/env python
"""How many questions must a new model answer before a fitted router uses it well?

    python scripts/analysis/add_a_model.py ../shared/data/zeroeval --model o1-mini --model claude-3.5-haiku --out new.md
    python scripts/analysis/add_a_model.py TABLE --model NAME --router uniroute:prior=2 --router kmeans --counts 16,64

Each model named by --model is taken out of the table, together with the others. A router is fitted on the training
questions without them; then the model joins by `add_model` with the outcomes of some training questions, drawn by
category with several seeds. For comparison the router is fitted again on all training questions with the model. The
test questions (a hash of the ids: three in ten) give

    Q        selection quality: the mean over questions of `score - dollars / worth` of the model that the router chooses;
             with --worth inf, its accuracy
    Q(none)  of the router without the model
    Q(k)     of the router that the model joined with k questions
    Q(full)  of the router that was fitted again
    quality recovered   Q(k) / Q(full)
    gain recovered      (Q(k) - Q(none)) / (Q(full) - Q(none)), only where the gain Q(full) - Q(none) is at least
                        0.01: less than that is noise
    regret              mean of max(0, Q(full) - Q(k)), in points, over all models

A router that Q(full) does not gain from shows in Q(k) whether a new model can do harm. Prints the page, and writes it to
--out.
"""

from __future__ import annotations

import argparse
import copy
import math
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.errors import ConfigError, DataError, RouterR1Error
from router_r1.progress import show_progress
from router_r1.routers.base import Router
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Floats
from router_r1.routers.training_set import TrainingSet

COUNTS = (8, 16, 32, 64, 128, 256)
WORTHS = (math.inf, 0.1, 0.01)
LEAST_GAIN = 0.01
TARGET, TARGET_COUNT, TARGET_ROUTER = 0.9, 64, "uniroute"


@dataclass
class Curve:
    """Selection quality of one router with one new model, at one worth."""

    none: float
    full: float
    best_single: float
    """Utility of the best single model, the new one included, chosen on the training questions."""
    at: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """Number of calibration questions -> quality with each seed."""

    @property
    def gain(self) -> float:
        """What the model is worth to this router."""
        return self.full - self.none

    def quality_recovered(self, count: int) -> float:
        """Mean over seeds."""
        return float(np.mean(self.at[count])) / self.full

    def gain_recovered(self, count: int) -> float | None:
        """Mean over seeds; None where there is hardly a gain."""
        if self.gain < LEAST_GAIN:
            return None
        return (float(np.mean(self.at[count])) - self.none) / self.gain

    def regret(self, count: int) -> float:
        """Mean over seeds of what is lost against the router that was fitted again; never negative."""
        return float(np.maximum(0.0, self.full - np.array(self.at[count])).mean())


Curves = dict[tuple[str, str, float], Curve]
"""(router, model, worth) -> curve."""


def can_add(router: Router) -> bool:
    """Whether the router's method takes a further model."""
    kind = type(router)
    if isinstance(router, EmbeddingRouter):
        reads_vectors = (
            type(router)._learn_model_vectors is not EmbeddingRouter._learn_model_vectors
        )
        return reads_vectors or kind._learn_model is not EmbeddingRouter._learn_model
    return kind._learn_model is not Router._learn_model or kind.add_model is not Router.add_model


def routers_that_can() -> tuple[str, ...]:
    """All such routers that need no checkpoint."""
    made = {name: routers.make(name) for name in routers.names()}
    return tuple(n for n, r in made.items() if can_add(r) and "backbone" not in r.settings)


def stratified(questions: Sequence[Question], seed: int) -> list[str]:
    """All ids in an order of which every beginning has each category in about its share."""
    source = random.Random(seed)
    by_category: dict[str | None, list[str]] = defaultdict(list)
    for question in questions:
        by_category[question.category].append(question.id)
    placed = []
    for ids in by_category.values():
        source.shuffle(ids)
        offset = source.random()
        placed += [((place + offset) / len(ids), key) for place, key in enumerate(ids)]
    return [key for _, key in sorted(placed)]


def without(table: OutcomeTable, models: Iterable[str]) -> OutcomeTable:
    """The table without some models."""
    gone = set(models)
    return OutcomeTable(
        [card for card in table.cards if card.name not in gone],
        table.questions,
        [outcome for outcome in table if outcome.model not in gone],
        source=table.source,
    )


def copied(router: Router) -> Router:
    """A copy to add a model to; arrays are shared, because `add_model` makes new ones."""
    new = copy.copy(router)
    for name, value in vars(router).items():
        if isinstance(value, Router):
            setattr(new, name, copied(value))
    return new


class Test:
    """The test questions, with what every model scored and cost."""

    def __init__(self, table: OutcomeTable) -> None:
        data = TrainingSet.of(table)
        self.questions = data.questions
        self._score, self._cost = data.scores, data.costs
        self._column = {name: place for place, name in enumerate(table.names)}

    def qualities(self, router: Router, worths: Sequence[float]) -> list[float]:
        """Selection quality of a router at each worth."""
        scores, costs = router.scores(self.questions), router.costs(self.questions)
        rows, found = np.arange(len(self.questions)), []
        for worth in worths:
            columns = [self._column[name] for name in router.decide(scores, costs, worth)]
            utility = self._score[rows, columns] - self._cost[rows, columns] / worth
            found.append(float(utility.mean()))
        return found

    def single(self, model: str, worth: float) -> float:
        """Utility of one model for every question."""
        column = self._column[model]
        utility: Floats = self._score[:, column] - self._cost[:, column] / worth
        return float(utility.mean())


def measure(
    table: OutcomeTable,
    models: Sequence[str],
    names: Sequence[str],
    counts: Sequence[int],
    seeds: int,
    worths: Sequence[float],
    advance: Callable[[float], None],
) -> Curves:
    """All curves. The last count of each is all training questions."""
    train_ids = [q.id for q in table.questions if split_of(q.id) is not Split.TEST]
    train = table.subset(train_ids)
    test = Test(table.subset(q.id for q in table.questions if split_of(q.id) is Split.TEST))
    pool = without(train, models)
    curves: Curves = {}
    for name in names:
        known = routers.from_text(name).fit(pool)
        none = test.qualities(known, worths)
        for model in models:
            others = [other for other in models if other != model]
            extended = without(train, others)
            full = test.qualities(routers.from_text(name).fit(extended), worths)
            alone = without(train, (name for name in train.names if name != model))
            data = TrainingSet.of(extended)
            for worth, q_none, q_full in zip(worths, none, full, strict=True):
                best = extended.names[int((data.scores - data.costs / worth).mean(0).argmax())]
                curves[name, model, worth] = Curve(q_none, q_full, test.single(best, worth))
            for seed in range(seeds):
                order = stratified(train.questions, seed)
                for count in (*counts, len(order)):
                    if count < len(order) or seed == 0:
                        joined = copied(known).add_model(model, alone.subset(order[:count]))
                        found = test.qualities(joined, worths)
                        for worth, quality in zip(worths, found, strict=True):
                            curves[name, model, worth].at[count].append(quality)
                    advance(0.0)
    return curves


# --- the page


def page(
    curves: Curves, table: OutcomeTable, models: Sequence[str], seeds: int, target: str
) -> str:
    """The results as markdown."""
    names = list(dict.fromkeys(name for name, _, _ in curves))
    worths = list(dict.fromkeys(worth for _, _, worth in curves))
    counts = list(next(iter(curves.values())).at)
    held_out = sum(split_of(q.id) is Split.TEST for q in table.questions)
    lines = [
        "# Adding a model to a fitted router",
        "",
        f"{Path(table.source).name}: {len(table.names) - len(models)} models, to which "
        f"{', '.join(models)} are added one at a time. {held_out} test questions, {counts[-1]} training questions, "
        f"calibration questions drawn by category with {seeds} seeds. Definitions: `scripts/analysis/add_a_model.py`.",
        "",
    ]
    lines += _verdict(curves, models, worths, counts, target)
    for worth in worths:
        lines += [f"## A right answer is worth {_dollars(worth)}", ""]
        lines += [f"Quality recovered, mean over {len(models)} models (lowest model), %:", ""]
        lines += _table(
            counts, [(n, [_recovered(curves, n, models, worth, c) for c in counts]) for n in names]
        )
        lines += [f"Gain recovered, mean over models with a gain of at least {LEAST_GAIN}, %:", ""]
        lines += _table(
            counts, [(n, [_gain(curves, n, models, worth, c) for c in counts]) for n in names]
        )
        lines += ["Regret, points:", ""]
        lines += _table(
            counts,
            [
                (
                    n,
                    [
                        f"{100 * np.mean([curves[n, m, worth].regret(c) for m in models]):.2f}"
                        for c in counts
                    ],
                )
                for n in names
            ],
        )
        lines += ["Quality by model (± one standard deviation over seeds):", ""]
        lines += _by_model(curves, names, models, worth, counts)
    return "\n".join(lines)


def _verdict(
    curves: Curves, models: Sequence[str], worths: Sequence[float], counts: Sequence[int], name: str
) -> list[str]:
    """Whether the target is met."""
    if TARGET_COUNT not in counts or (name, models[0], worths[0]) not in curves:
        return []
    lines = [f"Target: `{name}` with {TARGET_COUNT} questions recovers at least {TARGET:.0%}.", ""]
    for worth in worths:
        mine = {model: curves[name, model, worth] for model in models}
        quality = {m: c.quality_recovered(TARGET_COUNT) for m, c in mine.items()}
        gains = {m: g for m, c in mine.items() if (g := c.gain_recovered(TARGET_COUNT)) is not None}

        def told(values: dict[str, float]) -> str:
            each = ", ".join(f"{model} {value:.1%}" for model, value in values.items())
            met = "met" if min(values.values()) >= TARGET else "missed"
            return f"{each}: {met}"

        lines.append(f"- worth {_dollars(worth)}: quality {told(quality)}")
        lines.append(f"  - gain {told(gains)}" if gains else "  - no model brings a gain")
    return [*lines, ""]


def _recovered(curves: Curves, name: str, models: Sequence[str], worth: float, count: int) -> str:
    each = [100 * curves[name, model, worth].quality_recovered(count) for model in models]
    return f"{np.mean(each):.1f} ({min(each):.1f})"


def _gain(curves: Curves, name: str, models: Sequence[str], worth: float, count: int) -> str:
    each = [curves[name, model, worth].gain_recovered(count) for model in models]
    known = [100 * value for value in each if value is not None]
    return f"{np.mean(known):.0f}" if known else "-"


def _by_model(
    curves: Curves, names: Sequence[str], models: Sequence[str], worth: float, counts: Sequence[int]
) -> list[str]:
    lines = [
        f"| model | router | best single | none | {' | '.join(map(str, counts))} | full |",
        f"| --- | --- | {' | '.join(['---:'] * (len(counts) + 3))} |",
    ]
    for model in models:
        for name in names:
            curve = curves[name, model, worth]
            cells = [f"{np.mean(curve.at[c]):.3f} ± {np.std(curve.at[c]):.3f}" for c in counts[:-1]]
            cells.append(f"{np.mean(curve.at[counts[-1]]):.3f}")
            lines.append(
                f"| {model} | {name} | {curve.best_single:.3f} | {curve.none:.3f} | {' | '.join(cells)} "
                f"| {curve.full:.3f} |"
            )
    return [*lines, ""]


def _table(counts: Sequence[int], rows: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    lines = [
        f"| router | {' | '.join(map(str, counts))} (all) |",
        f"| --- | {' | '.join(['---:'] * len(counts))} |",
    ]
    return [*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows), ""]


def _dollars(worth: float) -> str:
    return "any price" if math.isinf(worth) else f"${worth:g}"


def main() -> None:
    """Measure, print the page and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="folder of an outcome table")
    parser.add_argument(
        "--model", action="append", required=True, metavar="NAME", help="a model to add; repeatable"
    )
    parser.add_argument(
        "--router",
        action="append",
        default=[],
        metavar="NAME[:SETTING=VALUE,...]",
        help="a router; repeatable. By default all that can add a model and need no checkpoint",
    )
    parser.add_argument(
        "--counts",
        default=",".join(map(str, COUNTS)),
        help="numbers of calibration questions (default %(default)s); all training questions are added",
    )
    parser.add_argument("--seeds", type=int, default=5, help="draws of calibration questions")
    parser.add_argument(
        "--worth",
        default=",".join(f"{worth:g}" for worth in WORTHS),
        help="dollars that a right answer is worth, inf for any price (default %(default)s)",
    )
    parser.add_argument("--out", type=Path, help="markdown file for the page")
    options = parser.parse_args()
    try:
        counts = sorted({int(part) for part in options.counts.split(",")})
        worths = [float(part) for part in options.worth.split(",")]
    except ValueError:
        sys.exit("add_a_model.py: --counts and --worth: expected numbers with commas between")
    if options.seeds < 1 or counts[0] < 1 or not min(worths) > 0:
        sys.exit("add_a_model.py: --seeds, --counts and --worth: expected numbers above 0")
    try:
        names = tuple(options.router) or routers_that_can()
        for name in names:
            if not can_add(routers.from_text(name)):
                raise ConfigError(f"router {name!r} cannot add a model")
        table = OutcomeTable.load(options.table)
        models = [table.card(model).name for model in dict.fromkeys(options.model)]
        if len(table.names) - len(models) < 2:
            raise DataError(f"{table.source}: fewer than two models are left to fit a router on")
        total = sum(split_of(q.id) is not Split.TEST for q in table.questions)
        counts = [count for count in counts if count < total]
        steps = len(names) * len(models) * options.seeds * (len(counts) + 1)
        with show_progress("adding models", steps, show_cost=False) as advance:
            curves = measure(table, models, names, counts, options.seeds, worths, advance)
    except RouterR1Error as error:
        sys.exit(f"add_a_model.py: {error}")
    target = next((name for name in names if name.partition(":")[0] == TARGET_ROUTER), "")
    text = page(curves, table, models, options.seeds, target)
    print(text)
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
