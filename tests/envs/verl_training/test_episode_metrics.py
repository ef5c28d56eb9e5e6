"""Metrics that reveal a collapse: shares of calls and their entropy, groups without variance, means beside the reward."""

import math

import pytest

from router_r1_envs.verl_training.episode_metrics import episode_metrics


def fields(correct=1.0, valid=1.0, stop="answered", overflowed=False, **asked):
    """What the agent loop reports about an episode."""
    parts = {"correct": correct, "valid": valid, "cost_usd": 0.002, "rounds": 2.0, "problems": 1.0}
    return {
        "stop_reason": stop,
        "overflowed": overflowed,
        "asked": {"a": 0, "b": 0, "c": 0} | asked,
        "reward_extra_info": parts | {"calls": float(sum(asked.values()))},
    }


def metrics(episodes, scores=None, groups=None):
    count = len(episodes)
    return episode_metrics(
        episodes, scores or [0.5] * count, groups or [str(n) for n in range(count)]
    )


def test_means_over_episodes():
    found = metrics([fields(1, 1, a=3), fields(0, 1, a=1), fields(0, 0)], [0.9, -0.1, -1.1])
    assert found["episode/reward"] == pytest.approx(-0.1)
    assert found["episode/accuracy"] == pytest.approx(1 / 3)
    assert found["episode/valid"] == pytest.approx(2 / 3)
    assert found["episode/calls"] == pytest.approx(4 / 3)
    assert found["episode/cost_usd"] == pytest.approx(0.002)
    assert (found["episode/rounds"], found["episode/problems"]) == (2, 1)


def test_the_reasons_why_episodes_ended_are_counted():
    ends = ["answered", "answered", "policy_failed", "rounds"]
    found = metrics([fields(stop=end, overflowed=end == "policy_failed") for end in ends])
    assert found["episode/stop_answered"] == 0.5
    assert found["episode/stop_policy_failed"] == found["episode/stop_rounds"] == 0.25
    assert found["episode/stop_malformed"] == found["episode/stop_tokens"] == 0
    assert found["episode/overflow"] == 0.25


def test_shares_of_calls_include_candidates_without_calls():
    found = metrics([fields(a=3), fields(b=1)])
    shares = {name: found[f"share/{name}"] for name in "abc"}
    assert shares == {"a": 0.75, "b": 0.25, "c": 0}


@pytest.mark.parametrize(
    ("asked", "entropy"),
    [
        ({"a": 5}, 0),
        ({"a": 5, "b": 5, "c": 5}, 1),
        ({"a": 5, "b": 5}, math.log(2) / math.log(3)),
        ({}, 0),
    ],
)
def test_entropy_is_one_for_equal_shares_and_zero_for_a_single_candidate(asked, entropy):
    assert metrics([fields(**asked)])["episode/share_entropy"] == pytest.approx(entropy)


def test_the_entropy_of_a_pool_of_one_is_zero():
    alone = fields() | {"asked": {"a": 4}}
    assert metrics([alone])["episode/share_entropy"] == 0
    assert metrics([alone])["share/a"] == 1


def test_groups_without_variance_are_counted():
    episodes = [fields()] * 6
    found = metrics(episodes, [1, 1, 1, 0, 0.5, 0.5], ["x", "x", "y", "y", "z", "z"])
    assert found["episode/groups_without_variance"] == pytest.approx(2 / 3)
    # Episodes may come in any order.
    found = metrics(episodes, [1, 0, 0.5, 1, 1, 0.5], ["x", "y", "z", "x", "y", "z"])
    assert found["episode/groups_without_variance"] == pytest.approx(2 / 3)


def test_single_episodes_are_no_groups():
    assert "episode/groups_without_variance" not in metrics([fields()] * 3, [1, 0, 1])


def test_every_score_needs_a_group():
    with pytest.raises(ValueError, match="longer"):
        episode_metrics([fields()] * 2, [1, 2], ["x"])
