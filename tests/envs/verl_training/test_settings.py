"""The recipe's variables: defaults by stack and hardware, and combinations that are refused before anything starts."""

import pytest

from router_r1.episode import Limits
from router_r1.errors import ConfigError
from router_r1.model_cards import CallLimits, ModelCard
from router_r1.token_prices import Price
from router_r1_envs.verl_training.episode_length import longest_response
from router_r1_envs.verl_training.run_plan import WorldFacts, response_length
from router_r1_envs.verl_training.settings import read_settings


def card(output=4096, price=10.0, **limits) -> ModelCard:
    return ModelCard(
        name="large",
        price=Price(input=1, output=price),
        max_output_tokens=output,
        limits=CallLimits(**limits),
    )


def test_every_variable_can_be_set_and_an_empty_one_is_the_default():
    settings = read_settings(
        {"STACK": "gpu", "BATCH": "32", "LR": "2e-6", "NORM_STD": "True", "GROUP": ""}
    )
    assert (settings.batch, settings.mini, settings.lr, settings.group) == (32, 16, 2e-6, 8)
    assert settings.norm_std is True
    assert read_settings({"WORLD": "w.yaml"}).norm_std is False
    assert read_settings({"OUT": "runs/a"}).model == "runs/a/cold_start"


def test_more_gpus_take_more_questions_a_step():
    batches = [
        read_settings({"STACK": "gpu", "GPUS": gpus, "NODES": nodes}).batch
        for gpus, nodes in (("1", "1"), ("8", "1"), ("8", "4"))
    ]
    assert batches == [64, 128, 256]


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"GPUS": "8"}, "GPUS and NODES are for STACK=gpu"),
        ({"BATCH": "10", "MINI": "4"}, r"MINI \(4\) must divide BATCH \(10\)"),
        ({"MICRO": "7"}, r"MICRO \(7\) must divide MINI x GROUP on each GPU \(64\)"),
        # verl finds this after the first batch was played and paid: MICRO divides MINI x GROUP, but not a GPU's part.
        (
            {"STACK": "gpu", "GPUS": "8", "BATCH": "32", "MINI": "16", "MICRO": "32"},
            r"MICRO \(32\) must divide MINI x GROUP on each GPU \(16\)",
        ),
        (
            {"STACK": "gpu", "GPUS": "8", "NODES": "3", "BATCH": "32"},
            r"MINI x GROUP \(128\) must be a multiple of all GPUs, GPUS x NODES \(24\)",
        ),
        ({"STACK": "gpu", "GPUS": "8", "TP": "3"}, r"TP \(3\) must divide GPUS \(8\)"),
        ({"STACK": "gpu", "ALGO": "ppo", "LORA": "8"}, "LORA is for ALGO=grpo"),
        ({"STEPS": "many"}, "train.sh: STEPS: "),
        ({"ALPHA": "2"}, "train.sh: ALPHA: "),
    ],
)
def test_what_does_not_fit_together_is_named(variables, message):
    with pytest.raises(ConfigError, match=message):
        read_settings(variables)


def test_the_response_length_follows_from_the_limits():
    # Three rounds of two routes, each reply cut at 2,400 characters; two malformed turns, with their corrections.
    limits = Limits(max_rounds=3, max_routes=2)
    turns, replies, corrections = 6 * 1024, 3 * 2 * 640, 2 * 200
    assert longest_response([card()], limits) == turns + replies + corrections + 40
    # A candidate that writes less, and a policy that may write less.
    assert longest_response([card(output=100)], limits) == turns + 3 * 2 * 140 + corrections + 40
    short = limits.model_copy(update={"max_policy_tokens": 2000})
    assert longest_response([card()], short) == 2000 + replies + corrections + 40


def test_a_world_whose_episodes_do_not_fit_the_response_is_refused():
    world = WorldFacts((card(),), Limits(max_rounds=3, max_routes=2), 1, False)
    derived = response_length(read_settings({"STACK": "gpu"}), world)
    assert derived == longest_response(world.cards, world.limits) == 10424
    given = {"STACK": "gpu", "WORLD": "w.yaml"}
    assert response_length(read_settings(given | {"RESPONSE": "12000"}), world) == 12000
    with pytest.raises(ConfigError) as refused:
        response_length(read_settings(given | {"RESPONSE": "9000"}), world)
    assert "an episode of w.yaml can have 10424 tokens" in str(refused.value)
    assert "set limits.max_routes=1 in the world" in str(refused.value)
    fitting = world.limits.model_copy(update={"max_routes": 1})
    assert longest_response(world.cards, fitting) <= 9000
