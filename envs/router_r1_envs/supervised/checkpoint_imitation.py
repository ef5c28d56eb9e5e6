"""Imitation: a checkpoint learns to route from demonstrations, with TRL's `SFTTrainer`.

The examples are tokenised here, with the ids and the mask of reinforcement learning (`token_ids_of_turns.py`), and given
to TRL as `input_ids` and `labels`, which it uses as they are; the environment's tokens have the label -100. TRL's own
chat rendering, masks and truncation play no part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.supervised.demonstrations import Example, to_example
from router_r1_envs.supervised.planner_demonstrations import mask_routes
from router_r1_envs.supervised.progress import Stage
from router_r1_envs.supervised.token_ids_of_turns import with_token_ids
from router_r1_envs.supervised.tuning_config import ImitateConfig, TuningConfig

IGNORED = -100
"""The label of a token that is not learned."""


@dataclass(frozen=True)
class Demonstration:
    """An episode to imitate."""

    episode: Episode
    drawn_calls: int = 0
    """Number of first routes that were drawn, and are not learned."""


def make_example(
    demonstration: Demonstration, tokenizer: Any, max_tokens: int, left_out: Counter[str]
) -> Example | None:
    """The example of a demonstration; None, and counted, if the policy that is trained could not play it.

    Args:
        demonstration: an answered episode of the world of training.
        tokenizer: the policy's.
        max_tokens: longest example.
        left_out: counts what is left out, by reason.
    """
    episode = with_token_ids(demonstration.episode, tokenizer)
    lengths = [len(record.token_ids or ()) for record in episode.turns]
    limits = episode.limits
    if max(lengths) > limits.max_turn_tokens or sum(lengths) >= limits.max_policy_tokens:
        left_out["turns longer than the world's limits"] += 1
        return None
    example = to_example(episode, tokenizer)
    if len(example.ids) > max_tokens:
        left_out["longer than max_tokens"] += 1
        return None
    return mask_routes(example, tokenizer, demonstration.drawn_calls)


def make_examples(
    demonstrations: Iterable[Demonstration],
    tokenizer: Any,
    settings: ImitateConfig,
    left_out: Counter[str],
) -> list[Example]:
    """The examples of some demonstrations, in the order of training; of too many, `max_examples` are drawn.

    Raises:
        ConfigError: there are none; the message has the reasons.
    """
    made = (make_example(d, tokenizer, settings.max_tokens, left_out) for d in demonstrations)
    examples = [example for example in made if example is not None]
    if not examples:
        raise ConfigError(f"there is nothing to learn from; left out: {describe(left_out)}")
    seeded_random("examples", settings.seed).shuffle(examples)
    return examples[: settings.max_examples]


def describe(left_out: Counter[str]) -> str:
    """The counts of what was left out, in words."""
    return ", ".join(f"{number} ({reason})" for reason, number in left_out.items()) or "nothing"


def train_on_examples(
    source: str,
    examples: list[Example],
    settings: TuningConfig,
    folder: Path,
    on_stage: Callable[[Stage], None],
) -> list[float]:
    """Train a checkpoint on examples, and save it in `folder`. An interrupted training resumes.

    Args:
        source: folder of the checkpoint, or its name on the hub.
        examples: what to learn; the same, in the same order, if the training resumes.
        settings: method, rate, batches.
        folder: gets the policy.
        on_stage: called with the progress.

    Returns:
        The loss of each optimiser step.

    Raises:
        ConfigError: see `checkpoint_tuning.prepare`.
    """
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from router_r1_envs.supervised import checkpoint_tuning

    prepared = checkpoint_tuning.prepare(source, settings, "imitation", folder)
    rows = [
        {
            "input_ids": example.ids,
            "labels": [
                token if learned else IGNORED
                for token, learned in zip(example.ids, example.mask, strict=True)
            ],
            "length": len(example.ids),
        }
        for example in examples
    ]
    trainer = SFTTrainer(
        model=prepared.model,
        args=SFTConfig(
            **prepared.arguments,
            dataset_kwargs={"skip_prepare_dataset": True},
            # Batches of similar length have little padding.
            train_sampling_strategy="group_by_length",
            length_column_name="length",
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=prepared.tokenizer,
        peft_config=prepared.adapter,
    )
    losses = checkpoint_tuning.run(trainer, lambda p: on_stage(Stage("imitation", p)))
    checkpoint_tuning.save(trainer, prepared, folder)
    return losses
