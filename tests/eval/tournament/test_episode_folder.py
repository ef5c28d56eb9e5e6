"""A folder of episodes: only what is missing is played, by the policy and in the world that played the rest."""

import json

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.errors import ConfigError, PolicyError
from router_r1.model_cards import ModelCard
from router_r1.policies.base import WrittenTurn
from router_r1.testing import ScriptedPolicy
from router_r1.token_prices import Price
from router_r1.transport.messages import Failure, FailureKind
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.world import open_recorded
from router_r1_eval.tournament import players
from router_r1_eval.tournament.episode_folder import EpisodeFolder, task_of
from router_r1_eval.tournament.players import Player
from router_r1_eval.tournament.policy_entrant import PolicyEntrant
from router_r1_reward import RewardConfig

AGENT = """
policy: {model: small, base_url: "http://127.0.0.1:9/v1", price: {input: 1, output: 1}}
pool: pool.yaml
"""


@pytest.fixture
def world(tmp_path):
    questions = [
        Question(id=f"q{n}", question=f"Number {n}?", answer=str(n), metric="em") for n in range(60)
    ]
    outcomes = [
        Outcome(id=q.id, model="m", text=q.answer, score=1, input_tokens=9, output_tokens=9)
        for q in questions
    ]
    card = ModelCard(name="m", price=Price(input=1, output=1))
    OutcomeTable([card], questions, outcomes).save(tmp_path / "table")
    return open_recorded(RecordedWorldConfig(table=str(tmp_path / "table"), max_routes=1))


class Counting(ScriptedPolicy):
    """Asks, then adopts the reply; counts its turns, and fails after `most` of them."""

    def __init__(self, most=None):
        self.turns, self.most = 0, most
        super().__init__(self._write, name="counting")

    def _write(self, episode):
        if episode.rounds:
            return '<think>!</think><answer model="m"></answer>'
        return '<think>?</think><route model="m">question</route>'

    async def write_turn(self, episode, account):
        if self.most is not None and self.turns >= self.most:
            return WrittenTurn(failure=Failure(FailureKind.CONNECTION, "refused"))
        self.turns += 1
        return await super().write_turn(episode, account)


def tasks_of(world, split=Split.TEST):
    return [(q.id, level.name) for q in world.questions(split) for level in world.levels]


def test_every_episode_is_written_once(world, tmp_path) -> None:
    folder = EpisodeFolder(tmp_path / "e", world, Counting())
    tasks = tasks_of(world)
    folder.play(tasks)
    traces = list(folder.traces())
    assert sorted(map(task_of, traces)) == sorted(tasks)
    by_id = {q.id: q for q in world.questions(Split.TEST)}
    for trace in traces:
        assert trace.answer == by_id[trace.metadata["id"]].answer


def test_what_was_played_before_an_outage_is_kept_and_not_played_again(
    world, tmp_path, monkeypatch
) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(AGENT)
    player = Player("counting", str(agent))
    folder = EpisodeFolder(tmp_path / "e", world, player)
    tasks = tasks_of(world)
    first = Counting(most=len(tasks) + 50)
    monkeypatch.setattr(Player, "open", lambda self: first)
    with pytest.raises(PolicyError, match=r"refused.*kept in .*start again"):
        folder.play(tasks)
    kept = [task_of(trace) for trace in folder.traces()]
    assert len(kept) == 50
    second = Counting()
    monkeypatch.setattr(Player, "open", lambda self: second)
    folder.play(tasks)
    assert second.turns == 2 * (len(tasks) - len(kept))
    assert sorted(task_of(trace) for trace in folder.traces()) == sorted(tasks)
    folder.play(tasks)
    assert second.turns == 2 * (len(tasks) - len(kept)), "nothing was missing"


