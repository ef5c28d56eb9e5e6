"""The episodes of a trace file in summary, and the sample of them that a report shows.

The sample is drawn by a hash of question and level: it is not hand-picked, and the same every time. Rare kinds (wrong,
expensive) get their share.

Not covered: the markup of episodes (`episode_pager.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from router_r1.data.json_lines import read_json_lines
from router_r1.errors import DataError
from router_r1.trace import Trace, read_traces
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.trace_status import failed, interrupted, is_single_model

KINDS = ("right", "wrong", "expensive", "several rounds")
_EXPENSIVE = 0.1  # the most expensive tenth


@dataclass(frozen=True)
class EpisodeSummary:
    """What is kept of every trace while the sample is drawn."""

    number: int
    """Its line in the file, from 0."""
    order: str
    """A hash, which is the order of the sample."""
    router: str
    """What answered: a policy or a single model."""
    routes: bool
    """False for a single model, which was given the question."""
    score: float | None
    """Correctness of the answer, 0 to 1; None if it was not scored."""
    cost_usd: float
    calls: int
    """Candidate calls."""
    rounds: int


def read_episode_summaries(path: Path) -> list[EpisodeSummary]:
    """Summarise the episodes of a trace file, with the scores in their metadata or in `scores.jsonl` beside it.

    A resumed run may have tried a question several times. The try that counts in the results is kept, as in
    `RunFolder.episodes`; interrupted episodes are left out.

    Raises:
        TraceError: a line is not a trace.
        DataError: a line of `scores.jsonl` is not a score.
    """
    scores = _read_scores(path.with_name("scores.jsonl"))
    kept: dict[Job | int, tuple[EpisodeSummary, bool, bool]] = {}
    for number, trace in enumerate(read_traces(path)):
        job = _job(trace)
        key = number if job is None else job
        before = kept.get(key)
        if before is None or before[1] or not failed(trace):
            left_out = job is not None and interrupted(trace)
            kept[key] = _summary(number, trace, scores), failed(trace), left_out
    return [summary for summary, _, left_out in kept.values() if not left_out]


def _job(trace: Trace) -> Job | None:
    """The question and the router of a run's trace; None for another trace."""
    try:
        return Job(trace.metadata["router"], trace.metadata["id"], trace.sample_index)
    except KeyError:
        return None


def _read_scores(path: Path) -> dict[str, float]:
    """Episode -> score, without failed episodes; empty if there is no file."""
    rows = list(read_json_lines(path)) if path.exists() else []
    try:
        return {row["episode_id"]: row["score"] for _, row in rows if not row["failed"]}
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path}: expected scores as `router-r1 rescore` writes them, missing {error}; run it again"
        ) from error


def _summary(number: int, trace: Trace, scores: Mapping[str, float]) -> EpisodeSummary:
    metadata = trace.metadata
    key = f"{metadata.get('id', trace.question)}\n{metadata.get('level')}\n{trace.sample_index}"
    score = metadata.get("score", scores.get(trace.episode_id))
    return EpisodeSummary(
        number=number,
        order=hashlib.sha256(key.encode()).hexdigest(),
        router=str(metadata.get("router", trace.policy)),
        routes=not is_single_model(trace),
        score=float(score) if isinstance(score, int | float) else None,
        cost_usd=trace.cost_usd,
        calls=candidate_calls(trace),
        rounds=trace.rounds,
    )


def candidate_calls(trace: Trace) -> int:
    """The number of candidate calls in an episode."""
    return sum(outcome.response is not None for turn in trace.turns for outcome in turn.outcomes)


def kinds_of(episodes: Sequence[EpisodeSummary]) -> dict[int, tuple[str, ...]]:
    """Number of each episode -> the kinds, of `KINDS`, that apply to it.

    An answer is right from a score of 0.5. Expensive is the most expensive tenth.
    """
    costs = sorted((episode.cost_usd for episode in episodes), reverse=True)
    bound = costs[int(_EXPENSIVE * (len(costs) - 1))] if costs else 0.0
    kinds = {}
    for episode in episodes:
        is_kind = (
            episode.score is not None and episode.score >= 0.5,
            episode.score is not None and episode.score < 0.5,
            episode.cost_usd >= bound > costs[-1],
            episode.rounds > 1,
        )
        kinds[episode.number] = tuple(
            kind for kind, holds in zip(KINDS, is_kind, strict=True) if holds
        )
    return kinds


def sample_episodes(
    episodes: Sequence[EpisodeSummary], limit: int = 60, per_kind: int = 15
) -> list[int]:
    """Choose the episodes to show.

    Args:
        episodes: all of them.
        limit: how many to choose.
        per_kind: how many of each kind are chosen before the rest is filled up.

    Returns:
        Their numbers, in the order of the hashes.
    """
    ordered = [episode.number for episode in sorted(episodes, key=lambda episode: episode.order)]
    kinds = kinds_of(episodes)
    wanted: dict[int, None] = {}
    for kind in KINDS:
        for number in islice((n for n in ordered if kind in kinds[n]), per_kind):
            wanted[number] = None
    for number in ordered:
        wanted[number] = None
    chosen = set(list(wanted)[:limit])
    return [number for number in ordered if number in chosen]
