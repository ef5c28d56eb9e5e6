"""`bert`: a router by an encoder that classifies whether a model wins, ties or loses (RouteLLM, arXiv:2406.18665)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.libraries import Arrays, Floats, need, np, torch
from router_r1.routers.preference.battle_set import BattleSet
from router_r1.routers.preference.router import log_odds
from router_r1.routers.preference.text_model import TextRouter


@ROUTERS.register("bert", "an encoder, fine-tuned to say whether a model wins, ties or loses")
@dataclass(kw_only=True, eq=False)
class BertRouter(TextRouter):
    """A softmax over win, tie and loss of each model, on the mean of the encoder's last hidden states h(q):

        p_j(q) = softmax(W_j h(q) + b_j),    P_j(q) = p_j(win) + p_j(tie) / 2

    The target of a model on a question is the share of its battles there that it won, tied and lost. P_j is then its
    probability of winning against one of the other models, and `(m - 1) / m x log-odds(P_j)` its strength, so that for
    two models `P(a beats b) = P_a`.

    What differs from the paper: it has one softmax, of a strong against a weak model, and counts a tie for the weak
    one; here every model has one, against the others, and half of a tie counts. The head reads the mean instead of the
    first token, because sentence models are trained so.
    """

    name = "bert"
    grid = {"learning_rate": (3e-5, 1e-4, 3e-4)}
    backbone: str = setting("sentence-transformers/all-MiniLM-L6-v2")
    """Folder or hub name of the encoder that is fine-tuned."""
    _head: Any = field(init=False, default=None, repr=False)

    def _load_net(self, source: str) -> Any:
        return need("transformers", "local").AutoModel.from_pretrained(source)

    def _prepare(self, models: tuple[str, ...]) -> list[Any]:
        width = self._net.config.hidden_size
        self._head = torch.nn.Linear(width, 3 * len(models)).to(self._net.device)
        torch.nn.init.zeros_(self._head.weight)  # begin at what models do on average
        torch.nn.init.zeros_(self._head.bias)
        return list(self._head.parameters())

    def _head_arrays(self) -> Arrays:
        self._head.requires_grad_(False)
        return {name: value.cpu().numpy() for name, value in self._head.state_dict().items()}

    def _restore(self) -> None:
        weight, bias = (torch.from_numpy(self.learned[name]) for name in ("weight", "bias"))
        self._head = torch.nn.Linear(weight.shape[1], weight.shape[0])
        self._head.load_state_dict({"weight": weight, "bias": bias})
        self._head.requires_grad_(False).to(self._net.device)

    def _targets(self, battles: BattleSet) -> Floats:
        results = battles.results()
        shares: Floats = results / np.maximum(results.sum(2, keepdims=True), 1.0)
        return shares

    def _pieces(self, texts: Sequence[str]) -> list[list[int]]:
        positions = getattr(self._net.config, "max_position_embeddings", self.max_tokens)
        room = min(self.max_tokens, positions, self._tokenizer.model_max_length)
        return self._question_tokens(texts, room)

    def _logits(self, ids: Any, mask: Any) -> Any:
        states = self._net(input_ids=ids, attention_mask=mask).last_hidden_state
        seen = mask.unsqueeze(-1).to(states)
        mean = (states * seen).sum(1) / seen.sum(1).clamp(min=1.0)
        return self._head(mean).reshape(len(ids), -1, 3)

    def _strengths_of(self, distributions: Floats) -> Floats:
        count = distributions.shape[1]
        wins = distributions[:, :, 0] + distributions[:, :, 1] / 2
        strengths: Floats = (count - 1) / count * log_odds(wins)
        return strengths
