"""An opening from a text file, for a policy that was trained with a prompt of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from router_r1.errors import ConfigError
from router_r1.files import read_input
from router_r1.model_cards import ModelCard
from router_r1.prompts import PromptBuilder, PromptContext
from router_r1.protocol import escape
from router_r1.transport.messages import Message

_PLACE = "{question}"


def written_opening(path: Path) -> PromptBuilder:
    """The opening that a file holds: one user message, in which `{question}` stands for the question.

    The text names the candidates itself.

    Args:
        path: the file.

    Raises:
        ConfigError: it cannot be read, or does not contain `{question}` once.
    """
    try:
        text = read_input(path).decode()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check opening") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text: {error.reason}") from error
    before, *after = text.split(_PLACE)
    if len(after) != 1:
        raise ConfigError(
            f"{path}: expected {_PLACE} once, where the question belongs; found it {len(after)} times"
        )

    def build(
        question: str, cards: Sequence[ModelCard], context: PromptContext
    ) -> tuple[Message, ...]:
        return ({"role": "user", "content": f"{before}{escape(question)}{after[0]}"},)

    return build
