"""The generated world: made-up facts, candidates with hidden skills, rules and oracles to compare with."""

from router_r1_envs.worlds.generated_world.world import GeneratedWorld

__all__ = ["GeneratedWorld"]
