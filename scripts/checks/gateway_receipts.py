"""Check with real models that every receipt of the gateway has the token counts that the servers sent.

    python scripts/checks/gateway_receipts.py agent.yaml questions.jsonl --count 50 --out runs/receipts

A proxy on loopback stands in front of every endpoint of the agent file (policy and candidates) and writes down the usage
of each reply that passes. The gateway is started with copies of the files that name the proxies; questions are asked
through OpenAI's client, half of them streamed, a fifth of a candidate by name. Then the attempts in the receipts are
compared with what the proxies saw, one by one, and the usage that clients got with the receipts. Exit status 1 if
anything differs.

The questions are JSON lines with a field `question`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import subprocess
import sys
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import openai
import yaml
from aiohttp import web

from router_r1.serve.wire.events import EventSplitter, data_of, object_in

Seen = list[dict[str, Any]]
"""The usage objects that the proxies saw."""
_USAGE = ("prompt_tokens", "completion_tokens")


async def proxy(
    base_url: str, seen: Seen, session: aiohttp.ClientSession
) -> tuple[web.AppRunner, str]:
    """Start a proxy in front of an endpoint; returns what to clean up, and its base URL."""
    target = base_url.rstrip("/").removesuffix("/v1")

    async def pass_on(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {
            k: v
            for k, v in request.headers.items()
            if k.lower() in ("authorization", "content-type")
        }
        url = target + request.path_qs
        async with session.request(request.method, url, data=body, headers=headers) as reply:
            kind = reply.headers.get("content-type", "application/json")
            response = web.StreamResponse(status=reply.status, headers={"content-type": kind})
            await response.prepare(request)
            splitter, whole = EventSplitter(), b""
            async for piece in reply.content.iter_any():
                await response.write(piece)
                whole += piece
                found = [object_in(data_of(event)) for event in splitter.feed(piece)]
                seen.extend(data["usage"] for data in found if data and data.get("usage"))
            if "event-stream" not in kind and (data := object_in(whole)) and data.get("usage"):
                seen.append(data["usage"])
            return response

    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", pass_on)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/v1"


async def check(options: argparse.Namespace) -> bool:
    """Ask, compare, print; True if everything is equal."""
    agent = yaml.safe_load(options.agent.read_text())
    pool = yaml.safe_load((options.agent.parent / agent["pool"]).read_text())
    options.out.mkdir(parents=True, exist_ok=True)
    seen: Seen = []
    runners: list[web.AppRunner] = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        for endpoint in (*pool["endpoints"].values(), agent["policy"]):
            runner, endpoint["base_url"] = await proxy(endpoint["base_url"], seen, session)
            runners.append(runner)
        agent |= {"pool": "pool.yaml"}
        agent["serve"] = {
            "ceiling": {"timeout_s": 3600},
            **agent.get("serve", {}),
            "receipts": "receipts.db",
        }
        (options.out / "pool.yaml").write_text(yaml.safe_dump(pool))
        (options.out / "agent.yaml").write_text(yaml.safe_dump(agent))
        (options.out / "receipts.db").unlink(missing_ok=True)
        answers = await _ask(options, [card["name"] for card in pool["candidates"]])
        for runner in runners:
            await runner.cleanup()
    return _compare(options.out / "receipts.db", seen, answers)


async def _ask(options: argparse.Namespace, names: list[str]) -> list[tuple[str, dict[str, Any]]]:
    """Ask all questions of a gateway that is started for it; request ids and usages."""
    command = [sys.executable, "-c", "from router_r1.cli import main; main()", "serve"]
    command += [str(options.out / "agent.yaml"), "--port", str(options.port)]
    with (options.out / "gateway.log").open("wb") as log:
        gateway = subprocess.Popen(command, stdout=log, stderr=log)
    base = f"http://127.0.0.1:{options.port}"
    try:
        while not await asyncio.to_thread(_is_ready, base):
            if gateway.poll() is not None:
                raise SystemExit((options.out / "gateway.log").read_text())
            await asyncio.sleep(0.5)
        lines = options.questions.read_text().splitlines()[: options.count]
        slots = asyncio.Semaphore(options.concurrency)
        async with openai.AsyncOpenAI(
            base_url=f"{base}/v1", api_key="none", max_retries=0, timeout=7200
        ) as client:

            async def one(number: int, line: str) -> tuple[str, dict[str, Any]]:
                model = names[number % len(names)] if number % 5 == 4 else "router-r1"
                messages: Any = [{"role": "user", "content": json.loads(line)["question"]}]
                async with slots:
                    found = await _answer(client, model, messages, stream=number % 2 == 1)
                tokens = "{prompt_tokens} + {completion_tokens}".format(**found[1])
                print(f"{number + 1}: {model}: {tokens} tokens", flush=True)
                return found

            return await asyncio.gather(*(one(*item) for item in enumerate(lines)))
    finally:
        gateway.terminate()
        await asyncio.to_thread(gateway.wait)


async def _answer(
    client: openai.AsyncOpenAI, model: str, messages: Any, *, stream: bool
) -> tuple[str, dict[str, Any]]:
    if not stream:
        raw = await client.chat.completions.with_raw_response.create(model=model, messages=messages)
        completion = raw.parse()
        assert completion.usage is not None, "the gateway always reports the usage"
        return raw.headers["x-request-id"], completion.usage.model_dump()
    chunks = await client.chat.completions.create(
        model=model, messages=messages, stream=True, stream_options={"include_usage": True}
    )
    usage: dict[str, Any] = {}
    async for chunk in chunks:
        usage = chunk.usage.model_dump() if chunk.usage else usage
    return chunks.response.headers["x-request-id"], usage


def _is_ready(base: str) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/ready", timeout=5):
            return True
    except OSError:
        return False


def _compare(path: Path, seen: Seen, answers: list[tuple[str, dict[str, Any]]]) -> bool:
    with sqlite3.connect(path) as database:
        rows = database.execute("select id, hops, prompt, completion from receipts").fetchall()
    hops = [hop for row in rows for hop in json.loads(row[1])]
    booked = Counter(tuple(hop[name] for name in _USAGE) for hop in hops)
    served = Counter(tuple(usage[name] for name in _USAGE) for usage in seen)
    totals = {row[0]: (row[2], row[3]) for row in rows}
    told = sum(_total(usage) != totals.get(request) for request, usage in answers)
    print(
        f"{len(rows)} receipts, {len(hops)} attempts, {len(seen)} replies with usage at the servers"
    )
    print(
        f"only in receipts: {dict(booked - served)}; only at the servers: {dict(served - booked)}"
    )
    print(f"replies whose usage differs from their receipt: {told}")
    return booked == served and told == 0


def _total(usage: dict[str, Any]) -> tuple[int, int]:
    """Tokens of all calls in the usage that a client got."""
    prompt = (usage.get("prompt_tokens_details") or {}).get("orchestration_input_tokens") or 0
    completion = (usage.get("completion_tokens_details") or {}).get(
        "orchestration_output_tokens"
    ) or 0
    return usage["prompt_tokens"] + prompt, usage["completion_tokens"] + completion


def main() -> None:
    """Check, and exit with status 1 if anything differs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("agent", type=Path, help="the agent file")
    parser.add_argument("questions", type=Path, help="questions, JSON lines")
    parser.add_argument("--count", type=int, default=50, help="how many questions")
    parser.add_argument("--concurrency", type=int, default=2, help="questions at a time")
    parser.add_argument("--port", type=int, default=4100, help="port of the gateway")
    parser.add_argument("--out", type=Path, default=Path("runs/receipts"), help="folder")
    options = parser.parse_args()
    sys.exit(0 if asyncio.run(check(options)) else 1)


if __name__ == "__main__":
    main()
