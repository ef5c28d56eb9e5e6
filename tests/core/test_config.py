"""Configuration files: pool and agent files, overrides, and the one line (file, field, remedy) for invalid input."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from router_r1 import ModelPool, Price, config
from router_r1.agent_file import AgentFile, load_agent
from router_r1.errors import ConfigError
from router_r1.model_cards import Endpoint, ModelCard, PoolFile

ROOT = Path(__file__).parents[2]
RECORDED = ROOT.parent / "shared" / "data" / "mmlu_pro" / "pool.yaml"

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file into an empty folder and return its path."""

    def save(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return save


def message(model: type[BaseModel], path: Path, overrides: tuple[str, ...] = ()) -> str:
    """The one-line error for an invalid file, from the name of the file on."""
    with pytest.raises(ConfigError) as caught:
        config.load(model, path, overrides)
    text = str(caught.value)
    assert len(text.splitlines()) == 1, text
    return text.removeprefix(f"{path.parent}/")


CARD = "name: a, price: {input: 1, output: 2}"
POOL = f"""\
endpoints:
  local: {{base_url: "http://127.0.0.1:8000/v1"}}
candidates:
  - {{{CARD}, endpoint: local}}
"""
AGENT = """\
pool: pool.yaml
policy: {kind: openai, base_url: "http://127.0.0.1:8000/v1", model: m, price: {input: 0, output: 0}}
"""


# --- valid files


def test_a_pool_file_becomes_a_pool(write: Write) -> None:
    pool = ModelPool.from_yaml(write("pool.yaml", POOL))
    assert pool.names == ("a",)
    assert pool.card("a").price == Price(input=1, output=2)
    assert pool.endpoints["local"].base_url == "http://127.0.0.1:8000/v1"
    pool.check()


def test_every_field_of_a_card_and_names_with_colons_and_slashes(write: Write) -> None:
    pool = ModelPool.from_yaml(
        write(
            "pool.yaml",
            """\
            candidates:
              - name: qwen/qwen3-30b-a3b:free
                price: {input: 0, output: 0, cached: 0, as_of: 2026-11-01}
                description: |
                  Fast.
                context_window: 32768
                modalities: [text, image]
                parameters_billions: 30.5
                active_parameters_billions: 3.3
                mixture_of_experts: true
                sampling: {temperature: null, top_p: 0.9, extra: {reasoning_effort: low}}
                limits: {requests_per_minute: 40, stream: true}
            """,
        )
    )
    card = pool.card("qwen/qwen3-30b-a3b:free")
    assert card.price.version.startswith("2026-11-01/")
    assert card.mixture_of_experts and card.modalities == ("text", "image")
    assert card.sampling.temperature is None and card.limits.stream


@pytest.mark.parametrize(
    "name",
    [
        "meta-llama/llama-3.1-8b-instruct:free",
        "llama3.1:8b-instruct-q4_K_M",
        "hf.co/bartowski/Qwen2.5-7B-Instruct-GGUF:Q4_K_M",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "projects/p/locations/us-central1/publishers/google/models/gemini-2.5-flash@001",
        "@cf/meta/llama-3.1-8b-instruct",
        "GPT-4o (Azure, West Europe)",
        "qwen [thinking]",
        "mixtral_8x22b+tools",
        "模型-1",
    ],
)
def test_names_that_providers_give_their_models_are_accepted(name: str) -> None:
    assert ModelCard(name=name, price=Price(input=1, output=1)).name == name


def test_cards_may_share_fields_by_yaml_alias(write: Write) -> None:
    path = write(
        "pool.yaml",
        """\
        candidates:
          - &a {name: a, price: {input: 1, output: 2}, limits: &slow {max_concurrency: 2}}
          - {<<: *a, name: b}
        """,
    )
    assert ModelPool.from_yaml(path).card("b").limits.max_concurrency == 2
    # changing one does not change the other
    loaded = config.load(PoolFile, path, ["candidates.1.limits.max_concurrency=9"])
    assert [card.limits.max_concurrency for card in loaded.candidates] == [2, 9]


def test_the_recorded_pool_loads() -> None:
    if not RECORDED.exists():
        pytest.skip(f"no recorded pool at {RECORDED.relative_to(ROOT.parent)}")
    pool = ModelPool.from_yaml(RECORDED)
    assert len(pool.names) == 10
    assert pool.card("Mixtral-8x7B-Instruct-v0.1").price == Price(input=0.6, output=0.6)
    assert all(card.description for card in pool.cards)
    with pytest.raises(ConfigError, match="has no endpoint and cannot be called"):
        pool.check()


# --- invalid pool files


@pytest.mark.parametrize(
    ("candidates", "expected"),
    [
        # unknown fields
        (
            f"[{{{CARD}, prize: 1}}]",
            "candidates.0.prize: no such field: did you mean candidates.price?",
        ),
        ("[{name: a, price: {input: 1, output: 1, out: 1}}]", "candidates.0.price.out: no such"),
        (f"[{{{CARD}, limits: {{rpm: 3}}}}]", "candidates.0.limits.rpm: no such field: correct"),
        # missing fields
        ("[{name: a}]", "candidates.0.price: it is required: add it"),
        ("[{name: a, price: {input: 1}}]", "candidates.0.price.output: it is required: add it"),
        ("[{price: {input: 1, output: 1}}]", "candidates.0.name: it is required: add it"),
        # invalid prices
        ("[{name: a, price: }]", "candidates.0.price: expected a mapping of fields to values"),
        ("[{name: a, price: 3}]", "candidates.0.price: expected a mapping of fields to values"),
        (
            "[{name: a, price: {input: -1, output: 1}}]",
            "candidates.0.price.input: Input should be greater than or equal to 0 (found -1)",
        ),
        (
            "[{name: a, price: {input: 1, output: .inf}}]",
            "candidates.0.price.output: Input should be a finite number (found inf)",
        ),
        ("[{name: a, price: {input: .nan, output: 1}}]", "candidates.0.price.input: "),
        (
            "[{name: a, price: {input: cheap, output: 1}}]",
            "candidates.0.price.input: Input should be a valid number (found text)",
        ),
        # names
        (f"[{{{CARD}}}, {{{CARD}}}]", "candidates: 'a' occurs twice"),
        (
            "[{name: Llama, price: {input: 1, output: 1}}, {name: llama, price: {input: 1, output: 1}}]",
            "candidates: 'llama' occurs twice (names must differ by more than case); rename one",
        ),
        (
            "[{name: 'a<b', price: {input: 1, output: 1}}]",
            "candidates.0.name: a name must not contain",
        ),
        (
            "[{name: 'a>b', price: {input: 1, output: 1}}]",
            "candidates.0.name: a name must not contain",
        ),
        ("[{name: 'a\"b', price: {input: 1, output: 1}}]", "candidates.0.name: a name must"),
        (
            '[{name: "a\\nb", price: {input: 1, output: 1}}]',
            "candidates.0.name: a name must be one line",
        ),
        *(
            (
                f"[{{name: '{name}', price: {{input: 1, output: 1}}}}]",
                "candidates.0.name: a name must not contain a tag",
            )
            for name in (
                "[INST]",
                "llama [/INST] x",
                "[|system|]",
                "[gMASK]sop",
                "&lt;think",
                "a &amp;lt;route x",
                "[EOS]",
            )
        ),
        ("[{name: ' a', price: {input: 1, output: 1}}]", "candidates.0.name: a name must not be"),
        ("[{name: '', price: {input: 1, output: 1}}]", "candidates.0.name: a name must not be"),
        ("[{name: 3, price: {input: 1, output: 1}}]", "candidates.0.name: Input should be a valid"),
        # the list itself
        ("[]", "candidates: the pool is empty; add at least one candidate"),
        ("", "candidates: expected a list (found None)"),
        ("3", "candidates: expected a list (found 3)"),
        ("[a]", "candidates.0: expected a mapping of fields to values (found text)"),
        # other types and ranges
        (f"[{{{CARD}, max_output_tokens: 0}}]", "candidates.0.max_output_tokens: "),
        (f"[{{{CARD}, max_output_tokens: many}}]", "candidates.0.max_output_tokens: "),
        (f"[{{{CARD}, modalities: [smell]}}]", "candidates.0.modalities.0: Input should be 'text'"),
        (f"[{{{CARD}, limits: {{max_attempts: 0}}}}]", "candidates.0.limits.max_attempts: "),
        # endpoints
        (
            f"[{{{CARD}, endpoint: nim}}]",
            "candidates: 'a' names the endpoint 'nim', which is not under endpoints (none is defined)",
        ),
    ],
)
def test_an_invalid_candidate_gets_one_line_with_field_problem_and_remedy(
    write: Write, candidates: str, expected: str
) -> None:
    text = message(PoolFile, write("pool.yaml", f"candidates: {candidates}\n"))
    assert text.startswith(f"pool.yaml: {expected}")


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("{}", "base_url: it is required: add it"),
        ("{base_url: 127.0.0.1:8000/v1}", "base_url: a base URL starts with http:// or https://"),
        (
            "{base_url: 'https://user:s3cret-key@api.example.com/v1'}",
            "base_url: a base URL must not contain a user, password or query: put the key into an environment variable",
        ),
        (
            "{base_url: 'https://s3cret-key@api.example.com/v1'}",
            "base_url: a base URL must not contain",
        ),
        (
            "{base_url: 'https://api.example.com/v1?key=s3cret-key'}",
            "base_url: a base URL must not contain",
        ),
        ("{base_url: 'https://h/v1', api_key: s3cret-key}", "api_key: no such field"),
        ("{base_url: 'https://h/v1', api_key_env: s3cret-key}", "api_key_env: "),
        ("https://user:s3cret-key@api.example.com/v1", "expected a mapping of fields to values"),
        ("{base_url: 'https://h/v1', token_limit_field: s3}", "token_limit_field: Input should be"),
    ],
)
def test_an_invalid_endpoint_is_named_without_repeating_a_key_in_it(
    write: Write, endpoint: str, expected: str
) -> None:
    path = write("pool.yaml", f"endpoints: {{host: {endpoint}}}\ncandidates: [{{{CARD}}}]\n")
    text = message(PoolFile, path)
    assert text.startswith("pool.yaml: endpoints.host")
    assert expected in text and "s3cret" not in text


