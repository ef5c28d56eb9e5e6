"""What may be a name that people and results show: of a candidate, a row, a level.

`model_cards.py` asks more of a candidate's name, which also stands in prompts.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from router_r1.errors import ConfigError


def check_name(name: str) -> str:
    """The name itself. Raises `ValueError` unless it is one line of printable characters, without space around it."""
    if not name.strip() or name != name.strip():
        raise ValueError("a name must not be empty, and must not begin or end with space")
    if not name.isprintable():
        raise ValueError("a name must be one line of printable characters")
    return name


def check_name_in(option: str, name: str, remedy: str = "") -> None:
    """Check a name that an option of a command gives.

    Args:
        option: the option as the message shows it, e.g. `--name`.
        name: the name.
        remedy: what to do, beyond what the message says.

    Raises:
        ConfigError: it is none.
    """
    try:
        check_name(name)
    except ValueError as error:
        raise ConfigError(f"{option}: {error}{remedy and '; '}{remedy}") from None


Name = Annotated[str, AfterValidator(check_name)]
"""A name, as a field of a configuration."""
