"""Make question files from the data of Router-R1: training questions for a live world, and test questions.

    python scripts/data/qa.py --out data/                                    from the Hugging Face hub
    python scripts/data/qa.py --data FlashRAG_datasets/ --out data/          from files on this machine
    python scripts/data/qa.py --limit 7100 --test 500 --out data/            as many as in the paper, with its test sets

Writes nq.jsonl.gz and hotpotqa.jsonl.gz, the training questions of Natural Questions and HotpotQA (CC BY-SA 3.0 and CC
BY-SA 4.0), and both together as qa.jsonl.gz. Every file is ordered by a hash of the ids, so that its first questions are
a random sample, of both data sets in qa.jsonl.gz. If several questions have the same text, the first is kept. With
--test, also test/NAME.jsonl.gz: a sample of each of the seven sets on which the paper reports. As in its data, every
question ends with a question mark.

The files of `hf download RUC-NLPIR/FlashRAG_datasets --repo-type dataset --local-dir FlashRAG_datasets`, from which the
authors drew (NAME/SPLIT.jsonl, with `id`, `question` and `golden_answers`), are read as they are. docs/benchmarks.md
describes other input files, docs/worlds.md how a world uses the output.
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

TRAINING_SETS = ("nq", "hotpotqa")
TEST_SETS = ("nq", "triviaqa", "popqa", "hotpotqa", "2wikimultihopqa", "musique", "bamboogle")


def main() -> None:
    """Read the data sets, drop repeated training questions, and write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder with local files, instead of the hub")
    parser.add_argument("--out", type=Path, required=True, help="folder for the question files")
    parser.add_argument("--limit", type=int, help="most training questions of each data set")
    parser.add_argument("--test", type=int, help="most test questions of each of the seven sets")
    options = parser.parse_args()
    try:
        combined: list[Question] = []
        for name in TRAINING_SETS:
            found = in_hash_order(benchmarks.load(name, options.data, split="train"))
            questions = of_set(name, without_repeats(found)[: options.limit])
            write(options.out / f"{name}.jsonl.gz", questions)
            combined += questions
        write(options.out / "qa.jsonl.gz", without_repeats(in_hash_order(combined)))
        for name in TEST_SETS if options.test else ():
            found = in_hash_order(benchmarks.load(name, options.data))[: options.test]
            write(options.out / "test" / f"{name}.jsonl.gz", of_set(name, found))
    except RouterR1Error as error:
        sys.exit(f"qa.py: {error}")


def of_set(name: str, questions: Iterable[Question]) -> list[Question]:
    """The questions with the data set as their category, and a question mark at the end."""
    return [
        q.model_copy(update={"category": name, "question": q.question.removesuffix("?") + "?"})
        for q in questions
    ]


def write(path: Path, questions: list[Question]) -> None:
    """Write a question file and print its size."""
    write_questions(path, questions)
    print(f"{path}: {len(questions)} questions")


def without_repeats(questions: Iterable[Question]) -> list[Question]:
    """The first question of each text; case, spaces and a question mark do not count."""
    kept: dict[str, Question] = {}
    for question in questions:
        text = question.question.removesuffix("?")
        kept.setdefault(" ".join(text.casefold().split()), question)
    return list(kept.values())


if __name__ == "__main__":
    main()