def test_episodes_of_another_policy_or_world_are_refused(world, tmp_path, monkeypatch) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(AGENT)
    monkeypatch.setattr(Player, "open", lambda self: Counting())
    player = Player("counting", str(agent))
    EpisodeFolder(tmp_path / "e", world, player).play(tasks_of(world)[:5])
    other = open_recorded(world.settings.model_copy(update={"max_rounds": 2}))
    with pytest.raises(ConfigError, match=r"world\.max_rounds.*remove the folder"):
        EpisodeFolder(tmp_path / "e", other, player).play(tasks_of(world))
    agent.write_text(AGENT.replace("small", "large"))
    with pytest.raises(ConfigError, match=r"another run \(policy\)"):
        EpisodeFolder(tmp_path / "e", world, player).play(tasks_of(world))
    (tmp_path / "e" / "setting.json").write_text("{")
    with pytest.raises(ConfigError, match="is not JSON"):
        EpisodeFolder(tmp_path / "e", world, player).play(tasks_of(world))


def test_a_folder_in_which_nothing_was_played_is_anybodys(world, tmp_path, monkeypatch) -> None:
    agent = tmp_path / "agent.yaml"
    agent.write_text(AGENT)
    folder = EpisodeFolder(tmp_path / "e", world, Player("broken", str(agent)))

    def broken(self):
        raise ConfigError("no weights")

    monkeypatch.setattr(Player, "open", broken)
    with pytest.raises(ConfigError, match="no weights"):
        folder.play(tasks_of(world))
    agent.write_text(AGENT + "\n")
    monkeypatch.setattr(Player, "open", lambda self: Counting())
    folder.play(tasks_of(world)[:5])
    assert len(list(folder.traces())) == 5


def test_a_policy_object_goes_on_with_nothing(world, tmp_path) -> None:
    EpisodeFolder(tmp_path / "e", world, Counting()).play(tasks_of(world)[:5])
    with pytest.raises(ConfigError, match="the policy is unknown"):
        EpisodeFolder(tmp_path / "e", world, Counting()).play(tasks_of(world)[:5])


def test_the_fingerprint_is_that_of_weights_and_settings_alone(tmp_path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"1")
    player = Player("p", str(tmp_path))
    before = player.fingerprint()
    (tmp_path / "best.json").write_text(json.dumps({"step": 3}))
    assert player.fingerprint() == before
    (tmp_path / "model.safetensors").write_bytes(b"2")
    assert player.fingerprint() != before


def test_only_a_checkpoint_of_few_bytes_plays_in_several_processes(tmp_path, monkeypatch) -> None:
    pytest.importorskip("torch")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"x" * 1000)
    player = Player("p", str(tmp_path))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert player.is_small
    monkeypatch.setattr(players, "_SMALL_BYTES", 999)
    assert not player.is_small
    assert not Player("p", str(tmp_path / "agent.yaml")).is_small


def test_an_agent_file_that_cannot_be_used_is_refused_before_anybody_plays(tmp_path) -> None:
    (tmp_path / "agent.yaml").write_text("policy: 3")
    with pytest.raises(ConfigError, match=r"agent\.yaml"):
        Player("p", str(tmp_path / "agent.yaml")).check()


def test_a_policy_that_never_answers_is_an_error_with_the_first_failure(world, tmp_path) -> None:
    silent = ScriptedPolicy(lambda episode: "Hm.", name="silent")
    entrant = PolicyEntrant("silent", EpisodeFolder(tmp_path / "e", world, silent), RewardConfig())
    with pytest.raises(PolicyError, match=r"answered in none of \d+ episodes.*malformed"):
        entrant.play(world.questions(Split.TEST))


def test_traces_are_written_with_score_and_reward_in_the_order_of_the_questions(
    world, tmp_path
) -> None:
    folder = EpisodeFolder(tmp_path / "e", world, Counting())
    entrant = PolicyEntrant("counting", folder, RewardConfig())
    questions, level = world.questions(Split.TEST), world.levels[0].name
    entrant.play(questions)
    entrant.write_traces(tmp_path / "traces.jsonl", questions, level)
    lines = [json.loads(line) for line in (tmp_path / "traces.jsonl").read_text().splitlines()]
    assert [line["metadata"]["id"] for line in lines] == [q.id for q in questions]
    assert {line["metadata"]["score"] for line in lines} == {1.0}
    assert all(0 < line["metadata"]["reward"] < 1 for line in lines)
    figures = entrant.episode_figures(questions, level)
    assert figures["valid"] == 1 and figures["asked"] == {"m": 1.0}
