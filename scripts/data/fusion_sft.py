"""Make a fine-tuning set from the best answers of an outcome table: the model level of fusion (arXiv:2507.10540).

    python scripts/data/fusion_sft.py runs/local/recording/table --out runs/fusion/data
    python scripts/data/fusion_sft.py TABLE --most 5 --exclude test.jsonl --system "Work it out step by step." --out DATA

Of each training question, the answers with the highest scores are taken, the cheapest first among equals, texts that are
equal once. Writes chat files, one conversation on each line, which TRL's SFTTrainer and most other trainers read:

    OUT/train.jsonl         training questions
    OUT/validation.jsonl    validation questions; not written if there are none
    OUT/fusion_sft.json     what was used and left out, and why

Splits are by a hash of the ids, as everywhere. Test questions are in neither file, and neither is a question that has the
text of a test question, or, in training, of a validation question. Empty answers count as what they are, failures. Scores
are used as recorded: nothing is normalised on the set that it is measured on.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import write_json_lines
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question, read_questions
from router_r1.data.splits import Split, split_of
from router_r1.errors import RouterR1Error
from router_r1.files import write_json
from router_r1.routers.fusion.best_answers import BestAnswers, best_answers, describe


def conversations(found: Sequence[BestAnswers], system: str) -> Iterator[dict[str, Any]]:
    """A line for each answer."""
    for best in found:
        for outcome in best.outcomes:
            opening = [{"role": "system", "content": system}] if system else []
            yield {
                "messages": [
                    *opening,
                    {"role": "user", "content": asked(best.question)},
                    {"role": "assistant", "content": outcome.text.strip()},
                ],
                "id": best.question.id,
                "model": outcome.model,
                "score": outcome.score,
            }


def asked(question: Question) -> str:
    """What is read: the question, with its options if they are not in the text."""
    choices = question.choices or ()
    if not choices or all(choice in question.question for choice in choices):
        return question.question
    lines = (f"{chr(ord('A') + n)}. {choice}" for n, choice in enumerate(choices))
    return "\n".join([question.question, *lines])


def make(options: argparse.Namespace) -> dict[str, Any]:
    """Write the files; return what `fusion_sft.json` says."""
    table = OutcomeTable.load(options.table)
    parts: dict[Split, list[Question]] = {split: [] for split in Split}
    for question in table.questions:
        split = split_of(question.id, validation=options.validation, test=options.test)
        parts[split].append(question)
    outside = [*parts[Split.TEST]]
    for path in options.exclude:
        outside += read_questions(path)
    report: dict[str, Any] = {"table": str(options.table), "most": options.most}
    kept = {
        Split.TRAIN: [*outside, *parts[Split.VALIDATION]],
        Split.VALIDATION: [*outside, *parts[Split.TRAIN]],
    }
    for split, exclude in kept.items():
        if not parts[split]:
            continue
        counts: Counter[str] = Counter()
        own = table.subset(q.id for q in parts[split])
        most, least = options.most, options.least_score
        found = best_answers(own, exclude=exclude, most=most, least_score=least, counts=counts)
        write_json_lines(options.out / f"{split}.jsonl", conversations(found, options.system))
        report[str(split)] = dict(counts)
    write_json(options.out / "fusion_sft.json", report)
    return report


def main() -> None:
    """Read the arguments, write the files, say what was used and left out."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="folder of an outcome table with texts")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--most", type=int, default=5, help="answers of a question")
    parser.add_argument("--least-score", type=float, default=0.5, help="of an answer")
    parser.add_argument(
        "--exclude", type=Path, action="append", default=[], help="file of questions; repeatable"
    )
    parser.add_argument("--system", default="", help="system message of every conversation")
    parser.add_argument("--validation", type=float, default=0.1, help="share, by hash of the id")
    parser.add_argument("--test", type=float, default=0.3, help="share, by hash of the id")
    options = parser.parse_args()
    if options.most < 1:
        parser.error("--most must be 1 or more")
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        report = make(options)
    except (RouterR1Error, OSError) as error:
        sys.exit(f"fusion_sft.py: {error}")
    for split in ("train", "validation"):
        if split in report:
            print(f"{options.out}/{split}.jsonl: {describe(Counter(report[split]))}")


if __name__ == "__main__":
    main()
