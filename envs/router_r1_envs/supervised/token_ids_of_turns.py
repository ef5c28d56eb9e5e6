"""Gives the turns of an episode the token ids that a policy in training would have generated for them.

Demonstrations, episodes of chat models and episodes of a policy with another tokenizer have texts, but no ids of the
tokenizer that is trained. With `with_token_ids` their examples have the ids and the mask that the agent loop of
reinforcement learning produces for the same turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from router_r1.episode import Episode, TurnRecord
from router_r1.ledger import Ledger
from router_r1.policies import token_ids
from router_r1.trace import Trace


def with_token_ids(episode: Episode, tokenizer: Any) -> Episode:
    """The same finished episode, in which every turn has ids of this tokenizer.

    Ids that spell the turn's text are kept: the policy generated them. Any other turn is encoded from its text. A turn
    that routes and does not end with a stop string, because several routes are allowed, gets the one at which a policy
    in training would have stopped; otherwise nobody could learn from it where such a turn ends. Limits that count tokens
    are not applied again.
    """
    trace = Trace.of(
        episode,
        Ledger(),
        policy="",
        pool_version="",
        answer=episode.answer,
        aggregation=None,
        started_at=0.0,
        latency_s=0.0,
    )
    turns = tuple(_encoded(record, episode.stop_strings, tokenizer) for record in trace.turns)
    return replace(trace, turns=turns).replay()


def _encoded(record: TurnRecord, stops: Sequence[str], tokenizer: Any) -> TurnRecord:
    text, overhang, ids = record.turn.text, record.overhang, record.token_ids
    if ids is None or token_ids.decode_turn(tokenizer, ids, stops) != (text, overhang):
        overhang = ""
        if record.outcomes and not text.endswith(tuple(stops)):
            text, overhang = text.rstrip() + "\n", next(s for s in stops if not s.startswith("</"))
        ids = tuple(token_ids.encode_text(tokenizer, text + overhang))
    return replace(
        record,
        turn=replace(record.turn, text=text),
        token_ids=ids,
        logprobs=None,
        overhang=overhang,
    )
