"""Grading by a judge, each answer once: verdicts are kept in a file, and the judge is asked only for new ones.

`judge.py` has what the judge reads and how its verdict is read.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import read_json_lines
from router_r1.data.questions import Question
from router_r1.files import drop_unfinished_line
from router_r1.ledger import Ledger
from router_r1.pool import ModelPool
from router_r1.trace import Trace
from router_r1_eval.run.grader import Grader
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.judge import JUDGE_VERSION, Judge
from router_r1_eval.run.trace_status import graded_answer
from router_r1_reward import METRICS


class JudgeGrader:
    """Grades by a judge where the question has a gold answer to compare with, and by metric elsewhere."""

    def __init__(self, pool: ModelPool, model: str, verdicts: Path, by_metric: Grader) -> None:
        """
        Args:
            pool: the pool with the judge.
            model: the name of the judge.
            verdicts: JSON Lines file of verdicts, which grows.
            by_metric: grades questions without a gold answer.

        Raises:
            ConfigError: the pool has no such candidate, or it cannot be called.
        """
        self._judge = Judge(pool, model)
        self._judge.check()
        self._by_metric = by_metric
        self._file = verdicts
        self._scores: dict[str, float] = {}
        self.ledger = Ledger()

    async def ask(
        self,
        episodes: Mapping[Job, tuple[Trace, ...]],
        questions: Mapping[str, Question],
        concurrency: int = 32,
    ) -> None:
        """Have every answer judged once.

        Args:
            episodes: the traces of each job, of which the last counts.
            questions: the questions by id.
            concurrency: maximum number of answers judged at a time.

        Raises:
            ScorerError: the judge failed on an answer; the verdicts on the others are kept.
        """
        self._scores = self._kept_scores()
        answers = {
            self._key(questions[job.question], answer): (questions[job.question], answer)
            for job, traces in episodes.items()
            if METRICS.find(questions[job.question].metric).judgeable
            and (answer := graded_answer(traces[-1])) is not None
        }
        slots = asyncio.Semaphore(concurrency)

        async def judge(key: str, question: Question, answer: str | None) -> None:
            async with slots:
                verdict = await self._judge.score(question, answer, self.ledger)
            row = {"key": key, "id": question.id, "score": verdict.score, "reason": verdict.reason}
            with self._file.open("a") as file:
                file.write(json.dumps(row) + "\n")
            self._scores[key] = verdict.score

        new = [judge(key, *pair) for key, pair in answers.items() if key not in self._scores]
        outcomes = await asyncio.gather(*new, return_exceptions=True)
        await self._judge.pool.aclose()
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if errors:
            raise errors[0]

    def _kept_scores(self) -> dict[str, float]:
        if not self._file.exists():
            return {}
        with self._file.open("r+b") as file:
            drop_unfinished_line(file.fileno(), self._file)
        return {row["key"]: row["score"] for _, row in read_json_lines(self._file)}

    def _key(self, question: Question, answer: str | None) -> str:
        """A hash of everything that a verdict depends on."""
        card = self._judge.card.model_dump(mode="json")
        read = [JUDGE_VERSION, card, question.question, question.answers, answer]
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()

    def __call__(self, question: Question, answer: str | None) -> float:
        """The score of an answer that was judged; a missing answer scores 0."""
        if not METRICS.find(question.metric).judgeable:
            return self._by_metric(question, answer)
        if answer is None:
            return 0.0
        return self._scores[self._key(question, answer)]

    def reference(self) -> dict[str, str]:
        """For `run.json`: enough to find the same judge again."""
        return {"model": self._judge.card.name, "pool": self._judge.pool.source}

    def description(self) -> dict[str, Any]:
        """For `results.json`: the judge, and the cost of its new verdicts."""
        return {
            **self.reference(),
            "version": JUDGE_VERSION,
            "cost_usd": self.ledger.cost_usd(),
        }
