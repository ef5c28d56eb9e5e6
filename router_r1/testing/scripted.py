"""A policy and a pool that follow a script: no server, no key, and real prices and ledger entries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from router_r1.episode import Episode
from router_r1.errors import PolicyError
from router_r1.ledger import Cause
from router_r1.model_cards import ModelCard, ModelSpec
from router_r1.policies.base import WrittenTurn
from router_r1.pool import Account, ModelPool, new_call_id
from router_r1.token_prices import Price, Usage, estimate_tokens
from router_r1.transport.messages import Attempt, Failure, Request
from router_r1.transport.simulated import Reply, SimulatedTransport

Script = str | Failure | Sequence[str | Failure] | Callable[[str], Reply | Awaitable[Reply]]


class ScriptedPolicy:
    """A policy that writes given turns, the same for every episode, or what a function of the episode returns."""

    def __init__(
        self,
        turns: Sequence[str] | Callable[[Episode], str],
        *,
        name: str = "scripted",
        price: Price | None = None,
    ) -> None:
        """
        Args:
            turns: the turns in order, or a function that returns the next turn of an episode.
            name: the policy's name in ledger and traces.
            price: price of its tokens; None: no price.
        """
        self.name = name
        self.price = price
        self._turns = turns

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Write the next turn. Raises `PolicyError` at the end of the script."""
        number = len(episode.turns)
        if callable(self._turns):
            text = self._turns(episode)
        elif number < len(self._turns):
            text = self._turns[number]
        else:
            raise PolicyError(
                f"{self.name}: the script has {len(self._turns)} turns, and the episode needs another; add one"
            )
        prompt = sum(estimate_tokens(message["content"]) for message in episode.messages)
        usage = Usage(prompt, estimate_tokens(text), estimated=True)
        attempt = Attempt(1, Cause.FIRST, "ok", usage, False, "simulated", 0.0, 0.0)
        cost = account.book(self.name, new_call_id(), attempt, self.price)
        return WrittenTurn(text, tokens=usage.completion, cost_usd=cost)

    def check(self) -> None:
        """Do nothing: a script is always ready."""

    async def aclose(self) -> None:
        """Do nothing: there is nothing to release."""


class ScriptedPool(ModelPool):
    """A pool whose candidates follow a script.

    A script is one reply to every query, a list of replies (the last one repeats), or a function of the query. A
    `Failure` in place of a reply is a failed call. `asked` has all calls so far, as (model, query).
    """

    def __init__(
        self,
        scripts: Mapping[str, Script],
        *,
        price: Price | None = None,
        cards: Sequence[ModelCard] | None = None,
    ) -> None:
        """
        Args:
            scripts: each candidate's script, by name.
            price: price of every candidate; by default $1 per million tokens, in and out.
            cards: the candidates' cards, if more than name and price matters.
        """
        self.asked: list[tuple[str, str]] = []
        self._scripts = dict(scripts)
        self._position: dict[str, int] = {}
        price = price or Price(input=1.0, output=1.0)
        super().__init__(
            cards or [ModelCard(name=name, price=price) for name in scripts],
            transport=SimulatedTransport(self._reply),
            source="scripted pool",
        )

    def _reply(self, card: ModelSpec, request: Request) -> Reply | Awaitable[Reply]:
        query = request.messages[-1]["content"]
        self.asked.append((card.name, query))
        script = self._scripts[card.name]
        if callable(script):
            return script(query)
        if isinstance(script, (str, Failure)):
            return script
        position = self._position.get(card.name, 0)
        self._position[card.name] = position + 1
        return script[min(position, len(script) - 1)]
