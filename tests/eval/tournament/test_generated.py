"""The tournament in a generated world: a policy that cannot be reached is an error, and not a row of zeros."""

import asyncio

import pytest

from router_r1.errors import PolicyError
from router_r1.model_cards import CallLimits
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_eval.tournament.generated import evaluate
from router_r1_reward import RewardConfig


def test_a_policy_that_cannot_be_reached_is_an_error():
    world = GeneratedWorld()
    reward = RewardConfig(alpha=0.5, reference_usd=world.reference_usd)
    nowhere = OpenAIPolicy("http://127.0.0.1:9/v1", "m", limits=CallLimits(max_attempts=1))
    with pytest.raises(PolicyError, match="could not be reached in 2 of 2 episodes"):
        asyncio.run(evaluate(world, {"mine": nowhere}, reward, limit=2))
