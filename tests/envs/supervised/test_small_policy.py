"""The small policy: what its tokenizer keeps whole, its checkpoint, supervised training, and the cold start in miniature."""

import asyncio
import json
import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1 import Ledger, TransformersPolicy  # noqa: E402
from router_r1.data.splits import Split  # noqa: E402
from router_r1.errors import ConfigError  # noqa: E402
from router_r1.policies import token_ids  # noqa: E402
from router_r1.protocol import parse_turn  # noqa: E402
from router_r1.rollout import roll_out  # noqa: E402
from router_r1_envs.supervised.cold_start import ColdStartConfig, cold_start  # noqa: E402
from router_r1_envs.supervised.demonstrations import copies, example_of, explorations  # noqa: E402
from router_r1_envs.supervised.small_policy import (  # noqa: E402
    END,
    TAGS,
    USER,
    make_model,
    make_tokenizer,
    save_policy,
)
from router_r1_envs.supervised.training_loop import supervise  # noqa: E402
from router_r1_envs.worlds.base import start  # noqa: E402
from router_r1_envs.worlds.generated_world.facts import draw, name_of  # noqa: E402
from router_r1_envs.worlds.generated_world.world import GeneratedWorld  # noqa: E402
from router_r1_reward import RewardConfig  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def world():
    return GeneratedWorld()


@pytest.fixture(scope="module")
def episodes(world):
    return list(explorations(world, world.questions(Split.TRAIN, 400)))


@pytest.fixture(scope="module")
def tokenizer(episodes):
    return make_tokenizer(f"{e.opening[-1]['content']} {e.transcript}" for e in episodes)


@pytest.fixture(scope="module")
def examples(episodes, tokenizer):
    return [example_of(episode, tokenizer) for episode in episodes]


def small(tokenizer):
    return make_model(tokenizer, hidden=32, layers=2, heads=2)


def encode(tokenizer, text):
    return token_ids.encode_text(tokenizer, text)


def pieces(tokenizer, text):
    return tokenizer.convert_ids_to_tokens(encode(tokenizer, text))


# --- the tokenizer


@pytest.mark.parametrize("tag", TAGS)
def test_every_tag_is_one_token_and_an_ordinary_one(tokenizer, tag):
    (token,) = encode(tokenizer, tag)
    assert token not in tokenizer.all_special_ids
    assert tokenizer.decode([token], skip_special_tokens=True) == tag


def test_the_tokenizer_carries_the_protocol(tokenizer):
    token_ids.check_tokenizer(tokenizer, "small")


def test_transcripts_come_back_as_they_were_but_for_spaces(tokenizer, episodes):
    def bare(text):
        return "".join(text.split())

    for episode in episodes:
        ids = encode(tokenizer, episode.transcript)
        assert tokenizer.unk_token_id not in ids
        assert bare(tokenizer.decode(ids, skip_special_tokens=True)) == bare(episode.transcript)


def test_a_turn_that_went_through_tokens_asks_and_answers_the_same(tokenizer, episodes):
    for episode in episodes:
        names = [card.name for card in episode.cards]
        for record in episode.turns:
            ids = encode(tokenizer, record.turn.text)
            text, overhang = token_ids.decode_turn(tokenizer, ids, episode.stop_strings)
            turn = parse_turn(text, names, max_routes=1)
            assert not overhang and not turn.problems
            assert (turn.routes, turn.answer) == (record.turn.routes, record.turn.answer)


def test_words_of_the_world_are_one_token_wherever_they_stand(tokenizer):
    whole = ["answer", "capital", "arithmetic", "sure"]
    alone = {word: encode(tokenizer, word) for word in whole}
    for word, ids in alone.items():
        assert len(ids) == 1
        for before in ("<think>", "the ", "<answer>", '">'):
            after = encode(tokenizer, f"{before}{word}")
            assert after[-1:] == ids, (before, word)
            assert encode(tokenizer, f"{before}{word}</think>")[-2:-1] == ids


def test_names_of_candidates_are_one_token(tokenizer, world):
    for card in world.cards:
        route = encode(tokenizer, f'<route model="{card.name}">x</route>')
        assert len(route) == 5, pieces(tokenizer, f'<route model="{card.name}">x</route>')


