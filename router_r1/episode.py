"""One question, many rounds: a state machine with no I/O.

    episode = Episode(question, pool.cards, Limits(budget_usd=0.002))
    while not episode.done:
        step = episode.step(text_of_the_policy)              # the policy's next turn
        if step.calls:
            episode.observe(responses_to(step.calls))        # the candidates' responses

The agent, the training loop and replay all drive this object, so budget, limits, refusals, corrections and truncation
are the same everywhere. An episode is used once.

A *round* is a policy turn that routes, with the responses to its routes. The answer takes one more turn, which is not a
round. An episode has two renderings, and the policy chooses one: `messages` (chat), or `opening` + `segments` (native:
one assistant turn that continues after each observation).

Not here: the policy (`policies/`), the candidates (`pool.py`), the reward (the reward package).
"""

from __future__ import annotations

import re
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from router_r1 import prompts
from router_r1.config import StrictModel
from router_r1.conversation import Conversation
from router_r1.errors import ConfigError, EpisodeStateError
from router_r1.model_cards import ModelCard
from router_r1.prompts import AnswerStyle, PromptBuilder, PromptContext
from router_r1.protocol import (
    Information,
    Turn,
    action_texts,
    forwards,
    parse_turn,
    render_information,
    stop_strings,
)
from router_r1.token_prices import estimate_tokens
from router_r1.transport.messages import Message, Response

Count = Annotated[int, Field(ge=1)]
Quote = Callable[[ModelCard, str], float]
_SURROGATE = re.compile("[\ud800-\udfff]")


class Limits(StrictModel):
    """What one episode may use."""

    budget_usd: Annotated[float, Field(ge=0)] | None = None
    """Dollars for the whole episode: candidates, the policy where it has a price, the aggregator. None: no limit."""
    worth_usd: Annotated[float, Field(gt=0)] | None = None
    """Value of a right answer in dollars: the policy reads it; the reward trades cost against it. None: not stated."""
    max_rounds: Annotated[int, Field(ge=0)] = 4
    """Maximum number of routing rounds; after them the policy must answer."""
    max_routes: Count = 4
    """Maximum number of routes in one turn."""
    max_malformed: Annotated[int, Field(ge=0)] = 2
    """Maximum number of malformed turns that are answered with a correction; one more ends the episode."""
    max_turn_tokens: Count = 1024
    """Maximum number of tokens the policy may write in one turn."""
    max_policy_tokens: Count = 8192
    """Maximum number of tokens the policy may write in the whole episode."""
    max_information_chars: Count = 2400
    """Characters of a candidate's response that the policy sees; about four to a token, whatever the tokenizer."""
    plain_information: bool = False
    """Blocks hold a reply and nothing else, as in Router-R1: no costs and notices, and `None` where there is no reply."""


class StopReason(StrEnum):
    """Why an episode ended."""

    ANSWERED = "answered"
    ROUNDS = "rounds"
    """The policy routed when no round was left, and again when it was told so."""
    MALFORMED = "malformed"
    TOKENS = "tokens"
    BUDGET = "budget"
    """The policy's own turns used up the budget."""
    POLICY_FAILED = "policy_failed"
    DEADLINE = "deadline"
    CANCELLED = "cancelled"
    ERROR = "error"
    """An exception that is not a model's failure: a replay miss, a full disk, a bug."""


class EpisodeState(StrEnum):
    """Which side moves next."""

    AWAITING_TURN = "awaiting_turn"
    AWAITING_RESPONSES = "awaiting_responses"
    DONE = "done"


class Origin(StrEnum):
    """The author of a segment. Only the policy's tokens are trained on."""

    POLICY = "policy"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the native transcript after the opening."""

    origin: Origin
    text: str
    token_ids: tuple[int, ...] | None = None
    """The ids the policy generated, unchanged, where known. None for the environment's text: the caller encodes it."""
    logprobs: tuple[float, ...] | None = None
    overhang: str = ""
    """Text in `token_ids` that follows `text`: the start of an information block, at which generation stopped. The next
    segment begins with it, so a caller that encodes that segment must leave it out."""


@dataclass(frozen=True, slots=True)
class Call:
    """A route that the caller must carry out."""

    model: str
    query: str
    sample_index: int = 0
    conversation: Conversation | None = None
    """The conversation to forward, as it came; None for a query that is text."""


