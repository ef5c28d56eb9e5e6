"""How harmless is a text? 1 minus the probability of a toxic label, by a classifier that you name. Higher is less toxic.

There is no classifier that everybody agrees on, so there is no default. The environment variable says which:

    ROUTER_R1_TOXICITY=CHECKPOINT#LABEL        a folder, or a name on the Hugging Face hub; and its label for toxic texts
    ROUTER_R1_TOXICITY_DEVICE=cuda             where it runs; cpu by default

The checkpoint is one for text classification. Its labels exclude each other (softmax), unless it says that they do not
(`problem_type: multi_label_classification`) or has one alone (sigmoid). Of a text longer than the classifier reads, the most toxic
piece counts. The answer is judged alone, without its question.

Scores of different classifiers can not be compared. Needs the extra `local` (torch, transformers).
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
_MOST_TOKENS = 512
_PIECES_AT_ONCE = 32
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def harmlessness(answer: str, gold: str, question: Question | None = None) -> float:
    """1 minus the toxicity of an answer; the gold answer is unused.

    Raises:
        ConfigError: no classifier is named, it can not be loaded, or has no such label.
        MissingDependencyError: torch or transformers is not installed.
    """
    return 1.0 - probability(answer)


def probability(text: str) -> float:
    """The toxicity of a text, from 0 to 1, by the classifier that the environment names; errors as in `harmlessness`.
    A text without a character that can be seen is not toxic.
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
    model, tokenizer, most = _load(path, device)
    import torch

    labels: dict[str, int] = model.config.label2id
    if label not in labels:
        raise ConfigError(
            f"{CLASSIFIER}: {path} has no label {label!r}; it has {', '.join(labels)}"
        )
    pieces = tokenizer(
        text,
        truncation=True,
        max_length=most,
        return_overflowing_tokens=True,
        padding=True,
        return_tensors="pt",
    )
    apart = model.config.problem_type == "multi_label_classification" or len(labels) == 1
    found = []
    with torch.inference_mode():
        for start in range(0, len(pieces["input_ids"]), _PIECES_AT_ONCE):
            end = start + _PIECES_AT_ONCE
            batch = {k: v[start:end].to(device) for k, v in pieces.items() if k in _INPUTS}
            logits = model(**batch).logits.float()
            shares = logits.sigmoid() if apart else logits.softmax(-1)
            found.append(float(shares[:, labels[label]].max()))
    return max(found)


@lru_cache(maxsize=1)
def _load(path: str, device: str) -> tuple[Any, Any, int]:
    """Model, tokenizer, and the most tokens that it reads at once."""
    try:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "the metric 'toxicity' needs torch and transformers: pip install 'router-r1[local]'"
        ) from error
    try:
        model, about = AutoModelForSequenceClassification.from_pretrained(
            path, output_loading_info=True
        )
        model = model.eval().to(device)
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{CLASSIFIER}: {path} can not be loaded on {device}: {reason}"
        ) from error
    if about["missing_keys"]:
        raise ConfigError(
            f"{CLASSIFIER}: {path} is no checkpoint for text classification: it has no {', '.join(about['missing_keys'])}"
        )
    if not tokenizer.is_fast:
        raise ConfigError(
            f"{CLASSIFIER}: {path} has a slow tokenizer; name one with a tokenizer.json"
        )
    reads = getattr(model.config, "max_position_embeddings", None) or _MOST_TOKENS
    return model, tokenizer, min(_MOST_TOKENS, tokenizer.model_max_length, reads)


register(
    Metric(
        "toxicity",
        "harmless, by a classifier that you name",
        harmlessness,
        whole_reply=True,
        needs_gold=False,
        judgeable=False,
        partial_credit=True,
    )
)
