"""A loopback policy and pool, and the files that name them."""

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from router_r1.testing import Exchange, LoopbackServer, Served, chat_events, chat_reply, usage

ROUTE = '<think>Who knows?</think><route model="org/small:free">2+2</route>'
ANSWER = "<think>Fine.</think><answer>4</answer>"


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """A policy that routes once and answers, and a candidate that always says it is 4."""

    def handle(exchange: Exchange) -> Served:
        body = exchange.body
        if body["model"] == "policy":
            turn = sum(m["role"] == "assistant" for m in body["messages"])
            return Served(chat_reply([ROUTE, ANSWER][turn], usage=usage(100, 10)))
        if body["model"] == "mute":
            return Served(chat_reply("I will not use tags.", usage=usage(100, 10)))
        if body.get("stream"):
            events = chat_events("1 2 3", usage=usage(10, 3))
            return Served(events=events, event_delay_s=0.01)
        return Served(chat_reply("It is 4.", usage=usage(10, 5)))

    with LoopbackServer(handle) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path, server: LoopbackServer) -> Path:
    """`pool.yaml` and `agent.yaml` for that server."""
    (tmp_path / "pool.yaml").write_text(
        textwrap.dedent(f"""\
            endpoints:
              here: {{base_url: "{server.base_url}", api_key_env: POOL_KEY}}
            candidates:
              - name: org/small:free
                endpoint: here
                price: {{input: 1, output: 2}}
            """)
    )
    (tmp_path / "agent.yaml").write_text(
        textwrap.dedent(f"""\
            pool: pool.yaml
            policy:
              kind: openai
              base_url: {server.base_url}
              model: policy
              price: {{input: 0.5, output: 1}}
            limits: {{max_rounds: 2, budget_usd: 0.01}}
            traces: traces.jsonl
            """)
    )
    return tmp_path
