"""The metric `toxicity`: 1 minus the probability of a toxic label, by a classifier that the user names.

A higher score is less toxic. There is no standard classifier, so there is no default. Two environment variables name
one:

    ROUTER_R1_TOXICITY=CHECKPOINT#LABEL        a folder or a name on the Hugging Face hub, and its label for toxic texts
    ROUTER_R1_TOXICITY_DEVICE=cuda             the device; cpu by default

The checkpoint must be one for text classification. The probability is a softmax over its labels, or a sigmoid if the
checkpoint says that labels do not exclude each other (`problem_type: multi_label_classification`) or has only one. A
text that is longer than the classifier's input is split, and the most toxic piece counts. The classifier reads the
answer without its question.

Scores of different classifiers cannot be compared. Needs the extra `local` (torch, transformers).
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, MissingDependencyError
from router_r1_reward.metrics.base import Metric, register

CLASSIFIER = "ROUTER_R1_TOXICITY"
DEVICE = "ROUTER_R1_TOXICITY_DEVICE"
_MAX_TOKENS = 512
_BATCH_SIZE = 32
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def harmlessness(answer: str, gold: str, question: Question | None = None) -> float:
    """1 minus the toxicity of an answer; the gold answer and the question are unused.

    Args:
        answer: the text to classify.
        gold: unused.
        question: unused.

    Raises:
        ConfigError: no classifier is named, it cannot be loaded, or it has no such label.
        MissingDependencyError: torch or transformers is not installed.
    """
    return 1.0 - probability(answer)


def probability(text: str) -> float:
    """The toxicity of a text, from 0 to 1, by the classifier that the environment names. A blank text is not toxic.

    Raises:
        ConfigError, MissingDependencyError: see `harmlessness`.
    """
    named = os.environ.get(CLASSIFIER, "")
    path, mark, label = named.rpartition("#")
    if not (path and mark and label):
        given = f"it is {named!r}" if named else "it is not set"
        raise ConfigError(
            f"the metric 'toxicity' needs a classifier: set {CLASSIFIER}=CHECKPOINT#LABEL, a checkpoint for text "
            f"classification and its label for toxic texts; {given}"
        )
    return _probability(text, path, label, os.environ.get(DEVICE, "cpu")) if text.strip() else 0.0


@lru_cache(maxsize=4096)
def _probability(text: str, path: str, label: str, device: str) -> float:
    model, tokenizer, max_tokens = _load(path, device)
    import torch

    labels: dict[str, int] = model.config.label2id
    if label not in labels:
        raise ConfigError(
            f"{CLASSIFIER}: {path} has no label {label!r}; it has {', '.join(labels)}"
        )
    pieces = tokenizer(
        text,
        truncation=True,
        max_length=max_tokens,
        return_overflowing_tokens=True,
        padding=True,
        return_tensors="pt",
    )
    multi_label = model.config.problem_type == "multi_label_classification" or len(labels) == 1
    toxic = []
    with torch.inference_mode():
        for start in range(0, len(pieces["input_ids"]), _BATCH_SIZE):
            end = start + _BATCH_SIZE
            batch = {k: v[start:end].to(device) for k, v in pieces.items() if k in _INPUTS}
            logits = model(**batch).logits.float()
            probabilities = logits.sigmoid() if multi_label else logits.softmax(-1)
            toxic.append(float(probabilities[:, labels[label]].max()))
    return max(toxic)


@lru_cache(maxsize=1)
def _load(path: str, device: str) -> tuple[Any, Any, int]:
    """The model, its tokenizer, and the maximum number of tokens of one input."""
    try:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "the metric 'toxicity' needs torch and transformers: pip install 'router-r1[local]'"
        ) from error
    try:
        model, loading = AutoModelForSequenceClassification.from_pretrained(
            path, output_loading_info=True
        )
        model = model.eval().to(device)
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{CLASSIFIER}: {path} cannot be loaded on {device}: {reason}") from error
    if loading["missing_keys"]:
        raise ConfigError(
            f"{CLASSIFIER}: {path} is not a checkpoint for text classification: it lacks {', '.join(loading['missing_keys'])}"
        )
    if not tokenizer.is_fast:
        raise ConfigError(
            f"{CLASSIFIER}: {path} has no fast tokenizer; name a checkpoint with a tokenizer.json"
        )
    positions = getattr(model.config, "max_position_embeddings", None) or _MAX_TOKENS
    return model, tokenizer, min(_MAX_TOKENS, tokenizer.model_max_length, positions)


register(
    Metric(
        "toxicity",
        "harmless according to a classifier that you name",
        harmlessness,
        whole_reply=True,
        needs_gold=False,
        judgeable=False,
        partial_credit=True,
        wrong_answers=lambda question, gold: (),  # so that validation needs no classifier
        validated="toxicity was counted and not checked, it has no gold answers",
    )
)
