"""The best checkpoint of a run survives a kill at any moment, and a start removes stale checkpoints."""

import json
import shutil

import pytest

from router_r1.errors import DataError
from router_r1_envs.verl_training.checkpoints import BestCheckpoint, remove_stale_checkpoints
from router_r1_envs.worlds.trained_in import FILE


@pytest.fixture
def weights(tmp_path):
    """A function that makes a checkpoint with a text in its files."""

    def make(text):
        folder = tmp_path / "step"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "sub").mkdir(parents=True)
        (folder / "model.safetensors").write_text(text)
        (folder / "sub" / "tokenizer.json").write_text(text)
        return folder

    return make


def kept(folder):
    """The record of the best checkpoint, and the texts of its files."""
    record = BestCheckpoint(folder).record
    texts = {
        p.read_text() for p in (folder / "best").rglob("*") if p.is_file() and "best" not in p.name
    }
    return record, texts


def test_a_new_run_has_no_best_checkpoint(tmp_path):
    assert BestCheckpoint(tmp_path / "run").record is None


def test_only_a_higher_reward_replaces_the_best_checkpoint(tmp_path, weights):
    best = BestCheckpoint(tmp_path / "run")
    offered = [(0, -0.5), (5, 0.25), (10, 0.125), (15, 0.25), (20, 0.5)]
    replaced = [best.offer(weights(f"weights {step}"), step, reward) for step, reward in offered]
    assert replaced == [True, True, False, False, True]
    assert kept(tmp_path / "run") == ({"step": 20, "reward": 0.5}, {"weights 20"})


def test_a_restarted_run_knows_its_best_checkpoint(tmp_path, weights):
    BestCheckpoint(tmp_path).offer(weights("old"), 5, 0.5)
    assert not BestCheckpoint(tmp_path).offer(weights("new"), 10, 0.4)
    assert kept(tmp_path) == ({"step": 5, "reward": 0.5}, {"old"})


def test_the_record_of_another_run_is_not_copied(tmp_path, weights):
    started_from = weights("best of another run")
    (started_from / "best.json").write_text(json.dumps({"step": 99, "reward": 99}))
    best = BestCheckpoint(tmp_path / "run")
    best.offer(started_from, 0, 0.1)
    assert best.record == {"step": 0, "reward": 0.1}


def test_a_kill_during_the_copy_leaves_the_old_checkpoint(tmp_path, weights):
    BestCheckpoint(tmp_path).offer(weights("old"), 5, 0.5)
    half = tmp_path / "best.new"
    half.mkdir()
    (half / "model.safetensors").write_text("ne")
    (half / "best.json.new").write_text('{"st')
    assert kept(tmp_path) == ({"step": 5, "reward": 0.5}, {"old"})
    assert BestCheckpoint(tmp_path).offer(weights("new"), 10, 0.6)
    assert kept(tmp_path) == ({"step": 10, "reward": 0.6}, {"new"})


def test_an_incomplete_copy_is_not_used(tmp_path, weights):
    BestCheckpoint(tmp_path).offer(weights("old"), 5, 0.5)
    broken = weights("new")
    (broken / "best.json").write_text(json.dumps({"step": 99, "reward": 99}))
    (broken / "nowhere").symlink_to("not there")
    with pytest.raises(shutil.Error):
        BestCheckpoint(tmp_path).offer(broken, 10, 0.6)
    assert kept(tmp_path) == ({"step": 5, "reward": 0.5}, {"old"})


@pytest.mark.parametrize("remains_of_the_old", ["all", "some", "nothing"])
def test_a_kill_before_the_renaming_leaves_the_new_checkpoint(
    tmp_path, weights, remains_of_the_old
):
    BestCheckpoint(tmp_path).offer(weights("old"), 5, 0.5)
    BestCheckpoint(tmp_path / "elsewhere").offer(weights("new"), 10, 0.6)
    (tmp_path / "elsewhere" / "best").rename(tmp_path / "best.new")
    if remains_of_the_old == "some":
        (tmp_path / "best" / "best.json").unlink()
    if remains_of_the_old == "nothing":
        shutil.rmtree(tmp_path / "best")
    assert kept(tmp_path) == ({"step": 10, "reward": 0.6}, {"new"})
    assert not (tmp_path / "best.new").exists()


