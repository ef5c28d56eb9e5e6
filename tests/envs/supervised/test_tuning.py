"""`train imitate` and `train dpo` on a tiny checkpoint: what is learned, saved, merged, resumed and refused."""

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from router_r1.data.splits import Split  # noqa: E402
from router_r1.errors import ConfigError  # noqa: E402
from router_r1.policies.checkpoint import load_checkpoint  # noqa: E402
from router_r1_envs.planner.planner_file import save_planner  # noqa: E402
from router_r1_envs.supervised import checkpoint_tuning  # noqa: E402
from router_r1_envs.supervised.checkpoint_imitation import IGNORED  # noqa: E402
from router_r1_envs.supervised.demonstrations import Example  # noqa: E402
from router_r1_envs.supervised.preference_training import PolicyTokenCollator, to_row  # noqa: E402
from router_r1_envs.supervised.sampling import sample_episodes  # noqa: E402
from router_r1_envs.supervised.small_policy import make_model, save_policy  # noqa: E402
from router_r1_envs.supervised.tuning_config import ImitateConfig  # noqa: E402
from router_r1_envs.supervised.tuning_run import TuningRun, imitate, tune  # noqa: E402
from router_r1_envs.worlds.generated_world.rule_policies import RulePolicy, at_random  # noqa: E402
from router_r1_reward import RewardConfig  # noqa: E402

FEW = ("batch_size=4", "micro_batch=2", "questions=12", "save_every=2")


@pytest.fixture(scope="module")
def checkpoint(tokenizer, tmp_path_factory):
    """A checkpoint of one layer with random weights."""
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    save_policy(make_model(tokenizer, hidden=32, layers=1, heads=2, seed=3), tokenizer, folder)
    return folder


@pytest.fixture
def train(router_r1, checkpoint):
    """A function that runs `train imitate` or `train dpo` on that checkpoint, and returns the report."""

    def run(command, out, *settings, held_out=2, options=()):
        name = {"imitate": "imitation", "dpo": "dpo"}[command]
        given = [part for setting in (*FEW, *settings) for part in (f"--{name}", setting)]
        place = ["--world", "generated", "--out", out, "--held-out", held_out, "--threads", 1]
        router_r1("train", command, checkpoint, *place, *given, *options)
        return json.loads((out / f"{name}.json").read_text())

    return run


@pytest.fixture(scope="module")
def traces(world, tmp_path_factory):
    """Six episodes of a random router on each of twelve questions."""
    path = tmp_path_factory.mktemp("sampled") / "episodes.jsonl"

    for question in world.questions(Split.TRAIN, 12):
        sample_episodes(world, [question], Router(world, question), path, tries=6)
    return path


class Router(RulePolicy):
    """A random router that chooses anew in every episode."""

    def __init__(self, world, question):
        super().__init__(world, question, at_random)

    async def write_turn(self, episode, account):
        self._key = episode.id
        return await super().write_turn(episode, account)


def weights(folder):
    return AutoModelForCausalLM.from_pretrained(folder, dtype="float32").state_dict()


def test_imitation_lowers_the_loss_and_saves_a_checkpoint(train, checkpoint, tmp_path):
    report = train("imitate", tmp_path, "learning_rate=0.01", "epochs=4", options=["--before"])
    losses = report["losses"]
    assert report["examples"] > 4 and losses[-1] < 0.8 * losses[0]
    assert (
        report["held_out"]["after"]["questions"] == report["held_out"]["before"]["questions"] == 2
    )
    tokenizer, model = load_checkpoint(tmp_path)
    before = AutoModelForCausalLM.from_pretrained(checkpoint)
    assert model.config.to_diff_dict() == before.config.to_diff_dict()
    assert tokenizer.get_vocab() == AutoTokenizer.from_pretrained(checkpoint).get_vocab()
    assert not (tmp_path / "trainer").exists()


def test_trl_learns_the_policys_tokens_and_nothing_else(train, tmp_path, monkeypatch):
    import trl

    seen = []
    step = trl.SFTTrainer.compute_loss

    def spy(self, model, inputs, *args, **kwargs):
        seen.extend(zip(inputs["input_ids"].tolist(), inputs["labels"].tolist(), strict=True))
        return step(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(trl.SFTTrainer, "compute_loss", spy)
    train("imitate", tmp_path, "epochs=1", held_out=0)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    for ids, labels in seen:
        learned = [i for i, label in zip(ids, labels, strict=True) if label != IGNORED]
        assert learned == [label for label in labels if label != IGNORED]
        text = tokenizer.decode(learned)
        assert text.startswith("<think>") and text.endswith("</answer>")
        assert "<information" not in text and "<information" in tokenizer.decode(ids)


def test_an_interrupted_training_continues_and_a_finished_one_stays(train, tmp_path, monkeypatch):
    whole = train("imitate", tmp_path / "whole", "epochs=4", held_out=0)

    class Killed(Exception):
        pass

    def die(*_):
        raise Killed

    save = checkpoint_tuning.save
    monkeypatch.setattr(checkpoint_tuning, "save", die)
    with pytest.raises(Killed):
        train("imitate", tmp_path / "again", "epochs=4", held_out=0)
    monkeypatch.setattr(checkpoint_tuning, "save", save)
    (last,) = (tmp_path / "again" / "trainer").glob("checkpoint-*")
    state = json.loads((last / "trainer_state.json").read_text())
    assert state["global_step"] >= 2
    again = train("imitate", tmp_path / "again", "epochs=4", held_out=0)
    assert again["losses"] == pytest.approx(whole["losses"])
    for name, value in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(tmp_path / "again")[name], value)
    train("imitate", tmp_path / "again", "epochs=4", held_out=0)
    assert json.loads((tmp_path / "again" / "imitation.json").read_text()) == again
    with pytest.raises(ConfigError, match="was started with another settings"):
        train("imitate", tmp_path / "again", "epochs=3", held_out=0)


