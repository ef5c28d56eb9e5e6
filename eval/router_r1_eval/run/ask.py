"""Asking the questions of a run, within limits of concurrency and money."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence

from router_r1.agent import Result, RouterAgent
from router_r1.concurrency import for_each
from router_r1.data.questions import Question
from router_r1_eval.run.jobs import Job


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
        concurrency: most episodes at a time.
        max_usd: dollars. No episode starts when the money spent plus the expected cost of the episodes in flight, at the
            mean so far, would exceed this. Until there is a mean, few are in flight.
        on_result: called when an episode has ended.

    Returns:
        Whether all jobs were carried out; False if the money ran out.
    """
    texts = {question.id: question for question in questions}
    spent, finished, in_flight = 0.0, 0, 0
    out_of_money = False
    ended = asyncio.Condition()

    def affordable() -> bool:
        return spent + (in_flight + 1) * spent / max(1, finished) <= max_usd

    def few_in_flight() -> bool:
        return in_flight <= finished  # so that the mean is known before much is spent

    async def carry_out(job: Job) -> None:
        nonlocal spent, finished, in_flight, out_of_money
        if max_usd < math.inf and not out_of_money:
            async with ended:
                await ended.wait_for(few_in_flight)
        if out_of_money or not affordable():
            out_of_money = True
            return
        question = texts[job.question]
        in_flight += 1
        try:
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
        finally:
            in_flight -= 1
        spent += result.cost_usd
        finished += 1
        async with ended:
            ended.notify_all()
        on_result(job, result)

    try:
        await for_each(jobs, carry_out, concurrency=concurrency)
    finally:
        for router in routers.values():
            await router.aclose()
    return not out_of_money


def prompt(question: Question, instruction: str) -> str:
    """The text that a router is asked."""
    return f"{question.question}\n\n{instruction}" if instruction else question.question
