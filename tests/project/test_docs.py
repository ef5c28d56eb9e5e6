"""Pages and files in docs/: examples run, links resolve, tables match the code, pool and agent files load.

The site as a whole and the command lines in the pages are checked in `test_docs_site.py`.
"""

import contextlib
import dataclasses
import importlib
import re
import runpy
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from router_r1 import ModelPool, RecordStore, StopReason, config
from router_r1.agent_file import AgentFile, load_agent
from router_r1.aggregation import AGGREGATORS, make_aggregator
from router_r1.aggregation.base import Aggregation
from router_r1.cli import app
from router_r1.extensions import BUILT_IN
from router_r1.ledger import LedgerEntry
from router_r1.model_cards import PoolFile
from router_r1.protocol import BLOCKING, ProblemKind
from router_r1.transport.attempt_result import RETRIABLE
from router_r1.transport.messages import FailureKind

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
LINKED = [
    *PAGES,
    *sorted((DOCS / "reference").glob("*.md")),
    ROOT / "CONTRIBUTING.md",
    ROOT / "recipes" / "README.md",
]
"""Pages whose links are checked. The examples in CONTRIBUTING.md run in `test_extension_package.py`."""
FILES = sorted((DOCS / "pools").glob("*.yaml"))
AGENT_FILES = [path for path in FILES if path.name.startswith("agent-")]
POOL_FILES = [path for path in FILES if path not in AGENT_FILES]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIELD_TABLE = re.compile(r"^<!-- fields: (\S+) -->\n((?:\|.*\n)+)", re.MULTILINE)
GENERATOR = runpy.run_path(str(ROOT / "scripts" / "docs" / "field_tables.py"))
documented_fields = GENERATOR["documented_fields"]
written_default = GENERATOR["written_default"]


def name_of(path: Path) -> str:
    return path.stem


