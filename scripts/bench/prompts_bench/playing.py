"""Plays one question with one policy under one prompt, and judges what the policy wrote."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from router_r1 import ModelPool
from router_r1.data.questions import Question
from router_r1.episode import Episode, Limits, StopReason
from router_r1.ledger import Ledger, Role
from router_r1.policies.base import Policy
from router_r1.pool import Account
from router_r1.prompts import PromptBuilder, PromptContext
from router_r1.rollout import roll_out
from router_r1_reward import grade

from .sense import Sense
from .stand_in import CARDS, stand_in_pool


@dataclass(frozen=True)
class Setting:
    """What all episodes of a run share."""

    limits: Limits
    questions: tuple[Question, ...]
    first_turn: bool = False
    """End every episode after one turn."""
    pool: ModelPool | None = None
    """The candidates; None for those of `stand_in.py`."""
    allow_code: bool = False
    """Whether answers that are programs may be run; otherwise grading one is an error."""


@dataclass(frozen=True)
class Row:
    """One episode, judged."""

    policy: str
    prompt: str
    question: str
    seed: int
    first: str
    """What the first turn did: `route`, `answer`, or `malformed`."""
    clean: bool
    """The first turn has no problem at all."""
    well_formed: bool
    """The first turn was carried out."""
    sensible: bool
    """It was, and all its queries, or its answer, are sensible; see `sense.py`."""
    copied: bool
    """A turn that was carried out asked or answered a placeholder or a copy, or asked nothing of the question."""
    valid: bool
    """The policy answered in the end."""
    correct: float
    """What the grader gives the answer, 0 to 1."""
    stop_reason: str
    stop_detail: str
    problems: tuple[str, ...]
    """Kinds of problems of all turns."""
    models: tuple[str, ...]
    """The candidates that were called."""
    rounds: int
    tokens: int
    """Tokens that the policy wrote."""
    prompt_tokens: int
    """Tokens of the first prompt, as the server counts them."""
    answer: str | None
    turns: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as plain values."""
        return asdict(self)


async def play(
    policy: Policy,
    name: str,
    prompt: PromptBuilder,
    question: Question,
    seed: int,
    setting: Setting,
) -> Row:
    """Play one question.

    Args:
        policy: writes the turns.
        name: of the prompt.
        prompt: the prompt.
        question: what is asked.
        seed: of the stand-in candidates, and the number of the sample for real ones.
        setting: what all episodes share.
    """
    limits = setting.limits
    cards = setting.pool.cards if setting.pool else CARDS
    context = PromptContext(
        limits.max_rounds, limits.max_routes, limits.budget_usd, limits.worth_usd
    )
    sense = Sense(question.question, prompt, cards, context)
    pool = setting.pool or stand_in_pool(question, setting.questions, sense, seed)
    episode = Episode(question.question, pool.cards, limits, prompt=prompt, sample_index=seed)
    ledger = Ledger()
    if setting.first_turn:
        await _first_turn(episode, policy, ledger)
    else:
        await roll_out(episode, policy, pool, ledger)
    correct = 0.0
    if episode.stop_reason is StopReason.ANSWERED:
        judge = functools.partial(
            grade,
            episode.answer,
            question.answers,
            question.metric,
            question=question,
            allow_code=setting.allow_code,
        )
        correct = await asyncio.to_thread(judge)
    return _row(policy.name, name, question, seed, episode, ledger, sense, correct)


async def _first_turn(episode: Episode, policy: Policy, ledger: Ledger) -> None:
    written = await policy.write_turn(episode, Account(ledger, episode.id, 1, Role.POLICY))
    if written.failure is not None:
        episode.stop(StopReason.POLICY_FAILED, f"{written.failure.kind}: {written.failure.detail}")
        return
    episode.step(written.text, token_ids=written.token_ids, tokens=written.tokens)
    if not episode.done:
        episode.stop(StopReason.CANCELLED, "only the first turn was asked for")


def _row(
    policy: str,
    prompt: str,
    question: Question,
    seed: int,
    episode: Episode,
    ledger: Ledger,
    sense: Sense,
    correct: float,
) -> Row:
    judged = _judged(episode, sense)
    turns = [record.turn for record in episode.turns]
    first = turns[0] if turns else None
    carried = first is not None and not first.malformed
    kind = "malformed" if first is None or not carried else "route" if first.routes else "answer"
    first_entry = next((e for e in ledger if e.role is Role.POLICY), None)
    return Row(
        policy=policy,
        prompt=prompt,
        question=question.id,
        seed=seed,
        first=kind,
        clean=first is not None and not first.problems,
        well_formed=carried,
        sensible=carried and bool(judged) and judged[0],
        copied=not all(judged),
        valid=episode.stop_reason is StopReason.ANSWERED,
        correct=correct,
        stop_reason=str(episode.stop_reason),
        stop_detail=episode.stop_detail,
        problems=tuple(problem.kind.value for turn in turns for problem in turn.problems),
        models=tuple(
            outcome.model
            for record in episode.turns
            for outcome in record.outcomes
            if outcome.refused is None
        ),
        rounds=episode.rounds,
        tokens=episode.policy_tokens,
        prompt_tokens=first_entry.usage.prompt if first_entry else 0,
        answer=episode.answer,
        turns=tuple(turn.text for turn in turns),
    )


def _judged(episode: Episode, sense: Sense) -> Sequence[bool]:
    """For each turn that was carried out, whether what it asked or answered is sensible."""
    judged: list[bool] = []
    read = ""
    for record in episode.turns:
        turn = record.turn
        if not turn.malformed:
            if turn.routes:
                judged.append(all(sense.of_query(route.query, read) for route in turn.routes))
            else:
                judged.append(sense.of_answer(turn.answer or ""))
        read += record.observation
    return judged
