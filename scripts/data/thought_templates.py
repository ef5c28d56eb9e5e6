"""Make thought templates from the training questions of an outcome table, for `router-r1 eval --thoughts`.

    python scripts/data/thought_templates.py runs/local/recording/table --out runs/thoughts
    python scripts/data/thought_templates.py TABLE --exclude test.jsonl --pool pool.yaml --model large --out runs/thoughts
    router-r1 eval test.jsonl --config pool.yaml --no-agent --single all --thoughts runs/thoughts --out runs/with_thoughts

By default a template is the best answer itself, without its final answer, cut to a length; with --pool and --model, a model
writes them (router_r1/routers/fusion/thought_templates.py). Questions of the validation and test splits are left out, by id
and by text, and so are those of every --exclude.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question, read_questions
from router_r1.data.splits import Split, split_of
from router_r1.errors import RouterR1Error
from router_r1.pool import ModelPool
from router_r1.progress import show_progress
from router_r1.routers.fusion.best_answers import best_answers, describe
from router_r1.routers.fusion.thought_templates import MOST_CHARS, ThoughtTemplates


def make(options: argparse.Namespace) -> ThoughtTemplates:
    """The templates that the options ask for."""
    table = OutcomeTable.load(options.table)
    exclude: list[Question] = [
        q
        for q in table.questions
        if split_of(q.id, validation=options.validation, test=options.test) is not Split.TRAIN
    ]
    for path in options.exclude:
        exclude += read_questions(path)
    settings: dict[str, Any] = {
        "exclude": exclude,
        "clusters": options.clusters,
        "embedding": options.embedding,
        "most_chars": options.most_chars,
        "seed": options.seed,
    }
    if options.model is None:
        return ThoughtTemplates.extract(table, **settings)
    options.out.mkdir(parents=True, exist_ok=True)
    calls = options.clusters or len(best_answers(table, exclude=exclude, counts=Counter()))
    # Behind a record store: started again, it pays for nothing twice.
    pool = ModelPool.from_yaml(options.pool).recording(options.out / "calls.db")

    async def distil() -> ThoughtTemplates:
        async with pool:
            with show_progress(f"templates by {options.model}", calls) as advance:
                return await ThoughtTemplates.distil(
                    table, pool, options.model, on_template=advance, **settings
                )

    return asyncio.run(distil())


def main() -> None:
    """Read the arguments, write the folder, say what was used and left out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="folder of an outcome table with texts")
    parser.add_argument("--out", type=Path, required=True, help="folder for the templates")
    parser.add_argument(
        "--exclude", type=Path, action="append", default=[], help="file of questions; repeatable"
    )
    parser.add_argument("--pool", type=Path, help="pool file with --model")
    parser.add_argument("--model", help="the model that writes the templates")
    parser.add_argument("--clusters", type=int, default=0, help="groups of questions; 0: none")
    parser.add_argument("--embedding", default="tfidf", help="by what questions are compared")
    parser.add_argument("--most-chars", type=int, default=MOST_CHARS, help="of a template")
    parser.add_argument("--validation", type=float, default=0.1, help="share, by hash of the id")
    parser.add_argument("--test", type=float, default=0.3, help="share, by hash of the id")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if (options.pool is None) != (options.model is None):
        parser.error("--pool and --model belong together")
    if options.clusters < 0 or options.most_chars < 40:
        parser.error("--clusters must be 0 or more, and --most-chars 40 or more")
    try:
        templates = make(options)
        templates.save(options.out)
    except RouterR1Error as error:
        sys.exit(f"thought_templates.py: {error}")
    print(f"{options.out}: {describe(templates.counts)}")


if __name__ == "__main__":
    main()
