"""verl's agent loop: an episode of `router_r1`, written by the policy that is being trained.

The same `roll_out` as in the agent; the only difference is who writes the turns. Token ids go in and come out, the
environment's tokens are masked, and one request id serves all turns of an episode, so that its prefix is read once.

All that touches verl's experimental interface is in this file.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from typing import Any
from uuid import uuid4

from omegaconf import OmegaConf
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput

from router_r1 import config
from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1.ledger import Cause, Ledger
from router_r1.policies import token_ids
from router_r1.policies.base import WrittenTurn
from router_r1.pool import Account, new_call_id
from router_r1.pricing import Usage
from router_r1.rollout import roll_out
from router_r1.transport.messages import Attempt, Failure, FailureKind
from router_r1_envs.verl_training.dataset import read_row
from router_r1_envs.worlds.base import World, start
from router_r1_envs.worlds.load import load_world
from router_r1_reward import CostWindow, RewardConfig, score


@functools.cache
def _world(source: str, overrides: tuple[str, ...]) -> World:
    """One world a process."""
    return load_world(source, overrides)


class ServerPolicy:
    """The policy in training: each turn is one request to verl's rollout servers. One object an episode."""

    def __init__(
        self, server: Any, tokenizer: Any, sampling: dict[str, Any], *, response_length: int
    ) -> None:
        """
        Args:
            server: has `generate(request_id, prompt_ids=, sampling_params=)`, as verl's server client.
            tokenizer: of the policy.
            sampling: verl's sampling parameters; copied, since all episodes of a group share them.
            response_length: most tokens that may follow the opening, the environment's included.
        """
        self.name = "policy"
        self.versions: list[int] = []
        """The weight versions that wrote the turns; a turn may have been begun by one and ended by another."""
        self.seconds = 0.0
        self._server, self._tokenizer = server, tokenizer
        self._sampling = dict(sampling)
        self._room = response_length
        self._request_id = uuid4().hex

    def tokens(self, episode: Episode) -> token_ids.EpisodeTokens:
        """What follows the opening."""
        return token_ids.continuation_tokens(
            episode, lambda text: token_ids.encode_text(self._tokenizer, text)
        )

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Generate the next turn."""
        opening = token_ids.opening_ids(self._tokenizer, episode.opening)
        following = self.tokens(episode).ids
        room = self._room - len(following)
        if room < 1:
            detail = f"{len(following)} tokens, and response_length is {self._room}"
            return WrittenTurn(failure=Failure(FailureKind.CONTEXT_OVERFLOW, detail))
        sampling = self._sampling | {
            "max_tokens": min(episode.turn_token_limit, room),
            "stop": list(episode.stop_strings),
            "include_stop_str_in_output": True,
        }
        began, clock = time.time(), time.monotonic()
        output = await self._server.generate(
            request_id=self._request_id, prompt_ids=opening + following, sampling_params=sampling
        )
        latency = time.monotonic() - clock
        self.seconds += latency
        told = output.extra_fields
        for name in ("min_global_steps", "max_global_steps"):
            # 0 is a version too.
            versions = (told.get(key) for key in (name, "global_steps"))
            self.versions.append(int(next((v for v in versions if v is not None), 0)))
        ids = tuple(output.token_ids)
        usage = Usage(len(opening) + len(following), len(ids))
        attempt = Attempt(1, Cause.FIRST, "ok", usage, False, "local", began, latency)
        account.book(self.name, new_call_id(), attempt, None)
        text, overhang = token_ids.decode_turn(self._tokenizer, ids, episode.stop_strings)
        logprobs = None if output.log_probs is None else tuple(output.log_probs)
        return WrittenTurn(text, ids, logprobs, overhang, len(ids))

    def check(self) -> None:
        """The server is verl's business."""

    async def aclose(self) -> None:
        """Nothing is held."""


class RouterAgentLoop(AgentLoopBase):  # type: ignore[misc]
    """Plays an episode, and hands verl its tokens, its mask and its reward."""

    reusable = True
    """Nothing of an episode is kept in the loop but its cost."""

    def __init__(
        self,
        *args: Any,
        world: str,
        overrides: Any = (),
        reward: Any = None,
        tools: Any = None,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            world: see `world.load_world`.
            overrides: `a.b=value` assignments that win over the world's settings.
            reward: settings of `RewardConfig`; its reference cost is the world's when left out.
            tools: verl's; not used.
        """
        super().__init__(*args, **kwargs)
        self.world = _world(world, tuple(str(item) for item in overrides))
        settings = OmegaConf.to_container(reward) if OmegaConf.is_config(reward) else reward
        settings = {"reference_usd": self.world.reference_usd} | dict(settings or {})
        self.reward = config.validate(RewardConfig, settings, "reward")
        self._window = (
            CostWindow()
        )  # of this worker, as in the original; Router-R1's published reward alone looks at it

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """One episode."""
        question, level = read_row(self.world, kwargs["extra_info"])
        episode = start(self.world, question, level)
        opening = token_ids.opening_ids(self.tokenizer, episode.opening)
        if len(opening) > self.rollout_config.prompt_length:
            raise ConfigError(
                f"an opening has {len(opening)} tokens and data.max_prompt_length is "
                f"{self.rollout_config.prompt_length}; raise it"
            )
        length = self.rollout_config.response_length
        policy = ServerPolicy(
            self.server_manager, self.tokenizer, sampling_params, response_length=length
        )
        clock = time.monotonic()
        await roll_out(episode, policy, self.world.pool(question), Ledger())
        called = time.monotonic() - clock - policy.seconds
        clock = time.monotonic()
        self._window = self._window.seen(episode.spent_usd)
        # In a thread: some metrics wait for another process.
        reward = await asyncio.to_thread(
            functools.partial(
                score,
                episode,
                question.answers,
                question.metric,
                self.reward,
                question=question,
                window=self._window,
            )
        )
        tokens = policy.tokens(episode)
        asked = Counter(
            outcome.model
            for turn in episode.turns
            for outcome in turn.outcomes
            if outcome.response is not None
        )
        return AgentLoopOutput(
            prompt_ids=opening,
            response_ids=tokens.ids[:length],
            response_mask=tokens.mask[:length],
            response_logprobs=tokens.logprobs[:length] if sampling_params.get("logprobs") else None,
            reward_score=reward.total,
            num_turns=len(episode.turns),
            metrics={
                "generate_sequences": policy.seconds,
                "tool_calls": called,
                "compute_score": time.monotonic() - clock,
                "num_preempted": -1,
            },
            extra_fields={
                "reward_extra_info": {"acc": reward.parts["correct"], **reward.parts},
                "stop_reason": str(episode.stop_reason),
                "level": level.name,
                # Those that nobody asked too: their share is 0.
                "asked": {card.name: asked[card.name] for card in episode.cards},
                "min_global_steps": min(policy.versions, default=0),
                "max_global_steps": max(policy.versions, default=0),
                "turn_scores": [],
                "tool_rewards": [],
            },
        )
