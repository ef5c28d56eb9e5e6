"""Whatever a pool file or an agent file holds: it is refused in one line, or what it says can be written and read back."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from router_r1 import config
from router_r1.agent_file import AgentFile, load_agent
from router_r1.errors import ConfigError, RouterR1Error
from router_r1.model_cards import PoolFile
from router_r1.pool import ModelPool

fuzz = settings.get_profile("fuzz")
SECRET = "sk-proj-8f3Jd0aQ17"

any_text = st.text(st.characters(categories=None), max_size=8)
numbers = st.one_of(
    st.integers(-2, 5),
    st.floats(),
    st.sampled_from([10**400, 10**299, 1e308, -1, 0, float("nan"), float("inf")]),
)
junk: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, any_text, st.dates(), st.binary(max_size=3)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=5,
)


def fields(needed: dict[str, Any], **kinds: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A mapping with these fields, right most of the time, and now and then one that is not known."""
    optional = {name: st.one_of(kind, kind, kind, junk) for name, kind in kinds.items()}
    required = {name: st.one_of(*[kind] * 9, junk) for name, kind in needed.items()}
    return st.fixed_dictionaries(required, optional=optional)


words = st.text("abcdefgh", min_size=1, max_size=6)
prices = fields(
    {"input": st.floats(0, 100), "output": st.floats(0, 100)}, cached=numbers, as_of=st.dates()
)
samplings = fields(
    {},
    temperature=st.floats(0, 2),
    top_p=numbers,
    seed=st.integers(),
    extra=st.dictionaries(words, junk, max_size=2),
)
limits = fields(
    {}, max_concurrency=numbers, deadline_s=numbers, stream=st.booleans(), backoff_max_s=numbers
)
cards = fields(
    {"name": words, "price": prices},
    description=any_text,
    system_prompt=any_text,
    model=any_text,
    sampling=samplings,
    limits=limits,
    max_output_tokens=numbers,
    context_window=numbers,
    modalities=st.just(["text"]),
)
urls = st.one_of(st.just("http://127.0.0.1:9/v1"), any_text.map(lambda text: f"http://{text}"))
endpoints = fields({"base_url": urls}, headers=st.dictionaries(words, any_text, max_size=2))
pools = fields(
    {"candidates": st.lists(cards, max_size=3)},
    endpoints=st.dictionaries(words, endpoints, max_size=1),
)
policies = fields(
    {"kind": st.just("openai"), "base_url": urls, "model": any_text, "price": prices},
    temperature=numbers,
    seed=numbers,
    extra=st.dictionaries(words, junk, max_size=2),
    limits=limits,
)
agents = fields(
    {"pool": st.just("pool.yaml"), "policy": policies},
    aggregator=st.one_of(st.sampled_from(["vote", "select", "policy"]), any_text),
    limits=fields({}, max_rounds=numbers, budget_usd=numbers),
    timeout_s=numbers,
    prompt=st.sampled_from(["full", "compact", "other"]),
)


@st.composite
def files(draw: st.DrawFn, contents: st.SearchStrategy[Any]) -> bytes:
    """A file: YAML that a program wrote, now and then cut or with a piece changed."""
    text = yaml.safe_dump(draw(contents), allow_unicode=draw(st.booleans()))
    data = text.encode("utf-8", "surrogatepass")
    where = draw(st.integers(0, len(data)))
    piece = draw(
        st.sampled_from(
            [b"", b"", b"", b"\x00", b"[", b"&a", b"*a", b": ", b"\t", b"<<: ", b"\xff"]
        )
    )
    return data[:where] if draw(st.integers(0, 9)) == 0 else data[:where] + piece + data[where:]


def one_line(error: RouterR1Error) -> str:
    text = str(error)
    assert len(text.splitlines()) == 1 and len(text) < 2500
    return text


@fuzz
@given(files(pools))
def test_any_pool_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-pool.yaml"
    path.write_bytes(data)
    try:
        pool = ModelPool.from_yaml(path)
    except ConfigError as error:
        assert one_line(error).startswith(str(path))
        return
    for card in pool.cards:  # it can be sent, and read back
        request = card.request("What is 2+2?")
        json.loads(json.dumps(dict(request.sampling), allow_nan=False))
        assert len(request.key) == 64 and card.quote("2+2?") < float("inf")
    dumped = PoolFile(candidates=pool.cards, endpoints=pool.endpoints).model_dump(mode="json")
    again = config.validate(PoolFile, dumped, "again")
    assert (again.candidates, again.endpoints) == (pool.cards, pool.endpoints)
    assert len(pool.version) == 12


@fuzz
@given(files(agents))
def test_any_agent_file(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "any-agent.yaml"
    path.write_bytes(data)
    (folder / "pool.yaml").write_text("candidates: [{name: a, price: {input: 1, output: 1}}]\n")
    try:
        content = config.load(AgentFile, path)
        assert config.validate(AgentFile, content.model_dump(mode="json"), "again") == content
        load_agent(path).close()
    except RouterR1Error as error:
        one_line(error)


@fuzz
@given(st.sampled_from(["limits.max_rounds", "timeout_s", "prompt", "policy.kind", "policy.price.input", "policy.seed",
                        "policy.limits.stream", "policy.price.as_of", "a b", "aggregator.kind", "policy.mode"]),
       st.sampled_from(["{}", "[{}]", "!!int {}", "!!float {}", "*{}", "{{a: {}", "Bearer {}", "'{}"]))  # fmt: skip
def test_no_message_shows_a_key(
    tmp_path_factory: pytest.TempPathFactory, field: str, written: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "keyed.yaml"
    path.write_text(
        "pool: p\npolicy: {kind: openai, base_url: 'http://h/v1', model: m, price: {input: 1, output: 1}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        config.load(AgentFile, path, [f"{field}={written.format(SECRET)}"])
    assert SECRET not in str(caught.value)
    one_line(caught.value)
