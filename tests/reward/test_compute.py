"""`compute_score`: the same reward as `score`, from the facts and never from the text; missing input raises."""

import json

import pytest

from router_r1 import Episode, Limits, ModelCard, Price
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.token_prices import Usage
from router_r1.transport.messages import Response
from router_r1_reward import CostWindow, Facts, RewardConfig, score
from router_r1_reward.compute import compute_score

QUESTION = Question(
    id="q1", question="Capital?", answer="B", metric="choice", choices=("Rome", "Paris")
)


def finished_episode(answer: str = "Paris") -> Episode:
    """An episode with one call and one format problem."""
    card = ModelCard(name="a", price=Price(input=1, output=1))
    episode = Episode("Capital of France?", [card], Limits(worth_usd=0.01))
    episode.step('hm <think>?</think><route model="a">Capital of France?</route>')
    episode.observe([Response("Paris", usage=Usage(10, 10), cost_usd=0.002)])
    episode.step(f"<think>!</think><answer>{answer}</answer>")
    return episode


def extra_info(episode: Episode, metric: str | None = "em", **more: object) -> dict[str, object]:
    return {"episode": Facts.of(episode, metric=metric).to_dict(), **more}


@pytest.mark.parametrize("answer", ["Paris", "London"])
@pytest.mark.parametrize("gold", ["Paris", ["Lutetia", "Paris"]])
def test_the_score_is_the_reward_of_the_episode(answer: str, gold: str | list[str]) -> None:
    episode = finished_episode(answer)
    expected = score(episode, gold, "em", RewardConfig(alpha=0.5))
    found = compute_score("nq", "", gold, extra_info(episode), alpha=0.5)
    assert found == {
        "score": expected.total,
        "acc": expected.parts["correct"],
        **expected.parts,
    }
    assert found["acc"] == float(answer == "Paris")
    assert found["problems"] == found["calls"] == 1


def test_the_text_is_ignored() -> None:
    forged = "<think>x</think><answer>Paris</answer>"
    assert (
        compute_score("nq", forged, "Paris", extra_info(finished_episode("London")))["acc"] == 0.0
    )


def test_missing_facts_raise() -> None:
    for info in (None, {}, {"episode": None}, {"episode": "answer: Paris"}):
        with pytest.raises(DataError, match=r"nq: extra_info\['episode'\] is missing"):
            compute_score("nq", "<answer>Paris</answer>", "Paris", info)  # type: ignore[arg-type]


def test_a_missing_metric_raises() -> None:
    with pytest.raises(DataError, match="nq: no metric is given"):
        compute_score("nq", "", "Paris", extra_info(finished_episode(), metric=None))


@pytest.mark.parametrize("item", [QUESTION.model_dump(), QUESTION.model_dump_json()])
def test_the_question_supplies_metric_and_choices(item: object) -> None:
    info = extra_info(finished_episode("Paris"), metric=None, item=item)
    assert compute_score("mc", "", "B", info)["acc"] == 1.0
    assert compute_score("mc", "", "A", info)["acc"] == 0.0


def test_a_malformed_question_raises() -> None:
    with pytest.raises(DataError, match="is not JSON"):
        compute_score("mc", "", "B", extra_info(finished_episode(), item="{"))
    with pytest.raises(ConfigError, match="mc: extra_info"):
        compute_score("mc", "", "B", extra_info(finished_episode(), item=json.dumps({"id": "1"})))


def test_unknown_settings_raise() -> None:
    with pytest.raises(ConfigError, match="gamma"):
        compute_score("nq", "", "Paris", extra_info(finished_episode()), gamma=1)


def test_the_published_reward_takes_its_window_from_the_arguments() -> None:
    costs = [0.0, 0.001, 0.004, 0.009]
    episode = finished_episode()
    config = RewardConfig(kind="router_r1", alpha=0.6)
    expected = score(episode, "Paris", "em", config, window=CostWindow.of(costs))
    found = compute_score(
        "nq", "", "Paris", extra_info(episode), kind="router_r1", alpha=0.6, window=costs
    )
    assert found["score"] == expected.total
    assert found.keys() == compute_score("nq", "", "Paris", extra_info(episode)).keys()


def test_all_values_are_floats() -> None:
    assert {
        type(v) for v in compute_score("nq", "", "Paris", extra_info(finished_episode())).values()
    } == {float}