def test_an_adapter_is_merged_and_kept(train, checkpoint, tmp_path):
    from peft import PeftModel

    train("imitate", tmp_path, "method=lora", "learning_rate=0.01", held_out=0)
    base = AutoModelForCausalLM.from_pretrained(checkpoint)
    merged = PeftModel.from_pretrained(base, tmp_path / "adapter").merge_and_unload()
    found = weights(tmp_path)
    changed = 0
    for name, value in merged.state_dict().items():
        torch.testing.assert_close(found[name], value)
        changed += not torch.equal(value, weights(checkpoint)[name])
    assert changed == 7  # the linear layers of one block


def test_what_is_longer_than_the_limit_is_left_out_and_counted(train, tmp_path):
    report = train("imitate", tmp_path, "max_tokens=90", "epochs=1", held_out=0)
    assert report["longest"] <= 90
    assert report["left_out"]["longer than max_tokens"] > 0
    with pytest.raises(ConfigError, match=r"nothing to learn from; left out: \d+ \(longer"):
        train("imitate", tmp_path / "none", "max_tokens=10", held_out=0)


def test_traces_are_imitated_and_preferred(train, traces, tmp_path):
    options = ["--traces", traces]
    imitated = train("imitate", tmp_path / "a", "keep=valid", held_out=0, options=options)
    assert imitated["examples"] + sum(imitated["left_out"].values()) == 72
    preferred = train(
        "dpo", tmp_path / "b", "epochs=6", "learning_rate=0.003", held_out=0, options=options
    )
    assert preferred["losses"][0] == pytest.approx(
        0.6931, abs=1e-3
    )  # ln 2: policy and reference are equal
    assert preferred["losses"][-1] < 0.6
    last = preferred["accuracies"][-6:]  # one step has four pairs
    assert sum(last) / len(last) > 0.8
    load_checkpoint(tmp_path / "b")


def test_preferences_count_the_policys_tokens_only():
    better = Example([1, 2, 3, 4, 5, 6], [0, 0, 1, 0, 0, 1])
    worse = Example([1, 2, 7, 8], [0, 0, 1, 0])
    batch = PolicyTokenCollator(pad_token_id=0)([to_row((better, worse))])
    assert batch["input_ids"].tolist() == [better.ids, [*worse.ids, 0, 0]]
    assert batch["completion_mask"].tolist() == [better.mask, [*worse.mask, 0, 0]]
    assert batch["attention_mask"].tolist() == [[1] * 6, [1, 1, 1, 1, 0, 0]]


def test_a_table_is_imitated_with_its_planner(recorded_world, planner, checkpoint, tmp_path):
    settings = ImitateConfig(batch_size=4, micro_batch=2, epochs=1, max_examples=12)
    reward = RewardConfig(alpha=0.5)
    run = TuningRun(str(checkpoint), recorded_world, "table", reward, tmp_path)
    save_planner(planner, tmp_path / "planner.skops")
    report = tune(run, "imitation", settings, lambda: imitate(run, settings), held_out=2)
    assert report["examples"] + sum(report["left_out"].values()) == 12
    assert report["held_out"]["after"]["questions"] == 2 and report["held_out"]["before"] is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_qlora_needs_a_gpu(train, tmp_path):
    with pytest.raises(
        ConfigError, match="needs a GPU, and torch finds none here; set method=lora"
    ):
        train("imitate", tmp_path / "out", "method=qlora")
    assert not (tmp_path / "out").exists()


def test_the_old_form_names_the_new_ones(router_r1, tmp_path):
    with pytest.raises(ConfigError, match=r"router-r1 train cold-start TABLE --out OUT"):
        router_r1("train", "imitate", "table", "--out", tmp_path)
    with pytest.raises(ConfigError, match="is the checkpoint that is trained"):
        router_r1("train", "dpo", tmp_path, "--world", "generated", "--out", tmp_path)
    with pytest.raises(ConfigError, match="give one of the two"):
        router_r1(
            "train", "imitate", "m", "--world", "generated", "--out", tmp_path,
            "--policy", "m", "--traces", "t",
        )  # fmt: skip
