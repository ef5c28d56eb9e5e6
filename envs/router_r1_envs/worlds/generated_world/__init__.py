"""The generated world: made-up facts, six simulated candidates with hidden skills, and rule policies to compare with."""

from router_r1_envs.worlds.generated_world.world import GeneratedWorld

__all__ = ["GeneratedWorld"]
