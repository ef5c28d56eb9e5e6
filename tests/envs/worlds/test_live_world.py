"""The live world: requests to a loopback server are recorded, and the same episodes are replayed without it."""

import asyncio

import pytest

from router_r1 import Ledger
from router_r1.data.questions import Question, write_questions
from router_r1.data.splits import Split, split_of
from router_r1.episode import StopReason
from router_r1.errors import ConfigError, DataError, StoreError
from router_r1.protocol import Route, render_turn
from router_r1.rollout import roll_out
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_reply, usage
from router_r1.transport.messages import FailureKind
from router_r1_envs.worlds.base import start
from router_r1_envs.worlds.live_world import LiveWorld
from router_r1_envs.worlds.load import load_world

GONE = "http://127.0.0.1:9/v1"
POOL = """
endpoints:
  server: {{base_url: "{url}"{key}}}
candidates:
  - {{name: small, endpoint: server, price: {{input: 1, output: 1}}, max_output_tokens: 100}}
  - {{name: large, endpoint: server, price: {{input: 10, output: 40}}, max_output_tokens: 100}}
"""
WORLD = """
kind: live
pool: pool.yaml
questions: sums.jsonl
store: answers.sqlite
levels:
  - {name: poor, budget_usd: 0.0005}
  - {name: rich, worth_usd: 0.1}
"""


@pytest.fixture
def folder(tmp_path):
    """Make a world of thirty sums whose pool is at the given URL."""

    def make(url=GONE, world=WORLD, key=""):
        (tmp_path / "pool.yaml").write_text(POOL.format(url=url, key=key))
        (tmp_path / "world.yaml").write_text(world)
        if not (tmp_path / "sums.jsonl").exists():
            write_questions(tmp_path / "sums.jsonl", questions())
        return tmp_path / "world.yaml"

    return make


def questions():
    return [
        Question(id=f"q{n}", question=f"{n}+1?", answer=str(n + 1), metric="em") for n in range(30)
    ]


def numbered(exchange) -> Served:
    """A different answer to each request, at a different cost."""
    text = f"{exchange.body['model']} says {exchange.number}"
    return Served(chat_reply(text, usage=usage(10 + exchange.number, 5)))


def play(world, split=Split.TRAIN, times=1):
    """Play every question of a split at every level, `times` episodes on each at the same time."""

    async def one(question, level):
        turns = [
            render_turn(
                "?", [Route("small", question.question), Route("large", question.question)]
            ),
            render_turn("!", answer=question.answer),
        ]
        episode = start(world, question, level)
        await roll_out(episode, ScriptedPolicy(turns), world.pool(question), Ledger())
        return episode

    async def every():
        asked = [(q, level) for q in world.questions(split) for level in world.levels] * times
        episodes = await asyncio.gather(*(one(*pair) for pair in asked))
        await world.pool(world.questions(split)[0]).aclose()
        return episodes

    return asyncio.run(every())


def shown(episodes):
    return [(e.question, e.transcript, e.spent_usd, e.stop_reason, e.answer) for e in episodes]


def test_recorded_episodes_are_replayed_without_a_server(folder):
    with LoopbackServer(numbered) as server:
        world = load_world(folder(server.base_url))
        recorded = play(world)
        asked = len(server.exchanges)
        # A second epoch and a newly built world send no request.
        assert shown(play(world)) == shown(recorded)
        assert shown(play(load_world(folder(server.base_url)))) == shown(recorded)
        assert len(server.exchanges) == asked
    replayed = play(load_world(folder(GONE), ["mode=replay"]))
    assert shown(replayed) == shown(recorded)
    assert all(e.spent_usd > 0 for e in recorded)
    assert {e.stop_reason for e in recorded} == {StopReason.ANSWERED}


def test_concurrent_episodes_with_the_same_call_share_one_request(folder):
    with LoopbackServer(numbered) as server:
        world = load_world(folder(server.base_url))
        episodes = play(world, times=4)
    sent = [(x.body["model"], x.body["messages"][-1]["content"]) for x in server.exchanges]
    assert len(sent) == len(set(sent)) <= 2 * len(world.questions(Split.TRAIN))
    assert len(episodes) == 8 * len(world.questions(Split.TRAIN))


def test_a_miss_in_a_replay_is_a_failed_call_that_costs_nothing(folder):
    with LoopbackServer(numbered) as server:
        play(load_world(folder(server.base_url)), Split.TRAIN)
    world = load_world(folder(GONE), ["mode=replay"])
    for episode in play(world, Split.TEST):
        called = [o.response for o in episode.turns[0].outcomes if o.response is not None]
        assert called and {r.failure.kind for r in called} == {FailureKind.NOT_RECORDED}
        assert episode.spent_usd == 0
        assert episode.stop_reason is StopReason.ANSWERED
        assert 'notice="not_recorded"' in episode.transcript


