"""The training loop lowers the loss of the policy's tokens only, reproducibly, also in bfloat16."""

import math
from dataclasses import replace

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1.errors import ConfigError
from router_r1_envs.supervised.small_policy import make_model
from router_r1_envs.supervised.training_loop import train


def small(tokenizer):
    return make_model(tokenizer, hidden=32, layers=2, heads=2)


def test_training_lowers_the_loss_of_the_policys_tokens(tokenizer, examples):
    model = small(tokenizer)
    seen = []
    last = train(model, examples, steps=50, batch_size=8, warmup=5, on_progress=seen.append)
    assert [(p.step, p.steps) for p in seen] == [(25, 50), (50, 50)]
    assert seen[-1].loss == last < 0.8 * seen[0].loss < math.log(len(tokenizer))
    assert not model.training
    assert model.config._attn_implementation == "sdpa"


def test_only_masked_tokens_are_learned(tokenizer, examples):
    """Episodes that differ only after the policy's last token give the same loss."""
    longer = [replace(e, ids=e.ids + e.ids[:7], mask=e.mask + [0] * 7) for e in examples[:16]]
    losses = [
        train(small(tokenizer), part, steps=2, batch_size=16) for part in (examples[:16], longer)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_training_is_reproducible(tokenizer, examples):
    losses = [
        train(small(tokenizer), examples, steps=3, batch_size=4, seed=seed) for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_bfloat16_gives_about_the_same_loss(tokenizer, examples):
    losses = [
        train(small(tokenizer), examples, steps=3, batch_size=4, bf16=bf16)
        for bf16 in (False, True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_training_without_demonstrations_is_an_error(tokenizer):
    with pytest.raises(ConfigError, match="no demonstrations"):
        train(small(tokenizer), [], steps=1)
