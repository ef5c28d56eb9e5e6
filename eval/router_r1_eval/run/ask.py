"""Asking the questions of a run, within limits of concurrency and money."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from router_r1.agent import Result, RouterAgent
from router_r1.concurrency import for_each
from router_r1.data.questions import Question
from router_r1.errors import NotSavedError, RouterR1Error
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.run_budget import RunBudget


async def ask_all(
    routers: Mapping[str, RouterAgent],
    questions: Sequence[Question],
    jobs: Sequence[Job],
    instruction: str = "",
    *,
    concurrency: int = 64,
    max_usd: float = math.inf,
    thoughts: Callable[[Question, str], str] | None = None,
    on_result: Callable[[Job, Result], None] = lambda *_: None,
) -> bool:
    """Carry out jobs, and close the routers. When this returns, the traces are on disk.

    Once a trace or a recording cannot be written, no other episode is started, since its answer could be lost too.

    Args:
        routers: the routers that the jobs name.
        questions: the questions that the jobs name.
        jobs: the jobs, started in this order.
        instruction: how to answer; put below every question.
        concurrency: maximum number of episodes at a time.
        max_usd: limit in dollars on these jobs; see `RunBudget`.
        thoughts: given a question and its text with the instruction, the text that is sent instead.
        on_result: called when an episode has ended.

    Returns:
        Whether all jobs were carried out; False if the money ran out.

    Raises:
        NotSavedError: answers could not be written; says where they are now.
    """
    not_saved: list[Result] = []
    texts = {question.id: question for question in questions}
    budget = RunBudget(max_usd)

    async def carry_out(job: Job) -> None:
        if not_saved or not await budget.start_episode() or not_saved:
            return
        question = texts[job.question]
        text = prompt(question, instruction)
        result = await routers[job.router].aask(
            text if thoughts is None else thoughts(question, text),
            sample_index=job.sample,
            metadata={
                "id": question.id,
                "router": job.router,
                "gold": list(question.answers),
                "category": question.category,
            },
        )
        if result.not_saved:
            not_saved.append(result)
        await budget.end_episode(result.cost_usd)
        on_result(job, result)

    try:
        await for_each(jobs, carry_out, concurrency=concurrency)
    finally:
        for router in routers.values():
            await router.aclose()
    if not_saved:
        raise NotSavedError(_rescue(not_saved))
    return not budget.exhausted


def _rescue(results: Sequence[Result]) -> str:
    """Write traces that have no place to a temporary file. Returns what to say."""
    spent = sum(result.cost_usd for result in results)
    count = f"{len(results)} answer{'' if len(results) == 1 else 's'} for ${spent:.4g}"
    what = f"{results[0].not_saved}; stopped asking; "
    try:
        file, name = tempfile.mkstemp(prefix="router-r1-traces-", suffix=".jsonl")
        with os.fdopen(file, "w", encoding="utf-8") as out:
            out.writelines(f"{result.trace.to_json()}\n" for result in results)
    except (OSError, RouterR1Error) as error:
        return f"{what}{count} could not be kept ({error}); make room, then use --resume"
    return f"{what}{count}: their traces are in {Path(name)}; make room, append them to the run's traces, then use --resume"


def prompt(question: Question, instruction: str) -> str:
    """The text that a router reads: the question, with the instruction below it."""
    return f"{question.question}\n\n{instruction}" if instruction else question.question
