"""The budget of a run: no episode starts that the money left would probably not pay for."""

import asyncio

from router_r1_eval.run.run_budget import RunBudget


async def test_without_a_limit_every_episode_starts_at_once() -> None:
    budget = RunBudget()
    assert all([await budget.start_episode() for _ in range(100)])
    assert not budget.exhausted


async def test_until_a_cost_is_known_one_episode_is_in_flight() -> None:
    budget = RunBudget(10.0)
    assert await budget.start_episode()
    second = asyncio.ensure_future(budget.start_episode())
    await asyncio.sleep(0.01)
    assert not second.done()
    await budget.end_episode(1.0)
    assert await second


async def test_no_episode_starts_that_the_money_would_not_pay_for_at_the_mean_cost() -> None:
    budget = RunBudget(3.5)
    started = 0
    while await budget.start_episode():
        started += 1
        await budget.end_episode(1.0)
    assert started == 3 and budget.exhausted
    assert not await budget.start_episode()
