"""Sampled episodes are kept as traces; of traces, the best are imitated, and better and worse ones are paired."""

from collections import Counter

import pytest

from router_r1.data.splits import Split
from router_r1.errors import ConfigError
from router_r1.protocol import Route, render_turn
from router_r1.testing import ScriptedPolicy
from router_r1.trace import read_traces
from router_r1_envs.supervised.sampling import sample_episodes, sampling_policy
from router_r1_envs.supervised.scored_episodes import (
    best_episodes,
    preference_pairs,
    score_traces,
    trace_files,
)
from router_r1_envs.worlds.generated_world.settings import GeneratedWorldConfig
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
from router_r1_reward import RewardConfig

REWARD = RewardConfig(alpha=0.5, reference_usd=0.01)


class Alternating(ScriptedPolicy):
    """Answers its episodes in turn: right at once, right after a call, wrong, and not at all."""

    def __init__(self, world):
        self.gold = {q.question: q.answer for q in world.questions(Split.TRAIN, 4)}
        self.turns: dict[str, int] = {}
        super().__init__(self.write, name="alternating")

    def write(self, episode):
        way = self.turns.setdefault(episode.id, len(self.turns)) % 4
        if way == 1 and not episode.rounds:
            return render_turn("ask", [Route("atlas", episode.question)])
        if way == 3:
            return "I do not know."
        return render_turn("so", answer=self.gold[episode.question] if way < 2 else "wrong")


@pytest.fixture(scope="module")
def questions(world):
    return world.questions(Split.TRAIN, 4)


@pytest.fixture(scope="module")
def file(world, questions, tmp_path_factory):
    """The traces of four episodes of each question."""
    path = tmp_path_factory.mktemp("sampled") / "episodes.jsonl"
    sample_episodes(world, questions, Alternating(world), path, tries=4)
    return path


def test_sampling_continues_where_it_stopped(world, questions, file, tmp_path):
    begun = tmp_path / "episodes.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    begun.write_text("".join(lines[:5]))
    costs = []
    sample_episodes(world, questions, Alternating(world), begun, tries=4, on_episode=costs.append)
    assert len(costs) == 11
    assert begun.read_text().startswith("".join(lines[:5]))
    tries = Counter((t.metadata["id"], t.metadata["try"]) for t in read_traces(begun))
    assert tries == {(q.id, n): 1 for q in questions for n in range(4)}


def test_the_best_episodes_are_imitated(world, questions, file):
    left_out = Counter()
    found = score_traces(world, questions, [file], REWARD, left_out)
    assert not left_out and len(found) == 16
    best = best_episodes(found, "reward", 1, left_out)
    gold = {q.question: q.answer for q in questions}
    # The right answer at once costs nothing; every group has one or is not represented.
    assert {e.question: e.answer for e in best}.items() <= gold.items()
    assert left_out["no answer, or a malformed turn"] == sum(not one.clean for one in found)
    everything = best_episodes(found, "valid", 4, Counter())
    assert {e.answer for e in everything} == {*gold.values(), "wrong"}
    assert {e.answer for e in best_episodes(found, "right", 4, Counter())} <= set(gold.values())


def test_pairs_set_the_best_episode_of_a_group_against_worse_ones(world, questions, file):
    found = score_traces(world, questions, [file], REWARD, Counter())
    reward = {id(one.episode): one.reward for one in found}
    group = {id(one.episode): one.group for one in found}
    pairs = preference_pairs(found, 0.1, 2)
    assert pairs
    for better, worse in pairs:
        assert group[id(better)] == group[id(worse)] and better.opening == worse.opening
        assert reward[id(better)] == max(
            r for i, r in reward.items() if group[i] == group[id(better)]
        )
        assert reward[id(better)] - reward[id(worse)] >= 0.1
    assert preference_pairs(found, 10.0, 2) == []


def test_a_trace_is_read_as_it_would_have_been_in_the_world(world, questions, file, tmp_path):
    """Another prompt is exchanged for the world's; what was not possible or is held out is left out and counted."""
    full = GeneratedWorld(GeneratedWorldConfig(prompt="full"))
    question, held_out = questions[0], full.questions(Split.VALIDATION, 1)[0]
    two_routes = render_turn("ask", [Route("atlas", "x"), Route("sage", "x")])
    answer = render_turn("so", answer="1")
    played = {
        "one": (question, [answer]),
        "several": (question, [two_routes, answer]),
        "held out": (held_out, [answer]),
    }
    for name, (asked, turns) in played.items():
        (tmp_path / name).mkdir()
        sample_episodes(
            full, [asked], ScriptedPolicy(turns), tmp_path / name / "traces.jsonl", tries=1
        )
    files = trace_files([tmp_path / name for name in played])
    left_out = Counter()
    (only,) = score_traces(world, questions, files, REWARD, left_out)
    assert [message["role"] for message in only.episode.opening] == ["user"]
    assert only.episode.limits.max_routes == 1
    assert left_out == {
        "not possible under the world's limits": 1,
        "not a training question of the world": 1,
    }


def test_a_greedy_policy_cannot_be_sampled(tmp_path):
    (tmp_path / "agent.yaml").write_text(
        "pool: pool.yaml\npolicy: {kind: openai, base_url: 'http://127.0.0.1:9/v1', model: m, "
        "price: {input: 0, output: 0}}\n"
    )
    with pytest.raises(ConfigError, match=r"policy\.temperature is 0"):
        sampling_policy(str(tmp_path / "agent.yaml"), temperature=1.0, seed=0)


def test_a_fitted_router_cannot_be_sampled(tmp_path):
    (tmp_path / "agent.yaml").write_text("pool: pool.yaml\npolicy: {kind: router, path: saved}\n")
    with pytest.raises(ConfigError, match="decides the same every time"):
        sampling_policy(str(tmp_path / "agent.yaml"), temperature=1.0, seed=0)


def test_missing_traces_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"traces\.jsonl: no such file of traces"):
        trace_files([tmp_path])
