"""What a run will use, computed before its start; figures by hand."""

import pytest

from router_r1.episode import Limits
from router_r1.model_cards import CallLimits, ModelCard
from router_r1.token_prices import Price
from router_r1_envs.verl_training.memory_estimate import TrainingLayout
from router_r1_envs.verl_training.model_shapes import shape_of
from router_r1_envs.verl_training.run_estimate import (
    describe,
    dollars,
    episodes_of,
    step_seconds,
    warnings,
)

LAYOUT = TrainingLayout(
    shape_of("Qwen/Qwen2.5-3B"), 80, 8, 1, 8, 1, 16384, 9000, 0.6, False
)  # fmt: skip


def episodes(rpm=40.0, free=False, per_step=512, prices=(1.0,) * 6):
    cards = [
        ModelCard(
            name=f"m{n}",
            price=Price(input=price, output=price),
            max_output_tokens=500,
            limits=CallLimits(requests_per_minute=rpm),
        )
        for n, price in enumerate(prices)
    ]
    return episodes_of(
        steps=200, per_step=per_step, test_every=20, per_validation=400, cards=cards, free=free,
        limits=Limits(max_rounds=3, max_routes=2),
    )  # fmt: skip


def test_a_run_makes_about_as_many_calls_as_episodes_times_rounds():
    run = episodes()
    assert run.total == 200 * 512 + 11 * 400
    assert 300_000 < run.total * 3 < 330_000


def test_forty_requests_a_minute_for_each_of_six_models_take_six_minutes_a_step():
    step = step_seconds(LAYOUT, episodes(), "NVIDIA H100 80GB HBM3")
    assert step.rate_limit / 60 == pytest.approx(6.4)
    (warning,) = warnings(LAYOUT, episodes(), "NVIDIA H100 80GB HBM3")
    assert "allows 240 requests a minute, so 1,536 calls a step take at least 6.4 min" in warning
    assert warnings(LAYOUT, episodes(rpm=None)) == warnings(LAYOUT, episodes(rpm=4000)) == []
    assert warnings(LAYOUT, episodes(free=True)) == []


def test_dollars_are_those_of_a_usual_and_of_the_dearest_episode():
    about, most = dollars(episodes(per_step=8, prices=(1.0, 3.0)))
    calls = (200 * 8 + 11 * 400) * 3
    assert about == pytest.approx(calls * 2 * (250 + 250) / 1e6)
    assert most == pytest.approx(calls * 2 * 3 * (250 + 500) / 1e6)
    assert dollars(episodes(free=True)) == (0, 0)


def test_a_step_is_faster_on_more_and_on_faster_gpus():
    run = episodes(free=True)
    seconds = step_seconds(LAYOUT, run, "H100").total
    assert step_seconds(LAYOUT, run, "A100").total > 1.5 * seconds
    assert 10 < seconds < 300


def test_the_text_names_everything_and_says_what_is_not_known():
    lines = describe(LAYOUT, episodes(), model="some/model", gpu="H100")
    names = [line.split()[0] for line in lines]
    assert names == [
        "model",
        "GPUs",
        "update",
        "generation",
        "host",
        "disk",
        "episodes",
        "dollars",
        "time",
    ]
    assert "49 GB a checkpoint" in lines[5]
    (unknown,) = describe(None, None, model="some/model")
    assert "its shape is not known" in unknown
