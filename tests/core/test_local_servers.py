"""Servers on this machine are found by their list of models, whatever each kind adds to it."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router_r1.errors import ConfigError
from router_r1.local_servers import (
    LocalServer,
    ServedModel,
    find_servers,
    local_pool,
    pool_text,
    short_name,
    size_in_name,
)
from router_r1.pool import ModelPool
from router_r1.testing import Exchange, LoopbackServer, Served
from router_r1.token_prices import Price

LLAMA_CPP = {
    "/v1/models": {
        "object": "list",
        "data": [
            {
                "id": "qwen2.5-1.5b-instruct-q4_k_m",
                "meta": {"n_ctx": 2048, "n_params": 1_777_088_000},
            }
        ],
    }
}
OLLAMA = {
    "/v1/models": {"data": [{"id": "mistral:latest"}, {"id": "nomic-embed-text:latest"}]},
    "/api/tags": {"models": [{"name": "mistral:latest", "details": {"parameter_size": "7.2B"}}]},
}
VLLM = {"/v1/models": {"data": [{"id": "org/Mixtral-8x7B-Instruct", "max_model_len": 32768}]}}
LM_STUDIO = {
    "/v1/models": {"data": [{"id": "gemma-3-4b-it"}, {"id": "text-embedding-nomic"}]},
    "/api/v0/models": {"data": [{"id": "gemma-3-4b-it", "loaded_context_length": 4096}]},
}


def served(replies: dict[str, Any]) -> Callable[[Exchange], Served]:
    def handle(exchange: Exchange) -> Served:
        body = replies.get(exchange.path)
        return Served({"error": "no such path"}, status=404) if body is None else Served(body)

    return handle


def find(server: LoopbackServer) -> LocalServer:
    return asyncio.run(find_servers({"here": server.base_url}))[0]


@pytest.mark.parametrize(
    ("replies", "model"),
    [
        (LLAMA_CPP, ServedModel("qwen2.5-1.5b-instruct-q4_k_m", 1.78, 2048)),
        (OLLAMA, ServedModel("mistral:latest", 7.2, None)),
        (VLLM, ServedModel("org/Mixtral-8x7B-Instruct", 56, 32768)),
        (LM_STUDIO, ServedModel("gemma-3-4b-it", 4, 4096)),
    ],
    ids=["llama.cpp", "ollama", "vllm", "lm-studio"],
)
def test_each_kind_of_server_tells_size_and_window(
    replies: dict[str, Any], model: ServedModel
) -> None:
    with LoopbackServer(served(replies)) as server:
        found = find(server)
    assert found.models == (model,), "models that cannot chat are left out"
    assert not found.problem


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        (Served({"error": "key"}, status=401), "HTTP 401"),
        (Served(b"<html>a page</html>", content_type="text/html"), "no list of models"),
        (Served({"data": "none"}), "no list 'data'"),
        (Served({"data": [{"id": None}, 3]}), "serves no model that can chat"),
    ],
)
def test_what_is_no_such_server_says_why(reply: Served, problem: str) -> None:
    with LoopbackServer(lambda _: reply) as server:
        found = find(server)
    assert problem in found.problem
    assert not found.models and not found.absent


def test_where_nothing_listens_is_told_apart() -> None:
    (found,) = asyncio.run(find_servers({"gone": "127.0.0.1:9"}))
    assert found.absent and found.base_url == "http://127.0.0.1:9/v1"
    with pytest.raises(ConfigError, match=r"gone at http://127.0.0.1:9/v1 \(nothing listens"):
        local_pool([found])


def test_the_pool_has_short_names_and_prices_by_size_and_loads_again(tmp_path: Path) -> None:
    url = "http://127.0.0.1:8080/v1"
    servers = [
        LocalServer("a", url, (ServedModel("big-7b-instruct", 7.0, 4096), ServedModel("odd"))),
        LocalServer("b", url, (ServedModel("big-7b-instruct-q8_0", 7.0), ServedModel("x:1b"))),
    ]
    pool = local_pool(servers, prices={"x:1b": Price(input=1, output=2)}, system_prompt="Be brief.")
    by_name = {card.name: card for card in pool.candidates}
    # Both would be called `big-7b`.
    assert list(by_name) == ["big-7b-instruct", "odd", "big-7b-instruct-q8_0", "x:1b"]
    assert by_name["big-7b-instruct"].price == Price(input=0.07, output=0.14)
    assert by_name["odd"].price == by_name["big-7b-instruct"].price, "of unknown size: as for 7B"
    assert by_name["x:1b"].price == Price(input=1, output=2)
    file = tmp_path / "pool.yaml"
    file.write_text(pool_text(pool))
    assert file.read_text().startswith("# Local models cost nothing.")
    assert ModelPool.from_yaml(file).cards == pool.candidates

    (only,) = local_pool(servers, only=["x:1b"]).candidates
    assert only.name == "x:1b"
    with pytest.raises(ConfigError, match="'gone' is not served; served are big-7b-instruct, odd"):
        local_pool(servers, only=["gone"])


@pytest.mark.parametrize(
    ("model_id", "name", "billions"),
    [
        ("qwen2.5-coder-1.5b-instruct-q4_k_m", "qwen2.5-coder-1.5b", 1.5),
        ("smollm2-135m-instruct-q4_1.gguf", "smollm2-135m", 0.135),
        ("llama3.2:latest", "llama3.2", None),
        ("qwen2.5:7b-instruct", "qwen2.5:7b", 7),
        ("org/Mixtral-8x7B-Instruct-v0.1-AWQ", "Mixtral-8x7B-Instruct-v0.1", 56),
        ("Qwen/Qwen3-30B-A3B", "Qwen3-30B-A3B", 30),
        ("phi-4", "phi-4", None),
    ],
)
def test_names_and_sizes_of_models(model_id: str, name: str, billions: float | None) -> None:
    assert short_name(model_id) == name
    assert size_in_name(model_id) == billions
