"""The generated world behind an OpenAI-compatible server: it gives the same replies and costs over HTTP as in process.

Asked by this project's client and by OpenAI's; its refusals; and `router-r1 world serve` as a process.
"""

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import openai
import pytest

from router_r1 import ModelPool
from router_r1.data.splits import Split
from router_r1.errors import ConfigError
from router_r1.ledger import Ledger
from router_r1.pool import Account
from router_r1_envs.worlds.generated_world.server import WorldServer
from router_r1_envs.worlds.generated_world.world import GeneratedWorld, GeneratedWorldConfig

WORLD = GeneratedWorld()
QUESTIONS = WORLD.questions(Split.TEST, 5)


def pool_of(server):
    return ModelPool(server.pool_file.candidates, server.pool_file.endpoints)


async def ask(pool, name, query):
    """Call a candidate: the text, and the usage and dollars in the ledger."""
    ledger = Ledger()
    response = await pool.ask(name, query, Account(ledger))
    assert response.ok, response.failure
    return response.text, ledger[0].usage, ledger[0].cost_usd


async def refusal(server, **fields):
    """Status and message that OpenAI's client gets for a request that the server refuses."""
    async with openai.AsyncOpenAI(
        base_url=server.base_url, api_key="none", max_retries=0
    ) as client:
        with pytest.raises(openai.APIStatusError) as error:
            await client.chat.completions.create(**fields)
    return error.value.status_code, error.value.body["message"]


async def test_every_candidate_replies_and_bills_as_in_the_world():
    async with WorldServer(WORLD) as server:
        pool = pool_of(server)
        for question in QUESTIONS:
            for card in WORLD.cards:
                served = await ask(pool, card.name, question.question)
                direct = await ask(WORLD.pool(question), card.name, question.question)
                assert served == direct
                assert served[0] == WORLD.answer(card.name, question.question)[0]
                assert served[2] > 0
        await pool.aclose()


async def test_a_world_with_another_seed_gives_its_own_replies():
    other = GeneratedWorld(GeneratedWorldConfig(seed=1))
    query = other.questions(Split.TEST, 1)[0].question
    async with WorldServer(other) as server:
        pool = pool_of(server)
        assert (await ask(pool, "sage", query))[0] == other.answer("sage", query)[0]
        await pool.aclose()


async def test_a_candidate_can_be_called_with_openais_client():
    query = QUESTIONS[0].question
    async with (
        WorldServer(WORLD) as server,
        openai.AsyncOpenAI(base_url=server.base_url, api_key="none") as client,
    ):
        listed = await client.models.list()
        assert [model.id for model in listed.data] == [card.name for card in WORLD.cards]
        reply = await client.chat.completions.create(
            model="atlas",
            messages=[
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": query},
            ],
            temperature=1.0,
            max_tokens=1,
        )
    assert reply.choices[0].message.content == WORLD.answer("atlas", query)[0]
    assert reply.choices[0].finish_reason == "stop"
    assert reply.model == "atlas"
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


async def test_unsupported_requests_are_refused_with_a_message():
    question = {"role": "user", "content": "?"}
    async with WorldServer(WORLD) as server:
        status, message = await refusal(server, model="oracle", messages=[question])
        assert status == 404 and "no candidate 'oracle'; there are sage, abacus" in message
        status, message = await refusal(server, model="sage", messages=[])
        assert status == 400 and "messages" in message
        status, message = await refusal(server, model="sage", messages=[question], stream=True)
        assert status == 400 and "set it to false" in message


async def test_a_body_that_is_not_json_is_refused():
    async with WorldServer(WORLD) as server:
        request = urllib.request.Request(f"{server.base_url}/chat/completions", b"{", method="POST")
        with pytest.raises(urllib.error.HTTPError) as error:
            await asyncio.to_thread(urllib.request.urlopen, request)
        with error.value as reply:
            assert reply.code == 400 and json.load(reply)["error"]["message"]


async def test_a_port_in_use_is_named_in_the_error():
    async with WorldServer(WORLD) as server:
        with pytest.raises(ConfigError, match=f"cannot listen on port {server.port} of 127.0.0.1"):
            async with WorldServer(WORLD, server.port):
                pass


async def test_the_command_writes_a_pool_file_for_its_server(tmp_path):
    file = tmp_path / "pool.yaml"
    command = [Path(sys.executable).with_name("router-r1"), "world", "serve", "generated"]
    command += ["--pool", file, "--set", "seed=2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            until = time.monotonic() + 60
            while not file.exists() and process.poll() is None and time.monotonic() < until:
                await asyncio.sleep(0.05)
            pool = ModelPool.from_yaml(file)
            assert pool.endpoints["world"].base_url in process.stdout.readline()
            world = GeneratedWorld(GeneratedWorldConfig(seed=2))
            query = world.questions(Split.TEST, 1)[0].question
            assert (await ask(pool, "parrot", query))[0] == world.answer("parrot", query)[0]
            await pool.aclose()
        finally:
            process.terminate()  # an interrupt is ignored where the tests run in the background
        assert process.wait(30) != 0
