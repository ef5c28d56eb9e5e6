"""Answers of the agent: one episode for each request, whole or streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from router_r1.agent import Finished, Result
from router_r1.serve.answers.agent_request import AgentRequest
from router_r1.serve.answers.chat_reply import ChatReply, answering_model
from router_r1.serve.answers.deadline import Deadline
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
        self._most_usd = gateway.most_usd(self.request.conversation, self._limits.max_rounds)
        model = f"{target.name}@{gateway.version}"
        self._reply = ChatReply(ticket.receipt, model, with_receipt=self.request.receipt)

    async def admit(self) -> None:
        """Reserve what it may cost. Raises `ApiError` if the key has too little left."""
        budget = self._limits.budget_usd
        if budget is None:
            # What the key has left bounds what cannot be bounded otherwise.
            left = await self._ticket.left()
            budget = self._most_usd if left is None else min(self._most_usd, left)
            if left is not None:
                self._limits = self._limits.model_copy(update={"budget_usd": budget})
        tokens = self.request.conversation.tokens + self._gateway.single.max_output_tokens
        await self._ticket.admit(tokens, budget, self.request.timeout_s + 60)

    async def whole(self) -> dict[str, Any]:
        """The completion. Raises `ApiError` if there is no answer."""
        result = None
        async with self._deadline():
            result = await self._gateway.agent.aask(self._conversation, **self._options())
        content = self._concluded(result)
        return self._reply.whole(result, content)

    async def chunks(self) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks of the completion as they come. Raises `ApiError` if there is no answer."""
        yield self._reply.begin()
        result: Result | None = None
        async with self._deadline():
            events = self._gateway.agent.astream(self._conversation, **self._options())
            async for event in events:
                if isinstance(event, Finished):
                    result = event.result
                elif (chunk := self._reply.progress(event)) is not None:
                    yield chunk
        assert result is not None, "a stream of events ends with the result"
        content = self._concluded(result)
        for chunk in self._reply.answer(result, content):
            yield chunk
        for chunk in self._reply.end(result, usage_event=self.request.usage_event):
            yield chunk

    def _options(self) -> dict[str, Any]:
        return {
            "limits": self._limits,
            "timeout_s": self.request.timeout_s * _FOR_ROUNDS,
            "ledger": self._ticket.receipt.ledger,
            "metadata": {"request_id": self._ticket.receipt.id},
        }

    def _deadline(self) -> Deadline:
        return Deadline(self.request.timeout_s)

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
