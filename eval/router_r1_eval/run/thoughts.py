"""Thought templates in front of the questions of a run (`router-r1 eval --thoughts`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.model_cards import ModelCard
from router_r1.routers.fusion.thought_templates import ThoughtTemplates


@dataclass(frozen=True)
class Thoughts:
    """What is sent instead of the text of a question."""

    templates: ThoughtTemplates
    count: int
    window: int | None
    """Tokens that every model of the pool reads and writes."""
    reply: int
    described: dict[str, Any]
    """What identifies them in `run.json`."""

    @classmethod
    def load(
        cls, folder: Path, count: int, cards: Iterable[ModelCard], questions: Sequence[Question]
    ) -> Thoughts:
        """Read a folder of templates, for the models of a pool and the questions of a run.

        Raises:
            DataError: the folder cannot be read, or a template was made from a question of the run.
        """
        templates = ThoughtTemplates.load(folder)
        for question in questions:
            if templates.made_from(question):
                raise DataError(
                    f"{folder}: a template was made from {question.id!r}, which this run asks; make the templates "
                    f"without the questions of this run"
                )
        narrow = [
            (card.context_window, card.max_output_tokens) for card in cards if card.context_window
        ]
        window, reply = min(narrow, key=lambda pair: pair[0] - pair[1], default=(None, 0))
        described = {"templates": templates.fingerprint, "count": count}
        return cls(templates, count, window, reply, described)

    def __call__(self, question: Question, text: str) -> str:
        """The text to send for a question whose text, with the instruction, is `text`."""
        return self.templates.with_thoughts(
            question, self.count, text=text, window=self.window, reply=self.reply
        )
