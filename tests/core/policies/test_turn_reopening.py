"""After a turn that the policy ended by itself, training and serving go on as the chat template does."""

import pytest

from router_r1 import Episode, Limits, ModelCard, Price, Response
from router_r1.policies import token_ids
from router_r1.policies.turn_reopening import reopening

jinja2 = pytest.importorskip("jinja2")

CARDS = (ModelCard(name="a", price=Price(input=1, output=1)),)
ROUTES = '<think>?</think><route model="a">2+2</route><route model="a">3+3</route>'
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA = (
    "<|begin|>{% for m in messages %}<|header|>{{ m.role }}<|header|>\n\n{{ m.content | trim }}<|eot|>{% endfor %}"
    "{% if add_generation_prompt %}<|header|>assistant<|header|>\n\n{% endif %}"
)
MISTRAL = (
    "<s>{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}</s>"
    "{% else %}[INST] {{ m.content }}[/INST]{% endif %}{% endfor %}"
)
SPECIAL = (
    "<|im_start|>",
    "<|im_end|>",
    "<|begin|>",
    "<|header|>",
    "<|eot|>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
)


class Letters:
    """A tokenizer with one token per character and per special token, and a chat template."""

    def __init__(self, template):
        self.template = jinja2.Template(template)

    def encode(self, text, add_special_tokens=False):
        ids = []
        while text:
            token = next((t for t in SPECIAL if text.startswith(t)), text[0])
            ids.append(1_000_000 + SPECIAL.index(token) if token in SPECIAL else ord(token))
            text = text[len(token) :]
        return ids

    def apply_chat_template(self, messages, add_generation_prompt, return_dict):
        text = self.template.render(messages=messages, add_generation_prompt=add_generation_prompt)
        return self.encode(text)


def played(tokenizer, end, text=ROUTES, overhang=""):
    """An episode with two routes in its first turn, and its ids up to where the second turn begins."""
    episode = Episode(
        "2+2?", CARDS, Limits(max_routes=2), prompt=lambda q, *_: ({"role": "user", "content": q},)
    )
    ids = tokenizer.encode(text + overhang + end)
    step = episode.step(text, token_ids=ids, overhang=overhang)
    episode.observe([Response(text=f"it is {n}", cost_usd=0.0) for n, _ in enumerate(step.calls)])
    encode = tokenizer.encode
    chat = reopening(lambda messages: token_ids.opening_ids(tokenizer, messages))
    return episode, token_ids.continuation_tokens(episode, encode, chat)


@pytest.mark.parametrize(
    ("template", "end"), [(CHATML, "<|im_end|>"), (LLAMA, "<|eot|>"), (MISTRAL, "</s>")]
)
def test_a_closed_turn_is_followed_by_what_the_template_writes(template, end):
    tokenizer = Letters(template)
    episode, tokens = played(tokenizer, end)
    opening = token_ids.opening_ids(tokenizer, episode.opening)
    space = " " if template is MISTRAL else ""  # this template puts one before a turn
    written = tokenizer.apply_chat_template(list(episode.messages), True, False)
    assert opening + tokenizer.encode(space) + tokens.ids == written
    # The end of the turn is the policy's, and everything after it the environment's.
    turn = len(tokenizer.encode(ROUTES + end))
    assert tokens.mask == [1] * turn + [0] * (len(tokens.ids) - turn)


def test_a_turn_that_stopped_at_a_string_goes_on():
    tokenizer = Letters(CHATML)
    for overhang in ("", "\n<information"):
        text = ROUTES.partition("</route>")[0] + "</route>" if not overhang else ROUTES
        episode = Episode("2+2?", CARDS, Limits(max_routes=1 if not overhang else 2))
        step = episode.step(text, token_ids=tokenizer.encode(text + overhang), overhang=overhang)
        episode.observe([Response(text="it is 4", cost_usd=0.0) for _ in step.calls])
        chat = reopening(lambda messages: token_ids.opening_ids(tokenizer, messages))
        in_place = token_ids.continuation_tokens(episode, tokenizer.encode)
        assert token_ids.continuation_tokens(episode, tokenizer.encode, chat) == in_place


def test_a_turn_that_was_cut_off_goes_on():
    tokenizer = Letters(CHATML)
    episode = Episode("2+2?", CARDS, Limits())
    episode.step("<think>let me", token_ids=tokenizer.encode("<think>let me"))
    chat = reopening(lambda messages: token_ids.opening_ids(tokenizer, messages))
    tokens = token_ids.continuation_tokens(episode, tokenizer.encode, chat)
    assert tokens == token_ids.continuation_tokens(episode, tokenizer.encode)
