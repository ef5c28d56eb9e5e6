"""Traces of any text read back as equal objects, and a line that is no trace is refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1 import Failure, FailureKind, RouterAgent, Trace, read_traces
from router_r1.errors import RouterR1Error, TraceError
from router_r1.testing import ScriptedPolicy, ScriptedPool

fuzz = settings.get_profile("fuzz")
texts = st.text(max_size=30)
numbers = st.sampled_from(
    ["1e999", "-1", "1e400", "9" * 400, "9" * 5000, "NaN", "null", '"x"', "[]", "{}"]
)
values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
turns = st.lists(
    st.one_of(
        texts,
        texts.map(lambda text: f'<think>{text}</think><route model="a">{text}?</route>'),
        texts.map(lambda text: f"<think>{text}</think><answer>{text}</answer>"),
    ),
    max_size=4,
)
replies = texts | st.sampled_from(list(FailureKind)).map(lambda kind: Failure(kind, "d", 500))


def run(
    written: list[str], reply: Any, question: str, metadata: dict[str, Any], aggregator: str
) -> Trace:
    pool = ScriptedPool({"a": reply})
    with RouterAgent(policy=ScriptedPolicy(written), pool=pool, aggregator=aggregator) as agent:
        return agent.ask(question, metadata=metadata).trace


@fuzz
@given(
    turns,
    replies,
    texts.filter(str.strip),
    st.dictionaries(texts, values, max_size=3),
    st.sampled_from(["policy", "vote", "select"]),
)
def test_a_trace_reads_back_equal(
    written: list[str], reply: Any, question: str, metadata: dict[str, Any], aggregator: str
) -> None:
    trace = run(written, reply, question, metadata, aggregator)
    line = trace.to_json()
    assert "\n" not in line
    assert Trace.from_json(line) == trace
    assert trace.replay().turns == trace.turns
    assert 0 <= trace.cost_usd < float("inf")


GOOD = run(
    ['<think>?</think><route model="a">2+2?</route>', "<think>!</think><answer>4</answer>"],
    "It is 4.",
    "What is 2+2?",
    {"id": "q"},
    "vote",
).to_json()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A line of a trace file in which a value, a byte or the end is wrong."""
    how = draw(st.sampled_from(["value", "byte", "end", "deep", "anything"]))
    if how == "value":
        data = json.loads(GOOD)
        marker = "the changed value"
        here, key = data, draw(st.sampled_from(sorted(data)))
        while isinstance(here[key], dict | list) and here[key] and draw(st.booleans()):
            here = here[key]
            key = draw(
                st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here)))
            )
        here[key] = marker
        return json.dumps(data).replace(json.dumps(marker), draw(numbers)).encode()
    line = bytearray(GOOD.encode())
    if how == "byte":
        line[draw(st.integers(0, len(line) - 1))] = draw(st.integers(0, 255))
    elif how == "end":
        del line[draw(st.integers(0, len(line))) :]
    else:
        return b"[" * 50_000 if how == "deep" else draw(st.binary(max_size=20))
    return bytes(line)


@fuzz
@given(damaged())
def test_a_damaged_line_is_a_trace_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, line: bytes
) -> None:
    path = Path(tmp_path_factory.getbasetemp()) / "damaged.jsonl"
    path.write_bytes(line + b"\n")
    try:
        found = list(read_traces(path))
    except TraceError as error:
        assert str(error).startswith(f"{path}:") and len(str(error).splitlines()) == 1
        return
    for trace in found:
        assert Trace.from_json(trace.to_json()) == trace
        try:
            trace.replay()
        except RouterR1Error as error:
            assert len(str(error).splitlines()) == 1
