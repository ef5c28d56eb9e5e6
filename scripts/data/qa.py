"""Make question files of Natural Questions and HotpotQA, the two sets Router-R1 was trained on, for a live world.

    python scripts/data/qa.py --out data/                        from the Hugging Face hub
    python scripts/data/qa.py --data downloads/ --out data/      from nq_train.jsonl and hotpotqa_train.json there

Licences: CC BY-SA 3.0 and CC BY-SA 4.0. Writes nq.jsonl.gz, hotpotqa.jsonl.gz and both together as qa.jsonl.gz; texts that occur
twice are kept once. docs/benchmarks.md says what files may look like, docs/worlds.md how a world uses them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from router_r1.data.questions import Question, write_questions
from router_r1.errors import RouterR1Error
from router_r1_eval import benchmarks


def main() -> None:
    """Read, drop repeats, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with local files, instead of the hub")
    parser.add_argument("--out", type=Path, required=True, help="folder for the question files")
    parser.add_argument("--limit", type=int, help="questions of each set")
    args = parser.parse_args()
    try:
        together: list[Question] = []
        for name in ("nq", "hotpotqa"):
            found = benchmarks.load(name, args.data, limit=args.limit, split="train")
            questions = [q.model_copy(update={"category": name}) for q in without_repeats(found)]
            write(args.out / f"{name}.jsonl.gz", questions)
            together += questions
        write(args.out / "qa.jsonl.gz", without_repeats(together))
    except RouterR1Error as error:
        sys.exit(f"prepare_qa: {error}")


def write(path: Path, questions: list[Question]) -> None:
    """Write a question file, and say so."""
    write_questions(path, questions)
    print(f"{path}: {len(questions)} questions")


def without_repeats(questions: Iterable[Question]) -> list[Question]:
    """Each text once."""
    kept: dict[str, Question] = {}
    for question in questions:
        kept.setdefault(" ".join(question.question.casefold().split()), question)
    return list(kept.values())


if __name__ == "__main__":
    main()
