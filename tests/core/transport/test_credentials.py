"""Keys stay out of everything that is stored, logged or shown, whatever a server does with them.

A server on this machine sends back the `Authorization` header it received: in errors, replies, streams, headers and
pages, escaped in every way that occurs. The tests search the logs of all libraries at the lowest level, traces, the
files of the record store, results, ledgers, exceptions and `repr`s.
"""

import asyncio
import base64
import functools
import html
import json
import logging
import sqlite3
import time
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from router_r1 import Episode, Ledger, OpenAIPolicy, Price, RouterAgent
from router_r1.errors import ConfigError, PolicyError
from router_r1.model_cards import Endpoint, ModelCard
from router_r1.pool import Account, ModelPool
from router_r1.testing import (
    Exchange,
    LoopbackServer,
    ScriptedPolicy,
    Served,
    chat_events,
    chat_reply,
    usage,
)
from router_r1.transport.credentials import KeyRing

PLAIN = "sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8x"
ODD = "k$y.*(with)[regex]+\\d{3}|^\"quotes\" & 'more' <tag>/slash%20?=~"
KEYS = [PLAIN, ODD, "a+b/c=", "x(1"]
QUERY = "What is 2+2?"
ANSWER = "<think>!</think><answer>4</answer>"


@pytest.fixture
def pool_at(pool_at):
    """Pools at a server with a key."""
    return functools.partial(pool_at, endpoint={"api_key_env": "SERVER_KEY"})


def echo(exchange: Exchange) -> str:
    """The header as the server received it, with the key in it."""
    return exchange.headers["authorization"]


def key_in(exchange: Exchange) -> str:
    return echo(exchange).removeprefix("Bearer ")


def in_json(exchange: Exchange) -> str:
    return json.dumps({"headers": {"Authorization": key_in(exchange)}})


ECHOES = {
    # name: (streamed, what the server sends back)
    "error 500": (False, lambda e: Served({"error": {"message": f"got {echo(e)}"}}, 500)),
    "error 401": (False, lambda e: Served({"error": {"message": f"bad key: {key_in(e)}"}}, 401)),
    "error, elsewhere in the body": (False, lambda e: Served({"seen": {"key": key_in(e)}}, 400)),
    "error as text": (False, lambda e: Served(f"no such key {key_in(e)}".encode(), 403)),
    "500 page": (
        False,
        lambda e: Served(
            f"<html><pre>{html.escape(key_in(e))}</pre></html>".encode(),
            500,
            content_type="text/html",
        ),
    ),
    "long error": (False, lambda e: Served({"error": {"message": "." * 285 + key_in(e)}}, 500)),
    "escaped for a URL": (
        False,
        lambda e: Served({"error": {"message": f"GET /?key={quote(key_in(e), safe='')}"}}, 500),
    ),
    "JSON in an error": (False, lambda e: Served({"error": {"message": in_json(e)}}, 500)),
    "Python in an error": (False, lambda e: Served({"error": {"message": repr(e.headers)}}, 500)),
    "reply": (False, lambda e: Served(chat_reply(f"you sent {echo(e)}", usage=usage(5, 5)))),
    "reply, the key alone": (False, lambda e: Served(chat_reply(f"It is {key_in(e)} !"))),
    "reply, JSON in it": (False, lambda e: Served(chat_reply(in_json(e)))),
    "model and finish reason": (
        False,
        lambda e: Served(chat_reply("4", model=key_in(e), finish=key_in(e))),
    ),
    "error with status 200": (False, lambda e: Served({"error": {"message": echo(e)}})),
    "headers": (
        False,
        lambda e: Served(chat_reply("4"), headers={"x-request-id": key_in(e), "X-Seen": echo(e)}),
    ),
    "content type": (False, lambda e: Served(b"?", content_type=f"text/plain; key={key_in(e)}")),
    "redirect": (False, lambda e: Served(status=302, headers={"Location": f"/?key={echo(e)}"})),
    "stream": (True, lambda e: Served(events=[piece(echo(e)[:12]), piece(echo(e)[12:]), *END])),
    "error in a stream": (True, lambda e: Served(events=[{"error": {"message": echo(e)}}])),
    "stream that breaks off": (True, lambda e: Served(events=[piece(echo(e))])),
}
END = chat_events("")


