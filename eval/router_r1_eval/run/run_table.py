"""The answers of a run's single models as an outcome table, for `router-r1 tournament` and as a world to train in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import read_questions
from router_r1.model_cards import ModelCard
from router_r1_eval.run.grading import GradedEpisode
from router_r1_eval.run.run_folder import RunFolder
from router_r1_eval.run.trace_status import failed, is_single_model


def run_table(folder: RunFolder, graded: Sequence[GradedEpisode]) -> OutcomeTable | None:
    """The outcome table of a run; None if it asked no single model. A failed call is a missing cell."""
    outcomes = []
    samples: Counter[tuple[str, str]] = Counter()
    cards: dict[str, ModelCard] = {}
    for episode in sorted(graded, key=lambda one: one.job.sample):
        trace = episode.trace
        if failed(trace) or not is_single_model(trace):
            continue
        cards |= {c.name: c for c in trace.candidates}  # in the order of the pool
        reply = next(o.response for t in trace.turns for o in t.outcomes if o.response)
        cell = (episode.job.question, episode.job.router)
        outcomes.append(
            Outcome(
                id=episode.job.question,
                model=episode.job.router,
                text=reply.text,
                score=episode.score,
                input_tokens=reply.usage.prompt,
                output_tokens=reply.usage.completion,
                cost=reply.cost_usd,
                sample=samples[cell],  # numbered anew, because a sample may have failed
                estimated=reply.usage.estimated,
            )
        )
        samples[cell] += 1
    if not outcomes:
        return None
    asked, models = {o.id for o in outcomes}, {o.model for o in outcomes}
    cards = {name: card for name, card in cards.items() if name in models}
    questions = [q for q in read_questions(folder.questions) if q.id in asked]
    return OutcomeTable(cards.values(), questions, outcomes, source=str(folder.path / "table"))
