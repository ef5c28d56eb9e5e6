"""From the traces of a run to scores, figures and an outcome table. Asks no router, so it can be done again when a grader changes.

    scores.jsonl    a line for each episode: router, question, sample, what was graded, how right it is
    results.json    means with intervals, by category, what each model took; see `results.py`
    table/          what single models answered, for `router-r1 tournament` and as a world to train in

A question that somebody has not been asked yet is left out for all. One that failed again and again is counted as failed, and as wrong where no
answer was given.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router_r1.answers import extract_answer
from router_r1.data.json_lines import write_json_lines
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question, read_questions
from router_r1.errors import ConfigError, DataError
from router_r1.files import write_json
from router_r1.model_cards import ModelCard
from router_r1.trace import Trace
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun as Run
from router_r1_eval import benchmarks
from router_r1_eval.results import point, versions
from router_r1_eval.run.efficiency import efficiency
from router_r1_eval.run.runner import (
    Job,
    RunFolder,
    broken_off,
    failed,
    graded_answer,
    passed_on,
    why_failed,
)
from router_r1_eval.run.verdicts import Grader, Judged
from router_r1_eval.stats.significance import smallest_difference, visible_difference
from router_r1_reward import METRICS, grade


@dataclass(frozen=True, slots=True)
class Scored:
    """An episode and how right it was."""

    job: Job
    traces: tuple[Trace, ...]
    """Of all tries, earlier ones failed; the last one is graded, and all were paid for."""
    answer: str | None
    """What was graded."""
    score: float
    """0 to 1."""

    @property
    def trace(self) -> Trace:
        """The one that counts."""
        return self.traces[-1]

    @property
    def cost_usd(self) -> float:
        """Dollars of all tries."""
        return math.fsum(trace.cost_usd for trace in self.traces)


def graded_parts(text: str | None, metric: str) -> tuple[str | None, ...]:
    """What of a reply is graded, the best of these: all of it, and for metrics that compare whole answers the answer in it."""
    extracted = (
        extract_answer(text)
        if text is not None and metric in METRICS and METRICS[metric].short_answer
        else None
    )
    return (text,) if extracted in (None, text) else (text, extracted)


def score_all(
    episodes: Mapping[Job, tuple[Trace, ...]],
    questions: Mapping[str, Question],
    grader: Grader,
    *,
    workers: int = 4,
    on_score: Callable[[Scored], None] = lambda _: None,
) -> list[Scored]:
    """Grade every episode, several at a time: mathematics and programs run in processes of their own.

    Raises:
        DataError: a trace of a question that is not there, or a gold answer that can not be read; names the question.
        ScorerError: a grader failed.
    """

    def one(item: tuple[Job, tuple[Trace, ...]]) -> Scored:
        job, traces = item
        question = questions.get(job.question)
        if question is None:
            raise DataError(f"a trace is of the question {job.question!r}, which is not there")
        answer = graded_answer(traces[-1])
        if answer is None and failed(traces[-1]):
            return Scored(job, traces, None, 0.0)
        whole = isinstance(grader, Judged)
        parts = graded_parts(answer, "" if whole else question.metric)
        try:
            scores = [grader(question, part) for part in parts]
        except DataError as error:
            raise DataError(f"question {question.id!r}: {error}") from error
        best = max(range(len(parts)), key=scores.__getitem__)
        return Scored(job, traces, parts[best], scores[best])

    found = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for scored in pool.map(one, episodes.items()):
                found.append(scored)
                on_score(scored)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found


def check_gradable(questions: Iterable[Question], allow_code: bool = False) -> None:
    """Find before anything is paid for what grading would stumble on.

    Raises:
        ConfigError: no permission for code, no classifier for toxicity, an unknown metric.
        DataError: a gold answer or instruction that can not be read, a question about code without tests; names the question.
    """
    for question in questions:
        try:
            if problem := METRICS.find(question.metric).question_problem(question):
                raise DataError(problem)
            grade("", question.answers, question.metric, question=question, allow_code=allow_code)
        except DataError as error:
            raise DataError(f"question {question.id!r}: {error}") from error
        except ConfigError as error:
            raise ConfigError(f"question {question.id!r}: {error}") from error


def by_metric(allow_code: bool = False) -> Grader:
    """Grade by the metric of the question."""

    def grader(question: Question, answer: str | None) -> float:
        return grade(
            answer, question.answers, question.metric, question=question, allow_code=allow_code
        )

    return grader


def write_scores(folder: RunFolder, scored: Iterable[Scored]) -> None:
    """Write `scores.jsonl`."""
    rows = (
        {
            "router": s.job.router,
            "id": s.job.question,
            "sample": s.job.sample,
            "episode_id": s.trace.episode_id,
            "answer": s.answer,
            "tries": len(s.traces),
            "failed": failed(s.trace),
            "score": s.score,
        }
        for s in scored
    )
    write_json_lines(folder.path / "scores.jsonl", rows)


def results_of(folder: RunFolder, scored: Sequence[Scored], *, seed: int = 0) -> dict[str, Any]:
    """The content of `results.json`.

    Raises:
        DataError: no question was asked of all routers.
    """
    settings = folder.read_settings()
    questions = {q.id: q for q in read_questions(folder.questions)}
    cells: dict[str, dict[str, list[Scored]]] = defaultdict(lambda: defaultdict(list))
    for one in scored:
        if not broken_off(one.trace):  # that is not asked yet
            cells[one.job.router][one.job.question].append(one)
    if not cells:
        raise DataError(f"{folder.traces}: holds no episodes; run `router-r1 eval` first")
    pool = [card.name for card in scored[0].trace.candidates]
    order = sorted(
        dict.fromkeys(one.job.router for one in scored),
        key=lambda name: pool.index(name) if name in pool else -1,
    )
    most = max(map(len, cells.values()))
    unfinished = {name: len(cells[name]) for name in order if len(cells[name]) < most / 2}
    order = [name for name in order if name not in unfinished]
    common = [key for key in questions if all(key in cells[name] for name in order)]
    if not common:
        raise DataError(f"{folder.path}: no question was asked of all of {', '.join(order)}")
    runs = {name: _run([cells[name][key] for key in common]) for name in order}
    bars = [name for name in order if passed_on(cells[name][common[0]][0].trace)]
    best = max(bars, key=lambda n: (runs[n].value.mean(), -runs[n].cost.mean()), default=None)
    benchmark = benchmarks.get(settings["fixed"]["benchmark"])
    rows = []
    for name, run in runs.items():
        entry = {
            "name": name,
            "kind": "bar" if name in bars else "agent",
            **point(run, runs[best] if best is not None else None, seed),
            "failed": sum(failed(s.trace) for key in common for s in cells[name][key]),
            "failure": Counter(
                why_failed(s.trace) for key in common for s in cells[name][key] if failed(s.trace)
            ).most_common(1),
            "asked_again": sum(len(s.traces) > 1 for key in common for s in cells[name][key]),
            "categories": _categories([questions[key] for key in common], run),
            "curve": [],
        }
        if benchmark.corpus is not None:
            entry["corpus"] = benchmark.corpus(
                [questions[key] for key in common], [cells[name][key][0].answer for key in common]
            )
        rows.append(entry)
    traces = [trace for s in scored for trace in s.traces]
    counted = [s for name in order for key in common for s in cells[name][key]]
    bar = runs[best] if best is not None else None
    visible = [
        visible_difference(run.value, bar.value)
        for run in runs.values()
        if bar is not None and run is not bar
    ]
    return {
        "table": benchmark.name,
        "questions": len(common),
        "left_out": len(questions) - len(common),
        "unfinished": unfinished,
        "pool": pool,
        "rows": rows,
        "smallest_difference": max(visible, default=smallest_difference(len(common))),
        "efficiency": efficiency(traces, settings["fixed"]["agent"]["policy"].get("price")),
        "spent_usd": math.fsum(trace.cost_usd for trace in traces),
        "spent_on_failed_usd": math.fsum(
            trace.cost_usd for s in counted for trace in s.traces if failed(trace)
        ),
        "settings": {**settings, "best_single": best},
        "versions": versions(),
        "seed": seed,
    }


def _run(cells: Sequence[Sequence[Scored]]) -> Run:
    """Means over the samples of each question."""

    def mean(of: Callable[[Scored], float]) -> np.typing.NDArray[np.float64]:
        return np.array([np.mean([of(s) for s in samples]) for samples in cells])

    return Run(mean(lambda s: s.score), mean(lambda s: s.cost_usd), mean(lambda s: _calls(s.trace)))


def _calls(trace: Trace) -> int:
    return sum(o.response is not None for turn in trace.turns for o in turn.outcomes)


def _categories(questions: Sequence[Question], run: Run) -> dict[str, dict[str, float]]:
    """Category -> questions and accuracy; empty where no question has one."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        if question.category is not None:
            places[question.category].append(place)
    return {
        name: {"questions": len(here), "accuracy": float(run.value[here].mean())}
        for name, here in sorted(places.items())
    }


