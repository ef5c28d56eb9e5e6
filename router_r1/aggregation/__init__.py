"""Aggregators, which turn the responses of all rounds into one final answer (Mixture of Agents).

    policy        the policy's own answer
    select        one candidate's response, word for word: the one most others agree with
    vote          the short answer that most candidates gave, normalised and weighted
    synthesize    an LLM reads all responses and writes the answer; with layers, the candidates first revise theirs

To add one, write a module in this folder, or in a package of your own, that registers a class in `AGGREGATORS`
(`base.py`). A dataclass gets its fields from the agent file (`settings.py`).
"""

from router_r1.aggregation.base import AGGREGATORS, Aggregation, Aggregator
from router_r1.aggregation.policy_answer import PolicyAnswer
from router_r1.aggregation.select import Select
from router_r1.aggregation.settings import make_aggregator
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
    "make_aggregator",
]
