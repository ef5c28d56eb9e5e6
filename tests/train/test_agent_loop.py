"""verl's agent loop plays the same episodes as `RouterAgent`: transcript, tokens, mask, end, answer, cost, calls, reward.

The loop is made as verl makes it, without Ray. The server returns the token ids of a script, or those of a tiny model.
"""

import asyncio
import copy
import json
import re
import warnings
from dataclasses import dataclass
from typing import Any

import pytest

pytest.importorskip("verl")
pytestmark = pytest.mark.train

import torch  # noqa: E402
from hydra.utils import instantiate  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402

from router_r1 import RouterAgent, TransformersPolicy  # noqa: E402
from router_r1.data.questions import Question, write_questions  # noqa: E402
from router_r1.data.splits import Split  # noqa: E402
from router_r1.errors import ConfigError  # noqa: E402
from router_r1.policies import token_ids  # noqa: E402
from router_r1.protocol import Route, parse_turn, render_turn  # noqa: E402
from router_r1.testing import ScriptedPolicy  # noqa: E402
from router_r1.transport.record_store import RecordStore  # noqa: E402
from router_r1_envs.supervised.demonstrations import (  # noqa: E402
    explorations,
    play_episode,
    to_example,
)
from router_r1_envs.supervised.small_policy import make_model, make_tokenizer, save_policy  # noqa: E402
from router_r1_envs.supervised.token_ids_of_turns import with_token_ids  # noqa: E402
from router_r1_envs.verl_training.dataset import make_row  # noqa: E402
from router_r1_envs.worlds.base import Level, World, level_named, start  # noqa: E402
from router_r1_envs.worlds.generated_world.world import GeneratedWorld  # noqa: E402
from router_r1_envs.worlds.load import load_world  # noqa: E402
from router_r1_reward import score  # noqa: E402

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # verl and Ray, while they are imported
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap, ToolListWrap
    from verl.workers.rollout.replica import TokenOutput

SAMPLING = {"temperature": 1.0, "top_p": 1.0, "top_k": -1, "logprobs": True}
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
POOL = """
candidates:
  - {name: small, price: {input: 1, output: 1}}
  - {name: large, price: {input: 10, output: 10}}
"""


# --- tokenizers, worlds, and a server


@pytest.fixture(scope="module")
def words():
    """The small policy's tokenizer: it has the generated world's words, and drops line breaks inside texts."""
    world = GeneratedWorld()
    episodes = explorations(world, world.questions(Split.TRAIN, 200))
    return make_tokenizer(f"{e.opening[-1]['content']} {e.transcript}" for e in episodes)


@pytest.fixture(scope="module")
def letters():
    """A byte-level tokenizer with an end-of-turn token: every text round-trips exactly."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="<|im_end|>",
        pad_token="<|pad|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=CHATML,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A recorded world whose levels state the value of an answer, and a live one that replays an empty store."""
    path = tmp_path_factory.mktemp("worlds")
    table = path / "table"
    table.mkdir()
    (table / "pool.yaml").write_text(POOL)
    questions = [
        Question(id=f"q{n}", question=f"What is {n}+1?", answer=str(n + 1), metric="math")
        for n in range(40)
    ]
    write_questions(table / "questions.jsonl", questions)
    with (table / "responses.jsonl").open("w") as lines:
        for question in questions:
            for model, text in (("small", "It is 7."), ("large", f"It is {question.answer}.")):
                recorded = {"id": question.id, "model": model, "text": text, "score": 0.5}
                lines.write(json.dumps(recorded | {"input_tokens": 9, "output_tokens": 5}) + "\n")
    RecordStore(path / "empty.sqlite").close()
    (path / "live.yaml").write_text(
        "{kind: live, mode: replay, pool: table/pool.yaml, questions: table/questions.jsonl, "
        "store: empty.sqlite, prompt: compact, levels: [{name: x, worth_usd: 0.1}], "
        "limits: {max_routes: 1, max_malformed: 2, max_turn_tokens: 12}}"
    )
    return path


