"""An hour of simulated traffic against rate limits: what routers answer, drop and lose.

    python scripts/analysis/traffic_hour.py ../shared/data/mmlu_pro
    python scripts/analysis/traffic_hour.py TABLE --rate 300 --headroom 1.2 --limit large=20 --hours 10
    python scripts/analysis/traffic_hour.py TABLE --router label --router switch:balance=0.1

Requests are test questions of an outcome table, drawn with replacement; a request that is sent gets its recorded score and
cost. They come as a Poisson process whose rate is several times higher in some minutes (bursts). Every model takes so many
requests in each minute: by default `headroom x rate / models`, so that all together could just carry the mean traffic.
Routers are fitted on the training questions; both splits are by a hash of the ids.

Each router is measured in three ways: a request over the limit of its first choice is dropped; it goes to the next choice,
in order of arrival (`overflow`); and the requests of every few seconds are collected, and those served first that would
lose most by their second choice (`overflow by regret`). `random` chooses blindly. Prints a Markdown table: throughput in
answered requests a minute, share dropped, share that got another than its first choice, mean score of the answered
requests, of all requests (dropped: 0), the same minus what the same router reaches without limits, in points with an
interval over the hours, and dollars per 1,000 answered requests.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.errors import ConfigError, RouterR1Error
from router_r1.routers import from_text
from router_r1.routers.traffic.capacity import DROPPED, Capacity, Order, assign, utilities
from router_r1.routers.training_set import TrainingSet
from router_r1_eval.stats.bootstrap import interval

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ROUTERS = ("label", "knn", "switch:balance=0", "switch:balance=0.01", "switch:balance=0.1")
MINUTES = 60
_HEAD = (
    "router",
    "over the limit",
    "answered/min",
    "dropped",
    "overflowed",
    "score answered",
    "score all",
    "against no limits (points)",
    "$ per 1,000",
)


@dataclass(frozen=True)
class Hour:
    """The requests of an hour."""

    questions: Ints
    """[n] rows of the test questions, in order of arrival."""
    seconds: Floats
    """[n] when each arrives."""


@dataclass(frozen=True)
class Way:
    """What happens to a request that its first choice does not take."""

    name: str
    choices: int | None
    order: Order = "arrival"


WAYS = (
    Way("dropped", 1),
    Way("overflow", None),
    Way("overflow by regret", None, "regret"),
)


def hour_of(
    rng: np.random.Generator, questions: int, rate: float, burst: float, bursts: float
) -> Hour:
    """Draw an hour.

    Args:
        rng: source of randomness.
        questions: number of test questions.
        rate: mean requests a minute.
        burst: times the quiet rate, in a burst.
        bursts: share of the minutes that are bursts.
    """
    quiet = rate / (1 - bursts + bursts * burst)
    rates = np.where(rng.random(MINUTES) < bursts, quiet * burst, quiet)
    seconds = [60 * minute + 60 * rng.random(rng.poisson(r)) for minute, r in enumerate(rates)]
    moments = np.sort(np.concatenate(seconds))
    return Hour(rng.integers(0, questions, len(moments)), moments)


def sent(worth: Floats, hour: Hour, limits: Capacity, way: Way, collect: float) -> Ints:
    """[n] the model that each request of an hour goes to, or `DROPPED`.

    Args:
        worth: [n, m] of every request.
        hour: its moments.
        limits: what the models take in a minute.
        way: what happens over the limit.
        collect: seconds whose requests are assigned together where their order is not that of arrival.
    """
    step = collect if way.order == "regret" else 60.0
    batches = (hour.seconds // step).astype(int)
    columns = np.full(len(batches), DROPPED)
    left, minute = limits, 0
    for batch in np.unique(batches):
        rows = np.flatnonzero(batches == batch)
        if (now := int(hour.seconds[rows[0]] // 60)) != minute:
            left, minute = limits, now
        given = assign(worth[rows], left, choices=way.choices, order=way.order)
        columns[rows], left = given.columns, given.left
    return columns


def limits_of(
    models: tuple[str, ...], rate: float, headroom: float, given: Mapping[str, float]
) -> Capacity:
    """Requests a minute of each model. Raises `ConfigError` for an unknown model."""
    if unknown := set(given) - set(models):
        raise ConfigError(f"--limit {min(unknown)}: the table has {', '.join(models)}")
    equal = headroom * rate / len(models)
    return Capacity.of([float(int(given.get(name, equal))) for name in models])


def row(
    name: str, way: str, columns: list[Ints], free: list[Ints], hours: list[Hour], data: TrainingSet
) -> str:
    """One line of the table, from the columns of every hour with and without limits."""
    answered, dropped, over, good, whole, lost, dollars = [], [], [], [], [], [], []
    for chosen, best, hour in zip(columns, free, hours, strict=True):
        taken = chosen != DROPPED
        scores = np.where(taken, data.scores[hour.questions, chosen], 0.0)
        answered.append(taken.sum() / MINUTES)
        dropped.append(1 - taken.mean())
        over.append((taken & (chosen != best)).mean())
        good.append(scores[taken].mean())
        whole.append(scores.mean())
        lost.append(scores.mean() - data.scores[hour.questions, best].mean())
        dollars.append(data.costs[hour.questions, chosen][taken].mean())
    change = interval(100 * np.array(lost))
    cells = (
        name,
        way,
        f"{np.mean(answered):.1f}",
        f"{np.mean(dropped):.1%}",
        f"{np.mean(over):.1%}",
        f"{np.mean(good):.3f}",
        f"{np.mean(whole):.3f}",
        f"{change.mean:+.1f} [{change.low:+.1f}, {change.high:+.1f}]",
        f"{1000 * np.mean(dollars):.3f}",
    )
    return f"| {' | '.join(cells)} |"


def simulate(options: argparse.Namespace) -> None:
    """Fit, simulate, print."""
    table = OutcomeTable.load(options.table)

    def part(split: Split) -> OutcomeTable:
        return table.subset(q.id for q in table.questions if split_of(q.id) is split)

    train, data = part(Split.TRAIN), TrainingSet.of(part(Split.TEST))
    limits = limits_of(data.models, options.rate, options.headroom, dict(options.limit))
    rng = np.random.default_rng(options.seed)
    hours = [
        hour_of(rng, len(data.questions), options.rate, options.burst, options.bursts)
        for _ in range(options.hours)
    ]
    requests = sum(len(hour.questions) for hour in hours)
    print(
        f"{table.source}: {len(data.questions)} test questions, {len(data.models)} models; {options.hours} hours with "
        f"{requests} requests, {options.rate:g} a minute, {options.burst:g} times as many in {options.bursts:.0%} of the "
        f"minutes; limits a minute: "
        + ", ".join(f"{n} {r:g}" for n, r in zip(data.models, limits.requests, strict=True))
    )
    print(f"\n| {' | '.join(_HEAD)} |\n| {' | '.join(['---'] * 2 + ['---:'] * 7)} |")
    worths: dict[str, Floats] = {}
    for text in options.router or ROUTERS:
        worths[text] = worth_of(text, train, data.questions, options.willingness_to_pay)
    for name, worth in worths.items():
        print_router(name, [worth[hour.questions] for hour in hours], limits, hours, data, options)
    blind = [rng.random((len(hour.questions), len(data.models))) for hour in hours]
    print_router("random", blind, limits, hours, data, options)


def worth_of(
    text: str, train: OutcomeTable, questions: tuple[Question, ...], willingness_to_pay: float
) -> Floats:
    """[n, m] what a router that is fitted on training questions makes of the test questions."""
    return utilities(from_text(text).fit(train), questions, willingness_to_pay)


def print_router(
    name: str,
    worths: list[Floats],
    limits: Capacity,
    hours: list[Hour],
    data: TrainingSet,
    options: argparse.Namespace,
) -> None:
    """The lines of one router: without limits, and in every way."""
    free = [worth.argmax(1) for worth in worths]
    print(row(name, "no limits", free, free, hours, data))
    for way in WAYS:
        columns = [
            sent(worth, hour, limits, way, options.collect)
            for worth, hour in zip(worths, hours, strict=True)
        ]
        print(row(name, way.name, columns, free, hours, data), flush=True)


def _limit(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    if not name or not float(number) >= 0:
        raise ValueError(text)
    return name, float(number)


def main() -> None:
    """Read the arguments and simulate."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="folder of an outcome table")
    parser.add_argument("--router", action="append", help="NAME:SETTING=VALUE; repeatable")
    parser.add_argument("--rate", type=float, default=120, help="mean requests a minute")
    parser.add_argument("--burst", type=float, default=3, help="times the quiet rate")
    parser.add_argument("--bursts", type=float, default=0.1, help="share of minutes with a burst")
    parser.add_argument("--headroom", type=float, default=1.25, help="capacity / mean traffic")
    parser.add_argument(
        "--limit", type=_limit, action="append", default=[], metavar="MODEL=RPM", help="repeatable"
    )
    parser.add_argument("--collect", type=float, default=2, help="seconds, for overflow by regret")
    parser.add_argument("--willingness-to-pay", type=float, default=float("inf"), metavar="USD")
    parser.add_argument("--hours", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not (options.rate > 0 and options.burst >= 1 and 0 <= options.bursts < 1):
        parser.error("--rate must be above 0, --burst 1 or more, --bursts from 0 to below 1")
    if options.hours < 1 or not 0 < options.collect <= 60 or options.headroom <= 0:
        parser.error("--hours must be 1 or more, --collect above 0 to 60, --headroom above 0")
    try:
        simulate(options)
    except RouterR1Error as error:
        sys.exit(f"traffic_hour.py: {error}")


if __name__ == "__main__":
    main()
