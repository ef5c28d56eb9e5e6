"""Whole events out of a stream, however its bytes are cut; nothing of them is changed."""

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1.serve.api_error import ApiError
from router_r1.serve.wire import events
from router_r1.serve.wire.events import EventSplitter, data_of, object_in

STREAM = b'data: {"a": "\xc3\xa9"}\n\n: a comment\n\nevent: x\r\ndata: {"b":\r\ndata: 2}\r\n\r\ndata:{"c": 3}\r\rdata: [DONE]\n\nrest'
WHOLE = [
    b'data: {"a": "\xc3\xa9"}\n\n',
    b": a comment\n\n",
    b'event: x\r\ndata: {"b":\r\ndata: 2}\r\n\r\n',
    b'data:{"c": 3}\r\r',
    b"data: [DONE]\n\n",
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_cuts_change_nothing(cuts: list[int]) -> None:
    splitter, found = EventSplitter(), []
    places = [0, *sorted(cuts), len(STREAM)]
    for begin, end in itertools.pairwise(places):
        found += splitter.feed(STREAM[begin:end])
    assert b"".join(found) + splitter.rest() == STREAM
    assert splitter.rest() == b"rest"
    assert found == WHOLE


def test_the_data_of_events() -> None:
    assert [data_of(event) for event in WHOLE] == [
        b'{"a": "\xc3\xa9"}', b"", b'{"b":\n2}', b'{"c": 3}', b"[DONE]",
    ]  # fmt: skip
    assert object_in(data_of(WHOLE[2])) == {"b": 2}
    assert object_in(b'{"half": "\\ud83d"}') == json.loads('{"half": "\\ud83d"}')
    assert object_in(b"[1]") is None
    assert object_in(b"{") is None


def test_an_event_without_end_is_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_EVENT_BYTES", 100)
    splitter = EventSplitter()
    with pytest.raises(ApiError, match="longer than 100 bytes"):
        for _ in range(30):
            splitter.feed(b"data: x")
