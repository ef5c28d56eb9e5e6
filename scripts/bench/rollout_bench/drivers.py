"""The two drivers. Each rolls out the same episodes through the same `Episode` and makes the same calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import openai

from rollout_bench.workload import Draw, make_pool
from router_r1 import testing
from router_r1.agent import RouterAgent
from router_r1.episode import Call, Episode, Limits
from router_r1.token_prices import Usage, cost_usd
from router_r1.transport.messages import Response

Driver = Callable[[Draw, str, int], list[str | None]]
"""(draw, base URL, most calls at once) -> the answers in the order of the episodes."""


def asynchronous(draw: Draw, base_url: str, slots: int) -> list[str | None]:
    """This package's driver: all episodes run from the start, and only the pool's slots limit the calls."""

    async def run() -> list[str | None]:
        policy = testing.ScriptedPolicy(draw.write_turn)
        pool = make_pool(base_url, slots)
        agent = RouterAgent(policy=policy, pool=pool, max_rounds=draw.rounds)
        questions = [draw.question(episode) for episode in range(draw.episodes)]
        try:
            results = await agent.aask_many(questions, concurrency=draw.episodes)
        finally:
            await agent.aclose()
        return [result.answer for result in results]

    return asyncio.run(run())


def lock_step(draw: Draw, base_url: str, threads: int) -> list[str | None]:
    """Router-R1's driver: a thread pool for each round, and a barrier after it."""
    cards = make_pool(base_url, threads).cards
    by_name = {card.name: card for card in cards}
    limits = Limits(max_rounds=draw.rounds)
    episodes = [Episode(draw.question(index), cards, limits) for index in range(draw.episodes)]

    with openai.OpenAI(base_url=base_url, api_key="none", max_retries=0, timeout=None) as client:

        def ask(call: Call) -> Response:
            card = by_name[call.model]
            reply = client.chat.completions.create(
                model=card.model_id,
                messages=[{"role": "user", "content": call.query}],
                temperature=0.0,
                max_tokens=card.max_output_tokens,
            )
            assert reply.usage is not None, "the loopback server reports usage"
            usage = Usage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
            text = reply.choices[0].message.content or ""
            return Response(text=text, usage=usage, cost_usd=cost_usd(usage, card.price))

        while active := [episode for episode in episodes if not episode.done]:
            steps = [(episode, episode.step(draw.write_turn(episode))) for episode in active]
            asking = [(episode, call) for episode, step in steps for call in step.calls]
            with ThreadPoolExecutor(threads) as pool:
                responses = list(pool.map(ask, [call for _, call in asking]))
            for (episode, _), response in zip(asking, responses, strict=True):
                episode.observe([response])
    return [episode.answer for episode in episodes]
