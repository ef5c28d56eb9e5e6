"""The commands on worlds: the help of their argument, the error for a world of the wrong kind, what they write."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from router_r1.agent_file import AgentFile
from router_r1.config import load
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question, read_questions
from router_r1.data.splits import Split, split_of
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_envs.train_commands import register
from router_r1_envs.worlds import commands
from router_r1_envs.worlds.base import WORLDS
from router_r1_envs.worlds.commands import recorded_world


def test_the_help_of_a_command_on_any_world_lists_all_kinds():
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, ["train", "prepare", "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert f"a YAML file with a `kind`: {', '.join(WORLDS)}." in result.output


def test_a_command_on_outcome_tables_rejects_a_generated_world():
    with pytest.raises(ConfigError, match="generated: expected an outcome table; give its folder"):
        recorded_world("generated", [])


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """The YAML file of a world on a table of 40 sums and one candidate."""
    questions = [
        Question(id=f"q{n}", question=f"{n} + 1?", answer=str(n + 1), metric="math")
        for n in range(40)
    ]
    outcomes = [
        Outcome(id=q.id, model="a", text="?", score=0.0, input_tokens=5, output_tokens=5)
        for q in questions
    ]
    cards = [ModelCard(name="a", price=Price(input=1, output=1))]
    OutcomeTable(cards, questions, outcomes).save(tmp_path / "table")
    file = tmp_path / "world.yaml"
    file.write_text("{kind: recorded, table: table, prompt: compact, max_rounds: 3}\n")
    return file


def command(*arguments: object) -> None:
    app = typer.Typer()
    commands.register(app)
    result = CliRunner().invoke(app, ["world", *map(str, arguments)])
    if result.exception is not None:
        raise result.exception


def test_questions_writes_those_of_one_split(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "held_out.jsonl"
    command("questions", world, out, "--split", "test", "--limit", "5")
    found = read_questions(out)
    assert len(found) == 5
    assert all(split_of(question.id) is Split.TEST for question in found)
    with pytest.raises(ConfigError, match="--split tests: expected train, validation, test"):
        command("questions", world, out, "--split", "tests")


def test_agent_has_prompt_limits_and_level_of_the_world(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "agent.yaml"
    places = ("--pool", tmp_path / "pool.yaml", "--policy", tmp_path / "policy", "--out", out)
    command("agent", world, "--level", "0.1", *places, "--set", "sensitivities=[0.1]")
    agent = load(AgentFile, out)
    assert agent.prompt == "compact" and agent.limits.max_rounds == 3
    # One call costs $0.00001, and is worth it if it adds a tenth of a right answer.
    assert agent.limits.worth_usd == pytest.approx(0.0001)
    with pytest.raises(ConfigError, match="does not read questions as they are"):
        command("agent", world, "--level", "0.3", *places, "--set", "view=answer")