def test_a_multi_line_field_name_still_gets_a_one_line_message(write: Write) -> None:
    path = write("pool.yaml", f'"a\\n\\u2028b": 1\ncandidates: [{{{CARD}}}]\n')
    assert message(PoolFile, path).startswith("pool.yaml: a b: no such field")


def test_a_misspelt_field_is_reported_before_the_field_missing_because_of_it(write: Write) -> None:
    path = write("pool.yaml", "candidates: [{name: a, prise: {input: 1, output: 1}}]\n")
    assert message(PoolFile, path) == (
        "pool.yaml: candidates.0.prise: no such field: did you mean candidates.price?; "
        "candidates.0.price: it is required: add it"
    )


def test_two_of_several_problems_are_reported_and_the_rest_counted(write: Write) -> None:
    path = write("pool.yaml", "candidates: [{name: a, prize: 1}, {nam: b}]\nendpoint: {}\n")
    assert message(PoolFile, path) == (
        "pool.yaml: candidates.0.prize: no such field: did you mean candidates.price?; "
        "candidates.1.nam: no such field: did you mean candidates.name? (and 4 more)"
    )


def test_the_cause_of_an_error_does_not_show_the_input(write: Write) -> None:
    path = write("pool.yaml", "candidates: [{name: a, price: s3cret-key}]\n")
    with pytest.raises(ConfigError) as caught:
        config.load(PoolFile, path)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


