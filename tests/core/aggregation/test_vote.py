"""`vote`: the short answer with the greatest weight."""

from collections.abc import Callable

import pytest

from router_r1 import Result, testing
from router_r1.aggregation import Vote
from router_r1.errors import ConfigError

Ask = Callable[..., tuple[Result, testing.ScriptedPool]]
Routes = Callable[..., str]
Turns = Callable[..., list[str]]


def test_votes_are_counted_over_normalised_answers(ask: Ask, routes_to: Routes) -> None:
    scripts = {"a": "$1,000", "b": "The answer is 1000.", "c": "1000.0", "d": "7"}
    turns = [routes_to(*scripts), "<think>t</think><answer>1000 dollars</answer>"]
    result, _ = ask(dict(scripts), "vote", turns=turns)
    assert result.answer == "1000"  # words that most of the three share
    assert result.trace.aggregation is not None
    assert result.trace.aggregation.sources == ("a", "b", "c")


def test_a_tie_goes_to_the_policy(ask: Ask, routes_to: Routes) -> None:
    turns = [routes_to("a", "b"), "<think>t</think><answer>two</answer>"]
    result, _ = ask({"a": "one", "b": "one"}, Vote(policy_weight=2.0), turns=turns)
    assert result.answer == "two"


def test_weights_change_the_winner(ask: Ask, no_answer: Turns) -> None:
    scripts: dict[str, testing.Script] = {"a": "one", "b": "two", "c": "two"}
    weighted = Vote(weights={"a": 5.0})
    assert ask(scripts, weighted, turns=no_answer(*scripts))[0].answer == "one"
    assert ask(scripts, "vote", turns=no_answer(*scripts))[0].answer == "two"


def test_a_weight_of_an_unknown_candidate_is_an_error(ask: Ask) -> None:
    with pytest.raises(ConfigError, match="nobody"):
        ask({"a": "one"}, Vote(weights={"nobody": 1.0}))
    for wrong in (-1.0, float("nan")):
        with pytest.raises(ConfigError, match="weights are 0 or more"):
            ask({"a": "one"}, Vote(weights={"a": wrong}))
