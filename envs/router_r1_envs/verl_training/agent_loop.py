"""verl's agent loop: one episode of `router_r1`, whose turns the policy in training writes.

It calls the same `roll_out` as `RouterAgent`; only the policy differs. Token ids go in and come out, the environment's
tokens are masked, and all turns of an episode share a request id, so that a rollout server reads their prefix once.

From verl's experimental interface this file uses `AgentLoopBase` and `AgentLoopOutput`.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from omegaconf import OmegaConf
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput

from router_r1 import config
from router_r1.data.questions import Question
from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1.ledger import Cause, Ledger
from router_r1.policies import token_ids
from router_r1.policies.base import WrittenTurn
from router_r1.policies.turn_reopening import reopening
from router_r1.pool import Account, ModelPool, new_call_id
from router_r1.rollout import roll_out
from router_r1.token_prices import Usage
from router_r1.transport.base import Transport
from router_r1.transport.messages import Attempt, Failure, FailureKind
from router_r1_envs.verl_training.dataset import read_row
from router_r1_envs.worlds.base import World, start
from router_r1_envs.worlds.candidate_variation import original_name
from router_r1_envs.worlds.load import load_world
from router_r1_reward import CostWindow, RewardConfig, score


@functools.cache
def _cached_world(source: str, overrides: tuple[str, ...], transport: Transport | None) -> World:
    """Load a world once per process."""
    return load_world(source, overrides, transport=transport)


class ServerPolicy:
    """The policy in training: each turn is one request to verl's rollout servers. One object per episode."""

    def __init__(
        self,
        server: Any,
        tokenizer: Any,
        sampling: dict[str, Any],
        *,
        response_length: int,
        template_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        """
        Args:
            server: has `generate(request_id, prompt_ids=, sampling_params=)`, like verl's server client.
            tokenizer: the policy's.
            sampling: verl's sampling parameters; copied, because all episodes of a group share them.
            response_length: maximum number of tokens after the opening, including the environment's.
            template_kwargs: variables of the chat template.
        """
        self.name = "policy"
        self.versions: list[int] = []
        """The first and the last version of the weights that generated each turn."""
        self.seconds = 0.0
        """Time spent in the server."""
        self.overflowed = False
        """Whether the response length left no room for a turn."""
        self._server, self._tokenizer = server, tokenizer
        self._sampling = dict(sampling)
        self._response_length = response_length
        self._template_kwargs = template_kwargs
        self._request_id = uuid4().hex
        self._reopen = reopening(lambda chat: token_ids.opening_ids(tokenizer, chat))

    def tokens(self, episode: Episode) -> token_ids.EpisodeTokens:
        """The tokens after the opening."""
        return token_ids.continuation_tokens(
            episode, lambda text: token_ids.encode_text(self._tokenizer, text), self._reopen
        )

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Generate the next turn."""
        opening = token_ids.opening_ids(self._tokenizer, episode.opening, self._template_kwargs)
        following = self.tokens(episode).ids
        room = self._response_length - len(following)
        if room < 1:
            self.overflowed = True
            detail = f"{len(following)} tokens, and response_length is {self._response_length}"
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
        self.versions += _weights_versions(output.extra_fields)
        ids = tuple(output.token_ids)
        usage = Usage(len(opening) + len(following), len(ids))
        attempt = Attempt(1, Cause.FIRST, "ok", usage, False, "local", began, latency)
        account.book(self.name, new_call_id(), attempt, None)
        text, overhang = token_ids.decode_turn(self._tokenizer, ids, episode.stop_strings)
        logprobs = None if output.log_probs is None else tuple(output.log_probs)
        return WrittenTurn(text, ids, logprobs, overhang, len(ids))

    def check(self) -> None:
        """Nothing to do: verl checks its servers."""

    async def aclose(self) -> None:
        """Nothing to do: the server belongs to verl."""


def _weights_versions(reported: dict[str, Any]) -> list[int]:
    """The first and the last version of the weights that generated a turn; 0 for a server that reports none."""
    found = []
    for name in ("min_global_steps", "max_global_steps"):
        # Compare with None: version 0 is a version.
        versions = (reported.get(key) for key in (name, "global_steps"))
        found.append(int(next((v for v in versions if v is not None), 0)))
    return found


class RouterAgentLoop(AgentLoopBase):  # type: ignore[misc]
    """Plays episodes, and returns their tokens, mask and reward to verl."""

    reusable = True
    """The loop keeps nothing of an episode except its cost, so a worker makes one loop for all episodes."""

    def __init__(
        self,
        *args: Any,
        world: str,
        overrides: Any = (),
        reward: Any = None,
        transport: Transport | None = None,
        tools: Any = None,
        **kwargs: Any,
    ) -> None:
        """
        Args:
            args: verl's, for `AgentLoopBase`.
            world: source of the world, see `worlds.load.load_world`.
            overrides: `a.b=value` assignments that take precedence over the world's settings.
            reward: settings of `RewardConfig`; the reference cost is the world's by default.
            transport: carries the calls to the candidates; by default the world opens its own.
            tools: verl's; not used.
            kwargs: verl's, for `AgentLoopBase`.

        Raises:
            ConfigError: world, overrides or reward are invalid.
        """
        super().__init__(*args, **kwargs)
        assignments = tuple(str(item) for item in overrides)
        self.world = _cached_world(world, assignments, transport)  # type: ignore[arg-type]
        settings = OmegaConf.to_container(reward) if OmegaConf.is_config(reward) else reward
        settings = {"reference_usd": self.world.reference_usd} | dict(settings or {})
        self.reward = config.validate(RewardConfig, settings, "reward")
        # Only the published reward uses it, and then there is one worker; see `verl_overrides.run_overrides`.
        self._window = CostWindow()

    async def run(self, sampling_params: dict[str, Any], **kwargs: Any) -> AgentLoopOutput:
        """Play one episode.

        Args:
            sampling_params: verl's sampling parameters.
            kwargs: the columns of the row; `extra_info` is used.

        Raises:
            ConfigError: the row belongs to another world, or its opening is longer than `data.max_prompt_length`.
        """
        question, level = read_row(self.world, kwargs["extra_info"])
        episode = start(self.world, question, level)
        template_kwargs = (
            self.apply_chat_template_kwargs
        )  # verl's, from data.apply_chat_template_kwargs
        opening = token_ids.opening_ids(self.tokenizer, episode.opening, template_kwargs)
        if len(opening) > self.rollout_config.prompt_length:
            raise ConfigError(
                f"an opening has {len(opening)} tokens and data.max_prompt_length is "
                f"{self.rollout_config.prompt_length}; raise it"
            )
        length = self.rollout_config.response_length
        policy = ServerPolicy(
            self.server_manager,
            self.tokenizer,
            sampling_params,
            response_length=length,
            template_kwargs=template_kwargs,
        )
        clock = time.monotonic()
        pool = self.world.pool(question)
        await roll_out(episode, policy, pool, Ledger())
        candidate_seconds = time.monotonic() - clock - policy.seconds
        clock = time.monotonic()
        reward = await self._score(episode, question)
        score_seconds = time.monotonic() - clock
        tokens = policy.tokens(episode)
        end = min(length, _end_of_policy(tokens.mask))
        return AgentLoopOutput(
            prompt_ids=opening,
            response_ids=tokens.ids[:end],
            response_mask=tokens.mask[:end],
            response_logprobs=tokens.logprobs[:end] if sampling_params.get("logprobs") else None,
            reward_score=reward.total,
            num_turns=len(episode.turns),
            metrics={
                "generate_sequences": policy.seconds,
                "tool_calls": candidate_seconds,
                "compute_score": score_seconds,
                "num_preempted": -1,
            },
            extra_fields={
                "reward_extra_info": {"acc": reward.parts["correct"], **reward.parts},
                "stop_reason": str(episode.stop_reason),
                "overflowed": policy.overflowed,
                "level": level.name,
                "asked": _calls_by_candidate(episode, pool, self.world),
                "min_global_steps": min(policy.versions, default=0),
                "max_global_steps": max(policy.versions, default=0),
                "turn_scores": [],
                "tool_rewards": [],
            },
        )

    async def _score(self, episode: Episode, question: Question) -> Any:
        """The reward of a finished episode, computed in a thread: some metrics wait for another process."""
        self._window = self._window.seen(episode.spent_usd)
        return await asyncio.to_thread(
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


def _end_of_policy(mask: list[int]) -> int:
    """The number of tokens up to the policy's last one.

    verl puts the reward on the last token, and its advantages skip masked tokens: a reward on a block of the
    environment would reach no token of the policy. An episode ends with such a block if the next turn has no room.
    """
    return max((at + 1 for at, mine in enumerate(mask) if mine), default=len(mask))


def _calls_by_candidate(episode: Episode, pool: ModelPool, world: World) -> dict[str, int]:
    """Answered calls of every candidate of the world; those without a call are included, since their share is 0."""
    calls = Counter(
        original_name(pool, outcome.model)
        for turn in episode.turns
        for outcome in turn.outcomes
        if outcome.response is not None
    )
    return {card.name: calls[card.name] for card in world.cards}
