"""`open_policy` gives the sampler on a CPU and transformers elsewhere, and both generate the same episodes."""

import asyncio

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from router_r1 import Ledger, TransformersPolicy  # noqa: E402
from router_r1.data.splits import Split  # noqa: E402
from router_r1.errors import ConfigError  # noqa: E402
from router_r1.rollout import roll_out  # noqa: E402
from router_r1_envs.cpu_inference.policy import SamplerPolicy, open_policy  # noqa: E402
from router_r1_envs.supervised.small_policy import (  # noqa: E402
    make_model,
    make_tokenizer,
    save_policy,
)
from router_r1_envs.worlds.base import start  # noqa: E402
from router_r1_envs.worlds.generated_world.world import GeneratedWorld  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint with random weights."""
    path = tmp_path_factory.mktemp("policy")
    tokenizer = make_tokenizer([])
    save_policy(make_model(tokenizer, hidden=32, layers=2, heads=2), tokenizer, path)
    return path


def test_episodes_equal_those_of_transformers(folder, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    world = GeneratedWorld()
    questions = world.questions(Split.TEST, 6)

    def play(policy):
        episodes = [start(world, question, world.levels[0]) for question in questions]
        ledgers = [Ledger() for _ in episodes]

        async def run():
            pools = [world.pool(question) for question in questions]
            await asyncio.gather(
                *(
                    roll_out(e, policy, p, x)
                    for e, p, x in zip(episodes, pools, ledgers, strict=True)
                )
            )
            await policy.aclose()

        asyncio.run(run())
        usage = [[(entry.model, entry.usage) for entry in ledger] for ledger in ledgers]
        return [[turn.token_ids for turn in e.turns] for e in episodes], usage

    sampler = open_policy(folder, name="ours")
    assert isinstance(sampler, SamplerPolicy) and sampler.name == "ours"
    turns, usage = play(sampler)
    assert all(turns)
    assert (turns, usage) == play(TransformersPolicy(folder, name="ours", dtype="float32"))


def test_a_model_with_sliding_windows_is_opened_with_transformers(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.MistralConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, sliding_window=16,
    )  # fmt: skip
    save_policy(transformers.MistralForCausalLM(config), tokenizer, tmp_path)
    policy = open_policy(tmp_path)
    assert isinstance(policy, TransformersPolicy) and policy.name == tmp_path.name
    with pytest.raises(ConfigError, match="full attention in every layer"):
        SamplerPolicy(tmp_path)


def test_a_folder_without_a_checkpoint_is_rejected(tmp_path):
    with pytest.raises(ConfigError, match="no checkpoint with a tokenizer there"):
        open_policy(tmp_path)
