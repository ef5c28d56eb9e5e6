"""Settings of a recorded world."""

import pytest

from router_r1 import config
from router_r1.errors import ConfigError
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig


def test_levels_with_the_same_name_are_an_error() -> None:
    settings = {"table": "colours", "levels": [{"name": "a"}, {"name": "a"}]}
    with pytest.raises(ConfigError, match="levels need different names, found a, a"):
        config.validate(RecordedWorldConfig, settings, "world")