# --- files that are not configuration


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a mapping of keys to values, found nothing"),
        ("# only a comment\n", "expected a mapping of keys to values, found nothing"),
        ("- a\n- b\n", "expected a mapping of keys to values, found a list"),
        ("just text", "expected a mapping of keys to values, found text"),
        ("a: 1\nb: [1, 2\n", "not valid YAML: line 3: "),
        ("a:\n\tb: 1\n", "not valid YAML: line 2: found character"),
        ("a: 1\nb: 2\na: 3\n", "not valid YAML: line 3: the key 'a' occurs twice; remove one"),
        ("a: {b: 1, c: {d: 1, d: 2}}\n", "not valid YAML: line 1: the key 'd' occurs twice"),
        ("{[a]: b}\n", "not valid YAML: line 1: found unhashable key"),
        ("a: \x00\n", "not valid YAML: unacceptable character #x0000"),
        ("as_of: 2026-02-30\n", "not valid YAML: a value cannot be read: day is out of range"),
        ("a: !!int x\n", "not valid YAML: a value cannot be read: "),
        ("a: !!bool x\n", "not valid YAML: a value cannot be read: "),
        ("a: !!timestamp x\n", "not valid YAML: a value cannot be read: "),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "not valid YAML: line 1: could not determine",
        ),
        ("[" * 5000, "not valid YAML: line 1: nested too deeply"),
        ("a: &a {b: *a}\n", "not valid YAML: an alias contains itself, or is nested too deeply"),
        ("a: *b\n", "not valid YAML: line 1: found undefined alias"),
    ],
)
def test_a_file_that_is_not_a_yaml_mapping_gets_one_line(
    write: Write, text: str, expected: str
) -> None:
    assert message(PoolFile, write("pool.yaml", text)).startswith(f"pool.yaml: {expected}")


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    for path, expected in [
        (tmp_path / "pool.yaml", "No such file or directory"),
        (tmp_path, "Is a directory"),
    ]:
        assert message(PoolFile, path).endswith(f"cannot be read ({expected}); check the path")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("name: café".encode("latin-1"))
    assert message(PoolFile, latin) == "latin.yaml: not UTF-8 text; save the file as UTF-8"


