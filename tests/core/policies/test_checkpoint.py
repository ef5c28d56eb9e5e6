"""Loading a checkpoint: what comes back, and what is refused with one line."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from router_r1.errors import ConfigError
from router_r1.policies.checkpoint import load_checkpoint


def test_a_checkpoint_is_loaded_in_the_requested_precision(checkpoint: Path) -> None:
    import torch

    tokenizer, model = load_checkpoint(checkpoint, dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    assert tokenizer.decode(tokenizer.encode("<think>hm</think>")) == "<think>hm</think>"
    assert load_checkpoint(str(checkpoint)).model.dtype == torch.float32  # as it was saved


def test_a_path_without_a_checkpoint_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="no checkpoint") as error:
        load_checkpoint("/nowhere/at/all")
    assert "\n" not in str(error.value)


def test_a_checkpoint_without_a_chat_template_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    (copy / "chat_template.jinja").unlink()
    with pytest.raises(ConfigError, match="chat template"):
        load_checkpoint(copy)


def test_without_transformers_the_error_names_the_extra_to_install() -> None:
    code = """
import sys
sys.modules["transformers"] = None
from router_r1.errors import MissingDependencyError
from router_r1.policies.checkpoint import load_checkpoint
try:
    load_checkpoint("anywhere")
except MissingDependencyError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip().endswith("install router-r1[local]"), done.stderr
