"""From the traces of a run to its scores, results and outcome table. Asks no router, so a run can be graded again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from router_r1.data.questions import read_questions
from router_r1_eval.results import Results
from router_r1_eval.run.grader import Grader
from router_r1_eval.run.grading import GradedEpisode, grade_episodes, write_scores
from router_r1_eval.run.judge_grader import JudgeGrader
from router_r1_eval.run.run_folder import RunFolder
from router_r1_eval.run.run_results import run_results
from router_r1_eval.run.run_table import run_table


def rescore(
    path: str | Path,
    grader: Grader,
    *,
    workers: int = 4,
    seed: int = 0,
    on_graded: Callable[[GradedEpisode], None] = lambda _: None,
) -> Results:
    """Grade the traces of a run; write `scores.jsonl`, `results.json` and, if single models were asked, `table/`.

    Args:
        path: folder of the run.
        grader: scores an answer.
        workers: threads for grading.
        seed: seed of the bootstrap.
        on_graded: called for each episode.

    Returns:
        The content of `results.json`.

    Raises:
        DataError: the folder holds no run, or for the reasons of `grade_episodes` and `run_results`.
        ScorerError: the grader failed.
    """
    folder = RunFolder(path)
    folder.read_settings()
    questions = {q.id: q for q in read_questions(folder.questions)}
    episodes = folder.episodes()
    if isinstance(grader, JudgeGrader):
        asyncio.run(grader.ask(episodes, questions))
    graded = grade_episodes(episodes, questions, grader, workers=workers, on_graded=on_graded)
    judge = grader.description() if isinstance(grader, JudgeGrader) else None
    results = run_results(folder, graded, judge=judge, seed=seed)
    table = run_table(folder, graded)
    write_scores(folder, graded)
    if table is not None:
        table.save(folder.path / "table")
    results.write(folder.path)
    return results