def test_a_merged_key_may_be_overridden(write: Write) -> None:
    path = write(
        "x.yaml",
        "deep: {er: {base: &base {<<: &top {k: 0, l: 0}, k: 1}}}\nother: {<<: *base, l: 2}\n",
    )
    assert config.read_yaml(path) == {
        "deep": {"er": {"base": {"k": 1, "l": 0}}},
        "other": {"k": 1, "l": 2},
    }


# fmt: off
YAML_PIECES = [
    "candidates:", "endpoints:", "name", "price:", "{}", "[]", "{", "}", "[", "]", "-", "?", ":", ",",
    "'", '"', "&a", "*a", "<<:", "!!int", "!!bool", "!!timestamp", "!!set", "!!omap", "!!pairs",
    "1", ".inf", "2026-02-30", "0x", "~", "|", ">", "%", "@", "é", " ", "\n", "\n  ", "\t",
    "\x00", "\x85", "\u2028", "---\n", "%YAML 9\n", "\\n",
]
# fmt: on


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(YAML_PIECES), max_size=14).map("".join))
def test_every_invalid_file_gets_exactly_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "pool.yaml"
    path.write_text(text, encoding="utf-8")
    assert message(PoolFile, path).startswith("pool.yaml: ")


# --- overrides


def test_overrides_reach_into_mappings_and_lists_and_win() -> None:
    data = {"a": {"b": 1, "c": [1, {"d": 2}]}, "e": 3}
    changed = config.override(
        data, ["a.b=x", "a.c.1.d=[1, 2]", "new.er.key=null", "e=1.5", "a.c.0={k: v}", "text= a=b "]
    )
    assert changed == {
        "a": {"b": "x", "c": [{"k": "v"}, {"d": [1, 2]}]},
        "e": 1.5,
        "new": {"er": {"key": None}},
        "text": "a=b",
    }
    assert data == {"a": {"b": 1, "c": [1, {"d": 2}]}, "e": 3}


