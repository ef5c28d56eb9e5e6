"""The stall limit comes from an environment variable."""

import pytest

from router_r1_envs.verl_training import stall_limit


def test_a_stall_limit_must_be_a_positive_number(monkeypatch):
    monkeypatch.delenv(stall_limit.STALL_VARIABLE, raising=False)
    assert stall_limit.stall_limit_s() == 1800
    for wrong in ("soon", "0", "nan", "-3"):
        monkeypatch.setenv(stall_limit.STALL_VARIABLE, wrong)
        with pytest.raises(ValueError, match="must be a positive number of seconds"):
            stall_limit.stall_limit_s()
