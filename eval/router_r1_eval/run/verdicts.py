"""Grading by a judge, each answer once: verdicts are kept beside the run, and asked for only where there is none.

Not covered: what a judge reads and how its verdict is read (`judge.py`); grading by metric (`router_r1_reward.grade`).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from router_r1.data.json_lines import read_json_lines
from router_r1.data.questions import Question
from router_r1.files import drop_unfinished_line
from router_r1.ledger import Ledger
from router_r1.pool import ModelPool
from router_r1.trace import Trace
from router_r1_eval.run.judge import JUDGE_VERSION, Judge
from router_r1_eval.run.runner import Job, graded_answer
from router_r1_reward import METRICS

Grader = Callable[[Question, str | None], float]
"""(question, what was answered) -> how right it is, 0 to 1."""


class Judged:
    """Grades by a judge what its verdicts can grade, and the rest by metric. Verdicts are kept: grading again asks only for what is new."""

    def __init__(self, pool: ModelPool, model: str, verdicts: Path, by_metric: Grader) -> None:
        """
        Args:
            pool: where the judge is called.
            model: its name there.
            verdicts: JSON Lines file of verdicts, which grows.
            by_metric: for questions without an answer to compare with.

        Raises:
            ConfigError: the pool has no such candidate, or it can not be called.
        """
        self._judge = Judge(pool, model)
        self._judge.check()
        self._by_metric = by_metric
        self._file = verdicts
        self._scores: dict[str, float] = {}
        self.ledger = Ledger()

    def _key(self, question: Question, answer: str | None) -> str:
        """Of everything that a verdict depends on."""
        card = self._judge.card.model_dump(mode="json")
        read = [JUDGE_VERSION, card, question.question, question.answers, answer]
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()

    async def ask(
        self,
        episodes: Mapping[Job, tuple[Trace, ...]],
        questions: Mapping[str, Question],
        concurrency: int = 32,
    ) -> None:
        """Have every answer judged, once each. Raises `ScorerError` if one can not be; the verdicts on the others are kept."""
        if self._file.exists():
            with self._file.open("r+b") as file:
                drop_unfinished_line(file.fileno(), self._file)
        kept = read_json_lines(self._file) if self._file.exists() else ()
        self._scores = {row["key"]: row["score"] for _, row in kept}
        wanted = {
            self._key(questions[job.question], answer): (questions[job.question], answer)
            for job, traces in episodes.items()
            if METRICS.find(questions[job.question].metric).judgeable
            and (answer := graded_answer(traces[-1])) is not None
        }
        slots = asyncio.Semaphore(concurrency)

        async def one(key: str, question: Question, answer: str | None) -> None:
            async with slots:
                verdict = await self._judge.score(question, answer, self.ledger)
            row = {"key": key, "id": question.id, "score": verdict.score, "reason": verdict.reason}
            with self._file.open("a") as file:
                file.write(json.dumps(row) + "\n")
            self._scores[key] = verdict.score

        todo = [one(key, *pair) for key, pair in wanted.items() if key not in self._scores]
        outcomes = await asyncio.gather(*todo, return_exceptions=True)
        await self._judge.pool.aclose()
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if errors:
            raise errors[0]

    def __call__(self, question: Question, answer: str | None) -> float:
        """The verdict on an answer that was judged; no answer is wrong."""
        if not METRICS.find(question.metric).judgeable:
            return self._by_metric(question, answer)
        if answer is None:
            return 0.0
        return self._scores[self._key(question, answer)]

    def named(self) -> dict[str, str]:
        """For `run.json`: enough to grade by the same judge again."""
        return {"model": self._judge.card.name, "pool": self._judge.pool.source}

    def described(self) -> dict[str, Any]:
        """For `results.json`."""
        return {
            **self.named(),
            "version": JUDGE_VERSION,
            "cost_usd": self.ledger.cost_usd(),
        }
