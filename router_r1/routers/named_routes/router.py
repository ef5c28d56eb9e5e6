"""Chooses candidates by named routes: a model names the route of a conversation, and a map names the candidate.

The decision is decoupled as in Arch-Router (Tran et al., 2025, arXiv:2506.16655): a small model learns which route,
written down in plain language, a conversation belongs to; which candidate serves a route is a line of a file. What
differs: any policy may be the model (a server, a checkpoint), replies are read strictly, and each decision says when it
fell back to the default and why.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.background_loop import BackgroundLoop
from router_r1.concurrency import for_each
from router_r1.conversation import Conversation
from router_r1.data.options import with_options
from router_r1.data.questions import Question
from router_r1.episode import Episode, Limits
from router_r1.errors import ConfigError, DataError
from router_r1.files import read_input, write_json
from router_r1.json_text import parse_json
from router_r1.ledger import Ledger, Role
from router_r1.model_cards import ModelCard
from router_r1.policies.base import Policy
from router_r1.pool import Account
from router_r1.routers.named_routes.prompt import ROUTES_PROMPT_VERSION, route_messages
from router_r1.routers.named_routes.reply import read_reply
from router_r1.routers.named_routes.routes_file import RoutesFile
from router_r1.token_prices import Price

log = logging.getLogger("router_r1.routers.named_routes")

TRAINED = "named_routes.json"
"""A file beside the weights of a checkpoint trained on named routes: the routes, and the version of the prompt."""


@dataclass(frozen=True, slots=True)
class Decision:
    """The route of a conversation, and the candidate it leads to."""

    route: str | None
    """None: no route fits, or the reply could not be read."""
    model: str
    reply: str
    """What the model wrote."""
    problem: str = ""
    """Why the default was taken although the model did not say `other`; empty where the reply was read."""
    cost_usd: float | None = None
    """Dollars of the decision; None for a policy without a price."""


class NamedRoutes:
    """A router by named routes. Close it with `close` or `aclose`."""

    name = "named-routes"

    def __init__(self, routes: RoutesFile, policy: Policy, *, concurrency: int = 32) -> None:
        """
        Args:
            routes: names, descriptions and the map.
            policy: the model that reads them, e.g. an `OpenAIPolicy` or a `TransformersPolicy`.
            concurrency: most decisions at a time in `choose` and `decide_all`.
        """
        self.routes, self.policy = routes, policy
        self._concurrency = concurrency
        self._limits = Limits(
            max_rounds=1,
            max_routes=1,
            max_turn_tokens=routes.max_reply_tokens,
            max_policy_tokens=routes.max_reply_tokens,
        )
        # An episode wants a candidate; this prompt shows none.
        self._cards = (ModelCard(name=routes.default, price=Price(input=0, output=0)),)
        self._loop = BackgroundLoop()

    @property
    def models(self) -> tuple[str, ...]:
        """The candidates that can be chosen."""
        return self.routes.models

    async def decide(
        self, asked: str | Conversation | Question, account: Account | None = None
    ) -> Decision:
        """Choose for one conversation. A failed or unreadable reply leads to the default, and the decision says so.

        Args:
            asked: a text, a conversation, or a question, with its options below it.
            account: where the call is booked; by default nowhere.

        Raises:
            PolicyError: the policy cannot write at all.
        """
        conversation = _conversation(asked)
        opening = route_messages(self.routes, conversation)
        episode = Episode(conversation.text, self._cards, self._limits, prompt=lambda *_: opening)
        account = account or Account(Ledger(), episode.id, 1, Role.POLICY)
        turn = await self.policy.write_turn(episode, account)
        if turn.failure is not None:
            problem = f"no reply of {self.policy.name}: {turn.failure.kind.value}"
            return Decision(None, self.routes.default, "", problem, turn.cost_usd)
        read = read_reply(turn.text, self.routes.names)
        model = self.routes.model_of(read.route)
        return Decision(read.route, model, turn.text, read.problem, turn.cost_usd)

    async def decide_all(self, asked: Sequence[str | Conversation | Question]) -> list[Decision]:
        """Choose for many conversations, several at a time; the decisions are in their order."""
        found: dict[int, Decision] = {}

        async def one(place: int) -> None:
            found[place] = await self.decide(asked[place])

        await for_each(range(len(asked)), one, concurrency=self._concurrency)
        return [found[place] for place in range(len(asked))]

    def choose(
        self, questions: Sequence[Question], willingness_to_pay: float = math.inf
    ) -> list[str]:
        """The candidate for each question, as `Router.choose` returns it.

        Args:
            questions: n questions.
            willingness_to_pay: there for routers that weigh cost; what a route may cost is settled by its map here.
        """
        decisions = self._loop.run(self.decide_all(questions))
        problems = [d.problem for d in decisions if d.problem]
        if problems:
            log.warning(
                "%d of %d decisions fell back to %s, the first because %s",
                len(problems), len(decisions), self.routes.default, problems[0],
            )  # fmt: skip
        return [decision.model for decision in decisions]

    def decide_now(self, asked: str | Conversation | Question) -> Decision:
        """`decide` for callers without an event loop."""
        return self._loop.run(self.decide(asked))

    async def aclose(self) -> None:
        """Release the policy."""
        await self.policy.aclose()

    def close(self) -> None:
        """Release the policy and the thread of synchronous calls."""
        self._loop.stop(self.aclose())

    @classmethod
    def of_checkpoint(cls, routes: RoutesFile, folder: str | Path, **settings: Any) -> NamedRoutes:
        """Use a checkpoint on this machine.

        Args:
            routes: names, descriptions and the map.
            folder: of the checkpoint, or its name on the hub.
            settings: of `TransformersPolicy`.

        Raises:
            ConfigError: there is no checkpoint, or it was trained with another version of the prompt.
            DataError: its `named_routes.json` cannot be read.
        """
        from router_r1.policies.transformers_policy import TransformersPolicy

        check_trained(routes, folder)
        return cls(routes, TransformersPolicy(folder, **settings))


def write_trained(routes: RoutesFile, folder: Path) -> None:
    """Write beside a checkpoint what it was trained on; the map is no part of that."""
    shown = routes.model_dump(mode="json", include={"routes", "window_tokens", "analysis"})
    write_json(folder / TRAINED, {"prompt": ROUTES_PROMPT_VERSION, **shown})


def check_trained(routes: RoutesFile, folder: str | Path) -> None:
    """Compare routes with those that a checkpoint was trained on, if it was; other routes are a warning in the log.

    Raises:
        ConfigError: it was trained with another version of the prompt.
        DataError: its `named_routes.json` cannot be read.
    """
    path = Path(folder) / TRAINED
    if not path.is_file():
        return
    try:
        trained = parse_json(read_input(path).decode())
        version, taught = trained["prompt"], trained["routes"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); train again, or remove it") from error
    if version != ROUTES_PROMPT_VERSION:
        raise ConfigError(
            f"{folder}: was trained with prompt {version} of named routes, and this is {ROUTES_PROMPT_VERSION}; train it again"
        )
    now = routes.model_dump(mode="json", include={"routes", "window_tokens", "analysis"})
    changed = [name for name in now if now[name] != trained.get(name, now[name])]
    if changed:
        log.warning(
            "%s: was trained with other %s (of %d routes); a small model may not follow the new ones",
            folder, " and ".join(changed), len(taught),
        )  # fmt: skip


def _conversation(asked: str | Conversation | Question) -> Conversation:
    if isinstance(asked, Conversation):
        return asked
    text = with_options(asked) if isinstance(asked, Question) else asked
    return Conversation.read([{"role": "user", "content": text}])