class Server:
    """Takes the place of verl's server client: returns the ids of a script, and records its requests."""

    def __init__(self, tokenizer, turns, versions=()):
        self.tokenizer, self.turns, self.versions = tokenizer, turns, versions
        self.requests: list[dict[str, Any]] = []
        self.written: list[list[int]] = []
        self.logprobs: list[float] = []

    async def generate(self, request_id, *, prompt_ids, sampling_params):
        """The next turn, truncated to the request's max_tokens."""
        number = len(self.requests)
        request = {"id": request_id, "prompt": list(prompt_ids), "sampling": sampling_params}
        self.requests.append(request)
        turn = self.turns[number]
        ids = turn(request) if callable(turn) else token_ids.encode_text(self.tokenizer, turn)
        ids = ids[: sampling_params["max_tokens"]]
        logprobs = [-(len(self.logprobs) + n + 1) / 1000 for n in range(len(ids))]
        self.written.append(ids)
        self.logprobs.extend(logprobs)
        extra = self.versions[number] if self.versions else {"global_steps": 3}
        return TokenOutput(token_ids=ids, log_probs=logprobs, extra_fields=extra)


def make_loop(
    server, tokenizer, source, overrides=(), prompt=8192, response=8192, reward=None, data=None
):
    """The agent loop as verl instantiates it from `agent_loop.yaml`."""
    config = OmegaConf.create(
        {
            "actor_rollout_ref": {
                "rollout": {"prompt_length": prompt, "response_length": response}
            },
            "data": data or {},
        }
    )
    entry = {
        "name": "router_r1",
        "_target_": "router_r1_envs.verl_training.agent_loop.RouterAgentLoop",
        "world": str(source),
        "overrides": list(overrides),
        "reward": reward or {},
    }
    return instantiate(
        OmegaConf.create([entry])[0],
        trainer_config=DictConfigWrap(config),
        server_manager=server,
        tokenizer=tokenizer,
        processor=None,
        hf_model_type=None,
        dataset_cls=None,
        data_config=DictConfigWrap(config.data),
        tools=ToolListWrap([]),
    )


@dataclass
class Case:
    """An episode to play twice."""

    world: str
    """`compact` or `full` (prompts of the generated world), or `worth` (recorded world)."""
    level: str
    turns: Any
    """The policy's turns, as a function of the question."""
    stop: str
    rounds: int
    calls: int

    def source(self, folder):
        """World and overrides."""
        if self.world == "worth":
            return folder / "table", ["levels=[{name: dear, worth_usd: 0.05}]"]
        return "generated", [f"prompt={self.world}"]


def hops(question):
    return question.metadata.get("hops") or ["question"]


def ask(*models):
    """A turn that sends the first hop to each of the models."""
    return lambda q: render_turn("need facts", [Route(m, hops(q)[0]) for m in models])


def answer(q):
    return render_turn("done", answer=q.answers[0])


def script(*parts):
    """Turns from texts and functions of the question."""
    return lambda q: [part(q) if callable(part) else part for part in parts]


def and_then(turn, text):
    return lambda q: turn(q) + text


BLOCK = "\n<information"  # ends a turn with several routes
CASES = {
    "answered": Case("compact", "budget-0.01", script(ask("atlas"), ask("sage"), answer), "answered", 2, 2),
    "answered at once": Case("compact", "budget-0.01", script(answer), "answered", 0, 0),
    "rounds": Case("compact", "budget-0.01", script(*[ask("parrot")] * 5), "rounds", 4, 4),
    "malformed": Case("compact", "budget-0.01", script(ask("atlas"), "<think>hm</think>"), "malformed", 1, 1),
    "unknown model": Case("compact", "budget-0.01", script('<route model="bob">x</route>'), "malformed", 0, 0),
    "refused": Case("compact", "budget-0.0006", script(ask("sage"), ask("atlas"), answer), "answered", 2, 1),
    "empty": Case("compact", "budget-0.01", script(""), "malformed", 0, 0),
    "corrected": Case("full", "budget-0.01", script("hm", ask("atlas"), "no <answer>", answer), "answered", 1, 1),
    "gave up": Case("full", "budget-0.01", script("hm", "hm", "hm"), "malformed", 0, 0),
    "several": Case(
        "full", "budget-0.01",
        script(and_then(ask("atlas", "sage", "parrot"), BLOCK), and_then(ask("ledger"), BLOCK), answer),
        "answered", 2, 4,
    ),
    "some refused": Case(
        "full", "budget-0.002", script(and_then(ask("sage", "parrot", "sage"), BLOCK), answer), "answered", 1, 2,
    ),
    "too many": Case(
        "full", "budget-0.01", script(and_then(ask(*["atlas"] * 5), BLOCK), answer), "answered", 0, 0,
    ),
    "ended": Case(
        "full", "budget-0.01", script(and_then(ask("atlas", "sage"), "<|im_end|>"), and_then(answer, "<|im_end|>")),
        "answered", 1, 2,
    ),
    "worth": Case(
        "worth", "dear", script(and_then(ask("small"), BLOCK), and_then(ask("large"), BLOCK), answer),
        "answered", 2, 2,
    ),
}  # fmt: skip


