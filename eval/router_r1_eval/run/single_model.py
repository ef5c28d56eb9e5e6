"""One model of a pool as an agent: it is asked every question, and its reply is the answer.

So a single model has the same ledger, retries, limits on calls and traces as the agent it is compared with.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from router_r1.agent import RouterAgent
from router_r1.aggregation.base import Aggregation
from router_r1.episode import Episode, Limits
from router_r1.pool import Account, ModelPool
from router_r1.protocol import Route, render_turn
from router_r1.testing import ScriptedPolicy
from router_r1.token_prices import Price
from router_r1_eval.run.trace_status import SINGLE_MODEL_POLICY

_FREE = Price(input=0, output=0)
_MAX_TOKENS = 10**7  # a question passed on may have any length


@dataclass(frozen=True)
class LastReply:
    """An aggregator that takes the last reply of a candidate as the answer; no answer if the call failed."""

    kind: str = "reply"

    def check(self, pool: ModelPool) -> None:
        """Works with every pool."""

    async def aggregate(self, episode: Episode, pool: ModelPool, account: Account) -> Aggregation:
        """Take the last reply.

        Args:
            episode: the finished episode.
            pool: unused.
            account: unused.
        """
        replies = [o.response for turn in episode.turns for o in turn.outcomes if o.response]
        text = replies[-1].text if replies and replies[-1].ok else None
        return Aggregation(self.kind, text)


def single_model(
    pool: ModelPool, name: str, traces: Path, timeout_s: float | None = None
) -> RouterAgent:
    """An agent that passes every question on to one model, free of charge.

    Args:
        pool: the pool.
        name: the model.
        traces: the file to append traces to.
        timeout_s: seconds that a question may take.

    Raises:
        ConfigError: the pool has no such model.
    """
    pool.card(name)

    def write_turn(episode: Episode) -> str:
        if episode.turns:
            return render_turn("Its reply stands.", answer="-")
        return render_turn("Pass it on.", [Route(name, episode.question)])

    return RouterAgent(
        policy=ScriptedPolicy(write_turn, name=f"{SINGLE_MODEL_POLICY}{name}", price=_FREE),
        pool=pool,
        aggregator=LastReply(),
        limits=Limits(
            max_rounds=1,
            max_routes=1,
            max_turn_tokens=_MAX_TOKENS,
            max_policy_tokens=2 * _MAX_TOKENS,
        ),
        timeout_s=timeout_s,
        traces=traces,
    )
