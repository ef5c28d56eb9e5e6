"""Policies that take part in a tournament by their place on disk: a checkpoint, or an agent file with a server's address.

A player is opened where it plays, which may be another process, and knows its own content: episodes that were played by
other weights, or by another file, are not taken for its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_r1.policies.base import Policy

_SMALL_BYTES = 200 << 20
_AGENT_FILES = (".yaml", ".yml")


@dataclass(frozen=True)
class Player:
    """A policy on disk."""

    name: str
    """What results and traces call it."""
    place: str
    """The folder of a checkpoint, or an agent file."""

    @property
    def is_checkpoint(self) -> bool:
        """Whether it runs on this machine."""
        return is_checkpoint(self.place)

    @property
    def is_small(self) -> bool:
        """Whether several processes can have a copy of its own each: it runs on the CPU, and its files are few bytes."""
        if not self.is_checkpoint:
            return False
        import torch

        size = sum(file.stat().st_size for file in Path(self.place).iterdir() if file.is_file())
        return size <= _SMALL_BYTES and not torch.cuda.is_available()

    def check(self) -> None:
        """Raise `ConfigError` for an agent file that cannot be used, or unreadable files; weights are not loaded."""
        if self.is_checkpoint:
            from router_r1.policies.checkpoint import check_files

            check_files(self.place)
        else:
            self.open()

    def open(self) -> Policy:
        """Load the checkpoint, or connect to the server of the agent file.

        Raises:
            ConfigError: the place is not what it seems, or the policy cannot be called.
        """
        if self.is_checkpoint:
            from router_r1_envs.cpu_inference.policy import open_policy

            return open_policy(self.place, name=self.name)
        from router_r1 import config
        from router_r1.agent_file import AgentFile

        policy = config.load(AgentFile, Path(self.place)).policy.build(Path(self.place))
        policy.check()
        return policy

    def fingerprint(self) -> str:
        """A hash of the files: equal for equal policies."""
        place = Path(self.place)
        files = sorted(p for p in place.iterdir() if p.is_file()) if place.is_dir() else [place]
        found = hashlib.sha256()
        for file in files:
            if file.suffix == ".json" and file.name not in ("config.json", "tokenizer.json"):
                continue  # records about the checkpoint
            found.update(file.name.encode())
            with file.open("rb") as content:
                found.update(hashlib.file_digest(content, "sha256").digest())
        return found.hexdigest()


def is_checkpoint(place: str | Path) -> bool:
    """Whether this is the folder of a checkpoint."""
    return (Path(place) / "config.json").exists()


def is_player(place: str | Path) -> bool:
    """Whether this is the folder of a checkpoint, or a YAML file."""
    return is_checkpoint(place) or (str(place).endswith(_AGENT_FILES) and Path(place).is_file())