def bare(text):
    """Without white space, which the small policy's tokenizer does not preserve."""
    return re.sub(r"\s", "", text)


async def play(loop, world, question, level, sampling=SAMPLING):
    row = make_row(world, question, level, 0)
    return await loop.run(dict(sampling), raw_prompt=row["prompt"], **row)


def of_policy(output, values):
    """The values at the policy's tokens."""
    return [v for v, mine in zip(values, output.response_mask, strict=True) if mine]


# --- the chat template


async def test_the_openings_get_the_variables_of_the_chat_template(letters):
    tokenizer = copy.deepcopy(letters)
    tokenizer.chat_template += "{% if thinking is false %}<think></think>{% endif %}"
    data = {"apply_chat_template_kwargs": {"thinking": False}}
    world = load_world("generated", ["prompt=full"])
    question, level = world.questions(Split.TRAIN, 1)[0], world.levels[0]
    server = Server(tokenizer, [answer(question)])
    loop = make_loop(server, tokenizer, "generated", ["prompt=full"], data=data)
    output = await play(loop, world, question, level)
    assert tokenizer.decode(output.prompt_ids).endswith("<think></think>")
    assert output.extra_fields["stop_reason"] == "answered"


# --- the same episodes


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_the_agent_and_the_loop_play_the_same_episode(case, words, letters, folder):
    tokenizer = words if case.world == "compact" else letters
    source, overrides = case.source(folder)
    world = load_world(source, overrides)
    question, level = world.questions(Split.TRAIN, 5)[3], level_named(world, case.level)
    server = Server(tokenizer, case.turns(question))
    loop = make_loop(server, tokenizer, source, overrides, reward={"alpha": 0.4})
    output = await play(loop, world, question, level)

    # The agent plays the texts of these tokens.
    limits = start(world, question, level).limits
    stops = start(world, question, level).stop_strings
    texts = [token_ids.decode_turn(tokenizer, ids, stops)[0] for ids in server.written]
    agent = RouterAgent(
        policy=ScriptedPolicy(texts),
        pool=world.pool(question),
        limits=limits,
        prompt=world.prompt(question),
    )
    trace = (await agent.aask(question.question)).trace
    await agent.aclose()

    transcript = tokenizer.decode(output.response_ids, skip_special_tokens=True)
    if case is CASES["ended"]:
        # The turn was closed, so the template opens one for the observation and one for the policy.
        transcript = transcript.replace("\nuser\n<information", "<information").replace(
            "\nassistant\n", ""
        )
        messages = list(trace.opening)
        for turn in trace.replay().turns:
            messages.append({"role": "assistant", "content": turn.turn.text})
            if turn.observation:
                messages.append({"role": "user", "content": turn.observation})
        chat = tokenizer.apply_chat_template(messages, return_dict=False)
        written = output.prompt_ids + output.response_ids
        assert chat[: len(written)] == written, "as a chat server renders it"
    assert bare(transcript) == bare(trace.replay().transcript)
    assert output.prompt_ids == token_ids.opening_ids(tokenizer, trace.opening)
    assert output.extra_fields["stop_reason"] == trace.stop_reason == case.stop
    last = tokenizer.decode(server.written[-1], skip_special_tokens=True)
    found = parse_turn(last, [card.name for card in world.cards]).answer
    assert (found if case.stop == "answered" else None) == trace.answer
    parts = output.extra_fields["reward_extra_info"]
    expected = score(trace, question.answers, question.metric, loop.reward, question=question)
    assert {name: parts[name] for name in expected.parts} == pytest.approx(expected.parts)
    assert output.reward_score == pytest.approx(expected.total)
    assert parts["cost_usd"] == pytest.approx(trace.cost_usd)
    assert parts["rounds"] == trace.rounds == case.rounds
    assert sum(output.extra_fields["asked"].values()) == parts["calls"] == case.calls
    assert output.num_turns == len(trace.turns)
    if case.level == "dear":
        assert 'worth="$0.05"' in transcript and parts["reference_usd"] == pytest.approx(0.02)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
