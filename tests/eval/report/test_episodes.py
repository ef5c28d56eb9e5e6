"""Summaries of traces, their kinds, and the sample."""

from dataclasses import replace

import pytest

from router_r1.episode import StopReason
from router_r1.errors import DataError
from router_r1.trace import TraceWriter, read_traces
from router_r1_eval.report.episodes import (
    EpisodeSummary,
    kinds_of,
    read_episode_summaries,
    sample_episodes,
)
from router_r1_eval.run.run_folder import RunFolder


def summary(number: int, **fields) -> EpisodeSummary:
    given = {"order": f"{number * 7919 % 1000:04d}", "router": "ours", "routes": True, "score": 1.0}
    given |= {"cost_usd": 0.001, "calls": 1, "rounds": 1}
    return EpisodeSummary(number, **(given | fields))


def test_of_a_resumed_run_only_the_try_that_counts_is_shown(
    results, write_page, write_traces, tmp_path
):
    path = write_traces(6)
    first, second, third, fourth, fifth, _ = list(read_traces(path))
    interrupted = {"stop_reason": StopReason.CANCELLED, "answer": None}

    def of(trace, question, **fields):
        about = {"router": "ours", "id": question, "score": 1.0}
        return replace(trace, metadata=about, **fields)

    tries = [
        of(first, "a", **interrupted),
        of(second, "a"),
        of(third, "b"),
        of(fourth, "b", **interrupted),
        of(fifth, "c", **interrupted),
        of(first, "a", sample_index=1),
    ]
    path.unlink()
    with TraceWriter(path) as writer:
        for trace in tries:
            writer.write(trace)
    kept = read_episode_summaries(path)
    assert [episode.number for episode in kept] == [1, 2, 5]
    counted = [traces[-1] for traces in RunFolder(tmp_path).episodes().values()]
    wanted = {t.episode_id for t in counted if t.stop_reason != StopReason.CANCELLED}
    assert {tries[episode.number].episode_id for episode in kept} == wanted
    page = write_page(results)
    assert "A sample of the 3 episodes" in page.words and len(page.all("article")) == 3
    assert "cancelled" not in page.words
    assert "1 2 67% 100.0" in page.words and "2 1 33% 100.0" in page.words, "calls, episodes"


def test_scores_that_are_none_are_refused_with_a_remedy(write_traces, tmp_path):
    path = write_traces(1)
    (tmp_path / "scores.jsonl").write_text('{"episode_id": "a", "failed": false}\n')
    with pytest.raises(DataError, match=r"scores\.jsonl: expected scores.*'score'; run it again"):
        read_episode_summaries(path)


def test_a_sample_has_some_of_each_kind_and_does_not_depend_on_the_order_of_the_file():
    episodes = [
        summary(number, score=float(number % 100 != 0), rounds=1 + (number % 200 == 7))
        for number in range(1000)
    ]
    chosen = sample_episodes(episodes)
    assert len(chosen) == len(set(chosen)) == 60
    wrong = [number for number in chosen if number % 100 == 0]
    assert len(wrong) == 10, "all of the few"
    assert sum(number % 200 == 7 for number in chosen) == 5
    reversed_ = [replace(episode, number=999 - episode.number) for episode in reversed(episodes)]
    assert [999 - number for number in sample_episodes(reversed_)] == chosen


def test_a_partial_score_is_right_from_a_half_and_expensive_is_the_most_expensive_tenth():
    episodes = [summary(n, cost_usd=0.001 * (n + 1), score=n / 19) for n in range(20)]
    kinds = kinds_of(episodes)
    assert [n for n in kinds if "wrong" in kinds[n]] == list(range(10))
    assert [n for n in kinds if "expensive" in kinds[n]] == [18, 19]


def test_unscored_episodes_of_equal_cost_have_no_kind():
    kinds = kinds_of([summary(number, score=None) for number in range(5)])
    assert set(kinds.values()) == {()}
