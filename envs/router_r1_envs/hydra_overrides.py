"""Checks overrides for Hydra before verl is loaded, which takes long: whether they can be read, not whether they fit."""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.errors import ConfigError, one_line, shown_name


def check_overrides(arguments: Sequence[str]) -> None:
    """Check the arguments of a program that Hydra starts.

    Args:
        arguments: overrides (`a.b=1`, `+a=1`, `~a`), options of Hydra, and the values of those, which are not checked.

    Raises:
        ConfigError: Hydra's grammar of overrides has no such text.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    for before, argument in zip(("", *arguments), arguments, strict=False):
        of_option = before.startswith("-") and "=" not in argument
        if argument.startswith("-") or of_option:
            continue
        try:
            parser.parse_override(argument)
        except HydraException as error:
            reason = one_line(error).partition(" See https:")[0]
            raise ConfigError(
                f"override {shown_name(argument)!r}: expected key=value, and quotes around values with signs, as in "
                f"\"key='a=b'\" ({reason})"
            ) from error
