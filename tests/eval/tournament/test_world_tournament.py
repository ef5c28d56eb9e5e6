"""Tournaments in worlds without a table: any world, even one of another package, has rows for single candidates."""

from collections.abc import Sequence

import pytest

from router_r1 import ModelCard, ModelPool
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Limits
from router_r1.errors import ConfigError, PolicyError
from router_r1.model_cards import CallLimits
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.prompts import PromptBuilder, policy_messages
from router_r1.testing import ScriptedPolicy, ScriptedPool
from router_r1.token_prices import Price
from router_r1.trace import read_traces
from router_r1_envs.worlds.base import Level
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_eval.tournament.world_tournament import WorldTournament
from router_r1_reward import RewardConfig

CARDS = tuple(
    ModelCard(name=name, price=Price(input=price, output=price))
    for name, price in (("small", 1.0), ("large", 10.0))
)


class Sums:
    """A world of sums: `large` is always right, `small` only on even numbers."""

    name = "sums"
    cards = CARDS
    levels = (Level(name="low", budget_usd=0.01), Level(name="high", budget_usd=0.1))
    limits = Limits()
    reference_usd = 0.001

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        first = {Split.TRAIN: 0, Split.VALIDATION: 100, Split.TEST: 200}[split]
        return [
            Question(id=f"q{n}", question=f"What is {n} + 1?", answer=str(n + 1), metric="math")
            for n in range(first, first + 8)
        ][:limit]

    def prompt(self, question: Question) -> PromptBuilder:
        return policy_messages

    def varied(self, question: Question, seed: int) -> Question:
        return question

    def pool(self, question: Question) -> ModelPool:
        number = int(question.id[1:])
        small = str(number + 1) if number % 2 == 0 else "0"
        return ScriptedPool(
            {"small": f"The answer is {small}.", "large": f"The answer is {number + 1}."},
            cards=CARDS,
        )


def give_up(episode) -> str:
    return "<think>No idea.</think><answer>-1</answer>"


def test_a_policy_is_compared_with_every_single_candidate_and_with_random_choice(tmp_path) -> None:
    traces = tmp_path / "traces.jsonl"
    contest = WorldTournament(Sums(), {"give up": ScriptedPolicy(give_up)})
    results = contest.hold(RewardConfig(reference_usd=0.001), traces=traces)
    rows = {row.name: row for row in results.rows}
    assert set(rows) == {"give up", "single small", "single large", "random"}
    assert (rows["give up"].kind, rows["give up"].accuracy, rows["give up"].calls) == (
        "agent",
        0,
        0,
    )
    assert rows["single large"].accuracy == 1
    assert rows["single small"].accuracy == 0.5
    assert rows["single large"].cost_usd == pytest.approx(
        10 * rows["single small"].cost_usd, rel=0.2
    )
    assert results.settings.best_single == "large"
    assert rows["single large"].vs_best_single.accuracy_diff == 0
    assert [point.setting for point in rows["random"].curve] == ["low", "high"]
    assert rows["random"].right_specialist is None
    assert len(list(read_traces(traces))) == 2 * results.questions


def test_the_printed_lines_start_with_the_highest_reward() -> None:
    contest = WorldTournament(Sums(), limit=4)
    results = contest.hold(RewardConfig(reference_usd=0.001))
    rewards = [row.reward for row in results.rows]
    lines = contest.summary(results)
    assert len(lines) == len(rewards) == 3
    best = max(results.rows, key=lambda row: row.reward)
    assert lines[0].startswith(best.name)
    assert not any("right" in line for line in lines)  # only the generated world has specialists


class Silent(Sums):
    """`small` replies with spaces only."""

    def pool(self, question: Question) -> ModelPool:
        return ScriptedPool({"small": "  ", "large": "The answer is 1."}, cards=CARDS)


def test_a_candidate_that_replies_with_nothing_is_wrong_and_ends_no_tournament() -> None:
    results = WorldTournament(Silent(), limit=3).hold(RewardConfig(reference_usd=0.001))
    rows = {row.name: row for row in results.rows}
    assert rows["single small"].accuracy == 0


class Descending(Sums):
    """The first level has the largest budget; the last one cannot pay for `large`."""

    levels = (Level(name="high", budget_usd=0.1), Level(name="none", budget_usd=1e-9))


def test_the_best_single_model_is_chosen_at_the_largest_budget() -> None:
    results = WorldTournament(Descending(), limit=8).hold(RewardConfig(reference_usd=0.001))
    assert results.settings.best_single == "large"


class Unvalidated(Sums):
    """A world without validation questions, whose candidates must not be called in vain."""

    def questions(self, split: Split, limit: int | None = None) -> Sequence[Question]:
        if split is Split.VALIDATION:
            raise ConfigError("sums: no validation questions")
        return super().questions(split, limit)

    def pool(self, question: Question) -> ModelPool:
        raise AssertionError("a candidate was called")


def test_missing_validation_questions_are_an_error_before_any_call() -> None:
    with pytest.raises(ConfigError, match="no validation questions"):
        WorldTournament(Unvalidated(), limit=2).hold(RewardConfig(reference_usd=0.001))


def test_a_policy_that_cannot_be_reached_is_an_error() -> None:
    unreachable = OpenAIPolicy("http://127.0.0.1:9/v1", "m", limits=CallLimits(max_attempts=1))
    contest = WorldTournament(GeneratedWorld(), {"mine": unreachable}, limit=2)
    with pytest.raises(PolicyError, match="could not be reached in 2 of 2 episodes"):
        contest.hold(RewardConfig(alpha=0.5, reference_usd=0.001))
