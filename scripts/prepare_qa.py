"""Make question files of Natural Questions and HotpotQA, the two sets Router-R1 was trained on, for a live world.

    python scripts/prepare_qa.py --out data/                              from the Hugging Face hub
    python scripts/prepare_qa.py --nq NQ-open.train.jsonl --hotpotqa hotpot_train_v1.1.json --out data/

From the hub: `google-research-datasets/nq_open` (CC BY-SA 3.0) and `hotpotqa/hotpot_qa`, configuration `distractor` (CC BY-SA 4.0).
Local files: JSON Lines or a JSON list, plain or gzipped, of objects with a question and its answer(s); the usual names of the
fields are known. Writes nq.jsonl.gz, hotpotqa.jsonl.gz and both together as qa.jsonl.gz; texts that occur twice are kept once.
docs/worlds.md says how a world uses them.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from router_r1.errors import DataError
from router_r1.questions import Question, write_questions

HUB = {
    "nq": ("google-research-datasets/nq_open", None),
    "hotpotqa": ("hotpotqa/hotpot_qa", "distractor"),
}
_QUESTION = ("question", "Question", "query")
_ANSWER = ("answer", "answers", "golden_answers")


def main() -> None:
    """Read, convert, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--nq", help="local file instead of the hub")
    parser.add_argument("--hotpotqa", help="local file instead of the hub")
    parser.add_argument("--out", type=Path, required=True, help="folder for the question files")
    parser.add_argument("--limit", type=int, help="questions of each set")
    args = parser.parse_args()
    try:
        together: list[Question] = []
        for name in HUB:
            local = getattr(args, name)
            rows = read_local(local) if local else read_hub(name)
            questions = convert(name, rows, args.limit)
            write_questions(args.out / f"{name}.jsonl.gz", questions)
            print(f"{args.out / name}.jsonl.gz: {len(questions)} questions")
            together += questions
        both = without_repeats(together)
        write_questions(args.out / "qa.jsonl.gz", both)
        print(f"{args.out / 'qa'}.jsonl.gz: {len(both)} questions")
    except DataError as error:
        sys.exit(f"prepare_qa: {error}")


def read_hub(name: str) -> Iterator[dict[str, Any]]:
    """Rows of the training split on the hub. Raises `DataError` that says which file to give instead."""
    import datasets

    path, configuration = HUB[name]
    try:
        yield from datasets.load_dataset(path, configuration, split="train")
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(
            f"{path} can not be read from the hub ({reason}); download it and give the file with --{name}"
        ) from error


def read_local(path: str) -> Iterator[dict[str, Any]]:
    """Rows of a JSON Lines file or a JSON list, plain or gzipped."""
    try:
        data = Path(path).read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can not be read: {error}") from error
    try:
        if text.lstrip().startswith("["):
            yield from json.loads(text)
        else:
            for line in text.splitlines():
                if line.strip():
                    yield json.loads(line)
    except ValueError as error:
        raise DataError(f"{path}: neither JSON Lines nor a JSON list: {error}") from error


def convert(name: str, rows: Iterable[dict[str, Any]], limit: int | None = None) -> list[Question]:
    """Rows as questions, scored by exact match. Raises `DataError` for a row without question or answer."""
    questions = []
    for number, row in enumerate(rows, 1):
        text = next((row[key] for key in _QUESTION if row.get(key)), None)
        answers = next((row[key] for key in _ANSWER if row.get(key)), None)
        answers = [answers] if isinstance(answers, str) else answers
        if not text or not answers:
            raise DataError(
                f"{name}: row {number} has the fields {', '.join(row)}; expected one of {', '.join(_QUESTION)} "
                f"and one of {', '.join(_ANSWER)}"
            )
        text = text.strip()
        questions.append(
            Question(
                id=f"{name}/{hashlib.sha256(text.casefold().encode()).hexdigest()[:16]}",
                question=text,
                answer=tuple(answer for answer in answers if answer.strip()),
                metric="em",
                category=name,
            )
        )
        if limit is not None and len(questions) == limit:
            break
    if not questions:
        raise DataError(f"{name}: there are no questions")
    return without_repeats(questions)


def without_repeats(questions: Iterable[Question]) -> list[Question]:
    """Each text once."""
    kept: dict[str, Question] = {}
    for question in questions:
        kept.setdefault(" ".join(question.question.casefold().split()), question)
    return list(kept.values())


if __name__ == "__main__":
    main()
