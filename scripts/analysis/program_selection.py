"""Choose models for multi-step programs by a graph network, beside choices that need none. Outcomes are planted.

    python scripts/analysis/program_selection.py --out runs/programs                     drawn programs
    python scripts/analysis/program_selection.py --m3 DATA/m3 --out runs/programs        and the real graphs of MS-GQA

The outcomes of MS-GQA's models are not published with its programs, so outcomes are drawn (`programs/planted.py`): the
figures say whether the selector finds a structure that is there, not how good it is on real models. For each seed,
skills, outcomes and the selector are drawn anew; all fit on the same programs and are measured on others.

Writes OUT/program_selection.md and .json: for each set the share of held-out programs that succeed (SER), mean and
standard deviation over seeds, the selector's paired difference to the best choice without a network with its 95 %
interval, and seconds. Ridge is a linear model of each combination on the question's vector that sees no graph; `without
the question` is the selector on programs with the same words everywhere.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_r1.errors import RouterR1Error
from router_r1.routers.embedding import make_embedding
from router_r1.routers.programs import (
    PlantedOutcomes,
    Program,
    ProgramSelector,
    ProgramTable,
    draw_programs,
    read_m3,
)
from router_r1.routers.programs.success_rate import (
    at_random,
    best_fixed,
    best_of_shape,
    majority_of_each_type,
    of_oracle,
    successes,
)
from router_r1_eval.stats.bootstrap import paired

Values = NDArray[np.float64]
SELECTOR = "selector"
_NO_NETWORK = ("best fixed", "majority of each type", "best of shape", "ridge on the question")
_PENALTY = 1.0


def ridge(fit: ProgramTable, programs: Sequence[Program]) -> NDArray[np.int64]:
    """[n] the best combination by a ridge regression of each combination's outcomes on the question."""
    embedding, vectors = make_embedding("tfidf").fit([p.question for p in fit.programs])
    centre, mean = vectors.mean(0), fit.outcomes.mean(0)
    around = vectors - centre
    square = around.T @ around + _PENALTY * np.eye(vectors.shape[1])
    weights = np.linalg.solve(square, around.T @ (fit.outcomes - mean))
    asked = embedding([p.question for p in programs]) - centre
    chosen: NDArray[np.int64] = (asked @ weights + mean).argmax(1)
    return chosen


def wordless(table: ProgramTable) -> ProgramTable:
    """The table with one question for all programs."""
    programs = tuple(dataclasses.replace(p, question="a question") for p in table.programs)
    return ProgramTable(programs, table.models, table.outcomes)


def one_seed(
    fitting: Sequence[Program], testing: Sequence[Program], seed: int, settings: dict[str, Any]
) -> tuple[dict[str, Values], dict[str, float]]:
    """Success on each test program by method, and seconds."""
    planted = PlantedOutcomes(seed=seed)
    fit, test = planted.of(fitting), planted.of(testing)
    began = time.monotonic()
    selector = ProgramSelector(seed=seed, **settings).fit(fit)
    fitted = time.monotonic() - began
    began = time.monotonic()
    scores, costs = selector.scores(test.programs), selector.costs(test.programs)
    chosen = selector.decide(scores, costs, float("inf"))
    decided = (time.monotonic() - began) / len(test.programs)
    blind = ProgramSelector(seed=seed, **settings).fit(wordless(fit))
    same = wordless(test)
    found = {
        "random": at_random(test),
        "best fixed": successes(test, best_fixed(fit, test.programs)),
        "majority of each type": successes(test, majority_of_each_type(fit, test.programs)),
        "best of shape": successes(test, best_of_shape(fit, test.programs)),
        "ridge on the question": successes(test, ridge(fit, test.programs)),
        "selector without the question": successes(
            test, blind.decide(blind.scores(same.programs), costs, float("inf"))
        ),
        SELECTOR: successes(test, chosen),
        "oracle": of_oracle(test),
    }
    return found, {"fit": fitted, "decision_ms": 1000 * decided}


def measure(
    fitting: Sequence[Program], testing: Sequence[Program], seeds: int, settings: dict[str, Any]
) -> dict[str, Any]:
    """The figures of one set of programs, over all seeds."""
    runs = [one_seed(fitting, testing, seed, settings) for seed in range(seeds)]
    rates = {name: [float(values[name].mean()) for values, _ in runs] for name in runs[0][0]}
    bar = max(_NO_NETWORK, key=lambda name: np.mean(rates[name]))
    # Programs are resampled, each with its mean over seeds; so the interval does not cover other seeds.
    ours, theirs = (np.mean([values[name] for values, _ in runs], 0) for name in (SELECTOR, bar))
    gain = paired(ours, theirs)
    return {
        "programs": [len(fitting), len(testing)],
        "rates": rates,
        "bar": bar,
        "gain": [gain.mean, gain.low, gain.high],
        "seconds": {key: float(np.mean([run[1][key] for run in runs])) for key in runs[0][1]},
    }


def page(results: dict[str, dict[str, Any]]) -> str:
    """The figures in Markdown."""
    lines = ["# Model selection for programs, on planted outcomes", ""]
    for name, found in results.items():
        fitting, testing = found["programs"]
        mean, low, high = (100 * value for value in found["gain"])
        lines += [
            f"## {name}",
            "",
            f"{fitting} programs to fit, {testing} to measure, {len(found['rates'][SELECTOR])} seeds. The selector gains "
            f"{mean:+.1f} [{low:+.1f}, {high:+.1f}] points over *{found['bar']}*. Fit "
            f"{found['seconds']['fit']:.0f} s, decision {found['seconds']['decision_ms']:.1f} ms.",
            "",
            "| choice | SER | sd over seeds | by seed |",
            "|---|---|---|---|",
        ]
        for method, rates in found["rates"].items():
            each = ", ".join(f"{rate:.3f}" for rate in rates)
            spread = f"{np.std(rates, ddof=1):.3f}" if len(rates) > 1 else ""
            lines.append(f"| {method} | {np.mean(rates):.3f} | {spread} | {each} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Draw, fit, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the page")
    parser.add_argument("--m3", type=Path, help="folder with MS-GQA's files: its graphs as well")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds (default 3)")
    parser.add_argument("--fit", type=int, default=1500, help="most programs to fit on")
    parser.add_argument("--test", type=int, default=800, help="most programs to measure on")
    parser.add_argument("--epochs", type=int, default=ProgramSelector().epochs)
    options = parser.parse_args()
    for name in ("seeds", "fit", "test"):
        if getattr(options, name) < 1:
            sys.exit(f"program_selection.py: --{name}: expected 1 or more")
    try:
        drawn = draw_programs(options.fit + options.test, seed=0)
        sets = {"drawn programs": (drawn[: options.fit], drawn[options.fit :])}
        if options.m3 is not None:
            splits = read_m3(options.m3).splits
            sets["graphs of MS-GQA"] = (
                splits["train"][: options.fit],
                splits["test"][: options.test],
            )
        results = {
            name: measure(*programs, options.seeds, {"epochs": options.epochs})
            for name, programs in sets.items()
        }
    except RouterR1Error as error:
        sys.exit(f"program_selection.py: {error}")
    options.out.mkdir(parents=True, exist_ok=True)
    text = page(results)
    (options.out / "program_selection.md").write_text(text)
    (options.out / "program_selection.json").write_text(json.dumps(results, indent=1))
    print(text)


if __name__ == "__main__":
    main()