async def test_generated_tokens_are_trained_on_and_sent_again_unchanged(
    case, words, letters, folder
):
    tokenizer = words if case.world == "compact" else letters
    source, overrides = case.source(folder)
    world = load_world(source, overrides)
    question, level = world.questions(Split.TRAIN, 5)[3], level_named(world, case.level)
    server = Server(tokenizer, case.turns(question))
    loop = make_loop(server, tokenizer, source, overrides)
    output = await play(loop, world, question, level)

    lengths = {len(output.response_ids), len(output.response_mask), len(output.response_logprobs)}
    assert lengths == {len(output.response_ids)}
    assert set(output.response_mask) <= {0, 1}
    assert of_policy(output, output.response_ids) == [i for ids in server.written for i in ids]
    assert of_policy(output, output.response_logprobs) == server.logprobs
    others = zip(output.response_logprobs, output.response_mask, strict=True)
    assert all(value == 0.0 for value, mine in others if not mine)
    # Each request begins with the one before and its turn.
    whole = output.prompt_ids + output.response_ids
    assert server.requests[0]["prompt"] == output.prompt_ids
    for request, ids in zip(server.requests, server.written, strict=True):
        assert whole[: len(request["prompt"]) + len(ids)] == request["prompt"] + ids
    assert len({request["id"] for request in server.requests}) == 1
    # The environment's text is encoded once, tags included.
    text = tokenizer.decode(whole[len(output.prompt_ids) :], skip_special_tokens=True)
    assert text.count("</information>") == text.count("<information")


@pytest.mark.parametrize("name", ["answered", "refused", "several", "some refused", "worth"])
async def test_an_imitated_episode_has_the_ids_and_the_mask_of_the_loop(
    name, words, letters, folder
):
    case = CASES[name]
    tokenizer = words if case.world == "compact" else letters
    source, overrides = case.source(folder)
    world = load_world(source, overrides)
    question, level = world.questions(Split.TRAIN, 5)[3], level_named(world, case.level)
    server = Server(tokenizer, case.turns(question))
    output = await play(make_loop(server, tokenizer, source, overrides), world, question, level)

    # The same turns as texts, as a demonstrator or a chat model writes them: without ids, and without a stop string.
    texts = [turn.removesuffix(BLOCK) for turn in case.turns(question)]
    played = await play_episode(world, question, level, ScriptedPolicy(texts))
    assert all(record.token_ids is None for record in played.turns)
    example = to_example(with_token_ids(played, tokenizer), tokenizer)
    assert example.ids == output.prompt_ids + output.response_ids
    assert example.mask == [0] * len(output.prompt_ids) + output.response_mask


