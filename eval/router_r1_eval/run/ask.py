"""Asking the questions of a run, within limits of concurrency and money."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from router_r1.agent import Result, RouterAgent
from router_r1.concurrency import for_each
from router_r1.data.questions import Question
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
    on_result: Callable[[Job, Result], None] = lambda *_: None,
) -> bool:
    """Carry out jobs, and close the routers. When this returns or raises, the traces are on disk.

    Args:
        routers: the routers that the jobs name.
        questions: the questions that the jobs name.
        jobs: the jobs, started in this order.
        instruction: how to answer; put below every question.
        concurrency: maximum number of episodes at a time.
        max_usd: limit in dollars on these jobs; see `RunBudget`.
        on_result: called when an episode has ended.

    Returns:
        Whether all jobs were carried out; False if the money ran out.
    """
    texts = {question.id: question for question in questions}
    budget = RunBudget(max_usd)

    async def carry_out(job: Job) -> None:
        if not await budget.start_episode():
            return
        question = texts[job.question]
        result = await routers[job.router].aask(
            prompt(question, instruction),
            sample_index=job.sample,
            metadata={
                "id": question.id,
                "router": job.router,
                "gold": list(question.answers),
                "category": question.category,
            },
        )
        await budget.end_episode(result.cost_usd)
        on_result(job, result)

    try:
        await for_each(jobs, carry_out, concurrency=concurrency)
    finally:
        for router in routers.values():
            await router.aclose()
    return not budget.exhausted


def prompt(question: Question, instruction: str) -> str:
    """The text that a router reads: the question, with the instruction below it."""
    return f"{question.question}\n\n{instruction}" if instruction else question.question
