"""Pools and model cards made in Python; pool files are tested in `test_config.py`."""

import math

import pytest

from router_r1 import Endpoint, ModelCard, ModelPool, Price
from router_r1.errors import ConfigError
from router_r1.transport.live import LiveTransport


def test_a_pool_made_in_python_is_checked_like_a_file() -> None:
    card = ModelCard(name="a", price=Price(input=1, output=1))
    with pytest.raises(ConfigError, match=r"^pool: candidates: 'a' occurs twice"):
        ModelPool([card, card])
    with pytest.raises(
        ConfigError, match=r"^pool: candidates: the pool is empty; add at least one"
    ):
        ModelPool([])
    with pytest.raises(ConfigError, match=r"^pool: no candidate 'A'; the candidates are a$"):
        ModelPool([card]).card("A")


def test_an_unset_key_is_named_before_any_model_is_called() -> None:
    endpoints = {"host": Endpoint(base_url="https://h/v1", api_key_env="SOME_KEY")}
    card = ModelCard(name="a", endpoint="host", price=Price(input=1, output=1))
    for env in ({}, {"SOME_KEY": " "}):
        transport = LiveTransport(endpoints, source="pool.yaml", env=env)
        with pytest.raises(ConfigError) as caught:
            ModelPool([card], endpoints, transport=transport).check()
        assert str(caught.value) == (
            "pool.yaml: endpoints.host.api_key_env: the environment variable SOME_KEY is not set; "
            "export it, or remove api_key_env for a server without keys"
        )
    LiveTransport(endpoints, env={"SOME_KEY": "x"}).check((card,))


def test_a_quote_is_the_maximum_cost_of_one_answer() -> None:
    card = ModelCard(name="a", price=Price(input=10, output=100), max_output_tokens=1000)
    quote = card.quote("four")
    assert quote == pytest.approx((1 + 4) * 10e-6 + 1000 * 100e-6)
    assert card.quote("four" * 100) > quote
    assert math.isfinite(quote)


def test_a_system_prompt_can_be_merged_into_the_query() -> None:
    card = ModelCard(name="a", price=Price(input=1, output=1), system_prompt="Be brief.")
    sent, merged = (
        card.model_copy(update={"system_role": role}).request("Why?").messages
        for role in ("send", "merge")
    )
    assert [message["role"] for message in sent] == ["system", "user"]
    assert merged == ({"role": "user", "content": "Be brief.\n\nWhy?"},)


def test_equal_pools_have_equal_versions_and_other_prices_a_different_one() -> None:
    def version(price: float) -> str:
        return ModelPool([ModelCard(name="a", price=Price(input=price, output=1))]).version

    assert version(1) == version(1.0) != version(2)
