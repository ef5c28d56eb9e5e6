"""A run whose policy writes no valid episode ends with what to do."""

import pytest

from router_r1.errors import ConfigError
from router_r1_envs.verl_training.first_episodes import FirstEpisodes


def episodes(count, valid=0, stop="malformed"):
    """Reports of the agent loop; the first ones are valid."""
    return [
        {"stop_reason": stop, "reward_extra_info": {"valid": float(number < valid)}}
        for number in range(count)
    ]


def test_a_run_without_a_valid_episode_ends_in_its_first_step():
    with pytest.raises(ConfigError) as ended:
        FirstEpisodes().see(episodes(100) + episodes(28, stop="policy_failed"))
    assert "none of the first 128 episodes has an answer" in str(ended.value)
    assert "malformed 100, policy_failed 28" in str(ended.value)
    assert "router-r1 train imitate" in str(ended.value)


def test_small_steps_are_counted_together():
    first = FirstEpisodes()
    for _ in range(7):
        first.see(episodes(8))
    with pytest.raises(ConfigError, match="first 64 episodes"):
        first.see(episodes(8))


def test_one_valid_episode_is_enough_and_later_ones_are_not_watched():
    first = FirstEpisodes()
    first.see(episodes(40))
    first.see(episodes(40, valid=1))
    first.see(episodes(500))
