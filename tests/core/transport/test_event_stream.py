"""Server-sent events from bytes, however they are framed and cut; and how long a finished stream is waited for."""

import json
import time

import pytest

from router_r1.testing import Served, chat_events, chat_reply, usage
from router_r1.transport.event_stream import Event, EventReader
from router_r1.transport.json_body import MAX_REPLY_BYTES

GOOD_USD = (10 * 3.0 + 5 * 15.0) / 1_000_000

STREAMS: dict[str, tuple[bytes, list[tuple[str, str]]]] = {
    # name: (bytes, the events as name and data)
    "one event": (b"data: a\n\n", [("", "a")]),
    "no space": (b"data:a\n\n", [("", "a")]),
    "two spaces: one is data": (b"data:  a\n\n", [("", " a")]),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", "a"), ("", "b")]),
    "CR": (b"data: a\r\rdata: b\r\r", [("", "a"), ("", "b")]),
    "mixed ends": (b"data: a\r\n\ndata: b\n\r\n", [("", "a"), ("", "b")]),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [("", "a")]),
    "a name": (b"event: ping\ndata: a\n\n", [("ping", "a")]),
    "a name belongs to one event": (b"event: x\ndata: a\n\ndata: b\n\n", [("x", "a"), ("", "b")]),
    "a name without data": (b"event: ping\n\ndata: a\n\n", [("", "a")]),
    "several lines": (b"data: a\ndata: b\n\n", [("", "a\nb")]),
    "an empty line of data": (b"data: a\ndata:\ndata: b\n\n", [("", "a\n\nb")]),
    "comments": (b": hi\n\n:\ndata: a\n: in between\n\n", [("", "a")]),
    "a comment that looks like data": (b":data: a\n\n", []),
    "other fields": (b"id: 1\nretry: 10\nfoo\ndata: a\n\n", [("", "a")]),
    "data without a colon": (b"data\n\n", [("", "")]),
    "empty data": (b"data:\n\ndata: \n\n", [("", ""), ("", "")]),
    "blank lines": (b"\n\n\ndata: a\n\n\n\n", [("", "a")]),
    "cut off at the end": (b"data: a\n\ndata: b", [("", "a"), ("", "b")]),
    "cut off after the line": (b"data: b\n", [("", "b")]),
    "letters of several bytes": (
        "data: 4 \u2014 \U0001f600\n\n".encode(),
        [("", "4 \u2014 \U0001f600")],
    ),
    "not UTF-8": (b"data: \xff\n\n", [("", "\ufffd")]),
    "other line separators are text": (
        "data: a\u2028b\x0b\x85\n\n".encode(),
        [("", "a\u2028b\x0b\x85")],
    ),
    "JSON lines": (b'{"a": 1}\n{"b": 2}\n', [("", '{"a": 1}'), ("", '{"b": 2}')]),
    "nothing": (b"", []),
}


def read(pieces: list[bytes]) -> list[tuple[str, str]]:
    reader = EventReader()
    events: list[Event] = [event for piece in pieces for event in reader.feed(piece)]
    return [(event.name, event.data) for event in [*events, *reader.finish()]]


@pytest.mark.parametrize("case", STREAMS)
def test_events_are_read_however_the_bytes_are_cut(case):
    stream, expected = STREAMS[case]
    assert read([stream]) == expected
    assert read([bytes([byte]) for byte in stream]) == expected
    for cut in range(len(stream)):
        assert read([stream[:cut], b"", stream[cut:]]) == expected


def test_reading_takes_time_linear_in_the_bytes():
    began = time.monotonic()
    assert read([b"data: "] + [b"a"] * 300_000) == [("", "a" * 300_000)]
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("unit", [b"a" * 2**16, b"data: " + b"a" * 2**16 + b"\n"])
def test_an_endless_event_is_refused(unit):
    with pytest.raises(ValueError, match="longer than"):
        read([b"data: "] + [unit] * (MAX_REPLY_BYTES // 2**16 + 1))


# --- which form a reply has

WHOLE = json.dumps(chat_reply("It is 4.", usage=usage(10, 5)))
EVENTS = [
    json.dumps(e) if isinstance(e, dict) else e for e in chat_events("It is 4.", usage=usage(10, 5))
]
FORMS = {
    "JSON": WHOLE,
    "JSON over several lines": json.dumps(json.loads(WHOLE), indent=2),
    "JSON after a byte order mark": "\ufeff" + WHOLE,
    "JSON after blank lines": "\n \r\n" * 50 + WHOLE,
    "events": "".join(f"data: {event}\n\n" for event in EVENTS),
    "events with CRLF": "".join(f"data:{event}\r\n\r\n" for event in EVENTS),
    "events with CR": "".join(f"data: {event}\r\r" for event in EVENTS),
    "events with names": "".join(f"event: message\ndata: {event}\n\n" for event in EVENTS),
    "events after comments": ": OPENROUTER PROCESSING\n\n" * 9
    + "".join(f"data: {event}\n\n" for event in EVENTS),
    "events after a byte order mark": "\ufeff" + "".join(f"data: {event}\n\n" for event in EVENTS),
    "events over several lines": "".join(
        "data: " + json.dumps(json.loads(event), indent=1).replace("\n", "\ndata: ") + "\n\n"
        for event in EVENTS[:-1]
    ),
    "JSON lines": "".join(f"{event}\n" for event in EVENTS[:-1]),
}


@pytest.mark.parametrize("kind", ["application/json", "text/event-stream", "text/plain"])
@pytest.mark.parametrize("stream", [False, True], ids=["asked whole", "asked as a stream"])
@pytest.mark.parametrize("form", FORMS)
async def test_a_reply_is_read_in_whatever_form_it_comes(form, stream, kind, run_against):
    served = Served(FORMS[form].encode(), content_type=kind)
    run, _ = await run_against(served, stream=stream)
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
    assert run.response.text.strip() == "It is 4."


# --- a stream that is finished but goes on

END = b"data: [DONE]\n\n"
TEXT, FINISH, USAGE = (
    b"data: " + json.dumps(event).encode() + b"\n\n"
    for event in (
        {"choices": [{"index": 0, "delta": {"content": "It is 4."}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage(10, 5)},
    )
)
UNENDED = {
    "finish and usage": (TEXT + FINISH + USAGE, True),
    "usage and finish": (USAGE + TEXT + FINISH, True),
    "finish, no usage": (TEXT + FINISH, False),
    "the end": (TEXT + FINISH + USAGE + END, True),
}


@pytest.mark.parametrize("endless", [b"", b": still here\n\n", b"data: {}\n\n"])
@pytest.mark.parametrize("case", UNENDED)
async def test_a_finished_stream_that_is_not_closed_is_not_waited_for(
    case, endless, pool_at, raw_server, run_episode
):
    events, reported = UNENDED[case]
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999999999\r\n\r\n"
    )
    async with raw_server(head + events, endless=endless or b"\n") as server:
        pool = pool_at(server.base_url, stream=True, attempt_timeout_s=30, deadline_s=30)
        run = await run_episode(pool)
    assert run.rows[0][:4] == (1, "first", "ok", True) and len(run.rows) == 1
    assert run.response.usage.estimated is not reported
    assert run.seconds < 12


async def test_usage_that_comes_a_little_after_the_finish_reason_counts(run_against):
    served = Served(events=chat_events("It is 4.", usage=usage(10, 5)), event_delay_s=0.3)
    run, _ = await run_against(served, stream=True)
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
