"""Benchmark the readers of answers: the share of the corpus that is graded right, by kind, beside other libraries.

    python scripts/bench/answer_readers.py                                     ours
    python scripts/bench/answer_readers.py --peers VENV/bin/python             and the libraries of that environment
    python scripts/bench/answer_readers.py --wrong                             the lines that ours gets wrong

The corpus is tests/reward/corpus/. Libraries such as lm-eval, lighteval and OpenCompass ask for versions that conflict
with ours and with each other, so they run by an interpreter of their own, which gets the lines over a pipe. `--peers`
can be given several times; a library that one environment lacks may come from the next.

A library is tried only on lines whose metric it offers, in each of its documented settings (the list is in
answer_readers_bench/peers.py). For each metric the table shows the setting that is right most often on this corpus. A
cell is the library's share, and in brackets ours on the same lines. A program that a library finds in a reply runs in
our sandbox. Needs math-verify, and a machine on which the sandbox works. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward import grade

CORPUS = Path(__file__).parents[2] / "tests" / "reward" / "corpus"
WORKER = Path(__file__).parent / "answer_readers_bench" / "peers.py"

Line = dict[str, Any]
Right = dict[int, bool]
"""Line -> whether its grade is the one that is wanted."""


def read_lines(paths: Iterable[Path]) -> list[Line]:
    """The lines of corpus files, numbered in `id`."""
    lines = [json.loads(text) for path in paths for text in path.read_text("utf-8").splitlines()]
    return [{**line, "id": number} for number, line in enumerate(lines)]


def our_grade(line: Line, answer: str | None = None) -> float | None:
    """What `grade` says of a line, or of another answer to it; None if it cannot read the gold answer."""
    metric, gold = line["metric"], line["gold"]
    question = Question(
        id="corpus",
        question="corpus",
        answer=gold,
        metric=metric,
        choices=line.get("choices"),
        metadata={"tests": gold} if metric == "code" else line.get("metadata", {}),
    )
    text = line["answer"] if answer is None else answer
    try:
        return grade(text, [gold], metric, question=question, allow_code=True)
    except DataError as error:
        print(f"counted as wrong: {error}", file=sys.stderr)
        return None


def peer_results(python: str, lines: list[Line], scored: set[str]) -> list[dict[str, Any]]:
    """What the worker says under another interpreter of peers not scored yet; see `answer_readers_bench/peers.py`."""
    text = "".join(json.dumps(line) + "\n" for line in lines)
    command = [python, str(WORKER), *sorted(scored)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return [json.loads(result) for result in done.stdout.splitlines()]


def peer_rights(
    results: Iterable[dict[str, Any]], lines: list[Line]
) -> tuple[dict[str, dict[tuple[str, str], Right]], dict[tuple[str, str, str], str]]:
    """Peer and version -> (metric, setting) -> lines; and what was skipped -> why."""
    rights: dict[str, dict[tuple[str, str], Right]] = defaultdict(lambda: defaultdict(dict))
    skipped: dict[tuple[str, str, str], str] = {}
    for result in results:
        key = (result["metric"], result["setting"])
        if "skipped" in result:
            skipped[result["peer"], *key] = result["skipped"]
            continue
        line = lines[result["id"]]
        if "code" in result:
            program = result["code"]
            accepted = bool(program) and our_grade(line, f"```python\n{program}\n```") == 1
        else:
            accepted = bool(result["accepted"])
        peer = f"{result['peer']} {result['version']}"
        rights[peer][key][line["id"]] = accepted == (line["want"] == 1)
    for peer, settings in rights.items():
        for metric, setting in settings:
            skipped.pop((peer.split()[0], metric, setting), None)
    return rights, skipped


def most_favourable(settings: dict[tuple[str, str], Right]) -> tuple[Right, list[str]]:
    """For each metric the setting that is right most often: its lines, and what was chosen."""
    best: dict[str, tuple[int, str, Right]] = {}
    for (metric, setting), right in settings.items():
        score = sum(right.values())
        if metric not in best or score > best[metric][0]:
            best[metric] = (score, setting, right)
    joined = {line: ok for _, _, right in best.values() for line, ok in right.items()}
    return joined, [f"{metric}: {setting}" for metric, (_, setting, _) in sorted(best.items())]


def share(right: Right, numbers: Iterable[int]) -> str:
    """A percentage, or nothing where there are no lines."""
    chosen = [right[number] for number in numbers if number in right]
    return f"{sum(chosen) / len(chosen):.0%}" if chosen else ""


def table(lines: list[Line], ours: Right, peers: dict[str, Right]) -> list[list[str]]:
    """Kinds by readers, the union last."""
    kinds: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        kinds[line["kind"]].append(line["id"])
    rows = [["kind", "lines", "ours", *peers]]
    for kind, numbers in [*kinds.items(), ("union", [line["id"] for line in lines])]:
        row = [kind, str(len(numbers)), share(ours, numbers)]
        for right in peers.values():
            both = [number for number in numbers if number in right]
            row.append(f"{share(right, both)} ({share(ours, both)})" if both else "")
        rows.append(row)
    return rows


def main() -> None:
    """Score ours and the peers, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--corpus", type=Path, action="append", help="a corpus file; default: all in the tests"
    )
    parser.add_argument(
        "--peers",
        action="append",
        default=[],
        metavar="PYTHON",
        help="an interpreter that has other libraries installed",
    )
    parser.add_argument("--wrong", action="store_true", help="print the lines that ours gets wrong")
    options = parser.parse_args()

    lines = read_lines(options.corpus or sorted(CORPUS.glob("*.jsonl")))
    grades = {line["id"]: our_grade(line) for line in lines}
    ours = {line["id"]: grades[line["id"]] == line["want"] for line in lines}
    if options.wrong:
        for line in lines:
            if not ours[line["id"]]:
                print(json.dumps({**line, "got": grades[line["id"]]}, ensure_ascii=False))
    results: list[dict[str, Any]] = []
    for python in options.peers:
        scored = {result["peer"] for result in results if "skipped" not in result}
        results += peer_results(python, lines, scored)
    rights, skipped = peer_rights(results, lines)
    chosen = {peer: most_favourable(settings) for peer, settings in rights.items()}
    peers = {peer: right for peer, (right, _) in chosen.items()}

    for row in table(lines, ours, peers):
        print("| " + " | ".join(row) + " |")
        if row[0] == "kind":
            print("|" + " --- |" * len(row))
    for peer, (_, settings) in chosen.items():
        print(f"{peer}: {'; '.join(settings)}")
    for (peer, metric, setting), reason in skipped.items():
        print(f"{peer}, {setting} ({metric}): not run: {reason}")
    wanted = Counter(line["want"] for line in lines)
    figures = {
        "lines": len(lines),
        "wanted_right": wanted[1],
        "ours": sum(ours.values()) / len(lines),
        "peers": {
            peer: {
                "lines": len(right),
                "share": sum(right.values()) / len(right),
                "ours": sum(ours[number] for number in right) / len(right),
            }
            for peer, right in peers.items()
        },
        "settings": {
            peer: {
                f"{metric}: {setting}": sum(right.values()) / len(right)
                for (metric, setting), right in settings.items()
            }
            for peer, settings in rights.items()
        },
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
