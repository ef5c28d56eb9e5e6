"""Benchmark the graders: short answers (em, f1, choice) on one core, answers in mathematics on two.

    python scripts/bench/grade.py

No answer occurs twice in a run, so a cache of answers gains nothing. A third of the short answers are names for em, a
third replies of one to three sentences for f1, and a third arguments that end in a letter, over ten options in words,
for choice. The mathematics are fractions, roots, intervals, tuples and polynomials in LaTeX, half of them right in
another form, which math-verify has to parse. Plain numbers and numbers in sentences do not need math-verify; the table
shows them, the last line does not.

The rate of short answers is per second of processor time. The rate of mathematics is per second on the clock, with two
threads and two workers. Each is the best of several repeats, and every repeat has answers of its own. On a busy machine
the clock says little; what two idle cores could reach is then at most twice the rate per second of processor time. The
last line is JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import psutil

from router_r1.data.questions import Question
from router_r1_reward import grade
from router_r1_reward.metrics.maths import expression_verifier

_CORES = 2
_PLACES = (
    "Vienna", "Lagos", "Quito", "Oslo", "Hanoi", "Perth", "Lima", "Turin", "Porto", "Kyoto", "Bergen", "Tunis",
)  # fmt: skip
_NAMES = (
    "Ada", "Boris", "Chen", "Dalia", "Emil", "Farah", "Goran", "Hana", "Ivan", "Kira", "Lars", "Olga", "Pavel",
)  # fmt: skip
_SURNAMES = (
    "Marsh", "Keller", "Okafor", "Lindqvist", "Tanaka", "Rossi", "Novak", "Haddad", "Sato", "Weber", "Duarte",
)  # fmt: skip
_THINGS = (
    "heat flow", "market price", "cell wall", "tax rate", "bond yield", "wave length", "river delta",
    "court ruling", "enzyme", "treaty", "magnetic field", "surface area", "supply curve", "blood vessel",
    "prime factor", "plate boundary", "voltage", "mutation",
)  # fmt: skip
_CHANGES = (
    "rises", "falls", "doubles", "stays constant", "depends on temperature", "grows with mass", "is halved",
    "vanishes", "moves inland",
)  # fmt: skip
_LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Item:
    """An answer to grade, its gold answer, and the metric."""

    answer: str
    gold: str
    metric: str
    question: Question | None = None


def _name(source: random.Random) -> str:
    return (
        f"{source.choice(_NAMES)} {source.choice('ABCDEFGHJKLMNPRSTW')}. {source.choice(_SURNAMES)}"
    )


def _em(source: random.Random, number: int) -> Item:
    gold = f"{_name(source)}, {1700 + number % 300}"
    answer = gold if source.random() < 0.5 else f"{_name(source)} ({source.randrange(1700, 2000)})"
    return Item(source.choice(("{}", "the {}.", "{}!")).format(answer), gold, "em")


def _f1(source: random.Random, number: int) -> Item:
    gold = f"{_name(source)} and {_name(source)}"
    person = gold if source.random() < 0.5 else f"{_name(source)} of {source.choice(_PLACES)}"
    more = (
        f" It was shown in {source.choice(_PLACES)} in {source.randrange(1900, 2020)}, to an audience of {number + 100:,} people.",
        f' The critic {_name(source)} called it "a study of the {source.choice(_THINGS)}"; others disagreed.',
        "",
    )
    text = f"The film was directed by {person}, who had met at the University of {source.choice(_PLACES)} some years earlier."
    return Item(text + "".join(source.sample(more, 2)), gold, "f1")


def _choice(source: random.Random, number: int) -> Item:
    options = tuple(
        f"The {source.choice(_THINGS)} {source.choice(_CHANGES)} when the {source.choice(_THINGS)} {source.choice(_CHANGES)}"
        for _ in _LETTERS
    )
    gold = source.choice(_LETTERS)
    said = gold if source.random() < 0.6 else source.choice(_LETTERS)
    other = source.choice([letter for letter in _LETTERS if letter != said])
    text = source.choice(options)
    reason = f"We start from the {source.choice(_THINGS)} of sample {number}, which {source.choice(_CHANGES)}. "
    endings = (
        f"Option {other} can be ruled out because its {source.choice(_THINGS)} {source.choice(_CHANGES)}. The answer is ({said}).",
        f"Therefore the correct answer is **{said}**.",
        f"So the answer is ({said}) {options[_LETTERS.index(said)]}.",
        f"This agrees with {text.lower()}, so the final answer is \\boxed{{{said}}}.",
    )
    question = Question(
        id=f"q{number}",
        question="Which statement is true?",
        answer=gold,
        metric="choice",
        choices=options,
    )
    return Item(reason + source.choice(endings), gold, "choice", question)


def short(source: random.Random, count: int) -> list[Item]:
    """Answers for em, f1 and choice in turn."""
    kinds = (_em, _f1, _choice)
    return [kinds[number % 3](source, number) for number in range(count)]


def numbers(source: random.Random, count: int) -> list[Item]:
    """Numbers as they stand at the end of a worked solution."""
    found = []
    for number in range(count):
        value = source.randrange(10, 10**6)
        said = value if source.random() < 0.5 else value + source.randrange(1, 50)
        text = source.choice(
            (
                "{:,}",
                "${}.00",
                "She then has {} apples left.",
                "The answer is \\boxed{{{}}}.",
                f"3 * {number} = {3 * number}\n#### {{}}",
            )
        )
        found.append(Item(text.format(said), str(value), "math"))
    return found


def _radical(source: random.Random) -> tuple[str, str, str]:
    a, b, c = source.randrange(2, 60), source.choice((2, 3, 5, 6, 7, 10)), source.randrange(2, 9)
    return rf"{a}\sqrt{{{b}}}", rf"\sqrt{{{a * a * b}}}", rf"{a + c}\sqrt{{{b}}}"


def _fraction(source: random.Random) -> tuple[str, str, str]:
    a, b, k = source.randrange(1, 90), source.randrange(2, 60), source.randrange(2, 6)
    return (
        rf"\frac{{{a}\pi}}{{{b}}}",
        rf"\frac{{{a * k}}}{{{b * k}}}\pi",
        rf"\frac{{{a + 1}\pi}}{{{b}}}",
    )


def _interval(source: random.Random) -> tuple[str, str, str]:
    a, b = source.randrange(-40, 0), source.randrange(1, 40)
    return (
        rf"[{a}, {b}) \cup ({b + 3}, \infty)",
        rf"\left[{a},{b}\right)\cup\left({b + 3},\infty\right)",
        f"[{a}, {b}]",
    )


def _pair(source: random.Random) -> tuple[str, str, str]:
    a, b, c = source.randrange(1, 60), source.randrange(2, 40), source.randrange(1, 90)
    return (
        rf"\left({a}, \frac{{{c}}}{{{b}}}\right)",
        rf"({a}, \tfrac{{{2 * c}}}{{{2 * b}}})",
        f"({a}, {c})",
    )


def _polynomial(source: random.Random) -> tuple[str, str, str]:
    a, b, k = source.randrange(1, 30), source.randrange(1, 30), source.randrange(2, 7)
    return (
        f"{k}x^2 + {k * (a + b)}x + {k * a * b}",
        f"{k}(x+{a})(x+{b})",
        f"{k}(x+{a})(x-{b})",
    )


def expressions(source: random.Random, count: int) -> list[Item]:
    """Expressions in LaTeX that are right in another form, or wrong; alone or in a sentence."""
    kinds = (_radical, _fraction, _interval, _pair, _polynomial)
    frames = ("${}$", "The answer is $\\boxed{{{}}}$.", "Hence we get \\boxed{{{}}}", "{}")
    found = []
    for number in range(count):
        gold, same, other = kinds[number % len(kinds)](source)
        said = same if source.random() < 0.5 else other
        found.append(Item(source.choice(frames).format(said), gold, "math"))
    return found


def graded(item: Item) -> float:
    """Grade one item."""
    return grade(item.answer, (item.gold,), item.metric, question=item.question)


@dataclass(frozen=True)
class Rate:
    """The rate at which one kind of answer was graded."""

    by_clock: float
    """Answers per second on the clock, in the best repeat."""
    by_processor: float
    """Answers per second of processor time of this process and its workers, in the best repeat."""
    score: float
    """The mean score over all repeats."""


def best_rate(
    make: Callable[[random.Random, int], Sequence[Item]],
    count: int,
    repeats: int,
    threads: int = 1,
) -> Rate:
    """Grade new answers in each repeat and keep the best rates.

    Args:
        make: draws answers from a source of randomness.
        count: answers in a repeat.
        repeats: the number of repeats.
        threads: threads that grade at the same time.
    """
    clock, processor, score = [], [], 0.0
    for repeat in range(repeats):
        items = make(random.Random(repeat), count)
        gc.collect()
        with ThreadPoolExecutor(threads) as pool:
            began, spent = time.perf_counter(), _processor_s()
            score += sum(map(graded, items) if threads == 1 else pool.map(graded, items))
            clock.append(count / (time.perf_counter() - began))
            processor.append(count / (_processor_s() - spent))
    return Rate(max(clock), max(processor), score / (count * repeats))


def _processor_s() -> float:
    """Seconds of processor time of this process and its workers so far."""
    workers = [child.cpu_times() for child in psutil.Process().children(recursive=True)]
    return time.process_time() + float(sum(times.user + times.system for times in workers))


def main() -> None:
    """Grade, print a table, and print one JSON object on the last line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--short", type=int, default=15_000, help="short answers per repeat")
    parser.add_argument("--maths", type=int, default=120, help="expressions per repeat")
    parser.add_argument("--repeats", type=int, default=10, help="repeats; the best one counts")
    options = parser.parse_args()
    if min(options.short, options.maths, options.repeats) < 3:
        parser.error("--short, --maths and --repeats must be 3 or more")
    expression_verifier.require_math_verify()
    with ThreadPoolExecutor(_CORES) as pool:  # the workers import sympy before the clock starts
        list(pool.map(graded, expressions(random.Random(-1), 20)))

    kinds: dict[str, tuple[Callable[[random.Random, int], list[Item]], int, int]] = {
        "em": (lambda source, count: [_em(source, n) for n in range(count)], options.short // 3, 1),
        "f1": (lambda source, count: [_f1(source, n) for n in range(count)], options.short // 3, 1),
        "choice": (lambda s, count: [_choice(s, n) for n in range(count)], options.short // 3, 1),
        "em, f1 and choice": (short, options.short, 1),
        "numbers": (numbers, options.short // 3, 1),
        "expressions, two threads": (expressions, options.maths, _CORES),
    }
    print(
        f"{'answers':26s} {'per second':>10s} {'per second of processor time':>28s} {'score':>7s}"
    )
    rates = {}
    for name, (make, count, threads) in kinds.items():
        rate = rates[name] = best_rate(make, count, options.repeats, threads)
        print(f"{name:26s} {rate.by_clock:10,.0f} {rate.by_processor:28,.0f} {rate.score:7.2f}")
    maths = rates["expressions, two threads"]
    print(
        json.dumps(
            {
                "short_per_s_core": round(rates["em, f1 and choice"].by_processor),
                "math_per_s": round(maths.by_clock),
                "math_per_processor_s": round(maths.by_processor),
            }
        )
    )


if __name__ == "__main__":
    main()