def table_of(folder: RunFolder, scored: Sequence[Scored]) -> OutcomeTable | None:
    """What single models answered, as an outcome table; None where none was asked. A call that failed is a missing cell."""
    outcomes = []
    samples: Counter[tuple[str, str]] = Counter()
    cards: dict[str, ModelCard] = {}
    for one in sorted(scored, key=lambda s: s.job.sample):
        trace = one.trace
        if failed(trace) or not passed_on(trace):
            continue
        cards |= {c.name: c for c in trace.candidates}  # in the order of the pool
        reply = next(o.response for t in trace.turns for o in t.outcomes if o.response)
        place = (one.job.question, one.job.router)
        outcomes.append(
            Outcome(
                id=one.job.question,
                model=one.job.router,
                text=reply.text,
                score=one.score,
                input_tokens=reply.usage.prompt,
                output_tokens=reply.usage.completion,
                cost=reply.cost_usd,
                sample=samples[place],  # numbered anew: one may have failed
                estimated=reply.usage.estimated,
            )
        )
        samples[place] += 1
    if not outcomes:
        return None
    asked, models = {o.id for o in outcomes}, {o.model for o in outcomes}
    cards = {name: card for name, card in cards.items() if name in models}
    questions = [q for q in read_questions(folder.questions) if q.id in asked]
    return OutcomeTable(cards.values(), questions, outcomes, source=str(folder.path / "table"))


