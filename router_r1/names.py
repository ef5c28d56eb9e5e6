"""What may be a name that people and results show: of a candidate, a row, a level.

`model_cards.py` asks more of a candidate's name, which also stands in prompts.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator


def check_name(name: str) -> str:
    """The name itself. Raises `ValueError` unless it is one line of printable characters, without space around it."""
    if not name.strip() or name != name.strip():
        raise ValueError("a name must not be empty, and must not begin or end with space")
    if not name.isprintable():
        raise ValueError("a name must be one line of printable characters")
    return name


Name = Annotated[str, AfterValidator(check_name)]
"""A name, as a field of a configuration."""
