"""Requests: what makes two of them equal, and the estimate of their tokens."""

import json

import pytest

from router_r1 import Request
from router_r1.transport.messages import Message

HELLO: Message = {"role": "user", "content": "Hello?"}


@pytest.mark.parametrize("fields", [{}, {"messages": (HELLO,), "prompt": "Hello?"}])
def test_a_request_has_either_messages_or_a_prompt(fields: dict) -> None:
    with pytest.raises(ValueError, match="needs messages or a prompt, and not both"):
        Request("a", **fields)


def test_an_empty_prompt_is_a_prompt() -> None:
    assert Request("a", prompt="").prompt_tokens_estimate == 0


def test_the_order_of_settings_does_not_change_the_key() -> None:
    one = Request("a", (HELLO,), sampling={"temperature": 0.0, "top_p": 0.9})
    two = Request("a", (HELLO,), sampling={"top_p": 0.9, "temperature": 0.0})
    assert one.key == two.key
    assert len(one.key) == 64
    assert json.loads(one.canonical_json())["messages"] == [HELLO]


@pytest.mark.parametrize(
    "changed",
    [
        {"model": "b"},
        {"messages": ({"role": "user", "content": "Hello!"},)},
        {"messages": ({"role": "system", "content": "Hello?"},)},
        {"messages": (), "prompt": "Hello?"},
        {"sampling": {"temperature": 0.0}},
        {"sample_index": 1},
        {"encode": True},
    ],
)
def test_every_field_is_part_of_the_key(changed: dict) -> None:
    fields = {"model": "a", "messages": (HELLO,)}
    assert Request(**(fields | changed)).key != Request(**fields).key


@pytest.mark.parametrize(
    ("example", "tokens"),
    [
        (Request("a", (HELLO, HELLO)), 2 * (2 + 4)),
        (Request("a", prompt="Hello?"), 2),
        (Request("a", prompt=(5, 6, 7)), 3),
    ],
)
def test_prompt_tokens_are_estimated_from_text_and_counted_from_ids(
    example: Request, tokens: int
) -> None:
    assert example.prompt_tokens_estimate == tokens
