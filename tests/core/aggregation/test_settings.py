"""Aggregators from a name or from a mapping, as agent files have them; an extension's too."""

from collections.abc import Callable
from typing import Any

import pytest

from router_r1.aggregation import (
    AGGREGATORS,
    PolicyAnswer,
    Select,
    Synthesize,
    Vote,
    make_aggregator,
)
from router_r1.aggregation.settings import complete_settings
from router_r1.errors import ConfigError


def test_a_name_makes_an_aggregator_with_its_defaults() -> None:
    assert make_aggregator("policy") == PolicyAnswer()
    assert make_aggregator("vote") == Vote()
    assert make_aggregator("select") == Select()
    assert make_aggregator("synthesize") == Synthesize()


def test_every_aggregator_is_called_by_its_registered_name() -> None:
    assert {make_aggregator(name).kind for name in AGGREGATORS} == set(AGGREGATORS)


def test_a_mapping_makes_an_aggregator_with_these_settings() -> None:
    weighted = {"kind": "vote", "weights": {"a": 2}, "policy_weight": 0.5}
    assert make_aggregator(weighted) == Vote({"a": 2.0}, 0.5)
    layered = {"kind": "synthesize", "model": "a", "layers": 2, "proposers": ["a", "b"]}
    assert make_aggregator(layered) == Synthesize(model="a", layers=2, proposers=("a", "b"))


def test_a_mapping_is_completed_with_the_defaults_and_a_name_stays_a_name() -> None:
    assert complete_settings("vote") == "vote"
    complete = {"kind": "vote", "weights": {"a": 2.0}, "policy_weight": 1.0}
    assert complete_settings({"kind": "vote", "weights": {"a": 2}}) == complete
    assert complete_settings(complete) == complete


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("judge", "no aggregator 'judge'; choose one of policy, select, synthesize, vote"),
        (
            {"kind": "judge"},
            "no aggregator 'judge'; choose one of policy, select, synthesize, vote",
        ),
        ({"weights": {}}, "needs a field 'kind'"),
        ({"kind": None}, "'kind' must be a name"),
        ({"kind": "vote", "wieghts": {}}, "vote: wieghts: no such field: did you mean weights"),
        ({"kind": "vote", "weights": {"a": "heavy"}}, "vote: weights.a: Input should be a valid"),
        ({"kind": "vote", "policy_weight": float("nan")}, "vote: policy_weight: Input should be"),
        ({"kind": "policy", "weights": {}}, "policy: weights: no such field"),
        ({"kind": "synthesize", "layers": 1.5}, "synthesize: layers: Input should be a valid int"),
        (["vote"], "expected a name, or a mapping with 'kind' and settings"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(given: object, says: str) -> None:
    for read in (make_aggregator, complete_settings):
        with pytest.raises(ConfigError) as caught:
            read(given)
        assert says in str(caught.value) and "\n" not in str(caught.value)


EXTENSION = """
from dataclasses import dataclass
from router_r1.aggregation.base import AGGREGATORS, Aggregation

@AGGREGATORS.register("longest")
@dataclass(frozen=True)
class Longest:
    "The longest response of a trusted candidate."
    trusted: str
    at_least: int = 1
    kind = "longest"

    def check(self, pool):
        pool.card(self.trusted)

    async def aggregate(self, episode, pool, account):
        return Aggregation(self.kind, episode.answer)

@AGGREGATORS.register("plain")
class Plain:
    "The policy's answer, without settings."
    kind = "plain"

    def check(self, pool): pass

    async def aggregate(self, episode, pool, account):
        return Aggregation(self.kind, episode.answer)
"""

AGENT = """
pool: pool.yaml
policy: {kind: openai, base_url: "http://127.0.0.1:9/v1", model: m, price: {input: 0, output: 0}}
"""
POOL = "candidates: [{name: a, endpoint: e, price: {input: 0, output: 0}}]\n"
POOL += "endpoints: {e: {base_url: 'http://127.0.0.1:9/v1'}}\n"


@pytest.mark.parametrize(
    ("aggregator", "says"),
    [
        ("{kind: longest, trusted: a, at_least: 3}", "no answer"),
        ("plain", "no answer"),
        ("{kind: longest, trusted: b}", "agent.yaml: aggregator: "),
        ("{kind: longest}", "aggregator: longest: trusted: it is required"),
        ("longest", "aggregator: longest: trusted: it is required"),
        ("{kind: longest, trusted: a, at_most: 3}", "longest: at_most: no such field"),
        ("{kind: plain, trusted: a}", "plain: trusted: no such field"),
        ("magic", "choose one of policy, select, synthesize, vote, longest, plain"),
    ],
)
def test_an_aggregator_of_another_package_is_used_and_checked_like_a_built_in(
    program: Callable[..., Any],
    install: Callable[..., None],
    tmp_path: Any,
    aggregator: str,
    says: str,
) -> None:
    install("acme", EXTENSION, {"router_r1.aggregators": "longest = acme"})
    (tmp_path / "pool.yaml").write_text(POOL)
    (tmp_path / "agent.yaml").write_text(f"{AGENT}aggregator: {aggregator}\n")
    done = program("ask", "Who?", "--config", str(tmp_path / "agent.yaml"), "--quiet")
    assert done.returncode == 2  # no policy listens
    assert done.stderr.count("\n") == 1 and says in done.stderr
