"""The table of episodes by their number of candidate calls."""

from __future__ import annotations

from collections.abc import Sequence

from router_r1_eval.report.episodes import EpisodeSummary
from router_r1_eval.report.table import Column, table

_Line = tuple[int, list[EpisodeSummary]]


def calls_table(episodes: Sequence[EpisodeSummary], caption: str) -> str:
    """Number of calls x episodes, accuracy, cost; empty without episodes."""
    groups: dict[int, list[EpisodeSummary]] = {}
    for episode in episodes:
        groups.setdefault(episode.calls, []).append(episode)
    if not groups:
        return ""
    columns: list[Column[_Line]] = [
        Column("calls", lambda line: f"{line[0]}"),
        Column("episodes", lambda line: f"{len(line[1]):,}"),
        Column("share", lambda line: f"{len(line[1]) / len(episodes):.0%}"),
        Column(
            "right",
            lambda line: _mean_score(line[1]),
            "percent; the policy decides how many calls it makes, so the lines hold different questions, and their "
            "differences are not an effect of the calls",
        ),
        Column("$ per 1,000", lambda line: f"{_mean_cost(line[1]):.3f}"),
    ]
    return table(columns, sorted(groups.items()), caption, sortable=False)


def _mean_score(episodes: Sequence[EpisodeSummary]) -> str:
    scores = [episode.score for episode in episodes if episode.score is not None]
    return f"{100 * sum(scores) / len(scores):.1f}" if scores else ""


def _mean_cost(episodes: Sequence[EpisodeSummary]) -> float:
    """US dollars per 1,000 episodes."""
    return 1000 * sum(episode.cost_usd for episode in episodes) / len(episodes)
