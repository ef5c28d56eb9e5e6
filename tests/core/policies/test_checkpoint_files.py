"""A folder that holds something else than a checkpoint's files is refused in one line, at once."""

import os
from pathlib import Path

import pytest

from router_r1.errors import ConfigError
from router_r1.policies.checkpoint import load_checkpoint


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    pytest.importorskip("transformers")
    os.mkfifo(tmp_path / name)
    with pytest.raises(ConfigError, match="is a pipe; expected a file"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize("content", ["[" * 100_000, "{", "7", '{"model_type": 7}', "\x00", ""])
def test_a_configuration_that_is_none_is_one_line(tmp_path: Path, content: str) -> None:
    pytest.importorskip("transformers")
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigError, match="no checkpoint with a tokenizer there") as caught:
        load_checkpoint(tmp_path)
    assert str(caught.value).isprintable()
