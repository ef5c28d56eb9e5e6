"""Make question files for a live world from Natural Questions and HotpotQA, the data that Router-R1 was trained on.

    python scripts/data/qa.py --out data/                        from the Hugging Face hub
    python scripts/data/qa.py --data downloads/ --out data/      from nq_train.jsonl and hotpotqa_train.json there

Licences: CC BY-SA 3.0 and CC BY-SA 4.0. Writes nq.jsonl.gz and hotpotqa.jsonl.gz, and both together as qa.jsonl.gz.
Every file is ordered by a hash of the ids, so that its first questions are a random sample, of both data sets in
qa.jsonl.gz. If several questions have the same text, the first is kept. docs/benchmarks.md describes the input files, docs/worlds.md
how a world uses the output.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from router_r1.data.questions import Question, write_questions
from router_r1.errors import RouterR1Error
from router_r1_envs.worlds.question_order import in_hash_order
from router_r1_eval import benchmarks


def main() -> None:
    """Read both data sets, drop repeated questions, and write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with local files, instead of the hub")
    parser.add_argument("--out", type=Path, required=True, help="folder for the question files")
    parser.add_argument("--limit", type=int, help="maximum number of questions of each data set")
    options = parser.parse_args()
    try:
        combined: list[Question] = []
        for name in ("nq", "hotpotqa"):
            found = in_hash_order(benchmarks.load(name, options.data, split="train"))
            kept = without_repeats(found)[: options.limit]
            questions = [q.model_copy(update={"category": name}) for q in kept]
            write(options.out / f"{name}.jsonl.gz", questions)
            combined += questions
        write(options.out / "qa.jsonl.gz", without_repeats(in_hash_order(combined)))
    except RouterR1Error as error:
        sys.exit(f"qa.py: {error}")


def write(path: Path, questions: list[Question]) -> None:
    """Write a question file and print its size."""
    write_questions(path, questions)
    print(f"{path}: {len(questions)} questions")


def without_repeats(questions: Iterable[Question]) -> list[Question]:
    """The first question of each text; case and spaces do not count."""
    kept: dict[str, Question] = {}
    for question in questions:
        kept.setdefault(" ".join(question.question.casefold().split()), question)
    return list(kept.values())


if __name__ == "__main__":
    main()
