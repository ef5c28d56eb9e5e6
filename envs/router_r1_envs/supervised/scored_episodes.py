"""Episodes with their rewards: read from traces, chosen for imitation, paired for preferences.

A trace may come from another agent: another prompt, other limits, another tokenizer. What a policy learns is the episode
as it would have been in the world of training, so every trace is driven again with that world's prompt and limits. Only
training questions count; with others, the held-out figures would be those of questions that were learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Literal

from router_r1.data.questions import Question
from router_r1.episode import Episode, StopReason, TurnRecord
from router_r1.errors import ConfigError, EpisodeStateError
from router_r1.prompts import PromptContext
from router_r1.trace import Trace, read_traces
from router_r1_envs.worlds.base import World
from router_r1_reward import CostWindow, RewardConfig, score

Keep = Literal["valid", "right", "reward"]
"""Which episodes are imitated: those with an answer, those with a right answer, or those with a reward above 0."""

_TRACES = "traces.jsonl"
_NOT_BY_POLICY = frozenset(
    {StopReason.ERROR, StopReason.CANCELLED, StopReason.DEADLINE, StopReason.POLICY_FAILED}
)
Group = tuple[str, float | None, float | None]
"""A question's id, budget and value of an answer: episodes of one group began with the same prompt."""


@dataclass(frozen=True)
class ScoredEpisode:
    """A finished episode of a training question, and what it earned."""

    group: Group
    episode: Episode
    reward: float
    right: bool
    """The answer scored 1."""
    clean: bool
    """The policy answered, and no turn was malformed: imitated, such a turn would be learned, too."""


def trace_files(places: Sequence[Path]) -> list[Path]:
    """The files of some traces, each given as a file or as the folder of a run. Raises `ConfigError` if one is not there."""
    files = [place / _TRACES if place.is_dir() else place for place in places]
    for file in files:
        if not file.is_file():
            raise ConfigError(
                f"{file}: no such file of traces; give a file, or the folder of an `eval` or a tournament"
            )
    return files


def score_traces(
    world: World,
    questions: Sequence[Question],
    files: Iterable[Path],
    reward: RewardConfig,
    left_out: Counter[str],
) -> list[ScoredEpisode]:
    """The episodes of some traces as they would have been in a world, with their rewards, sorted by group.

    Args:
        world: gives prompt and limits.
        questions: training questions of the world. A trace belongs to the one whose id its metadata has, or whose text
            it has.
        files: files of traces.
        reward: scores the episodes.
        left_out: counts the traces that cannot be used, by reason.

    Raises:
        TraceError: a file is not one of traces.
    """
    by_key = {q.question: q for q in questions} | {q.id: q for q in questions}
    groups: dict[Group, list[tuple[Question, Episode]]] = {}
    for file in files:
        for trace in read_traces(file):
            question = by_key.get(trace.metadata.get("id", "")) or by_key.get(trace.question)
            if question is None:
                left_out["not a training question of the world"] += 1
                continue
            if trace.stop_reason in _NOT_BY_POLICY:
                left_out["ended by an error, a time limit or its caller"] += 1
                continue
            episode = _in_world(world, question, trace)
            if episode is None:
                left_out["not possible under the world's limits"] += 1
                continue
            group = question.id, episode.limits.budget_usd, episode.limits.worth_usd
            groups.setdefault(group, []).append((question, episode))
    return [scored for group, played in groups.items() for scored in _scored(group, played, reward)]


def _in_world(world: World, question: Question, trace: Trace) -> Episode | None:
    """The episode of a trace in a world; None if it would have gone another way there."""
    stated = {"budget_usd": trace.limits.budget_usd, "worth_usd": trace.limits.worth_usd}
    limits = world.limits.model_copy(update=stated)
    context = PromptContext(
        limits.max_rounds, limits.max_routes, limits.budget_usd, limits.worth_usd
    )
    opening = world.prompt(question)(question.question, trace.candidates, context)
    moved = replace(trace, question=question.question, opening=opening, limits=limits)
    try:
        episode = moved.replay()
    except EpisodeStateError:
        return None
    same = (
        episode.stop_reason is trace.stop_reason
        and episode.answer == trace.policy_answer
        and [_calls(r) for r in episode.turns] == [_calls(r) for r in trace.turns]
    )
    return episode if same else None


def _calls(record: TurnRecord) -> list[tuple[str, str, bool]]:
    return [(o.model, o.query, o.response is None) for o in record.outcomes]


def _scored(
    group: Group, played: Sequence[tuple[Question, Episode]], reward: RewardConfig
) -> Iterator[ScoredEpisode]:
    window = CostWindow.of([episode.spent_usd for _, episode in played])
    for question, episode in played:
        found = score(
            episode, question.answers, question.metric, reward, question=question, window=window
        )
        yield ScoredEpisode(
            group=group,
            episode=episode,
            reward=found.total,
            right=found.parts["correct"] == 1.0,
            clean=found.parts["valid"] == 1.0 and not any(r.turn.malformed for r in episode.turns),
        )


def best_episodes(
    episodes: Sequence[ScoredEpisode], keep: Keep, per_group: int, left_out: Counter[str]
) -> list[Episode]:
    """The episodes to imitate: of each group, those with the highest rewards among those that `keep` admits.

    Args:
        episodes: sorted by group.
        keep: which episodes may be imitated at all; those without an answer or with a malformed turn never.
        per_group: most episodes of a group; equal transcripts count once.
        left_out: counts the others, by reason.
    """
    chosen = []
    for _, members in groupby(episodes, key=lambda e: e.group):
        admitted: dict[str, ScoredEpisode] = {}
        for one in sorted(members, key=lambda e: -e.reward):
            if not one.clean:
                left_out["no answer, or a malformed turn"] += 1
            elif (keep == "right" and not one.right) or (keep == "reward" and one.reward <= 0):
                left_out[f"not {'right' if keep == 'right' else 'above a reward of 0'}"] += 1
            elif one.episode.transcript in admitted or len(admitted) == per_group:
                left_out["not among the best of its question"] += 1
            else:
                admitted[one.episode.transcript] = one
        chosen += [one.episode for one in admitted.values()]
    return chosen


def preference_pairs(
    episodes: Sequence[ScoredEpisode], margin: float, per_group: int
) -> list[tuple[Episode, Episode]]:
    """(better, worse) episodes of one group: the best one that has an answer, against the worst ones.

    Args:
        episodes: sorted by group.
        margin: least difference of the two rewards; smaller differences are mostly luck.
        per_group: most pairs of a group.
    """
    pairs = []
    for _, members in groupby(episodes, key=lambda e: e.group):
        ranked = sorted(members, key=lambda e: e.reward)
        best = next((one for one in reversed(ranked) if one.clean), None)
        if best is None:
            continue
        worse = {
            one.episode.transcript: one.episode
            for one in ranked
            if best.reward - one.reward >= margin
        }
        pairs += [(best.episode, other) for other in list(worse.values())[:per_group]]
    return pairs