def test_an_episode_has_the_budget_and_the_value_of_its_level(folder):
    with LoopbackServer(numbered) as server:
        episodes = play(load_world(folder(server.base_url)))
    poor, rich = episodes[0], episodes[1]
    # 100 output tokens at 40 dollars per million cost more than 0.0005.
    assert [o.model for o in poor.turns[0].outcomes if o.refused] == ["large"]
    assert rich.limits.worth_usd == 0.1 and rich.limits.budget_usd is None
    assert 'worth="$0.10"' in rich.transcript


def test_the_first_questions_of_a_split_come_from_the_whole_file(folder, tmp_path):
    def asked(name, numbers):
        return [
            Question(id=f"{name}/{n}", question=f"{name} {n}?", answer="x", metric="em")
            for n in numbers
        ]

    # Two data sets, one after the other.
    file = [*asked("nq", range(300)), *asked("hotpotqa", range(300))]
    write_questions(tmp_path / "sums.jsonl", file)
    world = load_world(folder(), ["mode=record"])
    assert world.name == "sums"
    for split in Split:
        found = list(world.questions(split))
        assert sorted(q.id for q in found) == sorted(q.id for q in file if split_of(q.id) is split)
        first = list(world.questions(split, 40))
        assert first == found[:40]
        assert 10 < sum(q.id.startswith("nq") for q in first) < 30
    # The order of the file does not matter.
    write_questions(tmp_path / "sums.jsonl", file[::-1])
    assert list(load_world(folder()).questions(Split.TRAIN)) == list(world.questions(Split.TRAIN))


def test_the_reference_cost_is_two_of_the_most_expensive_replies_unless_it_is_set(folder):
    assert load_world(folder()).reference_usd == pytest.approx(2 * 100 * 40 / 1e6)
    assert load_world(folder(), ["reference_usd=0.5"]).reference_usd == 0.5


def test_an_empty_split_is_an_error(folder):
    world = load_world(folder(), ["test=0"])
    with pytest.raises(ConfigError, match=r"sums\.jsonl: no question falls into test"):
        world.questions(Split.TEST)


def test_the_same_question_in_two_splits_is_an_error(folder, tmp_path):
    path = folder()
    again = questions()[0].model_copy(update={"id": "q3"})
    assert split_of("q0") is not split_of("q3")
    write_questions(tmp_path / "sums.jsonl", [questions()[0], again])
    with pytest.raises(DataError, match=r"'q0' .* and 'q3' .* have the same text"):
        load_world(path)


def test_an_unknown_metric_is_rejected_before_any_model_is_called(folder, tmp_path):
    path = folder()
    unknown = questions()[0].model_copy(update={"metric": "bleu"})
    write_questions(tmp_path / "sums.jsonl", [unknown, *questions()[1:]])
    with pytest.raises(
        DataError, match=r"'q0' has the unknown metric 'bleu'; expected one of choice, code"
    ):
        load_world(path)


def test_replay_needs_a_store(folder, tmp_path):
    with pytest.raises(StoreError, match=r"answers\.sqlite: no such record store"):
        load_world(folder(), ["mode=replay"])
    assert not (tmp_path / "answers.sqlite").exists()


def test_record_needs_the_key_of_the_pool_and_replay_does_not(folder, tmp_path, monkeypatch):
    monkeypatch.delenv("A_KEY", raising=False)
    load_world(folder())  # creates the store
    path = folder(key=", api_key_env: A_KEY")
    with pytest.raises(ConfigError, match="A_KEY"):
        load_world(path)
    assert isinstance(load_world(path, ["mode=replay"]), LiveWorld)


def test_a_free_pool_needs_a_reference_cost(folder, tmp_path):
    path = folder()
    free = (tmp_path / "pool.yaml").read_text()
    for price in ("input: 1, output: 1", "input: 10, output: 40"):
        free = free.replace(price, "input: 0, output: 0")
    (tmp_path / "pool.yaml").write_text(free)
    with pytest.raises(
        ConfigError, match=r"pool\.yaml: all candidates are free; set reference_usd"
    ):
        load_world(path)
    assert load_world(path, ["reference_usd=1"]).reference_usd == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("levels=[]", "world.yaml: levels: "),
        ("levels=[{name: x}, {name: x}]", "world.yaml: levels: levels need different names"),
        ("levels.0.budget_usd=-1", "world.yaml: levels.0.budget_usd: "),
        ("mode=live", "world.yaml: mode: "),
        ("limits.max_round=1", "world.yaml: limits.max_round: no such field"),
        ("test=1", "world.yaml: test: "),
        ("validation=-0.1", "world.yaml: validation: "),
        ("pool=none.yaml", "none.yaml: cannot be read"),
    ],
)
def test_a_wrong_setting_is_named(folder, change, message):
    with pytest.raises(ConfigError) as caught:
        load_world(folder(), [change])
    assert message in str(caught.value)
