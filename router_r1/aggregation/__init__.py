"""Mixture of Agents: from the responses of all rounds to one final answer.

    policy        what the policy answered
    select        one candidate's response, word for word: the one most others agree with
    vote          the short answer most candidates gave, normalised and weighted
    synthesize    an LLM reads all responses and writes the answer; with layers, the candidates first revise theirs

How votes are counted is `tally.py`.
"""

from router_r1.aggregation.base import AGGREGATORS, Aggregation, Aggregator
from router_r1.aggregation.policy_answer import PolicyAnswer
from router_r1.aggregation.select import Select
from router_r1.aggregation.synthesize import Synthesize
from router_r1.aggregation.vote import Vote

__all__ = [
    "AGGREGATORS",
    "Aggregation",
    "Aggregator",
    "PolicyAnswer",
    "Select",
    "Synthesize",
    "Vote",
    "by_name",
]


def by_name(name: str) -> Aggregator:
    """An aggregator with its defaults. Raises `ConfigError` for an unknown name."""
    return AGGREGATORS.find(name)()