def piece(text: str) -> dict:
    return {"choices": [{"index": 0, "delta": {"content": text}}]}


def spellings(key: str) -> set[str]:
    """All spellings of the key that could occur in text."""
    plain = {key, repr(key)[1:-1], json.dumps(key)[1:-1], html.escape(key), quote(key, safe="")}
    twice = {json.dumps(each)[1:-1] for each in plain}
    return plain | twice | {base64.b64encode(key.encode()).decode()}


def assert_absent(key: str, *texts: str) -> None:
    for text in texts:
        for spelling in spellings(key):
            assert spelling not in text


@pytest.mark.parametrize("key", KEYS, ids=["plain", "odd", "short", "shorter"])
@pytest.mark.parametrize("where", ECHOES)
async def test_a_key_that_a_server_sends_back_is_stored_and_logged_nowhere(
    where, key, tmp_path, monkeypatch, caplog, pool_at
):
    streamed, handler = ECHOES[where]
    monkeypatch.setenv("SERVER_KEY", key)
    for name in ("", "openai", "httpx2", "aiohttp", "asyncio", "router_r1"):
        caplog.set_level(logging.DEBUG, logger=name)
    store, traces = tmp_path / "store.sqlite", tmp_path / "traces.jsonl"
    with LoopbackServer(handler) as server:
        pool = pool_at(server.base_url, stream=streamed).recording(store)
        policy = ScriptedPolicy([f'<think>?</think><route model="a">{QUERY}</route>', ANSWER])
        agent = RouterAgent(policy=policy, pool=pool, aggregator="select", traces=traces)
        result = await agent.aask("2+2?")
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        await agent.aclose()
    assert all(key_in(exchange) == key for exchange in server.exchanges)
    assert {"store.sqlite", "store.sqlite-wal", "traces.jsonl"} <= files.keys()
    assert QUERY.encode() in files["store.sqlite-wal"]  # the search covers the content

    logged = "\n".join(
        logging.Formatter().format(record) + str(record.__dict__) for record in caplog.records
    )
    assert "HTTP Request: POST" in logged
    assert_absent(
        key,
        logged,
        *(content.decode(errors="replace") for content in files.values()),
        *(path.read_bytes().decode(errors="replace") for path in tmp_path.iterdir()),
        str(result),
        result.trace.to_json(),
        "\n".join(map(str, result.ledger)),
        *(repr(each) for each in (agent, pool, policy, pool.transport, vars(agent), vars(pool))),
        str(vars(pool.transport)),
    )


async def test_a_key_in_the_status_line_is_not_logged(monkeypatch, caplog, pool_at):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SERVER_KEY", PLAIN)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 500 {PLAIN}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with pool_at(f"http://127.0.0.1:{port}/v1") as pool:
            response = await pool.ask("a", QUERY)
    assert response.failure.status == 500
    assert "500 [key]" in caplog.text
    assert_absent(PLAIN, caplog.text, str(response))


async def test_a_key_is_in_no_exception(monkeypatch):
    monkeypatch.setenv("POLICY_KEY", PLAIN)
    with LoopbackServer(lambda e: Served({"error": {"message": echo(e)}}, 500)) as server:
        policy = OpenAIPolicy(server.base_url, "m", "POLICY_KEY", mode="native")
        agent = RouterAgent(policy=policy, pool=pool_without_key())
        result = await agent.aask("2+2?")
        assert result.stop_reason == "policy_failed"
        assert_absent(PLAIN, result.trace.to_json(), repr(policy), str(vars(policy)))
        with pytest.raises(PolicyError) as raised:
            await policy.write_turn(Episode("2+2?", pool_without_key().cards), Account(Ledger()))
        await agent.aclose()
    lines = traceback.TracebackException.from_exception(raised.value, capture_locals=True).format()
    assert "[key]" in str(raised.value)
    assert_absent(PLAIN, *lines)


