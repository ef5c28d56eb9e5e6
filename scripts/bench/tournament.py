"""Benchmark a tournament: seconds, fitting included, and memory, on a table of 5,199 questions and ten models.

    python scripts/bench/tournament.py                     a table drawn at random
    python scripts/bench/tournament.py --table DIR         your own table

All registered one-shot routers take part, and the baselines of every tournament. The last line is JSON: seconds, and
peak memory of this process in MiB.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from pathlib import Path

from router_r1 import routers
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.tournament.tournament import TableTournament
from router_r1_reward import RewardConfig

QUESTIONS, MODELS, CATEGORIES, LETTERS = 5199, 10, 14, "ABCDEFGHIJ"


def random_table(seed: int = 0) -> OutcomeTable:
    """A table in which every category has its own words, every model its own accuracy per category, and every question
    about eighty words."""
    source = random.Random(seed)
    names = [f"model-{number}" for number in range(MODELS)]
    skills = {name: [source.uniform(0.3, 0.8) for _ in range(CATEGORIES)] for name in names}
    words = [[f"w{category}x{n}" for n in range(400)] for category in range(CATEGORIES)]
    common = [f"c{n}" for n in range(4000)]
    cards = [
        ModelCard(name=name, price=Price(input=2.0**n / 50, output=2.0**n / 25))
        for n, name in enumerate(names)
    ]
    questions, outcomes = [], []
    for number in range(QUESTIONS):
        category = source.randrange(CATEGORIES)
        text = source.choices(words[category], k=20) + source.choices(common, k=60)
        gold = source.choice(LETTERS)
        key = f"q{number}"
        questions.append(
            Question(
                id=key,
                question=" ".join(text),
                answer=gold,
                metric="choice",
                category=f"category {category}",
                choices=tuple(source.choices(common, k=10)),
            )
        )
        for name in names:
            right = source.random() < skills[name][category]
            answer = gold if right else source.choice(LETTERS)
            outcomes.append(
                Outcome(
                    id=key,
                    model=name,
                    text=f"The answer is ({answer}).",
                    answer=answer,
                    score=float(answer == gold),
                    input_tokens=200,
                    output_tokens=source.randrange(50, 400),
                )
            )
    return OutcomeTable(cards, questions, outcomes, source="drawn")


def main() -> None:
    """Run a tournament, print its rows, and print one JSON object on the last line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--table", type=Path, help="folder of an outcome table")
    options = parser.parse_args()
    table = OutcomeTable.load(options.table) if options.table else random_table()
    settings = RecordedWorldConfig(table=table.source, duplicates="first", graded=False)
    began = time.perf_counter()
    world = RecordedWorld(table, settings)
    contest = TableTournament(world, TableSplits.of(world), one_shot=routers.names())
    results = contest.hold(RewardConfig())
    seconds = time.perf_counter() - began
    for line in contest.summary(results):
        print(line)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{len(results.rows)} rows, {seconds:.1f} s, {peak:.0f} MiB")
    print(json.dumps({"seconds": round(seconds, 1), "peak_mib": round(peak)}))


if __name__ == "__main__":
    main()
