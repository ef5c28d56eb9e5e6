"""An episode as token ids: which ids are the policy's, what is encoded, and which tokenizers are refused."""

import pytest

from router_r1 import Episode, Limits, ModelCard, Price, Response
from router_r1.errors import ConfigError
from router_r1.policies import token_ids
from router_r1.protocol import stop_strings

CARDS = (ModelCard(name="a", price=Price(input=1, output=1)),)
ROUTE = '<think>?</think><route model="a">2+2</route>'
ANSWER = "<think>!</think><answer>4</answer>"


class Letters:
    """A tokenizer with one token per character and per text in `whole`. Decoding drops the texts in `special`."""

    chat_template = "any"

    def __init__(self, whole=(), special=()):
        self.whole, self.special = tuple(whole), tuple(special)

    def encode(self, text, add_special_tokens=True):
        assert add_special_tokens is False
        ids = []
        while text:
            token = next((t for t in self.whole if text.startswith(t)), text[0])
            ids.append(-self.whole.index(token) - 1 if token in self.whole else ord(token))
            text = text[len(token) :]
        return ids

    def decode(self, ids, skip_special_tokens=False, **_):
        texts = [chr(i) if i >= 0 else self.whole[-i - 1] for i in ids]
        return "".join(t for t in texts if not (skip_special_tokens and t in self.special))

    def apply_chat_template(self, messages, add_generation_prompt, return_dict):
        assert add_generation_prompt and not return_dict
        text = "".join(f"[{m['role']}]{m['content']}" for m in messages)
        return self.encode(f"{text}[assistant]", add_special_tokens=False)


def write(episode, text, **options):
    """Add a turn of one token per character; the log-probability of the n-th token is -n."""
    overhang = options.get("overhang", "")
    ids = tuple(map(ord, text + overhang))
    step = episode.step(
        text, token_ids=ids, logprobs=[-float(n + 1) for n in range(len(ids))], **options
    )
    if step.calls:
        episode.observe([Response(text="it is 4", cost_usd=0.0) for _ in step.calls])
    return ids


def test_the_opening_ends_where_the_policy_starts_writing():
    episode = Episode("2+2?", CARDS, prompt=lambda q, *_: ({"role": "user", "content": q},))
    ids = token_ids.opening_ids(Letters(), episode.opening)
    assert Letters().decode(ids) == "[user]2+2?[assistant]"


def test_the_policys_ids_are_kept_and_the_environments_are_encoded():
    episode = Episode("2+2?", CARDS, Limits(max_routes=1))
    first = write(episode, ROUTE)
    second = write(episode, ANSWER)
    tokenizer = Letters(whole=["<information", "</information>"])
    tokens = token_ids.continuation_tokens(
        episode, lambda text: token_ids.encode_text(tokenizer, text)
    )
    between = len(tokens.ids) - len(first) - len(second)
    assert tokens.ids[: len(first)] == list(first) and tokens.ids[-len(second) :] == list(second)
    assert tokens.mask == [1] * len(first) + [0] * between + [1] * len(second)
    assert tokens.logprobs[: len(first)] == [-float(n + 1) for n in range(len(first))]
    assert set(tokens.logprobs[len(first) : -len(second)]) == {0.0}
    assert tokenizer.decode(tokens.ids) == episode.transcript
    # The environment's tags are encoded as single tokens, although the policy spells tags out.
    assert tokens.ids.count(-1) == tokens.ids.count(-2) == 1


def test_the_part_of_a_block_that_the_policy_wrote_is_not_encoded_twice():
    episode = Episode("2+2?", CARDS, Limits(max_routes=2))
    first = write(episode, ROUTE, overhang="\n<inform")
    write(episode, ANSWER)
    tokens = token_ids.continuation_tokens(
        episode, lambda text: token_ids.encode_text(Letters(), text)
    )
    assert sum(tokens.mask) == len(first) + len(ANSWER)
    assert Letters().decode(tokens.ids).count("<information") == 1
    assert len(tokens.ids) == len(tokens.mask) == len(tokens.logprobs)


def test_a_turn_without_ids_is_encoded_and_masked_as_the_policys():
    episode = Episode("2+2?", CARDS)
    episode.step(ANSWER)
    tokens = token_ids.continuation_tokens(
        episode, lambda text: token_ids.encode_text(Letters(), text)
    )
    assert Letters().decode(tokens.ids) == ANSWER
    assert tokens.mask == [1] * len(ANSWER) and set(tokens.logprobs) == {0.0}


def test_an_episode_without_turns_has_no_tokens_after_the_opening():
    assert token_ids.continuation_tokens(Episode("2+2?", CARDS), list) == token_ids.EpisodeTokens(
        [], [], []
    )


@pytest.mark.parametrize("at", range(1, len(ROUTE) + 1, 7))
def test_tokens_of_any_size_keep_mask_and_text_aligned(at):
    episode = Episode("2+2?", CARDS, Limits(max_malformed=9))
    first = write(episode, ROUTE[:at])
    write(episode, ANSWER)
    tokens = token_ids.continuation_tokens(
        episode, lambda text: token_ids.encode_text(Letters(), text)
    )
    assert Letters().decode(tokens.ids) == episode.transcript
    assert [i for i, from_policy in zip(tokens.ids, tokens.mask, strict=True) if from_policy] == [
        *first,
        *map(ord, ANSWER),
    ]


@pytest.mark.parametrize(
    ("generated", "routes", "text", "overhang"),
    [
        (ROUTE, 1, ROUTE, ""),
        (ROUTE + "x", 1, ROUTE, "x"),
        (ROUTE + ROUTE + "\n<information", 2, ROUTE + ROUTE + "\n", "<information"),
        (ANSWER + "more", 4, ANSWER, "more"),
        ("<think>?", 4, "<think>?", ""),
        (ANSWER + "<end>", 4, ANSWER, ""),
    ],
)
def test_a_turn_is_cut_at_its_stop_string(generated, routes, text, overhang):
    tokenizer = Letters(whole=["<end>"], special=["<end>"])
    ids = tokenizer.encode(generated, add_special_tokens=False)
    assert token_ids.decode_turn(tokenizer, ids, stop_strings(routes)) == (text, overhang)


# --- tokenizers


def test_tags_may_be_single_tokens_or_spelt_out():
    token_ids.check_tokenizer(Letters(), "spelt")
    token_ids.check_tokenizer(Letters(whole=token_ids.TAGS), "whole")


@pytest.mark.parametrize("tag", token_ids.TAGS)
def test_a_tokenizer_that_drops_a_tag_is_refused(tag):
    with pytest.raises(ConfigError, match="folder: its tokenizer drops") as caught:
        token_ids.check_tokenizer(Letters(whole=[tag], special=[tag]), "folder")
    assert repr(tag) in str(caught.value) and "special=False" in str(caught.value)


def test_a_tokenizer_without_a_chat_template_is_refused():
    tokenizer = Letters()
    tokenizer.chat_template = None
    with pytest.raises(ConfigError, match="folder: its tokenizer has no chat template"):
        token_ids.check_tokenizer(tokenizer, "folder")