def pool_without_key() -> ModelPool:
    return ModelPool(
        [ModelCard(name="a", price=Price(input=0, output=0))], transport=UnusedTransport()
    )


class UnusedTransport:
    """The transport of a pool that is not called."""

    def check(self, cards) -> None:
        pass

    async def aclose(self) -> None:
        pass


async def test_a_message_is_shortened_only_after_keys_are_removed(monkeypatch, pool_at):
    monkeypatch.setenv("SERVER_KEY", PLAIN)
    text = "." * 285
    with LoopbackServer(lambda e: Served(f"{text}{key_in(e)}".encode(), 500)) as server:
        async with pool_at(server.base_url) as pool:
            response = await pool.ask("a", QUERY)
    assert response.failure.detail == f"HTTP 500: {text}[key]"


async def test_the_key_of_a_policy_is_hidden(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("POLICY_KEY", PLAIN)

    def handler(exchange: Exchange) -> Served:
        turn = f"<think>my header is {echo(exchange)}</think><answer>4</answer>"
        return Served(chat_reply(turn, usage=usage(10, 10)))

    with LoopbackServer(handler) as server:
        policy = OpenAIPolicy(server.base_url, "m", "POLICY_KEY")
        agent = RouterAgent(policy=policy, pool=pool_without_key())
        result = await agent.aask("2+2?")
        await agent.aclose()
    assert result.answer == "4"
    assert "my header is Bearer [key]" in result.trace.turns[0].turn.text
    assert_absent(PLAIN, result.trace.to_json(), caplog.text)


async def test_a_replayed_store_contains_no_key(monkeypatch, tmp_path, pool_at):
    monkeypatch.setenv("SERVER_KEY", PLAIN)
    with LoopbackServer(lambda e: Served(chat_reply(f"you sent {echo(e)}"))) as server:
        async with pool_at(server.base_url).recording(tmp_path / "store") as recording:
            recorded = await recording.ask("a", QUERY)
    monkeypatch.delenv("SERVER_KEY")
    async with pool_at(server.base_url).replaying(tmp_path / "store") as replaying:
        replayed = await replaying.ask("a", QUERY)
    assert recorded.text == replayed.text == "you sent Bearer [key]"
    with sqlite3.connect(tmp_path / "store") as connection:
        ((request, response),) = connection.execute("SELECT request, response FROM records")
    connection.close()
    assert_absent(PLAIN, request, response)


# --- what is hidden


@pytest.mark.parametrize("word", ["EMPTY", "none", "x", "1234"])
async def test_a_placeholder_for_a_key_does_not_change_answers(word, monkeypatch, pool_at):
    # People set such words for servers without keys, and an answer may contain them.
    monkeypatch.setenv("SERVER_KEY", word)
    with LoopbackServer(lambda _: Served(chat_reply(f"The answer is {word}."))) as server:
        async with pool_at(server.base_url) as pool:
            assert (await pool.ask("a", QUERY)).text == f"The answer is {word}."


def test_a_short_key_is_hidden_only_as_a_whole_word():
    ring = KeyRing()
    ring.add("a+b")
    assert ring.hide("key=a+b, a+b") == "key=[key], [key]"
    assert ring.hide("a+bc and xa+b") == "a+bc and xa+b"


def test_text_that_looks_like_a_key_is_hidden_in_messages_but_not_in_replies():
    ring = KeyRing()
    message = "Incorrect API key provided: sk-Abcd****wxyz"
    assert ring.redact(message) == "Incorrect API key provided: [key]"
    assert ring.hide(message) == message


def test_the_longer_of_two_overlapping_keys_is_hidden_completely():
    ring = KeyRing()
    ring.add("sk-12345678")
    ring.add("sk-12345678-and-more")
    assert ring.hide("sk-12345678-and-more sk-12345678") == "[key] [key]"
    assert "12345678" not in repr(ring)


BEFORE = ["", "x", "xy", "Bearer ", "user:"]


@pytest.mark.parametrize("key", KEYS[:2], ids=["plain", "odd"])
@pytest.mark.parametrize("before", BEFORE)
def test_a_key_in_other_spellings_is_hidden(before, key):
    ring = KeyRing()
    ring.add(key)
    raw = f"{before}{key}, and more".encode()
    percent = "".join(f"%{byte:02X}" for byte in key.encode())
    for spelling, part in [
        (base64.b64encode(raw).decode(), base64.b64encode(key.encode()).decode()[6:-8]),
        (base64.urlsafe_b64encode(raw).decode(), base64.urlsafe_b64encode(key.encode()).decode()[6:-8]),
        (base64.b64encode(f"{before}{key}".encode()).decode(), key),
        (raw.hex(), key.encode().hex()),
        (raw.hex().upper(), key.encode().hex().upper()),
        (raw.decode()[::-1], key[::-1]),
        (percent, percent),
        (percent.lower(), percent.lower()),
    ]:  # fmt: skip
        hidden = ring.hide(f"it is {spelling}!")
        assert "[key]" in hidden and part not in hidden and hidden.startswith("it is ")


def test_a_long_text_without_a_key_is_searched_quickly():
    ring = KeyRing()
    ring.add(PLAIN)
    text = "sk-proj" * 1_000_000
    began = time.monotonic()
    assert ring.hide(text) == text
    assert time.monotonic() - began < 5


# --- where keys come from


@pytest.mark.parametrize(
    "url",
    ["https://user:password@example.org/v1", "https://k@example.org", "http://e.org/v1?key=k"],
)
def test_a_base_url_that_contains_a_secret_is_refused(url):
    with pytest.raises(ConfigError, match="api_key_env") as raised:
        OpenAIPolicy(url, "m")
    assert "\n" not in str(raised.value)
    assert "password" not in str(raised.value).replace("user, password or query", "")


def test_a_key_given_as_a_variable_name_is_refused_without_being_repeated():
    with pytest.raises(ConfigError, match="api_key_env"):
        OpenAIPolicy("http://127.0.0.1:1/v1", "m", PLAIN)


@pytest.mark.parametrize("value", ["", "  "])
def test_an_unset_variable_is_named_before_any_model_is_called(value, monkeypatch, pool_at):
    monkeypatch.setenv("SERVER_KEY", value)
    with pytest.raises(ConfigError, match="SERVER_KEY is not set; export it") as raised:
        RouterAgent(policy=ScriptedPolicy([ANSWER]), pool=pool_at("http://127.0.0.1:1/v1"))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("value", ["sk-abc\ndef", "sk-schlüssel", "sk-\x00"])
def test_a_key_that_does_not_fit_a_header_is_refused_without_being_repeated(value):
    from router_r1.transport.credentials import read_key

    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", api_key_env="SERVER_KEY")
    with pytest.raises(
        ConfigError,
        match="SERVER_KEY holds characters that an HTTP header cannot carry; export only",
    ) as raised:
        read_key(endpoint, "pool.yaml: endpoints.server", {"SERVER_KEY": value})
    assert value not in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_space_around_a_key_is_removed(monkeypatch, pool_at):
    monkeypatch.setenv("SERVER_KEY", f" {PLAIN}\n")
    with LoopbackServer(lambda _: Served(chat_reply("4"))) as server:
        async with pool_at(server.base_url) as pool:
            await asyncio.gather(pool.ask("a", QUERY), pool.ask("a", QUERY))
    assert {key_in(exchange) for exchange in server.exchanges} == {PLAIN}


def test_a_pool_file_must_not_contain_a_key(tmp_path: Path):
    file = tmp_path / "pool.yaml"
    file.write_text(
        "endpoints: {server: {base_url: 'http://127.0.0.1:1/v1', api_key: sk-1}}\n"
        "candidates: [{name: a, endpoint: server, price: {input: 0, output: 0}}]\n"
    )
    with pytest.raises(ConfigError, match="api_key: no such field"):
        ModelPool.from_yaml(file)
