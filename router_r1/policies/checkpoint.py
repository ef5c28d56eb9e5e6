"""Loads a checkpoint in the Hugging Face format: tokenizer and causal language model.

Needs the extra `local` (torch, transformers). Importing this module does not import them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from router_r1.errors import ConfigError, MissingDependencyError, one_line
from router_r1.files import check_input
from router_r1.policies.token_ids import check_tokenizer


class Checkpoint(NamedTuple):
    """A tokenizer and a model of transformers."""

    tokenizer: Any
    model: Any


def load_checkpoint(
    path: str | Path, *, dtype: str = "auto", template_kwargs: Mapping[str, Any] | None = None
) -> Checkpoint:
    """Load a checkpoint onto the CPU.

    Args:
        path: folder of the checkpoint, or its name on the hub.
        dtype: `float32`, `bfloat16`, ...; `auto` takes that of the checkpoint.
        template_kwargs: variables of its chat template, for the check.

    Raises:
        MissingDependencyError: torch or transformers is not installed.
        ConfigError: there is no checkpoint with a tokenizer, or the tokenizer cannot carry the protocol
            (see `check_tokenizer`).
    """
    try:
        import torch  # noqa: F401
        import transformers
    except ImportError as error:
        raise MissingDependencyError(
            "loading a checkpoint needs torch and transformers; install router-r1[local]"
        ) from error
    check_files(path)
    try:
        tokenizer: Any = transformers.AutoTokenizer.from_pretrained(path)
        model: Any = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype)
    except (
        Exception
    ) as error:  # transformers raises many kinds of errors for a file that is no checkpoint's
        raise no_checkpoint(path, error) from error
    check_tokenizer(tokenizer, str(path), template_kwargs)
    return Checkpoint(tokenizer, model)


def check_files(folder: str | Path) -> None:
    """Raise `ConfigError` if a file of a checkpoint is a pipe, a device or unreadable: libraries would wait for it.

    Args:
        folder: of the checkpoint. A name on the hub passes.
    """
    for path in sorted(Path(folder).glob("*")):
        if path.is_dir():
            continue
        try:
            check_input(path)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def no_checkpoint(path: str | Path, error: Exception) -> ConfigError:
    """The error for a folder that a library cannot load, with the library's reason in one line."""
    reason = one_line(error) or type(error).__name__
    return ConfigError(f"{path}: no checkpoint with a tokenizer there; check the path ({reason})")