def test_unseen_names_are_spelt_in_pieces_and_come_back(tokenizer, episodes):
    seen = " ".join(e.transcript for e in episodes)
    names = [name_of(draw("unseen", n), 3) for n in range(200)]
    unseen = [name for name in names if name not in seen]
    assert len(unseen) > 150
    for name in unseen:
        ids = encode(tokenizer, name)
        assert 2 <= len(ids) <= 3, pieces(tokenizer, name)
        assert tokenizer.decode(ids).strip() == name
        # The same pieces after a tag and in mid-sentence: what is copied need not be respelt.
        assert encode(tokenizer, f"<answer>{name}</answer>")[1:-1] == ids
        assert encode(tokenizer, f"who taught {name}")[-len(ids) :] == ids
    reversed_names = [name[::-1] for name in unseen]
    for name in reversed_names:
        assert tokenizer.decode(encode(tokenizer, name)).strip() == name


def test_numbers_come_back(tokenizer):
    for text in ("1234 * 17", "-1999", "$0.00137"):
        assert tokenizer.decode(encode(tokenizer, text)).split() == text.split()


def test_the_chat_template_opens_the_policys_turn(tokenizer):
    ids = token_ids.opening_ids(tokenizer, ({"role": "user", "content": "who taught bado kiru"},))
    text = tokenizer.decode(ids)
    assert text.startswith(USER) and text.endswith("<|assistant|>")
    assert ids[1:-1] == encode(tokenizer, "who taught bado kiru")


def test_rare_words_are_spelt(episodes):
    texts = [e.transcript for e in episodes]
    common = make_tokenizer(texts, min_count=10**6)
    assert len(encode(common, "capital")) > 1
    assert len(encode(make_tokenizer(texts, min_count=5), "capital")) == 1


def test_the_vocabulary_does_not_depend_on_the_order_of_the_texts(episodes):
    texts = [e.transcript for e in episodes]
    one, other = make_tokenizer(texts), make_tokenizer(reversed(texts))
    assert one.get_vocab() == other.get_vocab()


@pytest.mark.parametrize("flaw", ["special tags", "no template"])
def test_a_tokenizer_that_can_not_carry_the_protocol_is_refused(tokenizer, tmp_path, flaw):
    save_policy(small(tokenizer), tokenizer, tmp_path)
    from transformers import AutoTokenizer

    if flaw == "no template":
        (tmp_path / "chat_template.jinja").unlink()
    else:
        file = tmp_path / "tokenizer.json"
        content = json.loads(file.read_text())
        for token in content["added_tokens"]:
            token["special"] = True
        file.write_text(json.dumps(content))
    broken = AutoTokenizer.from_pretrained(tmp_path)
    message = "drops '<think>'" if flaw == "special tags" else "has no chat template"
    with pytest.raises(ConfigError, match=message):
        token_ids.check_tokenizer(broken, "broken")
    with pytest.raises(ConfigError, match=message):
        TransformersPolicy(tmp_path)


# --- the model and its checkpoint