def summary(results: Mapping[str, Any]) -> list[str]:
    """What the sample can show, and a line for each router."""
    lines = [
        f"{results['questions']} questions of {results['table']}; a paired comparison finds differences of "
        f"{100 * results['smallest_difference']:.1f} points or more"
    ]
    if (judge := results["settings"].get("judge")) is not None:
        spent = "" if not judge["cost_usd"] else f", for ${judge['cost_usd']:.4f} now"
        lines.append(f"graded by the judge {judge['model']}{spent}")
    lines.append(
        f"spent ${results['spent_usd']:.4f} in all; tries that failed are ${results['spent_on_failed_usd']:.4f} of these figures"
    )
    for name, count in results["unfinished"].items():
        lines.append(f"{name} was asked {count} questions, too few to compare; --resume goes on")
    if results["left_out"]:
        lines.append(
            f"{results['left_out']} questions are left out: not everybody was asked them yet; --resume goes on"
        )
    for entry in sorted(results["rows"], key=lambda row: -row["accuracy"]):
        low, high = entry["ci95"]
        line = (
            f"{entry['name']:28s} {entry['accuracy']:.3f} [{low:.3f}, {high:.3f}]  ${entry['cost_usd']:.6f} a question  "
            f"calls {entry['calls']:.2f}"
        )
        if versus := entry.get("vs_best_single"):
            low, high = (100 * bound for bound in versus["ci95"])
            line += f"  {100 * versus['accuracy_diff']:+.1f} [{low:+.1f}, {high:+.1f}] points"
        if entry["failed"]:
            line += f"  {entry['failed']} failed, which --resume asks again; mostly {entry['failure'][0][0]}"
        lines.append(line)
        for name, value in entry.get("corpus", {}).items():
            lines.append(f"    {name} {value:.3f}")
    return lines


def rescore(
    path: str | Path,
    grader: Grader,
    *,
    workers: int = 4,
    seed: int = 0,
    on_score: Callable[[Scored], None] = lambda _: None,
) -> dict[str, Any]:
    """Grade the traces of a run and write `scores.jsonl`, `results.json` and, where single models were asked, `table/`. A `report.html`
    there is of other results, and is removed.

    Raises:
        DataError: the folder holds no run; see `score_all` and `results_of` for the rest.
    """
    folder = RunFolder(path)
    folder.read_settings()
    questions = {q.id: q for q in read_questions(folder.questions)}
    episodes = folder.episodes()
    if isinstance(grader, Judged):
        asyncio.run(grader.ask(episodes, questions))
    scored = score_all(episodes, questions, grader, workers=workers, on_score=on_score)
    results = results_of(folder, scored, seed=seed)
    results["settings"]["judge"] = grader.described() if isinstance(grader, Judged) else None
    table = table_of(folder, scored)
    write_scores(folder, scored)
    if table is not None:
        table.save(folder.path / "table")
    write_json(folder.path / "results.json", results)
    (folder.path / "report.html").unlink(missing_ok=True)
    return results
