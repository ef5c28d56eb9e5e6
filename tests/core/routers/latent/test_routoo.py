"""`routoo`: a performance predictor with an embedding of each expert, a backbone, and a mean budget."""

import logging

import numpy as np
import pytest

from router_r1 import routers
from router_r1.errors import ConfigError

pytest.importorskip("sklearn")
torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def fitted(topic_table):
    return routers.make("routoo", steps=300).fit(topic_table(0))


def test_an_expert_is_its_embedding_alone(fitted, topic_table, tmp_path) -> None:
    table = topic_table(0)
    fitted.save(tmp_path)
    grown = routers.load(tmp_path)
    grown.shrinkage = 0.0
    card = table.cards[1].model_copy(update={"name": "twin"})
    rows = [o.model_copy(update={"model": "twin"}) for o in table if o.model == "solver"]
    grown.add_model("twin", type(table)([card], table.questions, rows))
    changed = {k for k, v in grown.learned.items() if not np.array_equal(v, fitted.learned.get(k))}
    assert changed == {"experts", "biases", "mean_cost"}
    scores = grown.scores(table.questions)
    assert np.array_equal(scores[:, :2], fitted.scores(table.questions))
    truth = np.array([table.outcome(q.id, "solver").score for q in table.questions])

    def loss(p):
        p = np.clip(p, 1e-9, 1 - 1e-9)
        return -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))

    assert (
        loss(scores[:, 2]) <= loss(scores[:, 1]) + 1e-6
    )  # convex: no embedding fits its answers better


def test_a_mean_budget_is_kept_and_spent_where_it_helps(fitted, topic_table) -> None:
    questions = topic_table(1).questions
    maths = np.array([q.category == "maths" for q in questions])
    cheap, dear = 0.0002, 0.002
    assert set(fitted.choose_within(questions, cheap * 1.001)) == {"lawyer"}
    quarter = fitted.choose_within(questions, cheap + (dear - cheap) * 0.2501)
    asked = np.array([name == "solver" for name in quarter])
    assert asked.sum() == 30
    assert maths[asked].all()
    assert fitted.choose_within(questions, 1.0) == fitted.choose(questions, float("inf"))
    with pytest.raises(ConfigError, match="give at least that"):
        fitted.choose_within(questions, cheap / 2)


@pytest.fixture(scope="module")
def backbone(tmp_path_factory):
    """A causal language model of 16 dimensions with random weights."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("backbone")
    words = "law maths court judge contract statute appeal tort triangle integral prime matrix vector sum"
    known = {word: place for place, word in enumerate(["[UNK]", *words.split()])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]"
    ).save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=len(known),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def test_the_vectors_of_a_backbone_are_the_mean_of_its_last_states(
    backbone, topic_table, tmp_path, monkeypatch, caplog
) -> None:
    monkeypatch.setenv("ROUTER_R1_CACHE", str(tmp_path / "cache"))
    import transformers

    table = topic_table(0)
    router = routers.make("routoo", backbone=str(backbone), steps=300).fit(table)
    question = table.questions[0]
    tokens = transformers.AutoTokenizer.from_pretrained(backbone)(
        question.question, return_tensors="pt"
    )
    model = transformers.AutoModelForCausalLM.from_pretrained(backbone)
    with torch.no_grad():
        states = model(tokens["input_ids"], output_hidden_states=True).hidden_states[-1][0]
    mean = states.mean(0).double().numpy()
    assert router.vectors([question])[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
    unseen = topic_table(1).questions
    chosen = router.choose(unseen, float("inf"))
    wanted = ["lawyer" if q.category == "law" else "solver" for q in unseen]
    assert np.mean([a == b for a, b in zip(chosen, wanted, strict=True)]) > 0.9
    router.save(tmp_path / "saved")
    assert np.array_equal(routers.load(tmp_path / "saved").scores(unseen), router.scores(unseen))
    with caplog.at_level(logging.WARNING):
        router.scores([question.model_copy(update={"question": "law " * 50, "choices": None})])
    assert "1 of 1 texts have more than 32 tokens" in caplog.text


def test_a_backbone_that_cannot_be_loaded_is_an_error(topic_table, tmp_path, monkeypatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("ROUTER_R1_CACHE", str(tmp_path / "cache"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ConfigError, match=r"backbone .*cannot be loaded .*expected the folder or hub name"
    ):
        routers.make("routoo", backbone=str(tmp_path / "empty")).fit(topic_table(0))


def test_facts_and_a_backbone_exclude_each_other(topic_table) -> None:
    with pytest.raises(ConfigError, match="facts go beside an embedding"):
        routers.make("routoo", backbone="x", facts=0.5).fit(topic_table(0))
