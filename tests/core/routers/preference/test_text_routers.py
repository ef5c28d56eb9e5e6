"""`bert` and `causal_lm`: they fine-tune a checkpoint, which is saved with the router."""

import logging
import shutil

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.routers.preference.battle_set import BattleSet
from router_r1.routers.preference.battles import Battle

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

QUICK = {"layers": 9, "learning_rate": 3e-3, "epochs": 1}


@pytest.fixture(params=["bert", "causal_lm"])
def kind(request):
    return request.param


@pytest.fixture
def backbone(kind, tiny_encoder, tiny_language_model):
    return tiny_encoder if kind == "bert" else tiny_language_model


def asked(text):
    return Question(id="q", question=text, answer="1", metric="em")


def test_a_saved_router_does_not_need_the_backbone_again(
    kind, backbone, topic_table, tmp_path
) -> None:
    copy = shutil.copytree(backbone, tmp_path / "copy")
    questions = topic_table(1, 20).questions
    fitted = routers.make(kind, backbone=str(copy), **QUICK).fit(topic_table(0, 40))
    fitted.save(tmp_path / "saved")
    shutil.rmtree(copy)
    loaded = routers.load(tmp_path / "saved")
    assert np.array_equal(loaded.scores(questions), fitted.scores(questions))


def test_a_long_question_is_cut_and_the_log_says_so_once(
    kind, backbone, topic_table, caplog
) -> None:
    router = routers.make(kind, backbone=str(backbone), max_tokens=10, **QUICK)
    with caplog.at_level(logging.WARNING, logger="router_r1.routers"):
        fitted = router.fit(topic_table(0, 30))
        start = "court judge tort sum prime of of of of of of of "
        scores = fitted.scores([asked(start + "court " * 9), asked(start + "sum " * 99)])
    said = [r.getMessage() for r in caplog.records if "reads 10 tokens" in r.getMessage()]
    assert len(said) == 1
    assert "30 of 30 questions are longer, and their rest is not read" in said[0]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_only_the_last_layers_are_trained(kind, backbone, topic_table) -> None:
    settings = QUICK | {"layers": 1}
    fitted = routers.make(kind, backbone=str(backbone), **settings).fit(topic_table(0, 30))
    loader = transformers.AutoModel if kind == "bert" else transformers.AutoModelForCausalLM
    before = dict(loader.from_pretrained(backbone).named_parameters())
    changed = {n for n, p in fitted._net.named_parameters() if not torch.equal(p.cpu(), before[n])}
    assert changed
    assert all("layer.1." in name or "layers.1." in name for name in changed)


def test_training_leaves_the_random_numbers_of_others(kind, backbone, topic_table) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    routers.make(kind, backbone=str(backbone), **QUICK).fit(topic_table(0, 10))
    assert torch.equal(torch.rand(3), expected)


def test_a_backbone_that_is_none_is_an_error(kind, topic_table, tmp_path) -> None:
    for name in (str(tmp_path), ""):
        with pytest.raises(ConfigError, match=r"backbone .*: cannot be loaded"):
            routers.make(kind, backbone=name).fit(topic_table(0, 10))


def test_labels_that_are_not_told_apart_are_an_error(
    tiny_language_model, topic_table, tmp_path
) -> None:
    folder = shutil.copytree(tiny_language_model, tmp_path / "no_digits")
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text.replace('"3":', '"three":'))
    with pytest.raises(ConfigError, match="does not tell 1, 2, 3, 4, 5 apart"):
        routers.make("causal_lm", backbone=str(folder)).fit(topic_table(0, 10))


def test_bert_learns_the_share_of_wins_ties_and_losses() -> None:
    battles = [
        Battle("Why?", "one", "two", "a"),
        Battle("Why?", "three", "one", "tie"),
        Battle("How?", "two", "one", "a"),
    ]
    targets = routers.make("bert")._targets(BattleSet.of(battles, ("one", "two", "three")))
    assert targets[0].tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    assert targets[1].tolist() == [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def test_bert_of_two_models_says_how_probably_one_beats_the_other() -> None:
    router = routers.make("bert")
    wins = np.array([[[0.6, 0.2, 0.2], [0.2, 0.2, 0.6]]])  # a tie is half a win
    strengths = router._strengths_of(wins)
    assert 1 / (1 + np.exp(strengths[0, 1] - strengths[0, 0])) == pytest.approx(0.7)


def test_a_score_is_a_mixture_of_the_two_nearest_labels(topic_table) -> None:
    router = routers.make("causal_lm")
    scores = np.array([[0.0, 0.25, 0.3, 1.0]])
    one = np.zeros(1, dtype=np.int64)
    made = BattleSet(tuple("abcd"), ("Why?",), one, one, one + 1, np.ones(1), scores)
    targets = router._targets(made)
    assert targets[0, 0].tolist() == [1, 0, 0, 0, 0]
    assert targets[0, 1].tolist() == [0, 1, 0, 0, 0]
    assert targets[0, 2] == pytest.approx([0, 0.8, 0.2, 0, 0])
    assert targets @ np.linspace(0, 1, 5) == pytest.approx(scores)
    won = router._targets(BattleSet.of([Battle("Why?", "b", "a", "a")], ("a", "b")))
    assert won[0].tolist() == [[1, 0, 0, 0, 0], [0, 0, 0, 0, 1]]
