"""Demonstrations for the generated world, from which a policy learns before reinforcement learning.

    copy_examples   random names and numbers to copy; copying takes longest to learn, so it is trained on its own
    explorations    a random router's episodes; they teach the grammar, decomposition, and carrying an answer to the
                    next hop
    best_of         the best by reward of several explorations of a question (rejection sampling)

None of them knows the candidates' skills. Without `best_of`, reinforcement learning converges to calling the most
expensive candidate every time: that is the best choice that ignores the question, and training finds it long before
one that reads the question.
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
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.worlds.base import Level, World, start
from router_r1_envs.worlds.generated_world.relations import made_up_name
from router_r1_envs.worlds.generated_world.rule_policies import RulePolicy, at_random
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_reward import CostWindow, RewardConfig, score


@dataclass(frozen=True)
class Example:
    """The token ids of one episode, including its opening, and a mask: 1 for tokens to learn, 0 for context."""

    ids: list[int]
    mask: list[int]


def to_example(episode: Episode, tokenizer: Any) -> Example:
    """Convert a finished episode: the policy's tokens are learned, the environment's are context."""
    opening = token_ids.opening_ids(tokenizer, episode.opening)
    rest = token_ids.continuation_tokens(
        episode, lambda text: token_ids.encode_text(tokenizer, text)
    )
    return Example(opening + rest.ids, [0] * len(opening) + rest.mask)


async def play_episode(world: World, question: Question, level: Level, policy: Policy) -> Episode:
    """Play one episode to its end.

    Args:
        world: answers the candidates' calls.
        question: a question of the world.
        level: a level of the world.
        policy: writes the turns.
    """
    episode = start(world, question, level)
    await roll_out(episode, policy, world.pool(question), Ledger())
    return episode


def copy_examples(tokenizer: Any, count: int, seed: int = 0) -> list[Example]:
    """Two to five random names, reversed names and numbers, followed by a copy of them; only the copy is learned.

    Args:
        tokenizer: the policy's.
        count: number of examples.
        seed: seed of the words.
    """
    examples = []
    for number in range(count):
        rng = seeded_random("copy", seed, number)
        words = [_random_word(rng) for _ in range(rng.randrange(2, 6))]
        text = " ".join(words)
        opening = token_ids.opening_ids(tokenizer, ({"role": "user", "content": text},))
        answer = token_ids.encode_text(tokenizer, f"<answer>{text}</answer>")
        examples.append(Example(opening + answer, [0] * len(opening) + [1] * len(answer)))
    return examples


def _random_word(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.3:
        return str(rng.randrange(10, 2000))
    name = made_up_name(rng, rng.choice((2, 3)))
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
        questions: the questions to explore.
        seed: of all random choices.
        decompose: share of the episodes that decompose a two-hop question.
        ask_again: share of the episodes that call another candidate after a hedged answer.
    """

    async def explore(question: Question, rng: random.Random, key: str) -> Episode:
        policy = RulePolicy(
            world,
            question,
            at_random,
            decompose=rng.random() < decompose,
            ask_again=rng.random() < ask_again,
            key=key,
        )
        return await play_episode(world, question, rng.choice(world.levels), policy)

    with asyncio.Runner() as runner:
        for number, question in enumerate(questions):
            key = f"{seed}|{number}"
            yield runner.run(explore(question, seeded_random("explore", key), key))


def best_of(
    world: GeneratedWorld,
    questions: Sequence[Question],
    reward: RewardConfig,
    *,
    tries: int = 8,
    seed: int = 0,
) -> Iterator[Episode]:
    """For each question, the exploration with the highest reward; questions without a positive reward are left out.

    Args:
        world: where the questions come from.
        questions: the questions to explore, each at one random level.
        reward: scores the explorations.
        tries: explorations per question.
        seed: of all random choices.
    """

    async def explore(question: Question, key: str) -> Episode | None:
        rng = seeded_random("best", key)
        level = rng.choice(world.levels)
        episodes: list[Episode] = []
        for attempt in range(tries):
            policy = RulePolicy(
                world,
                question,
                at_random,
                decompose=rng.random() < 0.75,
                ask_again=rng.random() < 0.5,
                key=f"{key}|{attempt}",
            )
            episodes.append(await play_episode(world, question, level, policy))
        window = CostWindow.of([episode.spent_usd for episode in episodes])
        best: tuple[float, Episode] | None = None
        for episode in episodes:
            total = score(episode, question.answers, question.metric, reward, window=window).total
            if total > 0 and (best is None or total > best[0]):
                best = total, episode
        return best[1] if best else None

    with asyncio.Runner() as runner:
        for number, question in enumerate(questions):
            episode = runner.run(explore(question, f"{seed}|{number}"))
            if episode is not None:
                yield episode
