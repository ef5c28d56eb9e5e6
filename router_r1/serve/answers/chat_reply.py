"""An answer of the agent in the shape of a chat completion: whole, or as the chunks of a stream.

`usage` has the tokens of the policy, and of the call whose reply is the answer. The tokens of all other calls are
`orchestration_*` in its details, as other routing agents report them; dollars are those of everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from router_r1.agent import Result
from router_r1.ledger import Role
from router_r1.rollout import CallFinished, CallStarted, Event, TurnWritten
from router_r1.serve.receipts import Receipt
from router_r1.token_prices import Usage

_PIECES = re.compile(r"\s*\S+|\s+")
_WORDS_A_PIECE = 4
_SHOWN_QUERY = 120


class ChatReply:
    """Makes the reply to one request."""

    def __init__(self, receipt: Receipt, model: str, *, with_receipt: bool) -> None:
        """
        Args:
            receipt: of the request.
            model: the name that the reply gives: the agent's, with its version.
            with_receipt: whether the reply has the whole receipt.
        """
        self._receipt = receipt
        self._with_receipt = with_receipt
        self._head = {
            "id": f"chatcmpl-{receipt.id}",
            "created": int(receipt.at),
            "model": model,
        }

    def whole(self, result: Result, content: str | None) -> dict[str, Any]:
        """The completion.

        Args:
            result: of the episode.
            content: the answer as the client gets it.
        """
        choice = {
            "index": 0,
            "message": self._message(result, content),
            "logprobs": None,
            "finish_reason": self._finish(result),
        }
        return {
            **self._head,
            "object": "chat.completion",
            "choices": [choice],
            "usage": usage_of(result),
            **self._extra(),
        }

    def begin(self) -> dict[str, Any]:
        """The first chunk of a stream."""
        return self._chunk({"role": "assistant", "content": ""})

    def progress(self, event: Event) -> dict[str, Any] | None:
        """The chunk that tells of an event; None if there is nothing to tell."""
        text = _told(event)
        return None if text is None else self._chunk({"reasoning_content": text})

    def piece(self, text: str) -> dict[str, Any]:
        """The chunk with a piece of the answer."""
        return self._chunk({"content": text})

    def answer(
        self, result: Result, content: str | None, *, after: str = ""
    ) -> Iterator[dict[str, Any]]:
        """The chunks of the answer, a few words each; tool calls in one piece each.

        Args:
            result: of the episode.
            content: the answer as the client gets it.
            after: its beginning, which the client has.
        """
        message = self._message(result, content)
        words = _PIECES.findall((message["content"] or "").removeprefix(after))
        for start in range(0, len(words), _WORDS_A_PIECE):
            yield self.piece("".join(words[start : start + _WORDS_A_PIECE]))
        for index, call in enumerate(message.get("tool_calls", ())):
            yield self._chunk({"tool_calls": [{"index": index, **call}]})

    def end(self, result: Result, *, usage_event: bool) -> Iterator[dict[str, Any]]:
        """The last chunks: the finish reason, the usage, and the receipt if it is wanted.

        Args:
            result: of the episode.
            usage_event: whether the usage has a chunk of its own, without choices, as OpenAI sends it on request.
        """
        last = self._chunk({}, self._finish(result))
        if usage_event:
            yield last
            yield {**self._chunk({}), "choices": [], "usage": usage_of(result), **self._extra()}
        else:
            yield {**last, "usage": usage_of(result), **self._extra()}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}

    def _message(self, result: Result, content: str | None) -> dict[str, Any]:
        if result.message is None:
            return {"role": "assistant", "content": content, "refusal": None}
        return {**result.message, "role": "assistant", "content": result.message.get("content")}

    @staticmethod
    def _finish(result: Result) -> str:
        if (result.message or {}).get("tool_calls"):
            return "tool_calls"
        known = ("length", "content_filter")
        return result.finish_reason if result.finish_reason in known else "stop"

    def _extra(self) -> dict[str, Any]:
        return {"router_r1": self._receipt.as_json()} if self._with_receipt else {}


def usage_of(result: Result) -> dict[str, Any]:
    """The `usage` object of an episode, see the module's docstring."""
    shown, others = Usage(), Usage()
    answering = _answering_call(result)
    for entry in result.ledger:
        if entry.role is Role.POLICY or entry.call_id == answering:
            shown += entry.usage
        else:
            others += entry.usage
    return {
        "prompt_tokens": shown.prompt,
        "completion_tokens": shown.completion,
        "total_tokens": shown.prompt + shown.completion,
        "prompt_tokens_details": {
            "cached_tokens": shown.cached,
            "orchestration_input_tokens": others.prompt,
            "orchestration_input_cached_tokens": others.cached,
        },
        "completion_tokens_details": {
            "reasoning_tokens": shown.reasoning,
            "orchestration_output_tokens": others.completion,
        },
    }


def answering_model(result: Result) -> str | None:
    """The model whose reply is the answer; None if the policy wrote it, or votes chose it."""
    aggregation = result.trace.aggregation
    if aggregation is not None and aggregation.model is not None:
        return aggregation.model
    last = result.trace.turns[-1].turn if result.trace.turns else None
    if last is not None and result.answer == result.trace.policy_answer:
        return last.adopted
    return None


def _answering_call(result: Result) -> str | None:
    """The call whose reply is the answer; None if there is none."""
    name = answering_model(result)
    last = result.trace.turns[-1].turn if result.trace.turns else None
    adopted = last.adopted_reply if last is not None and last.adopted == name else None
    calls = [
        e.call_id
        for e in result.ledger
        if e.model == name and e.outcome == "ok" and e.role is not Role.POLICY
    ]
    return calls[(adopted or len(calls)) - 1] if calls else None


def _told(event: Event) -> str | None:
    """One line about an event before the answer, for people who wait."""
    if isinstance(event, TurnWritten):
        thought = " ".join(event.turn.thought.split())
        return f"{thought}\n" if thought else None
    if isinstance(event, CallStarted):
        query = " ".join(event.call.query.split())
        shown = query if len(query) <= _SHOWN_QUERY else f"{query[:_SHOWN_QUERY]}…"
        return f"Asking {event.call.model}: {shown}\n"
    if not isinstance(event, CallFinished):
        return None
    if event.response.failure is not None:
        return f"{event.call.model} gave no reply ({event.response.failure.kind.value}).\n"
    return f"{event.call.model} replied after {event.response.latency_s:.1f} s.\n"
