"""A pool from model specs: facts of providers, prices from the package's data, and errors that say what to write."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.pool import ModelPool
from router_r1.serve.quick_start.known_families import family_of
from router_r1.serve.quick_start.known_models import pool_of, split_specs
from router_r1.serve.quick_start.known_prices import data_date, listed_model
from router_r1.serve.quick_start.known_providers import PROVIDERS, Provider
from router_r1.testing import Exchange, LoopbackServer, Served, chat_reply, usage
from router_r1.token_prices import Price

POOLS = Path(__file__).parents[3] / "docs" / "pools"
KEYS = {name: "a-key" for provider in PROVIDERS for name in provider.keys[:1]}


def card(spec: str) -> ModelCard:
    return pool_of([spec], KEYS).cards[0]


def test_one_line_of_models_becomes_a_pool() -> None:
    pool = pool_of(
        [
            "openai/gpt-5-mini,ollama/llama3.1:8b,anthropic/claude-haiku-4-5",
            "openrouter/qwen/qwen3-coder",
            "groq/openai/gpt-oss-120b,mistral/mistral-small-2603,together/openai/gpt-oss-120b",
            "deepseek/deepseek-chat,google/gemini-2.5-flash-lite,vllm/my/model@http://127.0.0.1:8000/v1",
            "lm-studio/phi-4, llama.cpp/qwen3:8b",
        ],
        KEYS,
    )
    # Names are provider/model with the provider's own id, whatever alias was given.
    assert pool.names[:2] == ("openai/gpt-5-mini", "ollama/llama3.1:8b")
    assert pool.names[-4:] == (
        "gemini/gemini-2.5-flash-lite",
        "vllm/my/model",
        "lmstudio/phi-4",
        "llamacpp/qwen3:8b",
    )
    assert pool.card("together/openai/gpt-oss-120b").model_id == "openai/gpt-oss-120b"
    urls = {one.endpoint: pool.endpoints[one.endpoint or ""].base_url for one in pool.cards}
    assert urls["groq"] == "https://api.groq.com/openai/v1"
    assert urls["vllm"] == "http://127.0.0.1:8000/v1"
    assert pool.token_limit_field(pool.card("openai/gpt-5-mini")) == "max_completion_tokens"
    assert pool.endpoints["anthropic"].api_key_env == "ANTHROPIC_API_KEY"
    assert pool.endpoints["ollama"].api_key_env is None


def test_facts_come_with_the_name() -> None:
    hosted = card("openai/gpt-5-mini")
    assert (hosted.price.input, hosted.price.output, hosted.price.cached) == (0.25, 2.0, 0.025)
    assert hosted.context_window == 400_000
    assert hosted.modalities == ("text", "image") and hosted.tools and hosted.json_schema
    # It thinks: no temperature is sent, and an answer may be long.
    assert hosted.sampling.temperature is None and hosted.max_output_tokens == 4096

    local = card("ollama/llama3.1:8b")
    assert local.price == Price(input=0.0, output=0.0)
    assert local.tools and local.json_schema and local.parameters_billions == 8

    # The layer that speaks OpenAI's protocol ignores response_format.
    assert card("anthropic/claude-haiku-4-5").tools
    assert not card("anthropic/claude-haiku-4-5").json_schema
    # vLLM refuses tools unless it is started for them; a spec can say that it is.
    assert not card("vllm/qwen3-8b").tools
    assert card("vllm/qwen3-8b{tools=true}").tools
    assert card("vllm/google/gemma-2-9b-it").system_role == "merge"


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        ("gpt-4.1-mini", "image tools schema"),
        ("gpt-4o-audio-preview", ""),
        ("gpt-6-sol", "image tools schema thinks"),
        ("o3-mini", "tools schema thinks"),
        ("openai/gpt-oss-20b", "tools schema thinks"),
        ("anthropic/claude-haiku-4.5", "image tools"),
        ("gemini-2.5-flash-tts", ""),
        ("mistral-small3.2:24b", "image tools schema"),
        ("codestral-2508", "tools schema"),
        ("deepseek-v4-pro", "tools thinks"),
        ("deepseek-r1:7b", "thinks"),
        ("meta-llama/Meta-Llama-3.1-8B-Instruct-Turbo", "tools"),
        ("llama3:8b", ""),
        ("llama3.2-vision:11b", "image"),
        ("qwen/qwen3-235b-a22b-2507", "tools"),
        ("qwen/qwen3-235b-a22b-thinking-2507", "tools thinks"),
        ("qwen2.5vl:7b", "image"),
        ("gemma3:12b", "image"),
        ("gemma3:1b", ""),
        ("a-model-of-my-own", ""),
    ],
)
def test_what_a_family_takes(model: str, takes: str) -> None:
    family = family_of(model)
    facts = {
        "image": "image" in family.modalities,
        "tools": family.tools,
        "schema": family.json_schema,
        "thinks": family.thinks,
    }
    assert " ".join(name for name, holds in facts.items() if holds) == takes


def test_the_example_pool_of_ollama_says_the_same_of_tools_and_inputs() -> None:
    for written in ModelPool.from_yaml(POOLS / "ollama.yaml").cards:
        known = card(f"ollama/{written.name}")
        assert (written.tools, written.json_schema) == (known.tools, known.json_schema), (
            written.name
        )
        assert written.modalities == known.modalities, written.name


def test_prices_have_the_day_of_the_data() -> None:
    price = card("mistral/mistral-small-2603").price
    day = data_date()
    assert day is not None and date(2026, 1, 1) < day <= datetime.now(UTC).date()
    assert price.as_of == day and price.version.startswith(f"{day}/")


def listed(provider: str, model: str) -> Any:
    """The package's own entry, so that these tests do not depend on today's prices."""
    from genai_prices.data import providers

    return next(one for one in providers if one.id == provider).find_model(model)


def test_a_card_has_the_price_of_its_context_window() -> None:
    prices = listed("openai", "gpt-6-luna").prices
    tier = prices.output_mtok.tiers[0]
    short = card("openai/gpt-6-luna")
    assert short.context_window == tier.start, "a longer prompt costs more"
    long = card(f"openai/gpt-6-luna{{context_window={tier.start + 1}}}")
    assert long.context_window == tier.start + 1
    assert short.price.output == float(prices.output_mtok.base) < float(tier.price)
    assert long.price.output == float(tier.price)


def test_of_several_hours_the_dearest_counts() -> None:
    model = listed("deepseek", "deepseek-chat")
    asked_at = [datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in range(24)]
    outputs = {float(model.get_prices(when).output_mtok) for when in asked_at}
    assert len(outputs) > 1, "this model has hours"
    found = listed_model("deepseek", "deepseek-chat", now=asked_at[0])
    assert found is not None and found.price.output == max(outputs)


def test_every_listed_price_is_the_highest_of_the_day_that_the_package_itself_computes() -> None:
    from genai_prices.data import providers

    hours = [datetime(2026, 11, 20, hour, 30, tzinfo=UTC) for hour in range(24)]
    compared = 0
    for provider in (one for one in PROVIDERS if not one.local):
        for model in next(one for one in providers if one.id == provider.price_list).models:
            found = listed_model(provider.price_list, model.id, context_window=1, now=hours[0])
            # A few ids are matched by an earlier entry, which is then the price of that id.
            entry = listed(provider.price_list, model.id)
            if found is None or model.id.endswith(":free"):
                continue
            prices = [entry.get_prices(hour) for hour in hours]
            for mine, theirs in (
                (found.price.input, "input_mtok"),
                (found.price.output, "output_mtok"),
            ):
                values = [getattr(price, theirs) for price in prices]
                assert mine == max(float(getattr(v, "base", v)) for v in values), model.id
            compared += 1
    assert compared > 500


def test_a_price_that_starts_later_does_not_count_yet() -> None:
    model = listed("openrouter", "qwen/qwen3-235b-a22b-2507")
    start = model.prices[1].constraint.start_date
    noon = datetime(start.year, start.month, start.day, 12, tzinfo=UTC)
    days = (noon - timedelta(days=1), noon)
    before, after = (listed_model("openrouter", model.id, now=day) for day in days)
    assert before is not None and after is not None
    assert before.price.output == float(model.prices[0].prices.output_mtok)
    assert after.price.output == float(model.prices[1].prices.output_mtok) != before.price.output


def test_input_that_costs_more_than_text_is_left_out() -> None:
    assert family_of("gemini-2.5-flash").modalities == ("text", "image", "audio")
    assert card("gemini/gemini-2.5-flash").modalities == ("text", "image"), "audio costs more"
    asked = card("gemini/gemini-2.5-flash{modalities=text+audio}")
    assert asked.modalities == ("text", "audio")


@pytest.mark.parametrize(
    "provider", [one for one in PROVIDERS if not one.local], ids=lambda p: p.id
)
def test_every_hosted_provider_has_a_price_list_and_models_to_suggest(provider: Provider) -> None:
    assert provider.price_list and provider.keys and provider.source.startswith("https://")
    assert provider.suggested
    for model in provider.suggested:
        found = card(f"{provider.id}/{model}")
        assert found.price.output > 0 and found.tools, model


def test_a_price_can_be_given() -> None:
    own = card("openai/foo{input=1, output=2,cached=0.5,context_window=8000,name=mine}")
    assert own.name == "mine" and own.model_id == "foo"
    assert own.price == Price(input=1, output=2, cached=0.5) and own.context_window == 8000
    said = card("vllm/foo{description=Law, taxes, and contracts.,tools=yes}")
    assert said.description == "Law, taxes, and contracts." and said.tools
    assert split_specs("a/b{x=1,y=2},c/d") == ["a/b{x=1,y=2}", "c/d"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            "openai/foo",
            r"no price per token.*'openai/foo\{input=1,output=2\}', or write a pool file",
        ),
        ("openai/gpt-5-minii", "Similar names with a price: gpt-5-mini"),
        ("openai/text-embedding-3-small", "no price per token"),
        ("opnai/gpt-5-mini", r"no provider 'opnai'; did you mean openai\? Providers are openai, "),
        ("gpt-5-mini", "expected PROVIDER/MODEL"),
        ("openai/", "expected PROVIDER/MODEL"),
        ("openai/a b", "expected PROVIDER/MODEL"),
        ("openai/foo{input=1}", "output: it is required"),
        ("openai/foo{input=-1,output=2}", "input: .*greater than or equal to 0"),
        ("openai/foo{input=one,output=2}", "input: expected dollars per million tokens"),
        ("vllm/foo{tool=true}", "no option 'tool'; expected option=value with one of input, "),
        ("vllm/foo{tools=true,tools=false}", "tools is given twice"),
        ("vllm/foo{tools=maybe}", "tools: expected true or false"),
        ("vllm/foo{modalities=text+smell}", "'text', 'image', 'audio' or 'video'"),
        ("vllm/foo@http://127.0.0.1:99999", "a base URL needs a port from 1 to 65535"),
        ("ollama/x,ollama/X", r"'ollama/X' is given twice; .*'ollama/X\{name=NAME\}'"),
        ("vllm/m@http://127.0.0.1:1,vllm/m@http://127.0.0.1:2", r"'vllm/m' is given twice"),
        ("ollama/a<b", "a name must not contain '<'"),
        (" , ", "no model is given; expected e.g. openai/gpt-5-mini"),
    ],
)
def test_a_wrong_spec_says_what_to_write(spec: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        pool_of([spec], KEYS)
    assert str(caught.value).startswith("--models: ")


def test_what_may_be_a_key_is_not_shown() -> None:
    for spec in ("vllm/m{key=sk-abcdefgh12345678}", "vllm/m@http://u:sk-abcdefgh12345678@h/v1"):
        with pytest.raises(ConfigError) as caught:
            pool_of([spec], KEYS)
        assert "12345678" not in str(caught.value)


def test_keys_must_be_set_and_the_first_that_is_set_is_used() -> None:
    with pytest.raises(
        ConfigError, match="variables GROQ_API_KEY, OPENAI_API_KEY are not set; export"
    ):
        pool_of(["openai/gpt-5-mini,groq/openai/gpt-oss-20b,ollama/x"], {"GROQ_API_KEY": " "})
    pool = pool_of(["gemini/gemini-2.5-flash"], {"GOOGLE_API_KEY": "x"})
    assert pool.endpoints["gemini"].api_key_env == "GOOGLE_API_KEY"


async def test_a_key_goes_to_the_provider_and_not_to_another_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret-of-openai")
    monkeypatch.setenv("MY_KEY", "secret-of-mine")

    def reply(exchange: Exchange) -> Served:
        return Served(chat_reply("Danube", usage=usage(10, 5)))

    with LoopbackServer(reply) as server:
        root = server.base_url.removesuffix("/v1")  # /v1 is added
        spec = f"openai/gpt-5-mini@{root}"
        async with pool_of([spec]) as pool:
            response = await pool.ask("openai/gpt-5-mini", "Which river?")
        async with pool_of([spec + "{key=MY_KEY}"]) as keyed:
            await keyed.ask("openai/gpt-5-mini", "Which river?")
    assert response.text == "Danube"
    assert response.cost_usd == pytest.approx((10 * 0.25 + 5 * 2) / 1e6)
    first, second = server.exchanges
    assert first.path == "/v1/chat/completions" and first.body["model"] == "gpt-5-mini"
    assert first.body["max_completion_tokens"] == 4096 and "temperature" not in first.body
    assert "secret" not in str(first.headers)
    assert second.headers["authorization"] == "Bearer secret-of-mine"


def test_a_pool_is_the_same_whatever_the_order_of_its_arguments() -> None:
    one = pool_of(["ollama/a,ollama/b"], {})
    two = pool_of(["ollama/a", "ollama/b"], {})
    assert isinstance(one, ModelPool) and one.version == two.version


def test_without_the_price_list_models_with_a_price_still_work() -> None:
    import subprocess
    import sys

    program = """
import sys
sys.modules["genai_prices"] = None
from router_r1.errors import MissingDependencyError
from router_r1.serve.quick_start.known_models import pool_of
keys = {"OPENAI_API_KEY": "x"}
print(pool_of(["ollama/x,openai/foo{input=1,output=2}"], keys).names)
try:
    pool_of(["openai/gpt-5-mini"], keys)
except MissingDependencyError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert "('ollama/x', 'openai/foo')" in done.stdout
    assert "pip install 'router-r1[serve]'" in done.stdout
