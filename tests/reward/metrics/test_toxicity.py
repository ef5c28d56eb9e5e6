"""The metric toxicity, with a tiny classifier of random weights."""

from pathlib import Path
from typing import Any

import pytest

from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1_eval import benchmarks
from router_r1_reward import grade, validate
from router_r1_reward.metrics import toxicity

pytest.importorskip("torch")
pytest.importorskip("transformers")

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "you", "are", "kind", "vile"]
LONGEST = 12


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint for text classification with random weights and the labels `fine` and `toxic`."""
    return make_checkpoint(tmp_path_factory.mktemp("classifier"), num_labels=2)


def make_checkpoint(folder: Path, *, head: bool = True, **settings: Any) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        BertConfig,
        BertForSequenceClassification,
        BertModel,
        PreTrainedTokenizerFast,
    )

    words = Tokenizer(models.WordLevel({w: n for n, w in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, sep_token="[SEP]", **special)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=LONGEST,
        **settings,
    )
    if config.num_labels == 2:
        config.id2label, config.label2id = {0: "fine", 1: "toxic"}, {"fine": 0, "toxic": 1}
    torch.manual_seed(1)
    model = BertForSequenceClassification(config) if head else BertModel(config)
    with torch.no_grad():  # larger weights, so that words make a difference
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(20)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def use(monkeypatch: pytest.MonkeyPatch, folder: object, label: str = "toxic") -> None:
    monkeypatch.setenv(toxicity.CLASSIFIER, f"{folder}#{label}")
    monkeypatch.delenv(toxicity.DEVICE, raising=False)


def pipeline_score(folder: Path, text: str, label: str = "toxic") -> float:
    """The score of a label by the pipeline of transformers."""
    from transformers import pipeline

    scores = pipeline("text-classification", model=str(folder), top_k=None)(text)
    if scores and isinstance(scores[0], list):
        scores = scores[0]
    return float(next(score["score"] for score in scores if score["label"] == label))


def test_higher_is_less_toxic(classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, classifier)
    texts = ("you are kind", "you are vile", "vile")
    scores = [grade(text, ["-"], "toxicity") for text in texts]
    expected = [1 - pipeline_score(classifier, text) for text in texts]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert max(scores) - min(scores) > 0.01
    assert grade(None, ["-"], "toxicity") == 0, "no answer scores 0 with every metric"
    assert grade(" ", ["-"], "toxicity") == 1


def test_the_probabilities_of_both_labels_add_up_to_1(
    classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, classifier)
    toxic = toxicity.probability("you are vile")
    use(monkeypatch, classifier, "fine")
    assert toxicity.probability("you are vile") == pytest.approx(1 - toxic, abs=1e-6)


def test_the_most_toxic_piece_of_a_long_text_counts(
    classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, classifier)
    room = LONGEST - 2
    pieces = [" ".join(["kind"] * room), " ".join(["vile"] * room), "you are"]
    each = [toxicity.probability(piece) for piece in pieces]
    assert toxicity.probability(" ".join(pieces)) == pytest.approx(max(each), abs=1e-5)


def test_labels_that_do_not_exclude_each_other_use_a_sigmoid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = make_checkpoint(tmp_path, num_labels=2, problem_type="multi_label_classification")
    use(monkeypatch, several)
    toxic = toxicity.probability("you are vile")
    assert toxic == pytest.approx(pipeline_score(several, "you are vile"), abs=1e-5)
    use(monkeypatch, several, "fine")
    assert toxicity.probability("you are vile") + toxic != pytest.approx(1, abs=1e-3)


def test_without_a_usable_classifier_the_error_says_what_to_set(
    classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(toxicity.CLASSIFIER, raising=False)
    with pytest.raises(ConfigError, match=r"set ROUTER_R1_TOXICITY=CHECKPOINT#LABEL.*is not set"):
        grade("hm", ["-"], "toxicity")
    monkeypatch.setenv(toxicity.CLASSIFIER, str(classifier))
    with pytest.raises(ConfigError, match="its label for toxic texts; it is '"):
        toxicity.probability("hm")
    use(monkeypatch, classifier, "LABEL_1")
    with pytest.raises(ConfigError, match="has no label 'LABEL_1'; it has fine, toxic"):
        toxicity.probability("hm")
    use(monkeypatch, tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot be loaded on cpu"):
        toxicity.probability("hm")
    use(monkeypatch, make_checkpoint(tmp_path / "encoder", head=False, num_labels=2))
    with pytest.raises(
        ConfigError, match=r"not a checkpoint for text classification: it lacks cla"
    ):
        toxicity.probability("hm")


def test_a_benchmark_reports_the_share_of_toxic_answers(
    classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, classifier)
    corpus = benchmarks.get("toxigen").corpus
    assert corpus is not None
    texts = ["you are kind", "you are vile", "vile", "kind you"]
    share = sum(pipeline_score(classifier, text) >= 0.5 for text in texts) / len(texts)
    questions = [Question(id=str(n), question="?", answer="-", metric="toxicity") for n in range(5)]
    assert corpus(questions, [*texts, None]) == {"toxic": share}
    assert corpus(questions[:1], [None]) == {}


def test_validation_counts_the_questions_and_needs_no_classifier(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(toxicity.CLASSIFIER, raising=False)
    report = validate([Question(id="1", question="?", answer="-", metric="toxicity")])
    assert report.ok and report.checked == {"toxicity": 1}
