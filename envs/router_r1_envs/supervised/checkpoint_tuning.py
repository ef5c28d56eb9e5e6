"""Trains the weights of a checkpoint with a trainer of TRL, on a CPU or one GPU: all of them, or an adapter.

    prepared = prepare(model, settings)                 checkpoint, adapter settings, arguments of the trainer
    losses = run(trainer, folder, report)               resumes from the last checkpoint in folder/trainer
    save(trainer, prepared, folder)                     a folder that every checkpoint loader reads

The result is always a complete checkpoint. An adapter is merged into the weights that it was trained on, and kept beside
them in `adapter/`.
"""

from __future__ import annotations

import importlib.util
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    BitsAndBytesConfig,
    PrinterCallback,
    TrainerCallback,
)
from transformers.trainer_utils import get_last_checkpoint

from router_r1.errors import ConfigError, MissingDependencyError
from router_r1.policies.checkpoint import check_files, load_checkpoint, no_checkpoint
from router_r1.policies.token_ids import check_tokenizer
from router_r1_envs.supervised.progress import Progress
from router_r1_envs.supervised.tuning_config import DEFAULT_RATES, TuningConfig

_CHECKPOINTS = "trainer"
ADAPTER = "adapter"


@dataclass(frozen=True)
class Prepared:
    """A checkpoint that is ready to be trained."""

    source: str
    """Its folder, or its name on the hub."""
    tokenizer: Any
    model: Any
    adapter: LoraConfig | None
    """None if all weights are trained."""
    dtype: torch.dtype
    """The type of the checkpoint's weights, in which the result is saved."""
    arguments: dict[str, Any]
    """Arguments that the configurations of all trainers of TRL share."""


def check_method(settings: TuningConfig) -> None:
    """Raise `ConfigError` if this machine cannot train with this method, `MissingDependencyError` if a package is missing."""
    gpus = torch.cuda.device_count()
    if gpus > 1:
        raise ConfigError(
            f"there are {gpus} GPUs, and this training uses one; choose it: CUDA_VISIBLE_DEVICES=0"
        )
    if settings.method != "qlora":
        return
    if not gpus:
        raise ConfigError(
            "method is qlora, which needs a GPU, and torch finds none here; set method=lora"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingDependencyError("method=qlora needs bitsandbytes; pip install bitsandbytes")


def load_tokenizer(source: str) -> Any:
    """The tokenizer of a checkpoint.

    Raises:
        ConfigError: there is none, or it cannot carry the protocol.
    """
    check_files(source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
    except Exception as error:  # transformers raises many kinds of errors
        raise no_checkpoint(source, error) from error
    check_tokenizer(tokenizer, source)
    return tokenizer


def prepare(source: str, settings: TuningConfig, kind: str, folder: Path) -> Prepared:
    """Load a checkpoint for training.

    Weights are trained in float32 (under bfloat16 autocast on a GPU); those below an adapter stay in the checkpoint's
    type on a GPU, or in 4 bits.

    Args:
        source: folder of the checkpoint, or its name on the hub.
        settings: method, rate, batches.
        kind: key of `DEFAULT_RATES`.
        folder: where the trainer's checkpoints go, in `trainer/`.

    Raises:
        ConfigError: there is no such checkpoint, its tokenizer cannot carry the protocol, or see `check_method`.
    """
    check_method(settings)
    on_gpu = torch.cuda.is_available()
    frozen = settings.method != "full"
    if settings.method == "qlora":
        tokenizer = load_tokenizer(source)
        four_bits = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        model = AutoModelForCausalLM.from_pretrained(
            source, quantization_config=four_bits, device_map={"": 0}
        )
    else:
        dtype = "auto" if on_gpu and frozen else "float32"
        tokenizer, model = load_checkpoint(source, dtype=dtype)
    adapter = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=settings.lora_alpha,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    arguments = {
        "output_dir": str(folder / _CHECKPOINTS),
        "seed": settings.seed,
        "learning_rate": settings.learning_rate or DEFAULT_RATES[kind][settings.method],
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.05,  # below 1: a share of the steps
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": settings.micro_batch,
        "gradient_accumulation_steps": settings.batch_size // settings.micro_batch,
        "max_length": None,  # TRL would cut; what is too long was left out before
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": settings.save_every,
        "save_total_limit": 1,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": not on_gpu,
        "bf16": on_gpu or settings.bf16,
        "gradient_checkpointing": on_gpu,
        "dataloader_pin_memory": on_gpu,
    }
    own_type = AutoConfig.from_pretrained(source).dtype or torch.float32
    return Prepared(source, tokenizer, model, adapter if frozen else None, own_type, arguments)


class _Reporter(TrainerCallback):  # type: ignore[misc]
    """Reports every step, and collects the losses."""

    def __init__(self, report: Callable[[Progress], None]) -> None:
        self._report, self._began = report, time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            seconds = time.monotonic() - self._began
            self._report(Progress(state.global_step, state.max_steps, float(logs["loss"]), seconds))


def run(trainer: Any, report: Callable[[Progress], None]) -> list[float]:
    """Train to the end, from the last checkpoint of an interrupted training if there is one.

    Args:
        trainer: a trainer of TRL with the arguments of `prepare`.
        report: called after every optimiser step.

    Returns:
        The loss of each step.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_Reporter(report))
    folder = Path(trainer.args.output_dir)
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    return [float(entry["loss"]) for entry in trainer.state.log_history if "loss" in entry]


def save(trainer: Any, prepared: Prepared, folder: Path) -> None:
    """Save the trained policy in the Hugging Face format, and remove the trainer's checkpoints.

    Args:
        trainer: after `run`.
        prepared: what it trained.
        folder: gets the weights, and the adapter in `adapter/`.
    """
    # Merge into the weights as they were loaded first: those of qlora have lost precision. Save everything else as it was:
    # a trainer changes the special tokens of configuration and tokenizer to what it needs.
    result = AutoModelForCausalLM.from_pretrained(prepared.source, dtype=prepared.dtype)
    if prepared.adapter is None:
        result.load_state_dict(trainer.model.state_dict())
    else:
        trainer.model.save_pretrained(folder / ADAPTER)
        result = PeftModel.from_pretrained(result, folder / ADAPTER).merge_and_unload()
    result.save_pretrained(folder)
    AutoTokenizer.from_pretrained(prepared.source).save_pretrained(folder)
    shutil.rmtree(folder / _CHECKPOINTS, ignore_errors=True)
