"""Grading the episodes of a run: the answer that counts, and its score."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from router_r1.data.json_lines import write_json_lines
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.trace import Trace
from router_r1_eval.run.grader import Grader
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.run_folder import RunFolder
from router_r1_eval.run.trace_status import failed, graded_answer
from router_r1_reward import METRICS, grade


@dataclass(frozen=True, slots=True)
class GradedEpisode:
    """The tries of a job and the score of the one that counts."""

    job: Job
    traces: tuple[Trace, ...]
    """All tries. The last one is graded, and all of them cost money."""
    answer: str | None
    """The text that was graded."""
    score: float
    """0 to 1."""

    @property
    def trace(self) -> Trace:
        """The try that counts."""
        return self.traces[-1]

    @property
    def cost_usd(self) -> float:
        """Dollars of all tries."""
        return math.fsum(trace.cost_usd for trace in self.traces)


def grade_episodes(
    episodes: Mapping[Job, tuple[Trace, ...]],
    questions: Mapping[str, Question],
    grader: Grader,
    *,
    workers: int = 4,
    on_graded: Callable[[GradedEpisode], None] = lambda _: None,
) -> list[GradedEpisode]:
    """Grade every episode.

    Args:
        episodes: the traces of each job, of which the last counts.
        questions: the questions by id.
        grader: scores an answer.
        workers: threads; they help because mathematics and programs run in processes of their own.
        on_graded: called for each episode.

    Raises:
        DataError: a trace belongs to an unknown question, or a gold answer cannot be read; names the question.
        ScorerError: the grader failed.
    """

    def grade_one(item: tuple[Job, tuple[Trace, ...]]) -> GradedEpisode:
        job, traces = item
        question = questions.get(job.question)
        if question is None:
            raise DataError(f"a trace belongs to question {job.question!r}, which the run lacks")
        answer = graded_answer(traces[-1])
        if answer is None and failed(traces[-1]):
            return GradedEpisode(job, traces, None, 0.0)
        try:
            score = grader(question, answer)
        except DataError as error:
            raise DataError(f"question {question.id!r}: {error}") from error
        return GradedEpisode(job, traces, answer, score)

    graded = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for episode in pool.map(grade_one, episodes.items()):
                graded.append(episode)
                on_graded(episode)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return graded


def check_gradable(questions: Iterable[Question], allow_code: bool = False) -> None:
    """Find what grading would fail on, before any model is called.

    Raises:
        ConfigError: no permission for code, no classifier for toxicity, an unknown metric; names the question.
        DataError: a gold answer or instruction that cannot be read, a question about code without tests; names the
            question.
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


def write_scores(folder: RunFolder, graded: Iterable[GradedEpisode]) -> None:
    """Write `scores.jsonl`: a line for each job."""
    rows = (
        {
            "router": episode.job.router,
            "id": episode.job.question,
            "sample": episode.job.sample,
            "episode_id": episode.trace.episode_id,
            "answer": episode.answer,
            "tries": len(episode.traces),
            "failed": failed(episode.trace),
            "score": episode.score,
        }
        for episode in graded
    )
    write_json_lines(folder.path / "scores.jsonl", rows)