def test_the_last_override_wins() -> None:
    assert config.override({}, ["a=1", "a=2"]) == {"a": 2}


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("limits", "expected key.subkey=value"),
        ("=1", "expected key.subkey=value"),
        ("a..b=1", "expected key.subkey=value"),
        ("word.x=1", "word has no keys below it"),
        ("items.2=1", "'2' is not an index; the list has 2 items"),
        ("items.-1=1", "'-1' is not an index"),
        ("items.x.y=1", "'x' is not an index"),
        ("items.\u00b2=1", "is not an index"),
        ("a={b", "the value is not valid YAML"),
        ("a={b: 1, b: 2}", "the key 'b' occurs twice"),
        (
            "a=2026-02-30",
            "the value is not valid YAML (a value cannot be read: day is out of range",
        ),
    ],
)
def test_an_invalid_override_is_quoted(assignment: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.override({"word": "w", "items": [1, 2]}, [assignment])
    text = str(caught.value)
    assert text.startswith(f"override {assignment!r}: ") and expected in text
    assert len(text.splitlines()) == 1


def test_an_override_is_validated_like_the_file(write: Write) -> None:
    path = write("agent.yaml", AGENT)
    loaded = config.load(AgentFile, path, ["limits.budget_usd=1e-3", "aggregator=vote"])
    assert loaded.limits.budget_usd == 0.001 and loaded.aggregator == "vote"
    assert message(AgentFile, path, ("limits.bugdet_usd=1",)) == (
        "agent.yaml: limits.bugdet_usd: no such field: did you mean limits.budget_usd?"
    )
    assert message(AgentFile, path, ("budget_usd=1",)).endswith("did you mean limits.budget_usd?")
    text = message(AgentFile, path, ("policy.price.input=-1",))
    assert text.startswith("agent.yaml: policy.price.input: Input should be greater than or equal")


# --- agent files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (AGENT.replace("pool: pool.yaml", ""), "pool: it is required: add it"),
        ("pool: pool.yaml\n", "policy: it is required: add it"),
        ("pool: p\npolicy: {model: m}\n", "policy: it needs a field 'kind': add it"),
        (
            "pool: p\npolicy: {kind: magic}\n",
            "policy: 'kind' must be one of 'openai', 'transformers', 'router', not 'magic'",
        ),
        ("pool: p\npolicy: gpt\n", "policy: expected a mapping of fields to values"),
        (AGENT.replace('base_url: "http://127.0.0.1:8000/v1", ', ""), "policy.base_url: it is"),
        (
            "pool: p\npolicy: {kind: openai, base_url: http://u/v1, model: m}\n",
            "policy.price: it is required: add it",
        ),
        (
            "pool: p\npolicy: {kind: transformers, path: x, price: {input: 0, output: 0}, top_p: 2}\n",
            "policy.top_p: Input should be less than or equal to 1 (found 2)",
        ),
        (AGENT + "aggregators: vote\n", "aggregators: no such field"),
        (
            AGENT + "aggregator: magic\n",
            "aggregator: there is no aggregator 'magic'; choose one of policy, select, synthesize, vote",
        ),
        (
            AGENT + "aggregator: {kind: vote, wieghts: {}}\n",
            "aggregator: vote: wieghts: no such field: did you mean weights?",
        ),
        (AGENT + "aggregator: {weights: {a: 2}}\n", "aggregator: it needs a field 'kind': add it"),
        (
            AGENT + "aggregator: {kind: magic}\n",
            "aggregator: there is no aggregator 'magic'; choose one of policy, select, synthesize, vote",
        ),
        (
            AGENT + "aggregator: {kind: synthesize, layers: many}\n",
            "aggregator: synthesize: layers: Input should be a valid integer",
        ),
        (AGENT + "aggregator: {kind: [vote]}\n", "aggregator: 'kind' must be a name (found list)"),
        (AGENT + "aggregator: 3\n", "aggregator: expected a name, or a mapping with 'kind'"),
        (AGENT + "limits: {max_rounds: -1}\n", "limits.max_rounds: Input should be greater"),
        (AGENT + "limits: {budget_usd: .inf}\n", "limits.budget_usd: Input should be a finite"),
        (AGENT + "timeout_s: 0\n", "timeout_s: Input should be greater than 0 (found 0)"),
        (AGENT + "store: {path: s, mode: rerecord}\n", "store.mode: Input should be 'record' or"),
    ],
)
def test_an_invalid_agent_file_names_the_field_as_the_file_spells_it(
    write: Write, text: str, expected: str
) -> None:
    line = message(AgentFile, write("agent.yaml", text))
    assert line.startswith(f"agent.yaml: {expected}")
    assert line.count("; ") == expected.count("; ")  # one mistake is one problem


