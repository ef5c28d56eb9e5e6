"""The small policy: the tokens of its tokenizer, the size of its model, and its checkpoint."""

import asyncio
import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1 import Ledger, TransformersPolicy  # noqa: E402
from router_r1.data.splits import Split  # noqa: E402
from router_r1.errors import ConfigError  # noqa: E402
from router_r1.policies import token_ids  # noqa: E402
from router_r1.protocol import parse_turn  # noqa: E402
from router_r1.rollout import roll_out  # noqa: E402
from router_r1_envs.seeded_random import seeded_random  # noqa: E402
from router_r1_envs.supervised.small_policy import (  # noqa: E402
    END,
    TAGS,
    USER,
    make_model,
    make_tokenizer,
    save_policy,
)
from router_r1_envs.worlds.base import start  # noqa: E402
from router_r1_envs.worlds.generated_world.relations import made_up_name  # noqa: E402


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


def test_transcripts_round_trip_except_for_spaces(tokenizer, episodes):
    def bare(text):
        return "".join(text.split())

    for episode in episodes:
        ids = encode(tokenizer, episode.transcript)
        assert tokenizer.unk_token_id not in ids
        assert bare(tokenizer.decode(ids, skip_special_tokens=True)) == bare(episode.transcript)


def test_turns_keep_their_routes_and_answers_through_tokens(tokenizer, episodes):
    for episode in episodes:
        names = [card.name for card in episode.cards]
        for record in episode.turns:
            ids = encode(tokenizer, record.turn.text)
            text, overhang = token_ids.decode_turn(tokenizer, ids, episode.stop_strings)
            turn = parse_turn(text, names, max_routes=1)
            assert not overhang and not turn.problems
            assert (turn.routes, turn.answer) == (record.turn.routes, record.turn.answer)


def test_words_of_the_world_are_the_same_token_everywhere(tokenizer):
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


def test_unseen_names_are_spelt_in_pieces_and_round_trip(tokenizer, episodes):
    seen = " ".join(e.transcript for e in episodes)
    names = [made_up_name(seeded_random("unseen", n), 3) for n in range(200)]
    unseen = [name for name in names if name not in seen]
    assert len(unseen) > 150
    for name in unseen:
        ids = encode(tokenizer, name)
        assert 2 <= len(ids) <= 3, pieces(tokenizer, name)
        assert tokenizer.decode(ids).strip() == name
        # The same pieces after a tag and within a sentence: copying repeats tokens.
        assert encode(tokenizer, f"<answer>{name}</answer>")[1:-1] == ids
        assert encode(tokenizer, f"who taught {name}")[-len(ids) :] == ids
    reversed_names = [name[::-1] for name in unseen]
    for name in reversed_names:
        assert tokenizer.decode(encode(tokenizer, name)).strip() == name


def test_numbers_round_trip(tokenizer):
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
def test_a_tokenizer_that_cannot_carry_the_protocol_is_rejected(tokenizer, tmp_path, flaw):
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


def test_the_model_is_below_a_million_parameters_and_depends_on_its_seed(tokenizer):
    one, same, other = (make_model(tokenizer, seed=seed) for seed in (0, 0, 1))
    assert sum(p.numel() for p in one.parameters()) < 1_000_000
    assert one.config.vocab_size % 64 == 0 and one.config.vocab_size >= len(tokenizer)
    first = [next(model.parameters()) for model in (one, same, other)]
    assert torch.equal(first[0], first[1]) and not torch.equal(first[0], first[2])


def test_a_checkpoint_round_trips(tokenizer, tmp_path):
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