def blocks(language: str) -> list[Any]:
    """The fenced blocks of all pages in one language, as parameters: page, line, content."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for fence in FENCE.finditer(text):
            if fence[1] == language:
                line = text.count("\n", 0, fence.start()) + 1
                found.append(pytest.param(page, line, fence[2], id=f"{page.stem}-{line}"))
    return found


def documented_classes() -> list[tuple[type[Any], str]]:
    """Each configuration class with a table of fields, and the text of that table."""
    found = []
    for page in PAGES:
        for match in FIELD_TABLE.finditer(page.read_text()):
            module, _, name = match[1].rpartition(".")
            found.append((getattr(importlib.import_module(module), name), match[2]))
    return found


def codes_in_table(page: str, header: str) -> dict[str, list[str]]:
    """Rows of the table with this header: each name in backquotes in the first cell -> the other cells."""
    text = (DOCS / page).read_text()
    table = text[text.index(header) :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table]
    return {name: row[1:] for row in rows for name in re.findall(r"`(\w+)`", row[0])}


@pytest.mark.parametrize(("page", "line", "code"), blocks("python"))
def test_every_python_example_runs(page: Path, line: int, code: str, tmp_path: Path) -> None:
    # Leading blank lines, so that a traceback shows the line of the page.
    example = compile("\n" * line + code, str(page), "exec")
    with contextlib.chdir(tmp_path):
        exec(example, {"__name__": "__main__"})


@pytest.mark.parametrize(("page", "line", "text"), blocks("yaml"))
def test_every_yaml_example_is_valid(page: Path, line: int, text: str, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(text)
    content = config.read_yaml(file)
    if "candidates" in content:
        ModelPool.from_yaml(file)
        return
    whole = {"pool": "pool.yaml", "policy": {"kind": "transformers", "path": "x"}}
    whole["policy"] |= {"price": {"input": 0, "output": 0}}
    config.validate(AgentFile, whole | content, str(page))


def test_links_resolve() -> None:
    broken = []
    for page in LINKED:
        for target in re.findall(r"\]\(([^)]+)\)", FENCE.sub("", page.read_text())):
            file, _, anchor = target.partition("#")
            linked = page.parent / file if file else page
            if "://" in target or (linked.exists() and not anchor):
                continue
            if not linked.is_file() or anchor not in anchors(linked):
                broken.append(f"{page.name}: {target}")
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors of this page: its headings, as a URL spells them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_configuration_class_has_a_table_of_fields() -> None:
    nested = {name for file in (PoolFile, AgentFile) for name in file.model_json_schema()["$defs"]}
    documented = {model.__name__ for model, _ in documented_classes()}
    assert nested >= {"Endpoint", "CallLimits", "Sampling", "ModelCard", "Price", "Limits"}
    worlds = {"GeneratedWorldConfig", "LiveWorldConfig", "Level"}
    assert documented >= nested | worlds | {"AgentFile", "RewardConfig", "ColdStartConfig"}


def test_every_aggregator_with_settings_has_a_table_of_fields() -> None:
    documented = {
        configuration: set(documented_fields(configuration))
        for configuration, _ in documented_classes()
    }
    settings = {
        entry.value: {field.name for field in dataclasses.fields(entry.value)}
        for entry in AGGREGATORS.entries()
        if entry.owner == BUILT_IN
    }
    assert sum(bool(fields) for fields in settings.values()) >= 3
    for aggregator, fields in settings.items():
        tables = [documented[base] for base in aggregator.__mro__ if base in documented]
        assert not fields or tables[0] == fields, aggregator


@pytest.mark.parametrize(
    ("configuration", "table"),
    documented_classes(),
    ids=lambda value: getattr(value, "__name__", "table"),
)
def test_tables_of_fields_match_the_code(configuration: type[Any], table: str) -> None:
    rows = {}
    for line in table.splitlines()[2:]:
        field, default, meaning = line.strip("| ").split(" | ", 2)
        rows[field.strip("`")] = (default, meaning)
    fields = documented_fields(configuration)
    assert list(rows) == list(fields)
    for field, (value, docstring) in fields.items():
        default, meaning = rows[field]
        assert default == written_default(value), field
        assert meaning == docstring or (docstring is None and meaning), field


@pytest.mark.parametrize(
    ("page", "header", "kinds"),
    [
        ("protocol.md", "| problem | blocking |", ProblemKind),
        ("pool.md", "| failure | attempts again |", FailureKind),
        ("agent-file.md", "| stop reason | meaning |", StopReason),
    ],
)
def test_every_kind_has_a_row(page: str, header: str, kinds: type[StrEnum]) -> None:
    assert list(codes_in_table(page, header)) and set(codes_in_table(page, header)) == set(kinds)


def test_the_table_of_problems_marks_the_blocking_ones() -> None:
    rows = codes_in_table("protocol.md", "| problem | blocking |")
    assert {kind for kind, cells in rows.items() if cells[0] == "yes"} == BLOCKING


def test_the_table_of_failures_marks_the_retried_ones() -> None:
    rows = codes_in_table("pool.md", "| failure | attempts again |")
    assert {kind for kind, cells in rows.items() if cells[0] == "yes"} == RETRIABLE


def test_fields_of_ledger_entries_and_aggregations_are_documented() -> None:
    rows = codes_in_table("cost.md", "| field of a row | meaning |")
    assert set(rows) >= {field.name for field in dataclasses.fields(LedgerEntry)}
    rows = codes_in_table("aggregation.md", "| field | meaning |")
    assert set(rows) >= {field.name for field in dataclasses.fields(Aggregation)}


def test_there_is_a_pool_and_an_agent_for_each_kind_of_endpoint() -> None:
    kinds = {"ollama", "vllm", "openrouter", "hosted", "nim", "router-r1"}
    assert {path.stem for path in POOL_FILES} == kinds
    assert {path.stem for path in AGENT_FILES} == {
        f"agent-{k}" for k in kinds | {"local", "record"}
    }


@pytest.mark.parametrize("path", POOL_FILES, ids=name_of)
def test_pools_name_their_models_in_full(path: Path) -> None:
    pool = ModelPool.from_yaml(path)
    assert len(pool.cards) >= 6
    assert len({card.name.casefold() for card in pool.cards}) == len(pool.cards)
    assert len({(card.endpoint, card.model_id) for card in pool.cards}) == len(pool.cards)
    for card in pool.cards:
        assert card.model_id.strip(), card.name
        assert card.endpoint in pool.endpoints, card.name
        assert card.description.endswith("."), card.name
        assert card.context_window and card.max_output_tokens < card.context_window, card.name
        if card.active_parameters_billions is not None:
            assert card.mixture_of_experts and card.parameters_billions, card.name
            assert card.active_parameters_billions < card.parameters_billions, card.name
    assert {card.endpoint for card in pool.cards} == set(pool.endpoints)


@pytest.mark.parametrize("path", POOL_FILES, ids=name_of)
def test_model_ids_have_the_form_of_their_endpoint(path: Path) -> None:
    forms = {
        "ollama": r"[a-z0-9.-]+:[\w.-]+",  # model:tag
        "vllm": r"[\w.-]+/[\w.-]+",  # organisation/Model, as on the Hugging Face hub
        "openrouter": r"[a-z0-9-]+/[a-z0-9.-]+",
        "hosted": r"(?:[\w.-]+/)?[\w.-]+",
        "nim": r"[a-z]+/[a-z0-9.-]+",
        "router-r1": r"[a-z]+/[a-z0-9.-]+",
    }
    odd = [
        c.model_id
        for c in ModelPool.from_yaml(path).cards
        if not re.fullmatch(forms[path.stem], c.model_id)
    ]
    assert odd == []


@pytest.mark.parametrize("path", POOL_FILES, ids=name_of)
def test_billed_prices_have_a_date(path: Path) -> None:
    pool = ModelPool.from_yaml(path)
    for card in pool.cards:
        if pool.endpoints[card.endpoint or ""].api_key_env:
            assert card.price.as_of is not None and card.price.output > 0, card.name


def test_thinking_models_get_only_parameters_they_accept() -> None:
    pool = ModelPool.from_yaml(DOCS / "pools" / "hosted.yaml")

    def parameters(name: str) -> dict[str, Any]:
        card = pool.card(name)
        return dict(card.request("?", token_limit_field=pool.token_limit_field(card)).sampling)

    assert parameters("gpt-6-luna") == {"reasoning_effort": "low", "max_completion_tokens": 4096}
    assert parameters("deepseek-v4-pro")["thinking"] == {"type": "disabled"}
    assert parameters("mistral-large-2512") == {"temperature": 0.0, "max_tokens": 1024}


@pytest.mark.parametrize("path", POOL_FILES, ids=name_of)
def test_pool_check_accepts_every_pool(path: Path) -> None:
    result = CliRunner().invoke(app, ["pool", "check", str(path)])
    assert result.exit_code == 0, result.output
    assert "all OK" in result.output


@pytest.mark.parametrize("path", AGENT_FILES, ids=name_of)
def test_agent_files_fit_their_pools(path: Path) -> None:
    content = config.load(AgentFile, path)
    pool = ModelPool.from_yaml(path.parent / content.pool)
    make_aggregator(content.aggregator).check(pool)
    assert path.stem == "agent-record" or content.store is None
    # A run writes nothing into the repository.
    assert (content.traces or "runs/").startswith("runs/")


def test_agents_without_keys_can_be_built(tmp_path: Path) -> None:
    made = []
    for path in AGENT_FILES:
        content = config.load(AgentFile, path)
        pool = ModelPool.from_yaml(path.parent / content.pool)
        keys = [endpoint.api_key_env for endpoint in pool.endpoints.values()]
        if content.policy.kind == "openai" and not any([content.policy.api_key_env, *keys]):
            with load_agent(path, [f"traces={tmp_path}/traces.jsonl"]) as agent:
                made.append((path.stem, agent.aggregator.kind))
    assert made == [("agent-ollama", "vote"), ("agent-vllm", "synthesize")]


def test_a_replay_needs_no_key_of_the_pool(tmp_path: Path) -> None:
    RecordStore(tmp_path / "pool.sqlite").close()
    overrides = [f"store.path={tmp_path}/pool.sqlite", "store.mode=replay", "traces=null"]
    with load_agent(DOCS / "pools" / "agent-record.yaml", overrides) as agent:
        assert len(agent.pool.cards) > 6