def test_a_missing_pool_file_is_named_and_no_file_is_created(write: Write, tmp_path: Path) -> None:
    path = write(
        "agent.yaml", AGENT + "traces: traces.jsonl\nstore: {path: s.sqlite, mode: record}\n"
    )
    with pytest.raises(ConfigError, match=r"pool\.yaml: cannot be read \(No such file"):
        load_agent(path)
    assert list(tmp_path.iterdir()) == [path]


def test_paths_in_an_agent_file_are_relative_to_it(write: Write, tmp_path: Path) -> None:
    write("pool.yaml", POOL)
    path = write("agent.yaml", AGENT + "traces: runs/traces.jsonl\nlimits: {max_rounds: 2}\n")
    with load_agent(path, ["limits.budget_usd=0.01"]) as agent:
        assert agent.pool.names == ("a",)
        assert (agent.limits.max_rounds, agent.limits.budget_usd) == (2, 0.01)
        agent.ask("What is 2+2?")
    assert (tmp_path / "runs" / "traces.jsonl").exists()


def test_a_pool_file_and_an_agent_file_are_not_confused(write: Write) -> None:
    pool = write("pool.yaml", f"candidates: [{{{CARD}}}]\n")
    agent = write("agent.yaml", AGENT.replace("pool.yaml", "other.yaml"))
    with pytest.raises(ConfigError, match=r"pool\.yaml: this is a pool file"):
        load_agent(pool)
    with pytest.raises(
        ConfigError, match=r"agent\.yaml: expected a pool file, got an agent file; its pool file is"
    ):
        ModelPool.from_yaml(agent)
    with pytest.raises(ConfigError, match=r"agent\.yaml: pool: .*other\.yaml: cannot be read"):
        load_agent(agent)


