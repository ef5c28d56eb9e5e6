"""`causal_lm`: a router by a language model that scores every model from 1 to 5 (RouteLLM, arXiv:2406.18665)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from router_r1.errors import ConfigError, shown_name
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.libraries import Floats, need, np, torch
from router_r1.routers.preference.battle_set import BattleSet
from router_r1.routers.preference.router import log_odds
from router_r1.routers.preference.text_model import TextRouter

_LABELS = ("1", "2", "3", "4", "5")
_BEFORE = "Score from 1 to 5 how well each model answers the question.\n\nQuestion: "


@ROUTERS.register("causal_lm", "a language model, fine-tuned to score every model from 1 to 5")
@dataclass(kw_only=True, eq=False)
class CausalLmRouter(TextRouter):
    """A language model reads the question and a form with one line for each model,

        Question: ...

        NAME: [[?]]
        OTHER NAME: [[?]]

    and its distribution p_j over the labels 1 to 5 after each `[[` is that of the model's score: `s_j = sum over k of
    p_j(k) (k - 1) / 4`, with `log-odds(s_j)` the strength. Labels are learned as next tokens. A score of a table lies
    between two labels, and each is the target by how near it is; in battles, a win is a 5, a tie a 3 and a loss a 1.

    What differs from the paper: its label scores the weak of two models, and `1 - P(4 or 5)` is the need for the strong
    one; here all models are scored, in one pass over the question, since no label is filled in. Only the last layers
    are trained, which a small model on a CPU allows; a large number of `layers` trains all, as the paper does.
    """

    name = "causal_lm"
    grid = {"learning_rate": (3e-5, 1e-4, 3e-4)}
    backbone: str = setting("HuggingFaceTB/SmolLM2-135M-Instruct")
    """Folder or hub name of the language model that is fine-tuned."""
    examples: int = setting(1000, least=1)
    """At most so many training questions, drawn by the seed."""
    _form: list[int] = field(init=False, default_factory=list, repr=False)
    _slots: list[int] = field(init=False, default_factory=list, repr=False)
    _labels: list[int] = field(init=False, default_factory=list, repr=False)

    def _load_net(self, source: str) -> Any:
        return need("transformers", "local").AutoModelForCausalLM.from_pretrained(source)

    def _prepare(self, models: tuple[str, ...]) -> list[Any]:
        self._make_form(models)
        return []

    def _restore(self) -> None:
        self._make_form(self.models)

    def _make_form(self, models: tuple[str, ...]) -> None:
        """The tokens of the form, where in it the labels belong, and the labels' tokens."""
        self._form, self._slots = self._tokens("\n"), []
        for name in models:
            self._form += self._tokens(f"\n{name}: [[")
            self._slots.append(len(self._form) - 1)
            self._form += self._tokens("?]]")
        self._labels = [(self._tokens(label) or [-1])[-1] for label in _LABELS]
        unknown = getattr(self._tokenizer, "unk_token_id", None)
        if len({*self._labels} - {unknown, -1}) < len(_LABELS):
            raise ConfigError(
                f"router {self.name!r}: backbone {shown_name(self.backbone)!r}: its tokenizer does not tell "
                f"1, 2, 3, 4, 5 apart; choose another model"
            )

    def _tokens(self, text: str) -> list[int]:
        found: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return found

    def _targets(self, battles: BattleSet) -> Floats:
        shares = np.zeros((len(battles.texts), len(battles.models), len(_LABELS)))
        if battles.scores is None:
            results = battles.results()
            shares[:, :, [4, 2, 0]] = results / np.maximum(results.sum(2, keepdims=True), 1.0)
            return shares
        place = np.clip(battles.scores, 0, 1) * (len(_LABELS) - 1)
        for label in range(len(_LABELS)):
            shares[:, :, label] = np.maximum(1 - np.abs(place - label), 0)
        return shares

    def _pieces(self, texts: Sequence[str]) -> list[list[int]]:
        before = self._tokens(_BEFORE)
        positions = getattr(self._net.config, "max_position_embeddings", 1 << 30)
        room = min(self.max_tokens, positions - len(before) - len(self._form))
        if room < 1:
            raise ConfigError(
                f"router {self.name!r}: backbone {shown_name(self.backbone)!r} reads {positions} tokens, fewer than "
                f"the names of {len(self._slots)} models take; choose another model"
            )
        questions = self._question_tokens(texts, room, add_special_tokens=False)
        return [[*before, *ids, *self._form] for ids in questions]

    def _logits(self, ids: Any, mask: Any) -> Any:
        # Only these states go through the matrix of the vocabulary, and only through its rows of the labels.
        states = self._net.base_model(input_ids=ids, attention_mask=mask).last_hidden_state
        starts = mask.sum(1, keepdim=True) - len(self._form)
        slots = starts + torch.tensor(self._slots, device=ids.device)
        chosen = states.gather(1, slots.unsqueeze(-1).expand(-1, -1, states.shape[-1]))
        head = self._net.get_output_embeddings()
        logits = chosen @ head.weight[self._labels].T
        return logits if head.bias is None else logits + head.bias[self._labels]

    def _strengths_of(self, distributions: Floats) -> Floats:
        return log_odds(distributions @ np.linspace(0, 1, len(_LABELS)))
