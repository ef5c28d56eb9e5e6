"""Router-R1: a policy LLM that thinks, routes sub-queries to other LLMs, reads their responses, and answers.

The core package: episodes and their protocol, the pool of candidates, policies, aggregators, the agent, traces, and
one-shot routers. Importing it loads none of torch, transformers, verl, vllm, datasets, pandas and numpy. The HTTP
client is loaded at the first call.
"""

from router_r1 import aggregation, protocol, routers, testing
from router_r1.agent import Finished, Result, RouterAgent
from router_r1.agent_file import load_agent
from router_r1.episode import Episode, Limits, Step, StopReason
from router_r1.errors import RouterR1Error
from router_r1.ledger import Ledger, LedgerEntry, Role
from router_r1.model_cards import Endpoint, ModelCard
from router_r1.policies.base import Policy
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.policies.transformers_policy import TransformersPolicy
from router_r1.pool import ModelPool
from router_r1.rollout import AnswerWritten, CallFinished, CallStarted, TurnWritten, roll_out
from router_r1.token_prices import Price, Usage
from router_r1.trace import Trace, TraceWriter, package_version, read_traces
from router_r1.transport.messages import Failure, FailureKind, Request, Response
from router_r1.transport.record_replay import StoreTransport
from router_r1.transport.record_store import RecordStore
from router_r1.transport.simulated import SimulatedTransport

__version__ = package_version()

__all__ = [
    "AnswerWritten",
    "CallFinished",
    "CallStarted",
    "Endpoint",
    "Episode",
    "Failure",
    "FailureKind",
    "Finished",
    "Ledger",
    "LedgerEntry",
    "Limits",
    "ModelCard",
    "ModelPool",
    "OpenAIPolicy",
    "Policy",
    "Price",
    "RecordStore",
    "Request",
    "Response",
    "Result",
    "Role",
    "RouterAgent",
    "RouterR1Error",
    "SimulatedTransport",
    "Step",
    "StopReason",
    "StoreTransport",
    "Trace",
    "TraceWriter",
    "TransformersPolicy",
    "TurnWritten",
    "Usage",
    "__version__",
    "aggregation",
    "load_agent",
    "protocol",
    "read_traces",
    "roll_out",
    "routers",
    "testing",
]
