"""Named routes as a model of the gateway: one model names the route of a conversation, the map says who answers."""

from __future__ import annotations

from pathlib import Path

from router_r1.conversation import Conversation, message_tokens
from router_r1.errors import ConfigError
from router_r1.forwarded_answer import able
from router_r1.ledger import Ledger, Role
from router_r1.model_cards import ModelCard
from router_r1.policies.base import Policy
from router_r1.pool import Account, ModelPool, new_call_id
from router_r1.routers.named_routes import NamedRoutes, load_routes
from router_r1.routers.named_routes.prompt import route_messages
from router_r1.routers.named_routes.router import check_trained
from router_r1.serve.answers.one_shot import Choice
from router_r1.serve.settings import NamedRouter
from router_r1.token_prices import Usage, cost_usd


class NamedTarget:
    """Named routes over the candidates of a pool. Close it."""

    def __init__(
        self, router: NamedRoutes, pool: ModelPool, name: str, reader: ModelCard | None = None
    ) -> None:
        """
        Args:
            router: the routes and the model that reads them.
            pool: the candidates.
            name: for messages.
            reader: the card of a candidate that reads; None: reading is free.

        Raises:
            ConfigError: a route leads to a model that is no candidate.
        """
        self._router, self._pool, self._reader = router, pool, reader
        if unknown := [model for model in router.models if model not in pool.names]:
            raise ConfigError(
                f"serve.named_routes.{name}: a route leads to {unknown[0]!r}, and the candidates are {', '.join(pool.names)}"
            )

    @classmethod
    def load(
        cls, name: str, spec: NamedRouter, pool: ModelPool, reader: Policy | None, folder: Path
    ) -> NamedTarget:
        """Read the routes file, and load the checkpoint unless a candidate reads.

        Args:
            name: for messages.
            spec: from the agent file.
            pool: the candidates.
            reader: the candidate that reads, as a policy; None: the checkpoint.
            folder: of the agent file.

        Raises:
            ConfigError: a file is invalid, or a route leads to no candidate.
        """
        try:
            routes = load_routes(folder / spec.routes)
        except ConfigError as error:
            raise ConfigError(f"serve.named_routes.{name}: {error}") from None
        if reader is not None:
            return cls(NamedRoutes(routes, reader), pool, name, pool.card(str(spec.candidate)))
        local = folder / str(spec.checkpoint)
        place = local if local.exists() else str(spec.checkpoint)
        check_trained(routes, place)
        return cls(NamedRoutes.of_checkpoint(routes, place), pool, name)

    def reading_usd(self, conversation: Conversation) -> float:
        """Maximum dollars of naming the route."""
        if self._reader is None:
            return 0.0
        messages = route_messages(self._router.routes, conversation)
        tokens = sum(map(message_tokens, messages))
        return cost_usd(Usage(tokens, self._reader.max_output_tokens), self._reader.price)

    async def choose(self, conversation: Conversation, ledger: Ledger) -> Choice:
        """Choose a candidate that can serve the conversation; the call of the reader is booked.

        Where the candidate of the route cannot serve it (images, tools), the default does, or else the first that can.

        Raises:
            CannotServeError: no candidate can.
        """
        can = [card.name for card in able(conversation, self._pool.cards)]
        account = Account(ledger, new_call_id(), 1, Role.POLICY)
        found = await self._router.decide(conversation, account)
        default = self._router.routes.default
        model = next((name for name in (found.model, default) if name in can), can[0])
        if found.problem:
            why = f"the default, because {found.problem}"
        else:
            why = f"route {found.route}" if found.route else "the default: no route fits"
        if model != found.model:
            why += f"; {found.model} cannot serve this conversation"
        return Choice(model, {}, {}, why)

    async def aclose(self) -> None:
        """Release the reader."""
        await self._router.aclose()
