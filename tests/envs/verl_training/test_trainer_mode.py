"""Every mode gives a configuration with which verl makes the trainer, the buffer and the client that belong to it."""

import pytest

pytest.importorskip("verl")

from router_r1_envs.verl_on_cpu import settings
from router_r1_envs.verl_training.trainer_mode import MODES, mode_overrides

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore"),  # warnings while verl is imported
]

CLIENTS = {
    "sync": "LLMServerClient",
    "colocate_async": "FullyAsyncLLMServerClient",
    "separate_async": "FullyAsyncLLMServerClient",
}


@pytest.mark.parametrize("mode", MODES)
def test_verl_makes_the_trainer_of_a_mode(mode):
    from hydra import compose, initialize_config_module
    from verl.trainer.ppo.v1 import get_trainer_cls, trainer_base
    from verl.trainer.ppo.v1.replay_buffer import ReplayBufferAsync

    from router_r1_envs.verl_training import trainer as ours

    overrides = [
        *settings.overrides(),
        "data.train_batch_size=8",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4",
        *(
            f"{k}={v}"
            for k, v in mode_overrides(mode, ahead=1.5, updates=2, gpus=4, cpu=True).items()
        ),
    ]
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", overrides)
    made = get_trainer_cls(config.trainer.v1.trainer_mode)(config)
    assert isinstance(made, ours.RouterTrainer)
    assert isinstance(made, trainer_base.TRAINER_REGISTRY[mode])
    assert made.trainer_mode == config.trainer.v1.trainer_mode == mode
    assert made.parameter_sync_step == (2 if mode == "separate_async" else 1)
    assert isinstance(made.replay_buffer, ReplayBufferAsync) is (mode != "sync")
    assert type(made.replay_buffer).__module__ == "router_r1_envs.verl_training.replay_buffer"
    if mode != "sync":
        assert config.trainer.v1[mode].num_warmup_batches == 1.5
    if mode == "separate_async":
        assert config.actor_rollout_ref.rollout.n_gpus_per_node == 4


@pytest.mark.parametrize("mode", MODES)
def test_all_turns_of_an_episode_have_one_request_id_in_every_mode(mode, monkeypatch):
    from omegaconf import OmegaConf
    from verl.workers.rollout import llm_server

    from router_r1_envs.verl_training import agent_loop_worker

    rollout = {"full_determinism": False, "agent": {"agent_loop_config_path": None}}
    config = OmegaConf.create({"actor_rollout_ref": {"rollout": rollout, "model": {}}})
    stock = getattr(llm_server, CLIENTS[mode])(config)
    assert stock._vllm_request_id("episode") != "episode"
    client = agent_loop_worker.Manager(config, stock).llm_client
    assert isinstance(client, type(stock))
    assert client._vllm_request_id("episode") == "episode"
