"""How long a tournament takes, fitting included, and how much memory: ten routers on a table of 5,199 questions and ten models.

    python scripts/bench/tournament.py                     a table that is drawn here
    python scripts/bench/tournament.py --table DIR         one of yours

The routers: label, kNN, ridge, k-means, best per category by price, naive Bayes vote, cascade, best single, cheapest, random; and
whatever else is always there. The last line is JSON: seconds and peak memory (MiB) of this process.
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
from router_r1.pricing import Price
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_eval.tournament.tournament import TableTournament
from router_r1_reward import RewardConfig

QUESTIONS, MODELS, CATEGORIES, LETTERS = 5199, 10, 14, "ABCDEFGHIJ"


def drawn(seed: int = 0) -> OutcomeTable:
    """Categories with words of their own, models with skills by category, texts of about eighty words."""
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
            said = gold if right else source.choice(LETTERS)
            outcomes.append(
                Outcome(
                    id=key,
                    model=name,
                    text=f"The answer is ({said}).",
                    answer=said,
                    score=float(said == gold),
                    input_tokens=200,
                    output_tokens=source.randrange(50, 400),
                )
            )
    return OutcomeTable(cards, questions, outcomes, source="drawn")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--table", type=Path, help="folder of an outcome table")
    given = parser.parse_args()
    table = OutcomeTable.load(given.table) if given.table else drawn()
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
