"""What the tests of the generated world share: the default world, and queries for each skill."""

import pytest

from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.generated_world.relations import Skill
from router_r1_envs.worlds.generated_world.world import GeneratedWorld


@pytest.fixture(scope="session")
def world():
    """The world with the default settings."""
    return GeneratedWorld()


@pytest.fixture(scope="session")
def queries(world):
    """600 one-hop queries for each single skill, and 600 undecomposed questions for `SEVERAL`."""
    found = {skill: [] for skill in Skill}
    for number in range(2400):
        puzzle = world.knowledge.puzzle(seeded_random("test", number), lambda key: True, hops=1)
        found[puzzle.skills[0]].append(puzzle.text)
    for number in range(600):
        puzzle = world.knowledge.puzzle(seeded_random("test", number), lambda key: True, hops=2)
        found[Skill.SEVERAL].append(puzzle.text)
    return {skill: texts[:600] for skill, texts in found.items()}
