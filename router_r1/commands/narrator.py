"""Shows the rounds of a question on a console as they happen."""

from __future__ import annotations

from rich.console import Console

from router_r1.prompts import usd
from router_r1.rollout import CallFinished, TurnWritten
from router_r1.terminal import styled


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
        self._print((f"{event.number}", "bold"), " ", (_cut(thought), "dim"))
        called = {(call.model, call.query) for call in event.calls}
        for route in event.turn.routes:
            asked = (route.model, route.query) in called
            query = " ".join(route.query.split())
            arrow = "<-" if asked else ("not called:", "yellow")
            self._print("  ", (route.model, "cyan"), " ", arrow, " ", _cut(query))
        if event.turn.malformed:
            kinds = ", ".join(dict.fromkeys(p.kind.value for p in event.turn.problems))
            self._print("  ", (f"malformed: {kinds}", "yellow"))

    def _show_response(self, event: CallFinished) -> None:
        response = event.response
        failure = response.failure
        text = f"{failure.kind.value}: {failure.detail}" if failure else response.text
        text = _cut(" ".join(text.split()))
        cost = usd(response.cost_usd or 0.0)
        self._print("  ", (event.call.model, "cyan"), " -> ", text, " ", (cost, "dim"))

    def _print(self, *parts: str | tuple[str, str]) -> None:
        self._console.print(styled(*parts))


def _cut(text: str, limit: int = 160) -> str:
    """The text, cut to `limit` characters if it is longer."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
