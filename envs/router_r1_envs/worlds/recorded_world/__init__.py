"""The recorded world: an outcome table answers for the candidates."""

from router_r1_envs.worlds.recorded_world.world import RecordedWorld

__all__ = ["RecordedWorld"]
