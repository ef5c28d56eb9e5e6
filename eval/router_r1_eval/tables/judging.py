"""Scores an outcome table anew by a judge that does not know who wrote what.

The judge (`run/judge.py`) reads a question, its gold answers and one reply. Here it is blind in three further ways:
replies of all models come in one order, shuffled by a seed; the names of the table's models are taken out of a reply,
unless the question or a gold answer has them; and equal replies to a question are judged once, so that they cannot be
scored differently. Replies that say "I don't know" are incorrect to the judge; `named_routes_oracle.py` tells them apart.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from router_r1.concurrency import for_each
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.ledger import Ledger
from router_r1_eval.run.judge import Judge
from router_r1_reward import METRICS

HIDDEN = "[model]"
"""What stands in a reply for the name of a model of the table."""


@dataclass(frozen=True)
class Judged:
    """A table with the scores of a judge."""

    table: OutcomeTable
    verdicts: int
    """Replies that were judged; equal ones count once."""
    changed: int
    """Outcomes whose score is another one than before (right from 0.5)."""
    kept: int
    """Outcomes with their old score, because their question has no gold answer to compare with."""
    cost_usd: float


def blinded(reply: str, question: Question, names: Sequence[str]) -> str:
    """A reply without the names of models, in any case; a name that the question or a gold answer has stays."""
    said = " ".join((question.question, *question.answers)).casefold()
    hidden = sorted({n for n in names if n.casefold() not in said}, key=len, reverse=True)
    if not hidden:
        return reply
    pattern = "|".join(re.escape(name).replace(r"\-", "[- ]") for name in hidden)
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", HIDDEN, reply, flags=re.IGNORECASE)


def judge_table(
    table: OutcomeTable,
    judge: Judge,
    *,
    seed: int = 0,
    concurrency: int = 8,
    on_judged: Callable[[float], None] = lambda _: None,
) -> Judged:
    """Have every reply of a table judged.

    Args:
        table: the replies; its scores are replaced.
        judge: who judges; not one of the table's models, or it judges itself, too.
        seed: of the order in which replies are judged.
        concurrency: most calls at a time.
        on_judged: called after each verdict, with its dollars.

    Raises:
        DataError: no question of the table has a gold answer to compare with.
        ScorerError: the judge failed, or gave no verdict.
    """
    judgeable = {q.id for q in table.questions if METRICS.find(q.metric).judgeable}
    keys = list(
        dict.fromkeys(
            (o.id, blinded(o.text, table.question(o.id), table.names))
            for o in table
            if o.id in judgeable
        )
    )
    if not keys:
        raise DataError(f"{table.source}: no question has a gold answer, which a judge needs")
    random.Random(seed).shuffle(keys)
    scores: dict[tuple[str, str], float] = {}
    ledger = Ledger()

    async def one(key: tuple[str, str]) -> None:
        verdict = await judge.score(table.question(key[0]), key[1], ledger)
        scores[key] = verdict.score
        on_judged(verdict.cost_usd)

    async def everything() -> None:
        try:
            await for_each(keys, one, concurrency=concurrency)
        finally:
            await judge.pool.aclose()

    asyncio.run(everything())
    outcomes: list[Outcome] = []
    changed = 0
    for outcome in table:
        score = scores.get(
            (outcome.id, blinded(outcome.text, table.question(outcome.id), table.names)),
            outcome.score,
        )
        changed += (score >= 0.5) != (outcome.score >= 0.5)
        outcomes.append(outcome.model_copy(update={"score": score}))
    new = OutcomeTable(
        table.cards, table.questions, outcomes, endpoints=table.endpoints, source=table.source
    )
    kept = sum(o.id not in judgeable for o in table)
    return Judged(new, len(keys), changed, kept, ledger.cost_usd())
