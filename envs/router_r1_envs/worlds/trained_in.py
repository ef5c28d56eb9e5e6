"""What a checkpoint was trained for: a file beside its weights, so that it is not played in another kind of world.

A policy that learned short answers cannot read texts, one that learned one route a turn fails with four, and a small one
knows the numbers of its levels as words. Played otherwise, it writes invalid turns and nothing says why. A checkpoint
without the file (a pre-trained model) may be played anywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.config import StrictModel
from router_r1.errors import ConfigError, DataError
from router_r1_envs.worlds.base import Level, World

FILE = "trained_in.json"


class TrainedIn(StrictModel):
    """The world of a training, as far as a policy depends on it."""

    world: str
    """Its name, for messages."""
    view: str | None = None
    """What the policy reads of the responses, for worlds that have views."""
    prompt: str | None = None
    """The opening, for worlds that have several."""
    max_rounds: int
    """Rounds of routing in an episode."""
    max_routes: int
    """Routes in a turn."""
    levels: tuple[Level, ...]
    """The budgets and values that it was told."""

    @classmethod
    def of(cls, world: World) -> TrainedIn:
        """What a policy depends on in this world."""
        settings = getattr(world, "settings", None)
        view = getattr(settings, "view", None)
        return cls(
            world=world.name,
            view=view,
            prompt=None if view == "answer" else getattr(settings, "prompt", None),
            max_rounds=world.limits.max_rounds,
            max_routes=world.limits.max_routes,
            levels=tuple(world.levels),
        )

    @classmethod
    def read(cls, checkpoint: str | Path) -> TrainedIn | None:
        """The file of a checkpoint; None if it has none. Raises `DataError` if it cannot be read."""
        file = Path(checkpoint) / FILE
        if not file.is_file():
            return None
        try:
            content = json.loads(file.read_text())
            return config.validate(cls, content, str(file))
        except (OSError, ValueError) as error:  # ConfigError is a ValueError
            raise DataError(
                f"{file}: cannot be read ({error}); remove it to play the checkpoint anywhere"
            ) from error

    def write(self, folder: str | Path) -> None:
        """Write the file."""
        (Path(folder) / FILE).write_text(self.model_dump_json(exclude_none=True, indent=1) + "\n")

    def differences(self, world: World) -> list[str]:
        """How a world differs from this one in what a policy depends on; empty if it does not."""
        here = TrainedIn.of(world)
        names = ["view", "prompt", "max_rounds", "max_routes"]
        found = [
            f"{name} is {getattr(here, name)} here and was {getattr(self, name)}"
            for name in names
            if getattr(here, name) != getattr(self, name)
        ]
        # A policy that reads text reads any number; a small one has learned those of its levels as words.
        if self.view == here.view == "answer" and _told(self.levels) != _told(here.levels):
            found.append(f"levels are {_shown(here.levels)} here and were {_shown(self.levels)}")
        return found


def check_played_as_trained(places: Mapping[str, str | Path], world: World) -> None:
    """Raise `ConfigError` if a checkpoint was trained for something that this world does otherwise.

    Args:
        places: name of the policy -> folder of its checkpoint.
        world: where it is to be played.
    """
    for name, place in places.items():
        trained = TrainedIn.read(place)
        differ = trained.differences(world) if trained is not None else []
        if trained is not None and differ:
            raise ConfigError(
                f"policy {name} was trained in {trained.world} and would fail here: {'; '.join(differ)}; set the "
                f"world as it was (--set name=value)"
            )


def _told(levels: tuple[Level, ...]) -> set[Any]:
    return {(level.budget_usd, level.worth_usd) for level in levels}


def _shown(levels: tuple[Level, ...]) -> str:
    return ", ".join(level.name for level in levels)
