"""What Ollama's `/v1` sends (openai/openai.go and middleware/openai.go of ollama/ollama), served from this machine."""

import pytest

from router_r1.testing import LoopbackServer, Served

MODEL = "qwen2.5:7b-instruct"
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
GOOD_USD = (10 * 3.0 + 5 * 15.0) / 1_000_000
HEAD = {
    "id": "chatcmpl-7",
    "created": 1790000000,
    "model": MODEL,
    "system_fingerprint": "fp_ollama",
}


def chat(message: dict, finish: str | None = "stop", usage: dict = USAGE) -> Served:
    choice = {"index": 0, "message": {"role": "assistant"} | message, "finish_reason": finish}
    return Served(HEAD | {"object": "chat.completion", "choices": [choice], "usage": usage})


def chunk(delta: dict, finish: str | None = None, **fields) -> dict:
    choice = {"index": 0, "delta": {"role": "assistant"} | delta, "finish_reason": finish}
    return HEAD | {"object": "chat.completion.chunk", "choices": [choice]} | fields


def stream(*deltas: dict, finish: str = "stop") -> Served:
    """Pieces, a last chunk with empty content and the reason, and the usage."""
    last = [chunk({"content": ""}, finish), HEAD | {"choices": [], "usage": USAGE}, "[DONE]"]
    return Served(events=[*map(chunk, deltas), *last])


def error(status: int, message: str, kind: str) -> Served:
    body = {"error": {"message": message, "type": kind, "param": None, "code": None}}
    return Served(body, status)


ANSWERS = {
    "whole": chat({"content": "It is 4."}),
    "thoughts": chat({"content": "It is 4.", "reasoning": "2+2"}),
    "no reason": chat({"content": "It is 4."}, None),
    "stream": stream({"content": "It"}, {"content": " is"}, {"content": " 4."}),
    "streamed thoughts": stream({"content": "", "reasoning": "2+2"}, {"content": "It is 4."}),
    "all in the last chunk": Served(
        events=[
            chunk({"content": "It is 4."}, "stop"),
            HEAD | {"choices": [], "usage": USAGE},
            "[DONE]",
        ]
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_an_answer(case, run_against):
    run, _ = await run_against(ANSWERS[case], stream=ANSWERS[case].events is not None)
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]
    assert (run.response.text, run.response.served_by) == ("It is 4.", MODEL)
    assert run.response.finish_reason in ("stop", None)


async def test_a_model_that_is_loaded_first_is_waited_for(run_against):
    slow = Served(ANSWERS["whole"].body, delay_s=0.5)
    run, _ = await run_against(slow)
    assert run.rows == [(1, "first", "ok", True, GOOD_USD)]


async def test_a_model_that_was_only_loaded_gave_no_answer(run_against):
    empty = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    run, server = await run_against(chat({"content": ""}, "load", empty))
    assert [row[2:4] for row in run.rows] == [("server_error", False)] * 2
    assert len(server.exchanges) == 2


async def test_a_prompt_from_the_cache_may_not_be_counted(run_against):
    usage = {"prompt_tokens": 0, "completion_tokens": 5, "total_tokens": 5}
    run, _ = await run_against(chat({"content": "It is 4."}, usage=usage))
    assert run.response.usage.prompt > 0 and run.response.usage.estimated


ERRORS = {
    "no model": (error(404, f"model '{MODEL}' not found", "not_found_error"), "bad_request", 1),
    "no model, before 2025": (
        error(404, f'model "{MODEL}" not found, try pulling it first', "api_error"),
        "bad_request",
        1,
    ),
    "no memory": (
        error(500, "model requires more system memory (5.6 GiB) than is available", "api_error"),
        "server_error",
        2,
    ),
    "runner gone": (
        error(500, "llama runner process has terminated: exit status 2", "api_error"),
        "server_error",
        2,
    ),
    "busy": (
        error(
            503, "server busy, please try again.  maximum pending requests exceeded", "api_error"
        ),
        "server_error",
        2,
    ),
    "too long": (
        error(400, "the input length exceeds the context length", "invalid_request_error"),
        "context_overflow",
        1,
    ),
}


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("case", ERRORS)
async def test_an_error(case, streamed, run_against):
    served, outcome, requests = ERRORS[case]
    run, server = await run_against(served, stream=streamed)
    assert [row[2:] for row in run.rows] == [(outcome, False, 0.0)] * requests
    assert len(server.exchanges) == requests


async def test_an_error_in_a_stream_is_an_empty_chunk_and_no_end(
    both_attempts, pool_at, run_episode
):
    # The error is read as a chunk of the chat, in which it leaves nothing.
    served = Served(events=[chunk({"content": "It"}), chunk({"content": ""})])
    with LoopbackServer(lambda _: served) as server:
        run = await run_episode(pool_at(server.base_url, stream=True))
    assert [row[2] for row in run.rows] == ["stream_cut"] * 2
