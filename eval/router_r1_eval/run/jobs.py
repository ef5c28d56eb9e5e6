"""Jobs of a run: which router answers which question, and which jobs are left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.trace import Trace
from router_r1_eval.run.trace_status import failed


@dataclass(frozen=True, slots=True)
class Job:
    """One question for one router, once."""

    router: str
    """The name of the agent or single model."""
    question: str
    """The id of the question."""
    sample: int
    """0 for the first time that the router is asked, then 1, 2, ..."""


def remaining_jobs(
    routers: Sequence[str],
    questions: Iterable[Question],
    samples: int,
    done: Mapping[Job, Sequence[Trace]],
) -> Iterator[Job]:
    """The jobs that are missing or failed, question by question, so that an interrupted run compares all routers.

    Args:
        routers: names of the routers.
        questions: the questions to ask.
        samples: how often each is asked.
        done: the traces so far; the last one of a job counts.
    """
    for question in questions:
        for sample in range(samples):
            for router in routers:
                job = Job(router, question.id, sample)
                if job not in done or failed(done[job][-1]):
                    yield job
