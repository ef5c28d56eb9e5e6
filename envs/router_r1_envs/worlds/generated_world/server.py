"""An OpenAI-compatible server on 127.0.0.1 for the candidates of a generated world: a free pool to practise on.

    async with WorldServer(world) as server:
        pool = ModelPool(server.pool_file.candidates, server.pool_file.endpoints)

A reply is a function of the candidate's name and the query, so the server gives the same texts and token counts as the
world in training. It accepts sampling parameters and token limits, and ignores them.

Not supported: streaming, several choices, keys. Every process on this machine can connect.
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
    """The fields of a chat completion that the server reads; it ignores all others."""

    model: str
    """The name of a candidate."""
    messages: tuple[Message, ...] = Field(min_length=1)
    """The last one is the query."""
    stream: bool = False
    """Must be false."""


class WorldServer:
    """An async context manager that serves while it is entered. Use it on one event loop."""

    def __init__(self, world: GeneratedWorld, port: int = 0) -> None:
        """
        Args:
            world: the world with the candidates.
            port: port on 127.0.0.1; 0 takes a free one.
        """
        self.world = world
        self.port = port
        self._cards = {card.name: card for card in world.cards}
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        """Start listening.

        Raises:
            ConfigError: the port is taken or not allowed, or is not a port number.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, HOST, self.port).start()
        except (OSError, OverflowError) as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"cannot listen on port {self.port} of {HOST} ({error}); choose another port, or 0 for a free one"
            ) from error
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        """The base URL, as a pool file states it."""
        return f"http://{HOST}:{self.port}/v1"

    @property
    def pool_file(self) -> PoolFile:
        """A pool file whose candidates are served here."""
        cards = tuple(card.model_copy(update={"endpoint": "world"}) for card in self.world.cards)
        return PoolFile(candidates=cards, endpoints={"world": Endpoint(base_url=self.base_url)})

    async def _models(self, _: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model"} for name in self._cards]
        return web.json_response({"object": "list", "data": listed})

    async def _complete(self, http: web.Request) -> web.Response:
        try:
            body = config.validate(ChatRequest, await http.json(), "request")
        except ValueError as error:  # not JSON, or not a valid request
            return _refusal(400, str(error))
        if body.stream:
            return _refusal(
                400, "request: stream: this server sends whole replies only; set it to false"
            )
        if body.model not in self._cards:
            known = ", ".join(self._cards)
            return _refusal(404, f"request: model: no candidate {body.model!r}; there are {known}")
        request = Request(body.model, body.messages)
        reply = self.world.reply(self._cards[body.model], request)
        used = usage(reply.usage.prompt, reply.usage.completion)
        return web.json_response(chat_reply(reply.text, usage=used, model=body.model))


def _refusal(status: int, message: str) -> web.Response:
    """An error in the format of OpenAI's API."""
    error: dict[str, Any] = {"message": message, "type": "invalid_request_error", "code": status}
    return web.json_response({"error": error}, status=status)
