"""Shows the rounds of a question on a console as they happen."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from router_r1.prompts import usd
from router_r1.rollout import CallFinished, TurnWritten


class Narrator:
    """Shows the events of a question on a console, standard error by default."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)

    def __call__(self, event: object) -> None:
        """Show one event of `router_r1.rollout`; events not meant for people are skipped."""
        if isinstance(event, TurnWritten):
            self._show_turn(event)
        elif isinstance(event, CallFinished):
            self._show_response(event)

    def _show_turn(self, event: TurnWritten) -> None:
        thought = " ".join(event.turn.thought.split())
        self._console.print(f"[bold]{event.number}[/] [dim]{escape(_cut(thought))}[/]")
        called = {(call.model, call.query) for call in event.calls}
        for route in event.turn.routes:
            asked = (route.model, route.query) in called
            arrow = "<-" if asked else "[yellow]not called:[/]"
            query = escape(_cut(route.query))
            self._console.print(f"  [cyan]{escape(route.model)}[/] {arrow} {query}")
        if event.turn.malformed:
            kinds = ", ".join(dict.fromkeys(p.kind.value for p in event.turn.problems))
            self._console.print(f"  [yellow]malformed: {kinds}[/]")

    def _show_response(self, event: CallFinished) -> None:
        response = event.response
        failure = response.failure
        text = f"{failure.kind.value}: {failure.detail}" if failure else response.text
        text = _cut(" ".join(text.split()))
        cost = usd(response.cost_usd or 0.0)
        self._console.print(
            f"  [cyan]{escape(event.call.model)}[/] -> {escape(text)} [dim]{cost}[/]"
        )


def _cut(text: str, limit: int = 160) -> str:
    """The text, cut to `limit` characters if it is longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