@dataclass(frozen=True, slots=True)
class RouteOutcome:
    """The result of a route: a response, or the reason why no call was made."""

    model: str
    query: str
    """What the candidate was asked: the question itself where the route forwards it."""
    response: Response | None = None
    refused: str | None = None
    forwarded: bool = False
    """Whether the question, or the conversation, was handed on as it came."""


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One policy turn with its outcomes and the observation that followed."""

    turn: Turn
    outcomes: tuple[RouteOutcome, ...] = ()
    observation: str = ""
    tokens: int = 0
    cost_usd: float | None = None
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    overhang: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """The result of a turn: calls to make, or an observation that is already appended, or the end."""

    turn: Turn
    calls: tuple[Call, ...] = ()
    observation: str = ""
    done: bool = False
    stop_reason: StopReason | None = None
    answer: str | None = None


class Episode:
    """One question, from the opening prompt to a stop reason. Not reusable, not thread-safe, no I/O."""

    def __init__(
        self,
        question: str | Conversation,
        pool_cards: Sequence[ModelCard],
        limits: Limits | None = None,
        *,
        style: AnswerStyle = "short",
        episode_id: str | None = None,
        prompt: PromptBuilder = prompts.policy_messages,
        quote: Quote = ModelCard.quote,
        sample_index: int = 0,
    ) -> None:
        """
        Args:
            question: the question, or the conversation to reply to; must not be empty.
            pool_cards: the candidates.
            limits: budget and limits; by default those of `Limits`.
            style: whether the answer is as short as it can be, or a full reply to a person.
            episode_id: the episode's name in ledger and trace; by default random.
            prompt: builds the opening messages from question, cards and limits.
            quote: the most dollars a call may cost, `(card, query) -> usd`; the budget reserves them before the call.
            sample_index: number of this episode among several on one question; recordings keep their samples apart.

        Raises:
            ConfigError: the question or the pool is empty, or the question is not Unicode text.
        """
        conversation = question if isinstance(question, Conversation) else None
        question = question.text if isinstance(question, Conversation) else question
        if not question.strip():
            raise ConfigError("the question is empty; ask something")
        if _SURROGATE.search(question):
            raise ConfigError("the question holds bytes that are not text; give it in UTF-8")
        if not pool_cards:
            raise ConfigError("the pool is empty; an episode needs at least one candidate")
        self.id = episode_id or uuid.uuid4().hex
        self.question = question
        """The question as the policy reads it."""
        self.conversation = None if conversation is None or conversation.is_plain else conversation
        """The conversation, where it is more than the question; a route that forwards hands it on."""
        self.style = style
        self.limits = limits or Limits()
        self.cards = tuple(pool_cards)
        self.sample_index = sample_index
        self._by_name = {card.name: card for card in self.cards}
        self._quote = quote
        context = PromptContext(
            self.limits.max_rounds,
            self.limits.max_routes,
            self.limits.budget_usd,
            self.limits.worth_usd,
            style,
        )
        self.opening = prompt(question, self.cards, context)
        rules = [message["content"] for message in self.opening if message["role"] == "system"]
        self._shown = action_texts("\n".join(rules))
        self.state = EpisodeState.AWAITING_TURN
        self.stop_reason: StopReason | None = None
        self.stop_detail = ""
        self.answer: str | None = None
        self.rounds = 0
        self.malformed = 0
        self.policy_tokens = 0
        self.spent_usd = 0.0
        self._turns: list[TurnRecord] = []
        self._pending: TurnRecord | None = None
        self._asked: dict[tuple[str, str], int] = {}

    # --- state, readable at any time

    @property
    def done(self) -> bool:
        """True once the episode has a `stop_reason`."""
        return self.state is EpisodeState.DONE

    @property
    def turns(self) -> tuple[TurnRecord, ...]:
        """All turns so far. While responses are awaited, the last turn has no responses."""
        return (*self._turns, self._pending) if self._pending else tuple(self._turns)

    @property
    def left_usd(self) -> float | None:
        """Dollars left of the budget; None without a budget; negative if a call cost more than its quote."""
        budget = self.limits.budget_usd
        return None if budget is None else budget - self.spent_usd

    @property
    def turn_token_limit(self) -> int:
        """The most tokens the next turn may have."""
        left = self.limits.max_policy_tokens - self.policy_tokens
        return max(1, min(self.limits.max_turn_tokens, left))

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """The strings at which generation of a turn stops."""
        return stop_strings(self.limits.max_routes)

    @property
    def messages(self) -> tuple[Message, ...]:
        """The chat rendering: turns as assistant messages, observations as user messages.

        A model copies what it wrote before. So a malformed turn is left out, and its correction joins the message that
        it answered; and directly after a malformed turn all turns are left out, and question, replies and corrections
        are one message. A policy that read the rules is reminded of the form.
        """
        messages = list(self.opening)
        rounds = 0
        for number, record in enumerate(self.turns, 1):
            again = record.turn.malformed and number == len(self.turns)
            if again:
                texts = [
                    m["content"] for m in messages[len(self.opening) - 1 :] if m["role"] == "user"
                ]
                messages[len(self.opening) - 1 :] = [
                    {"role": "user", "content": "\n\n".join(texts)}
                ]
            elif not record.turn.malformed:
                rounds += 1
                messages.append({"role": "assistant", "content": record.turn.text})
            if not record.observation:
                continue
            if messages[-1]["role"] == "assistant":
                messages.append({"role": "user", "content": ""})
            said = [messages[-1]["content"], record.observation]
            if self.opening[0]["role"] == "system":
                may_route = rounds < self.limits.max_rounds
                said.append(prompts.turn_form(may_route=may_route, replied=rounds > 0, again=again))
            messages[-1] = {"role": "user", "content": "\n\n".join(filter(None, said))}
        return tuple(messages)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The native rendering of everything after the opening."""
        parts: list[Segment] = []
        for r in self.turns:
            parts.append(Segment(Origin.POLICY, r.turn.text, r.token_ids, r.logprobs, r.overhang))
            if r.observation:
                space = "\n\n" if self.limits.plain_information else "\n"
                lead = "" if r.overhang else space
                parts.append(Segment(Origin.ENVIRONMENT, f"{lead}{r.observation}{space}"))
        return tuple(parts)

    @property
    def transcript(self) -> str:
        """The native rendering as one text, without the opening."""
        return "".join(segment.text for segment in self.segments)

    # --- moves

    def step(
        self,
        text: str,
        *,
        token_ids: Sequence[int] | None = None,
        logprobs: Sequence[float] | None = None,
        overhang: str = "",
        tokens: int | None = None,
        cost_usd: float | None = None,
    ) -> Step:
        """Take the policy's next turn.

        Args:
            text: the turn, up to and including the tag at which generation stopped.
            token_ids: the ids the policy generated; kept unchanged.
            logprobs: the log-probability of each id.
            overhang: see `Segment.overhang`.
            tokens: number of tokens generated; by default the number of ids, or an estimate without ids.
            cost_usd: dollars the turn cost, where the policy has a price; counts against the budget.

        Raises:
            EpisodeStateError: the episode awaits responses, or is over.
        """
        self._require(EpisodeState.AWAITING_TURN, "step")
        # A policy's tokens can decode to lone surrogates, which no file and no request can hold.
        text = _SURROGATE.sub("\ufffd", text)
        may_route = self.rounds < self.limits.max_rounds
        turn = parse_turn(
            text,
            self._by_name,
            max_routes=self.limits.max_routes if may_route else 0,
            shown=self._shown,
            replied=Counter(model for model, _ in replies(self._turns)),
        )
        if tokens is None:
            tokens = len(token_ids) if token_ids is not None else estimate_tokens(text)
        record = TurnRecord(
            turn=turn,
            tokens=tokens,
            cost_usd=cost_usd,
            token_ids=None if token_ids is None else tuple(token_ids),
            logprobs=None if logprobs is None else tuple(logprobs),
            overhang=overhang,
        )
        self.policy_tokens += tokens
        self.spent_usd += cost_usd or 0.0
        if not turn.malformed and turn.ends:
            self._turns.append(record)
            adopted = adopted_reply(self._turns)
            self.answer = turn.answer if adopted is None else adopted.text or adopted.shown
            return self._end(turn, StopReason.ANSWERED)
        if turn.malformed:
            self.malformed += 1
        reason = self._exhausted(turn, cost_usd or 0.0)
        if reason is not None:
            self._turns.append(record)
            return self._end(turn, reason)
        if turn.malformed:
            return self._correct(record)
        return self._route(record)

    def observe(self, responses: Sequence[Response]) -> str:
        """Take the candidates' responses, in the order of `Step.calls`, and return the observation for the policy.

        Raises:
            EpisodeStateError: no responses are awaited, or not this many, or one has no cost.
        """
        self._require(EpisodeState.AWAITING_RESPONSES, "observe")
        record = self._pending
        assert record is not None, "awaiting responses implies a pending turn"
        called = [outcome for outcome in record.outcomes if outcome.refused is None]
        if len(called) != len(responses):
            raise EpisodeStateError(
                f"{len(called)} responses are awaited, got {len(responses)}; give one for each call"
            )
        if any(response.cost_usd is None for response in responses):
            raise EpisodeStateError(
                "a response has no cost; call candidates through ModelPool, which prices them"
            )
        coming = iter(responses)
        outcomes = tuple(
            outcome if outcome.refused is not None else replace(outcome, response=next(coming))
            for outcome in record.outcomes
        )
        self._pending = None
        self.state = EpisodeState.AWAITING_TURN
        return self._finish_round(record, outcomes)

    def stop(self, reason: StopReason, detail: str = "") -> None:
        """End the episode from outside: time ran out, the policy failed, or the caller gave up.

        A turn that awaits responses is kept without them.

        Args:
            reason: why it ends.
            detail: more about the reason, for the trace.

        Raises:
            EpisodeStateError: the episode is over already.
        """
        if self.done:
            raise EpisodeStateError(f"the episode is over already ({self.stop_reason})")
        if self._pending is not None:
            self._turns.append(self._pending)
            self._pending = None
        self.state, self.stop_reason, self.stop_detail = EpisodeState.DONE, reason, detail

    # --- internals

    def _require(self, state: EpisodeState, move: str) -> None:
        if self.state is not state:
            raise EpisodeStateError(
                f"{move}() needs an episode in state {state.value}, this one is in state {self.state.value}; "
                f"an episode is used once, for one question"
            )

    def _exhausted(self, turn: Turn, cost_usd: float) -> StopReason | None:
        """The limit that this turn exceeds, if any. Such a turn is not carried out, and nothing is spent on it."""
        if turn.malformed and self.malformed > self.limits.max_malformed:
            no_round_left = bool(turn.routes) and self.rounds >= self.limits.max_rounds
            return StopReason.ROUNDS if no_round_left else StopReason.MALFORMED
        if self.policy_tokens >= self.limits.max_policy_tokens:
            return StopReason.TOKENS
        # A candidate that costs more than its quote does not end the episode: further routes are refused, but the
        # policy may still answer.
        if self.left_usd is not None and self.left_usd < 0 < cost_usd:
            return StopReason.BUDGET
        return None

    def _end(self, turn: Turn, reason: StopReason) -> Step:
        self.stop(reason)
        return Step(turn, done=True, stop_reason=reason, answer=self.answer)

    def _correct(self, record: TurnRecord) -> Step:
        may_route = self.rounds < self.limits.max_rounds
        text = prompts.correction(record.turn.problems, list(self._by_name), may_route=may_route)
        kinds = " ".join(dict.fromkeys(problem.kind.value for problem in record.turn.problems))
        observation = self._render(Information(text, notice=kinds, left=self._left()))
        self._append(record, (), observation)
        return Step(record.turn, observation=observation)

    def _route(self, record: TurnRecord) -> Step:
        """Decide which routes are called; the budget reserves the quotes in order."""
        left = self.left_usd
        outcomes: list[RouteOutcome] = []
        calls: list[Call] = []
        for route in record.turn.routes:
            card = self._by_name[route.model]
            forwarded = forwards(route.query)
            query = self.question if forwarded else route.query
            conversation = self.conversation if forwarded else None
            if conversation is None:
                quote, refused = self._quote(card, query), self._too_long(card, query)
            else:
                quote, refused = card.quote_forward(conversation), self._unfit(card, conversation)
            if refused is None and left is not None and not affordable(quote, left):
                refused = prompts.refused_price(card.name, quote, left)
            outcomes.append(RouteOutcome(card.name, query, refused=refused, forwarded=forwarded))
            if refused is None:
                left = None if left is None else left - quote
                calls.append(self._call(card.name, query, conversation))
        if not calls:
            return Step(record.turn, observation=self._finish_round(record, tuple(outcomes)))
        self._pending = replace(record, outcomes=tuple(outcomes))
        self.state = EpisodeState.AWAITING_RESPONSES
        return Step(record.turn, calls=tuple(calls))

    def _call(self, model: str, query: str, conversation: Conversation | None) -> Call:
        """Number repeated queries, so that asking again gives another sample and not the recording of the first."""
        repeat = self._asked.get((model, query), 0)
        self._asked[model, query] = repeat + 1
        return Call(model, query, self.sample_index + repeat, conversation)

    @staticmethod
    def _too_long(card: ModelCard, query: str) -> str | None:
        if card.context_window is None:  # nothing is measured that nobody needs
            return None
        return Episode._beyond_window(card, card.request(query).prompt_tokens_estimate)

    @staticmethod
    def _unfit(card: ModelCard, conversation: Conversation) -> str | None:
        """Why a conversation cannot be forwarded to a candidate; None if it can."""
        if missing := card.lacks(conversation.needs):
            return prompts.refused_needs(card.name, missing)
        return Episode._beyond_window(card, conversation.tokens)

    @staticmethod
    def _beyond_window(card: ModelCard, prompt: int) -> str | None:
        tokens = prompt + card.max_output_tokens
        if card.context_window is None or tokens <= card.context_window:
            return None
        return prompts.refused_length(card.name, tokens, card.context_window)

    def _finish_round(self, record: TurnRecord, outcomes: tuple[RouteOutcome, ...]) -> str:
        self.rounds += 1
        blocks = [self._block(outcome) for outcome in outcomes]
        if self.rounds == self.limits.max_rounds and not self.limits.plain_information:
            blocks.append(self._render(Information(prompts.LAST_ROUND, notice="last_round")))
        observation = "\n".join(blocks)
        self._append(record, outcomes, observation)
        return observation

    def _block(self, outcome: RouteOutcome) -> str:
        """Render one route's information block; books its cost, so `left` falls from block to block."""
        response = outcome.response
        if response is None:
            information = Information(
                outcome.refused or "", outcome.model, notice="refused", left=self._left()
            )
            return self._render(information)
        cost = response.cost_usd or 0.0
        self.spent_usd += cost
        failure = response.failure
        information = Information(
            prompts.failure(outcome.model, failure.kind) if failure else response.shown,
            outcome.model,
            notice=failure.kind.value if failure else None,
            cost=prompts.usd(cost),
            left=self._left(),
        )
        return self._render(information, max_chars=self.limits.max_information_chars)

    def _render(self, information: Information, max_chars: int | None = None) -> str:
        if self.limits.plain_information:
            text = information.text if information.notice is None else "None"
            return render_information(Information(text), max_chars=max_chars)
        if self.limits.worth_usd is not None:
            information = replace(information, worth=prompts.usd(self.limits.worth_usd))
        return render_information(information, max_chars=max_chars)

    def _left(self) -> str | None:
        if self.left_usd is None:
            return None
        return prompts.usd(max(0.0, self.left_usd), rounding=ROUND_DOWN)

    def _append(
        self, record: TurnRecord, outcomes: tuple[RouteOutcome, ...], observation: str
    ) -> None:
        self._turns.append(replace(record, outcomes=outcomes, observation=observation))


def replies(turns: Sequence[TurnRecord]) -> Iterator[tuple[str, Response]]:
    """(candidate, reply) for every reply so far, in order; failures are none."""
    for record in turns:
        for outcome in record.outcomes:
            if outcome.response is not None and outcome.response.ok:
                yield outcome.model, outcome.response


def adopted_reply(turns: Sequence[TurnRecord]) -> Response | None:
    """The reply that the last turn adopts as the answer; None if it adopts none."""
    last = turns[-1].turn if turns else None
    if last is None or last.malformed or last.adopted is None:
        return None
    given = [response for model, response in replies(turns) if model == last.adopted]
    return given[(last.adopted_reply or len(given)) - 1]


def affordable(quote: float, left: float) -> bool:
    """Whether a quote fits the dollars left, up to rounding: three calls of $0.10 fit $0.30. Free calls always fit."""
    return quote == 0 or quote <= left + 1e-9 * quote
