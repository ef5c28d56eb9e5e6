"""The candidates of a generated world behind an OpenAI-compatible server on 127.0.0.1: a pool to practise on that bills nobody.

    async with WorldServer(world) as server:
        pool = ModelPool(server.pool_file.candidates, server.pool_file.endpoints)

What a candidate says is a function of its name and the query, so the server answers word for word, and token for token, what the
world answers in training. Sampling parameters and limits on tokens are accepted and change nothing.

Not covered: streams, several choices, keys. Who may connect is whoever is on this machine.
"""

from __future__ import annotations

from typing import Any, Self

from aiohttp import web
from pydantic import BaseModel, Field

from router_r1 import config
from router_r1.errors import ConfigError
from router_r1.model_cards import Endpoint, PoolFile
from router_r1.testing import chat_reply, usage
from router_r1.transport.messages import Message, Request
from router_r1_envs.worlds.generated_world.world import GeneratedWorld

HOST = "127.0.0.1"


class ChatRequest(BaseModel):
    """What is read of the body of a chat completion; everything else changes nothing."""

    model: str
    """The candidate's name."""
    messages: tuple[Message, ...] = Field(min_length=1)
    """The query is the last one."""
    stream: bool = False
    """Must be false."""


class WorldServer:
    """Serves while it is entered. Belongs to one event loop."""

    def __init__(self, world: GeneratedWorld, port: int = 0) -> None:
        """
        Args:
            world: whose candidates.
            port: of 127.0.0.1; 0 takes a free one.
        """
        self.world = world
        self.port = port
        self._cards = {card.name: card for card in world.cards}
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            ConfigError: the port can not be had.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"port {self.port} of {HOST} can not be had ({error}); choose another, or 0 for a free one"
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        """Where it listens, as a pool file has it."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def pool_file(self) -> PoolFile:
        """The pool that asks this server."""
        cards = tuple(card.model_copy(update={"endpoint": "world"}) for card in self.world.cards)
        return PoolFile(candidates=cards, endpoints={"world": Endpoint(base_url=self.base_url)})

    async def _models(self, _: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model"} for name in self._cards]
        return web.json_response({"object": "list", "data": listed})

    async def _complete(self, http: web.Request) -> web.Response:
        try:
            asked = config.validate(ChatRequest, await http.json(), "request")
        except ValueError as error:  # no JSON, or not what is expected
            return _refusal(400, str(error))
        if asked.stream:
            return _refusal(
                400, "request: stream: this server sends whole replies; set it to false"
            )
        if asked.model not in self._cards:
            known = ", ".join(self._cards)
            return _refusal(404, f"request: model: no candidate {asked.model!r}; there are {known}")
        request = Request(asked.model, asked.messages)
        reply = self.world.reply(self._cards[asked.model], request)
        used = usage(reply.usage.prompt, reply.usage.completion)
        return web.json_response(chat_reply(reply.text, usage=used, model=asked.model))


def _refusal(status: int, message: str) -> web.Response:
    """An error as OpenAI's servers send it."""
    error: dict[str, Any] = {"message": message, "type": "invalid_request_error", "code": status}
    return web.json_response({"error": error}, status=status)
