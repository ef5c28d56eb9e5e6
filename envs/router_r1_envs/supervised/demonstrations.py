"""Demonstrations for the generated world: what a policy is shown before reinforcement learning. None knows who is good.

    copies          random names and numbers, repeated: the skill that takes longest to learn, by itself
    explorations    a random router's episodes: the grammar, taking questions apart, carrying an answer to the next hop
    best_of         the best by reward of several explorations of a question: filtered imitation (rejection sampling)

Without the last, reinforcement learning ends with every call at the dearest candidate: the best choice that looks at no
question, found long before one that does.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from router_r1.data.questions import Question
from router_r1.episode import Episode
from router_r1.ledger import Ledger
from router_r1.policies import token_ids
from router_r1.policies.base import Policy
from router_r1.rollout import roll_out
from router_r1_envs.worlds.base import Level, World, start
from router_r1_envs.worlds.generated_world.facts import draw, name_of
from router_r1_envs.worlds.generated_world.rule_policies import Explorer, anybody
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_reward import CostWindow, RewardConfig, score


@dataclass(frozen=True)
class Example:
    """Token ids of one episode, opening included, and which of them are learned (1) or only read (0)."""

    ids: list[int]
    mask: list[int]


def example_of(episode: Episode, tokenizer: Any) -> Example:
    """A finished episode as an example: the policy's tokens are learned, the environment's only read."""
    opening = token_ids.opening_ids(tokenizer, episode.opening)
    rest = token_ids.continuation_tokens(
        episode, lambda text: token_ids.encode_text(tokenizer, text)
    )
    return Example(opening + rest.ids, [0] * len(opening) + rest.mask)


async def play(world: World, question: Question, level: Level, policy: Policy) -> Episode:
    """One episode to its end."""
    episode = start(world, question, level)
    await roll_out(episode, policy, world.pool(question), Ledger())
    return episode


def copies(tokenizer: Any, count: int, seed: int = 0) -> list[Example]:
    """Two to five random names, backward names and numbers, then the same again; only the repetition is learned."""
    examples = []
    for number in range(count):
        source = draw("copy", seed, number)
        words = [_word(source) for _ in range(source.randrange(2, 6))]
        text = " ".join(words)
        opening = token_ids.opening_ids(tokenizer, ({"role": "user", "content": text},))
        answer = token_ids.encode_text(tokenizer, f"<answer>{text}</answer>")
        examples.append(Example(opening + answer, [0] * len(opening) + [1] * len(answer)))
    return examples


def _word(source: random.Random) -> str:
    kind = source.random()
    if kind < 0.3:
        return str(source.randrange(10, 2000))
    name = name_of(source, source.choice((2, 3)))
    return name[::-1] if kind < 0.5 else name


def explorations(
    world: GeneratedWorld,
    questions: Sequence[Question],
    *,
    seed: int = 0,
    decompose: float = 0.5,
    ask_again: float = 0.3,
) -> Iterator[Episode]:
    """A random router's episode on each question, at a random level.

    Args:
        world: where the questions come from.
        questions: what to ask.
        seed: of all that is random.
        decompose: share of the episodes that take a question of two hops apart.
        ask_again: share of the episodes that ask somebody else after a hedged answer.
    """

    async def one(question: Question, source: Any, key: str) -> Episode:
        explorer = Explorer(
            world,
            question,
            anybody,
            decompose=source.random() < decompose,
            ask_again=source.random() < ask_again,
            key=key,
        )
        return await play(world, question, source.choice(world.levels), explorer)

    with asyncio.Runner() as runner:
        for number, question in enumerate(questions):
            key = f"{seed}|{number}"
            yield runner.run(one(question, draw("explore", key), key))


def best_of(
    world: GeneratedWorld,
    questions: Sequence[Question],
    reward: RewardConfig,
    *,
    tries: int = 8,
    seed: int = 0,
) -> Iterator[Episode]:
    """The best exploration of each question by reward, at one level a question; none where none earns anything."""

    async def explore(question: Question, key: str) -> Episode | None:
        source = draw("best", key)
        level = source.choice(world.levels)
        played: list[Episode] = []
        for attempt in range(tries):
            explorer = Explorer(
                world,
                question,
                anybody,
                decompose=source.random() < 0.75,
                ask_again=source.random() < 0.5,
                key=f"{key}|{attempt}",
            )
            played.append(await play(world, question, level, explorer))
        window = CostWindow.of([episode.spent_usd for episode in played])
        best: tuple[float, Episode] | None = None
        for episode in played:
            total = score(episode, question.answers, question.metric, reward, window=window).total
            if total > 0 and (best is None or total > best[0]):
                best = total, episode
        return best[1] if best else None

    with asyncio.Runner() as runner:
        for number, question in enumerate(questions):
            episode = runner.run(explore(question, f"{seed}|{number}"))
            if episode is not None:
                yield episode