def test_the_model_is_below_a_million_parameters_and_its_seed_makes_it(tokenizer):
    one, same, other = (make_model(tokenizer, seed=seed) for seed in (0, 0, 1))
    assert sum(p.numel() for p in one.parameters()) < 1_000_000
    assert one.config.vocab_size % 64 == 0 and one.config.vocab_size >= len(tokenizer)
    first = [next(model.parameters()) for model in (one, same, other)]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def test_a_checkpoint_is_read_back_as_it_was(tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = small(tokenizer)
    save_policy(model, tokenizer, tmp_path)
    text = '<think>need facts</think>\n<route model="atlas">who taught bado kiru</route>'
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert encode(again, text) == encode(tokenizer, text)
    opening = ({"role": "user", "content": "x"},)
    assert token_ids.opening_ids(again, opening) == token_ids.opening_ids(tokenizer, opening)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    for (name, one), (_, other) in zip(
        model.named_parameters(), loaded.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name
    assert loaded.config.eos_token_id == tokenizer.convert_tokens_to_ids(END)


def test_a_random_policy_plays_an_episode_to_its_end(tokenizer, tmp_path, world):
    save_policy(small(tokenizer), tokenizer, tmp_path / "small")
    policy = TransformersPolicy(tmp_path / "small", dtype="float32")
    (question,) = world.questions(Split.TRAIN, 1)
    episode = start(world, question, world.levels[0])

    async def play():
        await roll_out(episode, policy, world.pool(question), Ledger())
        await policy.aclose()

    asyncio.run(play())
    assert episode.done and episode.turns[0].token_ids


# --- supervised training


def test_examples_hold_the_episode_and_learn_the_policys_tokens_alone(
    tokenizer, episodes, examples
):
    for episode, example in zip(episodes[:50], examples[:50], strict=True):
        assert len(example.ids) == len(example.mask)
        learned = [i for i, mine in zip(example.ids, example.mask, strict=True) if mine]
        turns = "".join(record.turn.text for record in episode.turns)
        bare = "".join(tokenizer.decode(learned).split())
        assert bare == "".join(turns.split())
        assert len(example.ids) < 512


def test_copies_repeat_what_they_were_given(tokenizer):
    for example in copies(tokenizer, 50):
        learned = [i for i, mine in zip(example.ids, example.mask, strict=True) if mine]
        read = [i for i, mine in zip(example.ids, example.mask, strict=True) if not mine]
        assert learned[1:-1] == read[1:-1]
        assert tokenizer.decode(learned[:1]) == "<answer>"


def test_supervised_training_lowers_the_loss_of_the_policys_tokens(tokenizer, examples):
    model = small(tokenizer)
    seen = []
    last = supervise(model, examples, steps=50, batch_size=8, warmup=5, on_progress=seen.append)
    assert [(p.step, p.steps) for p in seen] == [(25, 50), (50, 50)]
    assert seen[-1].loss == last < 0.8 * seen[0].loss < math.log(len(tokenizer))
    assert not model.training
    assert model.config._attn_implementation == "sdpa"


def test_only_masked_tokens_are_learned(tokenizer, examples):
    """Episodes that differ only in what the environment wrote after the policy's last token teach the same."""
    from dataclasses import replace

    longer = [replace(e, ids=e.ids + e.ids[:7], mask=e.mask + [0] * 7) for e in examples[:16]]
    losses = [
        supervise(small(tokenizer), part, steps=2, batch_size=16)
        for part in (examples[:16], longer)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_training_is_reproducible(tokenizer, examples):
    losses = [
        supervise(small(tokenizer), examples, steps=3, batch_size=4, seed=seed)
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


def test_bfloat16_gives_about_the_same_loss(tokenizer, examples):
    losses = [
        supervise(small(tokenizer), examples, steps=3, batch_size=4, bf16=bf16)
        for bf16 in (False, True)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)


def test_no_demonstrations_are_an_error(tokenizer):
    with pytest.raises(ConfigError, match="no demonstrations"):
        supervise(small(tokenizer), [], steps=1)


# --- the cold start


def test_a_cold_start_writes_a_checkpoint_and_says_what_it_did(world, tmp_path):
    settings = ColdStartConfig(
        copy_steps=2, explore_steps=2, best_steps=2, batch_size=4, explore_questions=60,
        best_questions=20, tries=2,
    )  # fmt: skip
    reward = RewardConfig(alpha=0.5, reference_usd=world.reference_usd)
    stages = []
    report = cold_start(world, reward, tmp_path / "policy", settings, stages.append)
    assert set(report["losses"]) == {"copying", "exploration", "imitation"}
    assert all(math.isfinite(loss) for loss in report["losses"].values())
    assert report["demonstrations"]["explored"] == 60
    assert 0 < report["demonstrations"]["best"] < 20
    assert report["settings"] == settings.model_dump()
    assert json.loads(json.dumps(report)) == report
    names = list(dict.fromkeys(stage.name for stage in stages))
    assert names == ["demonstrations", "copying", "exploration", "best of several", "imitation"]
    TransformersPolicy(tmp_path / "policy", dtype="float32")


def test_a_stage_without_steps_is_left_out(world, tmp_path):
    settings = ColdStartConfig(
        copy_steps=0, explore_steps=1, best_steps=0, batch_size=2, explore_questions=10,
        best_questions=1, tries=1,
    )  # fmt: skip
    reward = RewardConfig(reference_usd=world.reference_usd)
    report = cold_start(world, reward, tmp_path / "policy", settings)
    assert set(report["losses"]) == {"exploration"}