@pytest.mark.parametrize("number", range(3))
async def test_a_model_generates_the_same_tokens_for_verl_and_for_the_agent(
    words, folder, tmp_path, number
):
    model = make_model(words, hidden=32, layers=2, heads=2, context=2048, seed=number).eval()
    save_policy(model, words, tmp_path)
    source = folder / "live.yaml"
    world = load_world(source)
    question, level = world.questions(Split.TRAIN)[number], world.levels[0]

    def greedy(request):
        """One token after another, until the text holds a stop string."""
        ids, sampling = [], request["sampling"]
        with torch.inference_mode():
            while len(ids) < sampling["max_tokens"]:
                logits = model(torch.tensor([request["prompt"] + ids])).logits
                ids.append(int(logits[0, -1].argmax()))
                text = words.decode(ids, skip_special_tokens=True)
                if ids[-1] == words.eos_token_id or any(s in text for s in sampling["stop"]):
                    break
        return ids

    server = Server(words, [greedy] * 5)
    output = await play(make_loop(server, words, source), world, question, level)
    policy = TransformersPolicy(tmp_path, dtype="float32")
    agent = RouterAgent(
        policy=policy,
        pool=world.pool(question),
        limits=start(world, question, level).limits,
        prompt="compact",
    )
    trace = (await agent.aask(question.question)).trace
    await agent.aclose()
    assert [list(record.token_ids) for record in trace.turns] == server.written
    assert len(server.written) == 3
    replayed = token_ids.continuation_tokens(
        trace.replay(), lambda text: token_ids.encode_text(words, text)
    )
    assert (output.response_ids, output.response_mask) == (replayed.ids, replayed.mask)
    assert output.extra_fields["stop_reason"] == trace.stop_reason == "malformed"


# --- requests and outputs


@pytest.fixture
def easy(words):
    """A function that plays the first generated question with a script, and returns the output and the server."""
    world = GeneratedWorld()
    question = world.questions(Split.TRAIN, 1)[0]

    async def run(*turns, versions=(), sampling=SAMPLING, **options):
        server = Server(words, script(*(turns or (ask("atlas"), answer)))(question), list(versions))
        given = dict(sampling)
        row = make_row(world, question, world.levels[-1], 0)
        output = await make_loop(server, words, "generated", **options).run(given, **row)
        assert given == sampling, "all episodes of a group share one dictionary"
        return output, server

    return run


async def test_every_request_has_its_own_sampling_parameters(easy):
    _, server = await easy(ask("atlas"), ask("sage"), answer)
    asked = [request["sampling"] for request in server.requests]
    assert len({id(sampling) for sampling in asked}) == 3
    for sampling in asked:
        assert sampling["temperature"] == 1.0 and sampling["include_stop_str_in_output"] is True
        assert sampling["max_tokens"] == 64
        assert sampling["stop"] == ["</route>", "</search>", "</answer>", "<information"]


