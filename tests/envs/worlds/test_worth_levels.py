"""Proposed values of an answer make a call cost a visible part of the reward."""

import pytest
import typer
import yaml
from typer.testing import CliRunner

from router_r1.data.questions import Question
from router_r1.episode import Episode, Limits
from router_r1.errors import ConfigError
from router_r1.model_cards import ModelCard
from router_r1.protocol import Route, render_turn
from router_r1.token_prices import Price
from router_r1.transport.messages import Response
from router_r1_envs.worlds.commands import register
from router_r1_envs.worlds.worth_levels import call_usd, proposed_levels
from router_r1_reward import RewardConfig, score

CARDS = (
    ModelCard(name="small", price=Price(input=0.05, output=0.1), max_output_tokens=512),
    ModelCard(name="large", price=Price(input=0.5, output=2.0), max_output_tokens=512),
)


def penalty(worth: float) -> float:
    """The cost penalty of an episode with one usual call of the large model."""
    question = Question(id="q", question="2+2?", answer="4", metric="em")
    episode = Episode(question.question, CARDS, Limits(worth_usd=worth))
    episode.step(render_turn("?", [Route("large", "2+2")]))
    episode.observe([Response(text="4", cost_usd=call_usd(CARDS[1]))])
    episode.step(render_turn("!", answer="4"))
    reward = score(episode, question.answers, question.metric, RewardConfig(alpha=0.5))
    return 1 - reward.total


def test_a_call_costs_about_its_sensitivity():
    levels = proposed_levels(CARDS)
    assert [level.name for level in levels] == ["0.02", "0.1", "0.3"]
    penalties = [penalty(level.worth_usd) for level in levels]
    assert penalties == pytest.approx([0.02, 0.083, 0.19], abs=0.01)
    # A cent an answer, as one might guess, hides what such calls cost.
    assert penalty(0.1) < 0.01


def test_the_command_prints_levels_for_a_world_file(tmp_path):
    pool = {"candidates": [card.model_dump(exclude_defaults=True) for card in CARDS]}
    (tmp_path / "pool.yaml").write_text(yaml.safe_dump(pool))
    app = typer.Typer()
    register(app)
    command = ["world", "levels", str(tmp_path / "pool.yaml"), "--sensitivity", "0.2"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    (level,) = yaml.safe_load(result.output)["levels"]
    assert level == {"name": "0.2", "worth_usd": proposed_levels(CARDS, [0.2])[0].worth_usd}


def test_a_free_pool_has_no_such_levels():
    free = [card.model_copy(update={"price": Price(input=0, output=0)}) for card in CARDS]
    with pytest.raises(ConfigError, match="all candidates are free"):
        proposed_levels(free)
