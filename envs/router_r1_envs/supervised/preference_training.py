"""Preferences: a checkpoint learns to prefer the better of two episodes of a question, with TRL's `DPOTrainer`.

The loss is that of DPO (Rafailov et al., 2023) on whole episodes: the log-probability of an episode is the sum over the
policy's tokens, in all of its turns. TRL's trainer tokenises texts and counts every token after the prompt, which would
include the environment's blocks. So it is given token ids, its tokenisation is skipped, and the collator puts the mask
of the policy's tokens in the place of TRL's mask of the completion, which is all that its loss reads. The reference
log-probabilities are computed once, before training.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from trl import DPOConfig as TrlConfig
from trl import DPOTrainer
from trl.trainer.dpo_trainer import DataCollatorForPreference

from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1_envs.supervised import checkpoint_tuning
from router_r1_envs.supervised.demonstrations import Example, to_example
from router_r1_envs.supervised.progress import Stage
from router_r1_envs.supervised.token_ids_of_turns import with_token_ids
from router_r1_envs.supervised.tuning_config import PreferenceConfig

Pair = tuple[Example, Example]
"""The better and the worse example; both begin with the same opening."""


def make_pairs(
    pairs: Sequence[tuple[Episode, Episode]],
    tokenizer: Any,
    max_tokens: int,
    left_out: Counter[str],
) -> list[Pair]:
    """The examples of pairs of episodes.

    Args:
        pairs: better and worse episodes.
        tokenizer: the policy's.
        max_tokens: longest example.
        left_out: counts the pairs with a longer one.

    Raises:
        ConfigError: no pair is left.
    """
    made = [
        (
            to_example(with_token_ids(better, tokenizer), tokenizer),
            to_example(with_token_ids(worse, tokenizer), tokenizer),
        )
        for better, worse in pairs
    ]
    short = [pair for pair in made if all(len(example.ids) <= max_tokens for example in pair)]
    if not short:
        raise ConfigError(
            f"there is nothing to learn from: of {len(made)} pairs none has two episodes of at most {max_tokens} tokens; "
            f"sample more tries, lower margin, or raise max_tokens"
        )
    if len(short) < len(made):
        left_out["pairs longer than max_tokens"] = len(made) - len(short)
    return short


class PolicyTokenCollator(DataCollatorForPreference):  # type: ignore[misc]
    """Pads pairs; `completion_mask` is 1 for the policy's tokens only."""

    def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        """A batch: first all better episodes, then all worse ones."""
        batch: dict[str, Any] = super().torch_call(examples)
        masks = [e["prompt_mask"] + e[f"{which}_mask"] for which in SIDES for e in examples]
        batch["completion_mask"] = torch.zeros_like(batch["input_ids"])
        for row, mask in enumerate(masks):
            batch["completion_mask"][row, : len(mask)] = torch.tensor(mask)
        return batch


SIDES = ("chosen", "rejected")


class EpisodePreferenceTrainer(DPOTrainer):  # type: ignore[misc]
    """TRL's trainer for rows that hold token ids and masks already."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


def to_row(pair: Pair) -> dict[str, list[int]]:
    """A row of the data set: `prompt_ids`, and ids and mask of both sides after it."""
    start = next(place for place, learned in enumerate(pair[0].mask) if learned)
    row = {"prompt_ids": pair[0].ids[:start], "prompt_mask": [0] * start}
    for side, example in zip(SIDES, pair, strict=True):
        row |= {f"{side}_ids": example.ids[start:], f"{side}_mask": example.mask[start:]}
    return row


def train_on_pairs(
    source: str,
    pairs: Sequence[Pair],
    settings: PreferenceConfig,
    folder: Path,
    on_stage: Callable[[Stage], None],
) -> dict[str, list[float]]:
    """Train a checkpoint on pairs, and save it in `folder`. An interrupted training resumes.

    Args:
        source: folder of the checkpoint, or its name on the hub; also the reference.
        pairs: what to learn; the same, in the same order, if the training resumes.
        settings: method, rate, batches, beta.
        folder: gets the policy.
        on_stage: called with the progress.

    Returns:
        For each optimiser step: `loss`, and `accuracy`, the share of pairs in which the better episode has gained more
        log-probability than the worse one.

    Raises:
        ConfigError: see `checkpoint_tuning.prepare`.
    """
    prepared = checkpoint_tuning.prepare(source, settings, "dpo", folder)
    tokenizer = prepared.tokenizer
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    trainer = EpisodePreferenceTrainer(
        model=prepared.model,
        args=TrlConfig(
            **prepared.arguments,
            beta=settings.beta,
            precompute_ref_log_probs=True,
            remove_unused_columns=False,
        ),
        data_collator=PolicyTokenCollator(pad_token_id=tokenizer.pad_token_id),
        train_dataset=Dataset.from_list([to_row(pair) for pair in pairs]),
        processing_class=tokenizer,
        peft_config=prepared.adapter,
    )
    losses = checkpoint_tuning.run(trainer, lambda p: on_stage(Stage("preferences", p)))
    checkpoint_tuning.save(trainer, prepared, folder)
    history = [entry for entry in trainer.state.log_history if "loss" in entry]
    return {"loss": losses, "accuracy": [float(e["rewards/accuracies"]) for e in history]}