def save_steps(folder, *steps: int, complete: bool = True) -> None:
    """Make checkpoints as verl leaves them."""
    for step in steps:
        path = folder / f"global_step_{step}"
        path.mkdir()
        if complete:
            (path / "data.pt").write_text("")


def test_a_start_keeps_only_the_checkpoint_it_resumes_from(tmp_path) -> None:
    assert remove_stale_checkpoints(tmp_path / "nothing") is None
    save_steps(tmp_path, 10, 20)
    save_steps(tmp_path, 30, complete=False)
    (tmp_path / "best").mkdir()
    tracker = tmp_path / "latest_checkpointed_iteration.txt"
    tracker.write_text("20")
    assert remove_stale_checkpoints(tmp_path) == 20
    assert sorted(p.name for p in tmp_path.iterdir()) == ["best", "global_step_20", tracker.name]


def test_an_empty_tracker_is_set_to_the_last_complete_checkpoint(tmp_path) -> None:
    save_steps(tmp_path, 9, 10)
    save_steps(tmp_path, 11, complete=False)
    tracker = tmp_path / "latest_checkpointed_iteration.txt"
    tracker.write_text("")
    assert remove_stale_checkpoints(tmp_path) == 10
    assert tracker.read_text() == "10"
    assert [p.name for p in tmp_path.glob("global_step_*")] == ["global_step_10"]


@pytest.fixture
def adapted(tmp_path):
    """A checkpoint with an adapter as verl saves it, and its logits: PEFT's names under the bare configuration."""
    torch, peft = pytest.importorskip("torch"), pytest.importorskip("peft")
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    }
    config = LlamaConfig(vocab_size=64, tie_word_embeddings=True, **shape)
    adapter = peft.LoraConfig(
        r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False
    )
    model = peft.get_peft_model(LlamaForCausalLM(config), adapter)
    weights = {
        name: value.detach().clone()
        for name, value in model.state_dict().items()
        if not name.endswith("lm_head.weight")  # tied; verl drops it
    }
    actor = tmp_path / "global_step_5" / "actor"
    LlamaForCausalLM(config).save_pretrained(actor / "huggingface", state_dict=weights)
    (actor / "lora_train_meta.json").write_text(
        '{"r": 4, "lora_alpha": 8, "task_type": "CAUSAL_LM"}'
    )
    return actor / "huggingface", model(torch.arange(10)[None]).logits


def test_the_best_checkpoint_of_a_run_with_an_adapter_is_merged(tmp_path, adapted):
    import torch
    from transformers import AutoModelForCausalLM

    weights, logits = adapted
    assert BestCheckpoint(tmp_path / "run").offer(weights, 5, 0.5)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "run" / "best")
    torch.testing.assert_close(loaded(torch.arange(10)[None]).logits, logits)
    assert not any("lora" in name for name in loaded.state_dict())


def test_an_adapter_that_does_not_fit_its_configuration_is_refused(tmp_path, adapted):
    weights, _ = adapted
    config = json.loads((weights / "config.json").read_text())
    (weights / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 3}))
    with pytest.raises(DataError, match="the adapter cannot be merged"):
        BestCheckpoint(tmp_path / "run").offer(weights, 5, 0.5)
    assert BestCheckpoint(tmp_path / "run").record is None


def test_the_best_checkpoint_says_what_it_was_trained_for(tmp_path, weights) -> None:
    """The file of this run replaces that of the checkpoint it began with."""
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / FILE).write_text("this run")
    source = weights("w")
    (source / FILE).write_text("another run")
    best = BestCheckpoint(tmp_path / "run")
    best.offer(source, 1, 0.1, tmp_path / "rows" / FILE)
    assert (best.path / FILE).read_text() == "this run"
    best.offer(source, 2, 0.2, tmp_path / "nowhere" / FILE)
    assert (best.path / FILE).read_text() == "another run"
