"""Benchmark decisions of fitted one-shot routers, beyond the embedding of the question.

    python scripts/bench/router_decisions.py                           a drawn table of 3,500 questions and 10 models
    python scripts/bench/router_decisions.py --router knn --router linear --questions 10000

For each router: milliseconds to score and choose for one question whose vector is known (the median and the 99th
percentile of single calls), and seconds for all --questions vectors at once, by the clock and of the processor: they
differ on a machine that others use. For comparison, in the same run: the milliseconds of one product of a vector with
the matrix of training vectors, the least that an exact search of neighbours can cost, and those of embedding one
question. Vectors are drawn, so the figures say nothing about quality. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from router_r1 import routers
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import RouterR1Error
from router_r1.model_cards import ModelCard
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.token_prices import Price

ROUTERS = ("knn", "kmeans", "uniroute")
WORTH = 0.1
_BLOCK = 10_000  # questions scored at a time


def drawn_table(questions: int, models: int, seed: int = 0) -> OutcomeTable:
    """Questions of random words, with scores at random."""
    source = np.random.default_rng(seed)
    words = np.array([f"w{number}" for number in range(2000)])
    cards = [
        ModelCard(name=f"model-{n}", price=Price(input=2.0**n / 50, output=2.0**n / 25))
        for n in range(models)
    ]
    asked = [
        Question(id=f"q{n}", question=" ".join(source.choice(words, 40)), answer="1", metric="em")
        for n in range(questions)
    ]
    right = source.random((questions, models)) < np.linspace(0.4, 0.7, models)
    outcomes = [
        Outcome(
            id=question.id,
            model=card.name,
            text="1",
            score=float(right[row, column]),
            input_tokens=100,
            output_tokens=100,
        )
        for row, question in enumerate(asked)
        for column, card in enumerate(cards)
    ]
    return OutcomeTable(cards, asked, outcomes, source="drawn")


def milliseconds(call: Callable[[int], Any], times: int) -> tuple[float, float]:
    """Median and 99th percentile of single calls, after a few that do not count."""
    for number in range(10):
        call(number)
    taken = []
    for number in range(times):
        began = time.perf_counter()
        call(number)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken), float(np.percentile(taken, 99))


def measure(
    name: str, table: OutcomeTable, vectors: Any, asked: list[Question], times: int
) -> dict[str, float]:
    """The figures of one router."""
    began = time.perf_counter()
    router = routers.from_text(name).fit(table)
    fit = time.perf_counter() - began
    if not isinstance(router, EmbeddingRouter):
        raise RouterR1Error(f"router {name!r} reads no vectors, so there is nothing beyond them")
    width = router.vectors(table.questions[:1]).shape[1]
    vectors = vectors[:, :width]

    def decide(rows: Any) -> list[str]:
        costs = np.tile(router.learned["mean_cost"], (len(rows), 1))
        return router.decide(router.scores_of_vectors(rows), costs, WORTH)

    one, slow = milliseconds(lambda n: decide(vectors[n : n + 1]), times)
    began, began_cpu = time.perf_counter(), time.process_time()
    for start in range(0, len(vectors), _BLOCK):
        decide(vectors[start : start + _BLOCK])
    together, together_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    known = np.ascontiguousarray(vectors[: len(table.questions)])
    product, _ = milliseconds(lambda n: known @ vectors[n], times)
    embed, _ = milliseconds(lambda n: router.vectors([asked[n % len(asked)]]), min(times, 100))
    return {
        "fit_s": fit,
        "decision_ms": one,
        "decision_p99_ms": slow,
        "all_s": together,
        "all_cpu_s": together_cpu,
        "product_ms": product,
        "embedding_ms": embed,
    }


def main() -> None:
    """Measure each router, print a table, and one JSON object on the last line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--router",
        action="append",
        default=[],
        metavar="NAME[:SETTING=VALUE,...]",
        help=f"a router; repeatable. By default {', '.join(ROUTERS)}",
    )
    parser.add_argument("--questions", type=int, default=100_000, help="vectors scored at once")
    parser.add_argument("--train", type=int, default=3_500, help="questions to fit on")
    parser.add_argument("--models", type=int, default=10)
    parser.add_argument("--times", type=int, default=500, help="single decisions timed")
    options = parser.parse_args()
    table = drawn_table(options.train, options.models)
    vectors = np.random.default_rng(1).normal(size=(max(options.questions, options.train), 512))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    asked = list(table.questions[:100])
    print(
        f"{'router':24} {'fit s':>7} {'one ms':>8} {'p99 ms':>8} {'all s':>8} {'CPU s':>8} {'product ms':>11} {'embed ms':>9}"
    )
    found = {}
    for name in options.router or ROUTERS:
        try:
            row = measure(name, table, vectors, asked, options.times)
        except RouterR1Error as error:
            sys.exit(f"router_decisions.py: {error}")
        found[name] = {key: round(value, 4) for key, value in row.items()}
        print(
            f"{name:24} {row['fit_s']:7.2f} {row['decision_ms']:8.3f} {row['decision_p99_ms']:8.3f} "
            f"{row['all_s']:8.2f} {row['all_cpu_s']:8.2f} {row['product_ms']:11.3f} {row['embedding_ms']:9.3f}",
            flush=True,
        )
    print(json.dumps({"questions": len(vectors), "routers": found}))


if __name__ == "__main__":
    main()
