"""Policies, pools and a server that follow a script: for tests, and for trying things without a key.

    policy = ScriptedPolicy(['<think>?</think><route model="a">2+2</route>', "<think>!</think><answer>4</answer>"])
    pool = ScriptedPool({"a": "It is 4."})
    assert RouterAgent(policy=policy, pool=pool).ask("What is 2+2?").answer == "4"

`LoopbackServer` is a real OpenAI-compatible HTTP server on 127.0.0.1 whose replies, faults and delays a Python function
decides. Nothing here is patched or mocked.
"""

from router_r1.testing.loopback_server import (
    Exchange,
    Handler,
    LoopbackServer,
    Served,
    chat_events,
    chat_reply,
    usage,
)
from router_r1.testing.scripted import Script, ScriptedPolicy, ScriptedPool

__all__ = [
    "Exchange",
    "Handler",
    "LoopbackServer",
    "Script",
    "ScriptedPolicy",
    "ScriptedPool",
    "Served",
    "chat_events",
    "chat_reply",
    "usage",
]
