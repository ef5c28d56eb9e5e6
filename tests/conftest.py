"""How the tests are shared among the processes of pytest-xdist (`scripts/test.sh`).

The tests of a file stay in one process, since they share fixtures. The training runs all stay in one, because each
starts a Ray cluster of its own; they come first, because they take longest.
"""

from __future__ import annotations

from pathlib import Path

import pytest

_TRAINING = Path(__file__).parent / "train"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of a file, and all training runs, into groups that one process runs."""
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        training = item.path.is_relative_to(_TRAINING)
        item.add_marker(pytest.mark.xdist_group("training" if training else str(item.path)))
    items.sort(key=lambda item: not item.path.is_relative_to(_TRAINING))
