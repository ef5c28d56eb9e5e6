"""What a model that chooses named routes reads, and what it is to reply.

The routes stand in XML, the conversation in a window of its newest turns (`window_tokens`, estimated as bytes / 4). All
text from outside is escaped, so that no turn and no description can close its block. A trained model depends on these
texts: changing one changes `ROUTES_PROMPT_VERSION`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from router_r1.conversation import Conversation
from router_r1.protocol import escape
from router_r1.routers.named_routes.query_analysis import analyse
from router_r1.routers.named_routes.routes_file import OTHER, RoutesFile
from router_r1.token_prices import estimate_tokens
from router_r1.transport.messages import Message

ROUTES_PROMPT_VERSION = "1"

_CUT = " [...] "
_TAG = re.compile(r"<(?=/?(?:routes?|conversation|analysis)\b)", re.IGNORECASE)
_MEDIA = {"image_url": "[image]", "input_audio": "[audio]", "audio_url": "[audio]", "video_url": "[video]"}  # fmt: skip


def route_messages(routes: RoutesFile, conversation: Conversation) -> tuple[Message, ...]:
    """The prompt: one user message, which every chat template takes.

    Args:
        routes: the routes; their map is not part of it.
        conversation: what to find the route of.
    """
    listed = "\n".join(
        f'<route name="{route.name}">{_safe(" ".join(route.description.split()))}</route>'
        for route in routes.routes
    )
    turns = window(conversation.messages, routes.window_tokens)
    note = ""
    if routes.analysis:
        note = f"<analysis>{analyse(turns[-1][1] if turns else '')}</analysis>\n"
    shown = "\n".join(f"{role}: {_safe(text)}" for role, text in turns)
    content = f"""\
Which of these routes fits what the user wants now?

<routes>
{listed}
</routes>
<conversation>
{shown}
</conversation>
{note}Reply with JSON alone: {written("NAME")} with the exact name of the route, or {written(OTHER)} if none fits."""
    return ({"role": "user", "content": content},)


def written(route: str) -> str:
    """The reply that chooses a route."""
    return json.dumps({"route": route}, ensure_ascii=False)


def window(messages: Sequence[Mapping[str, Any]], tokens: int) -> list[tuple[str, str]]:
    """The newest turns of user and assistant that fit, oldest first, as (role, text).

    Instructions and replies of tools say little about what the user wants and are left out. The newest turn is always
    there: where it alone is too long, its two ends are kept.
    """
    turns = [
        (str(message["role"]), text)
        for message in messages
        if message["role"] in ("user", "assistant") and (text := _text(message).strip())
    ]
    kept: list[tuple[str, str]] = []
    left = tokens
    for role, text in reversed(turns):
        need = estimate_tokens(text)
        if kept and need > left:
            break
        kept.append((role, text if need <= left else _ends(text, left)))
        left -= need
    return kept[::-1]


def _ends(text: str, tokens: int) -> str:
    """The two ends of a text, together with the mark of at most this many estimated tokens."""
    low, high = 0, len(text) // 2  # characters of each end; bytes count, so look for the most
    while low < high:
        middle = (low + high + 1) // 2
        if estimate_tokens(text[:middle] + _CUT + text[len(text) - middle :]) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low] + _CUT + text[len(text) - low :]


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return " ".join(str(_MEDIA.get(p["type"]) or p.get("text") or "") for p in parts)


def _safe(text: str) -> str:
    """Text from outside, which can neither close a block nor open one."""
    return _TAG.sub("&lt;", escape(text))