async def test_every_episode_has_its_own_request_id(easy):
    ids = {(await easy())[1].requests[0]["id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("versions", "low", "high"),
    [
        ([{"global_steps": 3}, {"global_steps": 3}], 3, 3),
        ([{"global_steps": 3}, {"global_steps": 4}], 3, 4),
        # A turn that one version began and another ended.
        ([{"global_steps": 5, "min_global_steps": 4, "max_global_steps": 5}] * 2, 4, 5),
        ([{"global_steps": 1, "min_global_steps": 0, "max_global_steps": 1}] * 2, 0, 1),
        ([{"global_steps": 0}, {"global_steps": None}], 0, 0),
        ([{}, {}], 0, 0),
    ],
)
async def test_weight_versions_are_those_of_the_server(easy, versions, low, high):
    output, _ = await easy(versions=versions)
    assert output.extra_fields["min_global_steps"] == low
    assert output.extra_fields["max_global_steps"] == high


async def test_log_probs_are_omitted_if_verl_does_not_request_them(easy):
    output, _ = await easy(sampling={**SAMPLING, "logprobs": False})
    assert output.response_logprobs is None


async def test_calls_are_reported_for_every_candidate(easy):
    output, _ = await easy(ask("atlas"), ask("atlas"), answer)
    asked = output.extra_fields["asked"]
    assert asked == {"sage": 0, "abacus": 0, "scribe": 0, "atlas": 2, "ledger": 0, "parrot": 0}
    assert output.extra_fields["level"] == "budget-0.01"
    assert output.extra_fields["reward_extra_info"]["acc"] == 1.0
    assert output.metrics.generate_sequences >= 0 and output.metrics.tool_calls >= 0


async def test_verl_can_convert_the_output_to_tensors(easy):
    output, _ = await easy()
    tensors = output.as_dict()
    assert tensors["rm_scores"][-1] == pytest.approx(output.reward_score)
    assert tensors["rm_scores"].sum() == pytest.approx(output.reward_score)
    assert tensors["rollout_log_probs"].shape == tensors["response_mask"].shape


@pytest.mark.parametrize("length", range(1, 60, 4))
async def test_a_response_never_exceeds_its_length(easy, length):
    whole, _ = await easy()
    output, server = await easy(response=length)
    assert len(output.response_ids) <= min(length, len(whole.response_ids))
    assert len(output.response_mask) == len(output.response_logprobs) == len(output.response_ids)
    # The policy's own tokens are never cut off: no turn extends beyond the length. The last token is the policy's.
    assert output.response_mask[-1] == 1
    assert of_policy(output, output.response_ids) == [i for ids in server.written for i in ids]
    assert of_policy(output, output.response_logprobs) == server.logprobs
    if length < len(whole.response_ids):
        assert output.extra_fields["stop_reason"] in ("policy_failed", "malformed")
        assert output.reward_score < -0.9


async def test_the_penalty_of_an_episode_that_ends_in_an_information_block_reaches_the_policy(easy):
    from verl.trainer.ppo.core_algos import compute_gae_advantage_return

    whole, server = await easy()
    first_block = len(server.written[0]) + 3  # no room for a turn after the first block
    output, _ = await easy(response=first_block)
    assert output.extra_fields["stop_reason"] == "policy_failed"
    assert output.extra_fields["overflowed"] and not whole.extra_fields["overflowed"]
    rewards = output.as_dict()["rm_scores"].unsqueeze(0)
    mask = torch.tensor([output.response_mask])
    values = torch.zeros_like(rewards)
    _, returns = compute_gae_advantage_return(rewards, values, mask, gamma=1.0, lam=1.0)
    assert returns[0, 0] == pytest.approx(output.reward_score)
    assert output.reward_score < -0.9


async def test_an_opening_that_does_not_fit_is_an_error(easy):
    output, _ = await easy()
    length = len(output.prompt_ids)
    await easy(prompt=length)
    with pytest.raises(ConfigError, match=f"has {length} tokens and data.max_prompt_length is"):
        await easy(prompt=length - 1)


async def test_a_failing_server_raises_instead_of_ending_the_episode(easy):
    def broken(request):
        raise ConnectionError("the server is gone")

    with pytest.raises(ConnectionError, match="the server is gone"):
        await easy(lambda q: broken)


async def test_episodes_of_a_group_run_at_the_same_time(words):
    world = GeneratedWorld()
    question, level = world.questions(Split.TRAIN, 1)[0], world.levels[-1]

    async def one():
        server = Server(words, script(ask("atlas"), answer)(question))
        return await play(make_loop(server, words, "generated"), world, question, level)

    outputs = await asyncio.gather(*(one() for _ in range(8)))
    assert len({tuple(output.response_ids) for output in outputs}) == 1


async def test_a_row_of_another_world_is_rejected(words):
    world = GeneratedWorld()
    (question,) = world.questions(Split.TRAIN, 1)
    loop = make_loop(Server(words, []), words, "generated")
    with pytest.raises(ConfigError, match="there is no level 'elsewhere'"):
        await play(loop, world, question, Level(name="elsewhere"))
    with pytest.raises(ConfigError, match="lacks level, question"):
        await loop.run(SAMPLING, extra_info={"index": 3})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "nowhere"}, "nowhere: not a world; give 'generated', a folder"),
        ({"source": "generated", "overrides": ["sede=1"]}, "sede: no such field"),
        ({"source": "generated", "reward": {"alhpa": 1}}, "reward: alhpa: no such field"),
        ({"source": "generated", "reward": {"alpha": 2}}, "reward: alpha"),
    ],
)
async def test_wrong_settings_are_rejected_before_an_episode(words, options, message):
    with pytest.raises(Exception, match=message):
        make_loop(Server(words, []), words, **options)


async def test_the_reference_cost_is_the_worlds_by_default(words):
    world: World = load_world("generated")
    loops = [
        make_loop(Server(words, []), words, "generated", reward=reward)
        for reward in ({}, {"reference_usd": 0.5})
    ]
    assert [loop.reward.reference_usd for loop in loops] == [world.reference_usd, 0.5]
