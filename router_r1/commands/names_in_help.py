"""Help texts that list the registered names, extensions included."""

from __future__ import annotations

import copy
import re
from typing import Any

from typer.core import TyperCommand

from router_r1.commands.registries import find_registry, registry_names

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class NamesInHelp(TyperCommand):
    """A command whose help texts may hold placeholders: `{routers}` becomes `kmeans, knn, label, linear`.

        @app.command("tournament", cls=NamesInHelp)
        def tournament(router: Annotated[str, typer.Option(help="A router: {routers}.")]): ...

    The name of any registry (`router-r1 list`) is a placeholder, in the command's docstring and in the help of its
    options and arguments; other text in braces stays. Registries are loaded only when the help of this command is
    shown. The first paragraph of the docstring must not hold a placeholder: the list of commands shows it unfilled.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show the help with all placeholders filled."""
        filled = copy.copy(self)
        filled.help = _fill(self.help)
        filled.params = [copy.copy(parameter) for parameter in self.params]
        for parameter in filled.params:
            if hasattr(parameter, "help"):
                parameter.help = _fill(parameter.help)
        super(NamesInHelp, filled).format_help(ctx, formatter)


def _fill(text: str | None) -> str | None:
    """Replace each `{registry}` in a text with the names registered there."""
    if text is None:
        return None
    known = registry_names()

    def names(match: re.Match[str]) -> str:
        return ", ".join(find_registry(match[1])) if match[1] in known else match[0]

    return _PLACEHOLDER.sub(names, text)
