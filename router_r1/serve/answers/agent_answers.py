"""Answers of the agent: one episode for each request, whole or streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from router_r1.agent import Finished, Result
from router_r1.prompts import usd
from router_r1.rollout import AnswerWritten
from router_r1.serve.answers.agent_request import AgentRequest
from router_r1.serve.answers.chat_reply import ChatReply, answering_model
from router_r1.serve.api_error import ApiError
from router_r1.serve.gateway import Gateway
from router_r1.serve.names import AgentName
from router_r1.serve.sessions import told
from router_r1.serve.ticket import Ticket
from router_r1.token_prices import estimate_tokens

_FOR_ROUNDS = 0.9
"""Share of the time of a request that rounds may take; the rest is for the final answer."""


class AgentAnswer:
    """The answer to one request."""

    def __init__(
        self,
        gateway: Gateway,
        target: AgentName,
        body: Mapping[str, Any],
        ticket: Ticket,
    ) -> None:
        """Read the request. Raises `ApiError` if the agent cannot honour it, `CannotServeError` if nobody can."""
        self._gateway, self._ticket = gateway, ticket
        self.request = AgentRequest.read(body, target.limits, gateway.settings.ceiling)
        self._limits = self.request.limits
        asked = self.request.conversation
        kept = gateway.kept(ticket.receipt.session, asked)
        self._conversation = told(asked, kept)
        model = f"{target.name}@{gateway.version}"
        self._reply = ChatReply(ticket.receipt, model, with_receipt=self.request.receipt)
        ticket.limit(self.request.timeout_s)

    async def admit(self) -> None:
        """Reserve what it may cost. Raises `ApiError` if the key has too little left.

        The policy's turns are in the budget of an episode, but a turn is paid before its price is known: one more is
        reserved. What the key has left bounds an episode that has no budget of its own.
        """
        gateway, limits = self._gateway, self._limits
        turn = gateway.turn_usd(self._conversation, limits)
        budget = limits.budget_usd
        left = await self._ticket.left()
        most = gateway.most_usd(self._conversation, limits) if budget is None else budget
        if left is not None:
            if left < turn:
                raise ApiError(
                    429,
                    f"a turn of the policy may cost {usd(turn)}, and {usd(left)} is left of this key's budget",
                    kind="insufficient_quota",
                    code="insufficient_quota",
                )
            most = min(most, left - turn)
            self._limits = limits.model_copy(update={"budget_usd": most})
        tokens = self._conversation.tokens + gateway.single.max_output_tokens
        await self._ticket.admit(tokens, most + turn, gateway.lapses_in_s)

    async def whole(self) -> dict[str, Any]:
        """The completion. Raises `ApiError` if there is no answer."""
        result = await self._gateway.agent.aask(self._conversation, **self._options())
        content = self._concluded(result)
        return self._reply.whole(result, content)

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks of the completion as they come. Raises `ApiError` if there is no answer."""
        yield self._reply.begin()
        result: Result | None = None
        told = ""  # of the answer, while it was written
        # A stop string may begin in one piece and end in the next: then the answer is cut when it is complete.
        as_written = not self.request.stop
        # Closed with this generator: a call that is cancelled is booked before the ticket is closed.
        async with aclosing(
            self._gateway.agent.astream(self._conversation, **self._options())
        ) as events:
            async for event in events:
                if isinstance(event, Finished):
                    result = event.result
                elif isinstance(event, AnswerWritten):
                    if as_written:
                        told += event.text
                        yield self._reply.piece(event.text)
                elif (chunk := self._reply.progress(event)) is not None:
                    yield chunk
        assert result is not None, "a stream of events ends with the result"
        content = self._concluded(result)
        if not (content or "").startswith(told):
            raise ApiError(
                502,
                "the answer broke off while it was written; ask again",
                kind="upstream_error",
                code="answer_broke_off",
            )
        for chunk in self._reply.answer(result, content, after=told):
            yield chunk
        for chunk in self._reply.end(result, usage_event=self.request.usage_event):
            yield chunk

    def _options(self) -> dict[str, Any]:
        return {
            "limits": self._limits,
            "timeout_s": max(0.001, self._ticket.seconds_left * _FOR_ROUNDS),
            "ledger": self._ticket.receipt.ledger,
            "metadata": {"request_id": self._ticket.receipt.id},
        }

    def _concluded(self, result: Result) -> str | None:
        """The text of the answer; completes the receipt."""
        receipt = self._ticket.receipt
        receipt.rounds = result.rounds
        receipt.answered_by = answering_model(result) or ""
        receipt.outcome = result.stop_reason.value
        if result.answer is None:
            raise ApiError(
                502,
                f"no answer: the episode ended with {result.stop_reason.value}"
                f"{': ' if result.trace.stop_detail else ''}{result.trace.stop_detail}",
                kind="upstream_error",
                code=result.stop_reason.value,
            )
        answer = result.answer
        cuts = [at for stop in self.request.stop if (at := answer.find(stop)) >= 0]
        answer = answer[: min(cuts)] if cuts else answer
        receipt.single_usd = self._gateway.single_usd(
            self.request.conversation.tokens, estimate_tokens(answer)
        )
        return answer
