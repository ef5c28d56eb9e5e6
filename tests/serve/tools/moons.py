"""The models behind the gateway of these tests: what each replies follows from the request alone.

The policy forwards every question to the large candidate and adopts the reply. A candidate that is offered tools calls
the first one; asked for JSON it writes JSON; shown an image it says so; else it tells how wide a moon is.
"""

import json
from collections.abc import Mapping
from typing import Any

from serving import ADOPT, ROUTE, asked_by_policy, turn_number

from router_r1.testing.loopback_server import Exchange, Served, chat_reply, usage

ARNA, BESK, PIXEL_SEEN, RAIN = (
    "Arna is 612 km wide.",
    "Besk is 27 km wide.",
    "A pixel.",
    "It rains.",
)
VALUES = {"moon": "Arna", "km": 612, "city": "Oslo"}
"""What is written into JSON and into arguments of tools, as far as it is asked for."""
PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGD4DwABBAEAX+XDSwAA"
    "AABJRU5ErkJggg=="
)


def answer(exchange: Exchange) -> Served:
    """The reply to a request."""
    body = exchange.body
    if exchange.path.endswith("/embeddings"):
        vector = {"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}
        return Served({"object": "list", "data": [vector], "model": "bge", "usage": usage(3, 0)})
    if asked_by_policy(exchange):
        return Served(chat_reply((ROUTE, ADOPT)[turn_number(exchange)], usage=usage(100, 10)))
    reply = chat_reply(_text(body), usage=usage(30, 20))
    if (call := _call(body)) is not None:
        reply["choices"][0]["message"] |= {"content": None, "tool_calls": [call]}
        reply["choices"][0]["finish_reason"] = "tool_calls"
    return Served(events=_events(reply)) if body.get("stream") else Served(reply)


def _text(body: Mapping[str, Any]) -> str:
    last = body["messages"][-1]
    if last["role"] == "tool":
        return RAIN
    if (body.get("response_format") or {}).get("type") in ("json_object", "json_schema"):
        return json.dumps({name: VALUES[name] for name in ("moon", "km")})
    if "image_url" in json.dumps(last["content"]):
        return PIXEL_SEEN
    return BESK if "Besk" in json.dumps(last["content"]) else ARNA


def _call(body: Mapping[str, Any]) -> dict[str, Any] | None:
    if not body.get("tools") or body.get("tool_choice") == "none":
        return None
    if body["messages"][-1]["role"] == "tool":
        return None
    function = body["tools"][0]["function"]
    wanted = {name: VALUES[name] for name in function["parameters"]["properties"]}
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": function["name"], "arguments": json.dumps(wanted)},
    }


def _events(reply: Mapping[str, Any]) -> list[Mapping[str, Any] | str]:
    """A whole reply as a stream of OpenAI has it: the role first, words, calls, the finish reason, the usage."""
    message = reply["choices"][0]["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    words = (message["content"] or "").split(" ")
    deltas += [{"content": word if n == 0 else f" {word}"} for n, word in enumerate(words)]
    calls = message.get("tool_calls", ())
    deltas += [{"tool_calls": [{"index": n, **call}]} for n, call in enumerate(calls)]
    head = {name: reply[name] for name in ("id", "created", "model")}
    head["object"] = "chat.completion.chunk"
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": reply["choices"][0]["finish_reason"]})
    chunks: list[Mapping[str, Any] | str] = [{**head, "choices": [choice]} for choice in choices]
    return [*chunks, {**head, "choices": [], "usage": reply["usage"]}, "[DONE]"]
