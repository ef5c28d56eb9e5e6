"""`results.json` of a run: means with intervals, scores by category, costs, failures and efficiency of each router.

All routers are compared on the same questions: a question that one of them was not asked is left out for all. A
question whose every try failed counts as failed, and as wrong if it has no answer.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from router_r1.data.questions import Question, read_questions
from router_r1.errors import DataError
from router_r1.trace import Trace
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_eval import benchmarks
from router_r1_eval.benchmarks.base import CorpusScores
from router_r1_eval.results import Category, Point, Results, Row, RunSettings, versions
from router_r1_eval.run.efficiency import efficiency
from router_r1_eval.run.grading import GradedEpisode
from router_r1_eval.run.run_folder import RunFolder
from router_r1_eval.run.trace_status import failed, failure_reason, interrupted, is_single_model
from router_r1_eval.stats.significance import detectable_difference, smallest_difference

Cells = Sequence[Sequence[GradedEpisode]]
"""For each question, its samples."""


@dataclass(frozen=True)
class Comparison:
    """The routers that are compared, on the questions that all of them were asked."""

    questions: Sequence[Question]
    cells: Mapping[str, Cells]
    """Router -> its episodes on each of the questions. Agents come first, then models in the order of the pool."""
    unfinished: Mapping[str, int]
    """Routers left out because they were asked too few questions -> how many."""

    def single_models(self) -> list[str]:
        """The routers that are one model."""
        return [name for name, cells in self.cells.items() if is_single_model(cells[0][0].trace)]

    def episodes(self) -> list[GradedEpisode]:
        """All episodes that are compared."""
        return [one for cells in self.cells.values() for samples in cells for one in samples]


def compared(
    folder: RunFolder, questions: Sequence[Question], graded: Sequence[GradedEpisode]
) -> Comparison:
    """Choose the routers and questions to compare.

    A router that was asked fewer than half as many questions as another is left out as unfinished.

    Args:
        folder: the run, for messages.
        questions: all questions of the run.
        graded: all its episodes; interrupted ones count as not asked.

    Raises:
        DataError: there is no episode, or no question that all routers were asked.
    """
    found: dict[str, dict[str, list[GradedEpisode]]] = defaultdict(lambda: defaultdict(list))
    for episode in graded:
        if not interrupted(episode.trace):
            found[episode.job.router][episode.job.question].append(episode)
    if not found:
        raise DataError(f"{folder.traces}: holds no episodes; run `router-r1 eval` first")
    pool = [card.name for card in graded[0].trace.candidates]
    order = sorted(
        dict.fromkeys(episode.job.router for episode in graded),
        key=lambda name: pool.index(name) if name in pool else -1,
    )
    most = max(map(len, found.values()))
    unfinished = {name: len(found[name]) for name in order if len(found[name]) < most / 2}
    order = [name for name in order if name not in unfinished]
    common = [q for q in questions if all(q.id in found[name] for name in order)]
    if not common:
        raise DataError(f"{folder.path}: no question was asked of all of {', '.join(order)}")
    cells = {name: [found[name][q.id] for q in common] for name in order}
    return Comparison(common, cells, unfinished)


def run_results(
    folder: RunFolder,
    graded: Sequence[GradedEpisode],
    *,
    judge: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> Results:
    """The content of `results.json`.

    Args:
        folder: the run.
        graded: all its episodes.
        judge: describes the judge that graded them; None if metrics did.
        seed: seed of the bootstrap.

    Raises:
        DataError: there is nothing to compare; see `compared`.
    """
    settings = folder.read_settings()
    questions = read_questions(folder.questions)
    comparison = compared(folder, questions, graded)
    runs = {name: means(cells) for name, cells in comparison.cells.items()}
    singles = comparison.single_models()
    best = max(singles, key=lambda n: (runs[n].value.mean(), -runs[n].cost.mean()), default=None)
    best_run = None if best is None else runs[best]
    benchmark = benchmarks.get(settings["fixed"]["benchmark"])
    rows = tuple(
        Row(
            name=name,
            kind="baseline" if name in singles else "agent",
            **Point.of_run(run, best_run, seed=seed).given,
            **_details(comparison.questions, comparison.cells[name], run, benchmark.corpus),
        )
        for name, run in runs.items()
    )
    traces = [trace for episode in graded for trace in episode.traces]
    return Results(
        table=benchmark.name,
        questions=len(comparison.questions),
        left_out=len(questions) - len(comparison.questions),
        unfinished=dict(comparison.unfinished),
        pool=tuple(card.name for card in graded[0].trace.candidates),
        rows=rows,
        smallest_difference=_smallest_difference(runs, best_run, len(comparison.questions)),
        efficiency=efficiency(traces, _policy_price(settings["fixed"]["agent"])),
        spent_usd=math.fsum(trace.cost_usd for trace in traces),
        spent_on_failed_usd=math.fsum(
            trace.cost_usd
            for episode in comparison.episodes()
            for trace in episode.traces
            if failed(trace)
        ),
        settings=RunSettings.model_validate({**settings, "best_single": best, "judge": judge}),
        versions=versions(),
        seed=seed,
    )


def _policy_price(agent: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The price of the policy; None in a run of single models that has no agent file."""
    return None if agent is None else agent["policy"].get("price")


def _details(
    questions: Sequence[Question], cells: Cells, run: RouterRun, corpus: CorpusScores | None
) -> dict[str, Any]:
    """What a row of the results has besides its means."""
    episodes = [episode for samples in cells for episode in samples]
    failures = [failure_reason(e.trace) for e in episodes if failed(e.trace)]
    details: dict[str, Any] = {
        "failed": len(failures),
        "failure": tuple(Counter(failures).most_common(1)),
        "asked_again": sum(len(e.traces) > 1 for e in episodes),
        "categories": _categories(questions, run),
        "curve": (),
    }
    if corpus is not None:
        details["corpus"] = corpus(questions, [samples[0].answer for samples in cells])
    return details


def _smallest_difference(
    runs: Mapping[str, RouterRun], best: RouterRun | None, questions: int
) -> float:
    """The smallest difference from the best single model that the questions can show, for every router."""
    differences = [
        detectable_difference(run.value, best.value)
        for run in runs.values()
        if best is not None and run is not best
    ]
    return max(differences, default=smallest_difference(questions))


def means(cells: Cells) -> RouterRun:
    """Means over the samples of each question: score, dollars of all tries, candidate calls."""

    def mean(value: Callable[[GradedEpisode], float]) -> NDArray[np.float64]:
        return np.array([np.mean([value(e) for e in samples]) for samples in cells])

    return RouterRun(
        mean(lambda e: e.score), mean(lambda e: e.cost_usd), mean(lambda e: _calls(e.trace))
    )


def _calls(trace: Trace) -> int:
    return sum(o.response is not None for turn in trace.turns for o in turn.outcomes)


def _categories(questions: Sequence[Question], run: RouterRun) -> dict[str, Category]:
    """Category -> number of questions and accuracy; empty if no question has a category."""
    indices: dict[str, list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        if question.category is not None:
            indices[question.category].append(index)
    return {
        name: Category(questions=len(here), accuracy=float(run.value[here].mean()))
        for name, here in sorted(indices.items())
    }
