"""Reads the reply of a model that chooses named routes: JSON or XML with the name of a route, and nothing else.

    {"route": "law"}            <route>law</route>            <route name="law"/>

Thoughts before it and a code fence around it are allowed. Anything else is no choice, and the reason is said: a name
that is almost right, two routes and prose that mentions one are not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.answers import without_thoughts
from router_r1.errors import shown_name
from router_r1.json_text import parse_json
from router_r1.routers.named_routes.routes_file import OTHER

_FENCE = re.compile(r"```(?:json|xml)?\s*\n(.*?)\n?```", re.DOTALL)
_XML = re.compile(
    r"<route>(?P<text>[^<>]*)</route>|<route\s+name=(?P<quote>[\"'])(?P<name>[^<>\"']*)(?P=quote)\s*(?:/>|>\s*</route>)"
)


@dataclass(frozen=True, slots=True)
class RouteReply:
    """What a reply chooses."""

    route: str | None
    """The name of a route; None for `other`, and for a reply that cannot be read."""
    problem: str = ""
    """Why the reply cannot be read; empty if it can."""


def read_reply(reply: str, names: Sequence[str]) -> RouteReply:
    """Read a reply.

    Args:
        reply: the model's text.
        names: the routes there are.
    """
    text = without_thoughts(reply).strip()
    if fenced := _FENCE.fullmatch(text):
        text = fenced[1].strip()
    if not text:
        return RouteReply(None, "the reply is empty")
    if text.startswith("{"):
        try:
            found = parse_json(text)
        except ValueError:
            return RouteReply(None, "the reply is not valid JSON")
        if not isinstance(found, dict) or set(found) != {"route"}:
            return RouteReply(None, "the JSON of the reply does not have `route` as its one key")
        name = found["route"]
        if not isinstance(name, str):
            return RouteReply(None, "the route in the reply is not a text")
    elif match := _XML.fullmatch(text):
        name = match["name"] if match["text"] is None else match["text"].strip()
    else:
        return RouteReply(None, "the reply is neither JSON nor XML with a route")
    if name == OTHER:
        return RouteReply(None)
    if name not in names:
        return RouteReply(None, f"there is no route {shown_name(name)!r}")
    return RouteReply(name)