# --- addresses and headers that cannot be called


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "http:///v1",
        "https://:8000/v1",
        "http://host:port/v1",
        "http://host:99999/v1",
        "http://host:0/v1",
        "http://host:-1/v1",
        "http://host:80:80/v1",
        "http://[::1/v1",
        "http://[nonsense]/v1",
        "http://::1/v1",
        "http://127.0.0.256/v1",
        "http://1.2.3/v1",
        "http://ho st/v1",
        "http://host /v1",
        "http://host/v 1",
        "http://host/v1\t",
        "http://host\\v1",
        "http://-host/v1",
        "http://host-/v1",
        "http://a..b/v1",
        "http://.host/v1",
        "http://ho$t/v1",
        "http://ho%20st/v1",
        "http://{host}/v1",
        "http://" + "a" * 64 + "/v1",
        "http://" + "a." * 130 + "b/v1",
        "http://\u2028host/v1",
        "http://xn--\u00e9/v1",
        "http://\u00e9\u00e9..com/v1",
        "http://\u0000/v1",
        "ftp://host/v1",
        "host:8000/v1",
    ],
)
def test_an_address_that_cannot_be_called_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config.validate(Endpoint, {"base_url": url}, "pool.yaml")
    assert str(raised.value).startswith("pool.yaml: base_url: a base URL ")
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8000/v1",
        "http://127.0.0.1/v1",
        "http://[::1]:8000/v1",
        "https://api.example.com/",
        "https://api.example.com./v1",
        "http://my_service:8000/v1",
        "http://gpu-7/v1",
        "https://b\u00fccher.example/v1",
        "https://xn--bcher-kva.example/v1",
        "https://api.example.com/openai/deployments/gpt-4o",
        "https://generativelanguage.googleapis.com/v1beta/openai/",
        "http://host:/v1",
    ],
)
def test_an_address_that_can_be_called_is_accepted(url: str) -> None:
    assert config.validate(Endpoint, {"base_url": url}, "").base_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1#s3cret-key",
        "https://api.example.com/v1?s3cret-key",
        "https://s3cret-key@api.example.com/v1",
        "https://:s3cret-key@api.example.com/v1",
        "https://api.example.com?s3cret-key",
        "https://api.example.com#s3cret-key",
        "https://api.example.com/sk-s3cret-key-s3cret/v1",
    ],
)
def test_a_key_in_an_address_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="api_key_env") as raised:
        config.validate(Endpoint, {"base_url": url}, "pool.yaml")
    assert "s3cret" not in str(raised.value)


SECRET_HEADERS = (
    "Authorization",
    "authorization ",
    " AUTHORIZATION",
    "Proxy-Authorization",
    "X-Goog-Api-Key",
    "x-api-key",
    "api-key",
    "apikey",
    "X-ApiKey",
    "Ocp-Apim-Subscription-Key",
    "X-Auth-Token",
    "x_api_key",
    "X-Amz-Security-Token",
    "Cookie",
    "CF-Access-Client-Secret",
    "X-Vault-Token",
    "Token",
)


@pytest.mark.parametrize("name", SECRET_HEADERS)
def test_a_key_in_a_header_is_refused_and_not_shown(name: str) -> None:
    data = {"base_url": "http://h/v1", "headers": {name: "s3cret"}}
    with pytest.raises(ConfigError, match="name its environment variable in api_key_env") as raised:
        config.validate(Endpoint, data, "pool.yaml")
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A\n", "s3cret"),
        ("X A", "s3cret"),
        ("", "s3cret"),
        ("X:A", "s3cret"),
        ("X-\u00e9", "s3cret"),
        ("X-A", "s3cret\n"),
        ("X-A", "s3cret\r\nX-B: b"),
        ("X-A", "s3cret \u00e9"),
        ("X-A", "s3cret\x00"),
        ("X-A", "Bearer s3cret"),
        ("X-A", "Basic s3cret"),
        ("X-A", "sk-s3cret-s3cret-s3cret"),
        ("Content-Length", "1"),
        ("transfer-encoding", "chunked"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_in_one_line(name: str, value: str) -> None:
    data = {"base_url": "http://h/v1", "headers": {name: value}}
    with pytest.raises(ConfigError, match=r"^pool.yaml: headers: ") as raised:
        config.validate(Endpoint, data, "pool.yaml")
    assert len(str(raised.value).splitlines()) == 1 and "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "name", ["HTTP-Referer", "X-Title", "OpenAI-Organization", "X-Max-Tokens", "Idempotency-Key"]
)
def test_a_header_that_is_not_secret_is_accepted(name: str) -> None:
    data = {"base_url": "http://h/v1", "headers": {name: "Router-R1, v1"}}
    assert config.validate(Endpoint, data, "").headers == {name: "Router-R1, v1"}
