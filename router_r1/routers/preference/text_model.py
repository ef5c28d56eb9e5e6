"""The base class of routers that fine-tune a model of text on battles: loading, cutting, training and saving."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, one_line, shown_name
from router_r1.routers.base import setting
from router_r1.routers.embedding import text_of
from router_r1.routers.libraries import Arrays, Floats, Ints, need, np, torch
from router_r1.routers.preference.battle_set import BattleSet
from router_r1.routers.preference.router import PreferenceRouter

log = logging.getLogger("router_r1.routers")

_FOLDER = "backbone"  # of the fine-tuned model in a saved router
_PREDICTED = 32  # questions predicted at a time


@dataclass(kw_only=True, eq=False)
class TextRouter(PreferenceRouter):
    """A router that predicts, for each model, a distribution over k outcomes from the text of the question.

    The loss is the cross-entropy to the outcomes that training questions had, averaged over questions and models. Of
    the passes over the training questions, the one with the least loss on some that are set aside is kept. A subclass
    writes the abstract methods.
    """

    backbone: str = setting("")
    """Folder or hub name of the model that is fine-tuned."""
    max_tokens: int = setting(256, least=8)
    """Tokens of a question that are read; a longer one is cut, which the log says once."""
    examples: int = setting(4000, least=1)
    """At most so many training questions, drawn by the seed."""
    layers: int = setting(2, least=0)
    """How many of the last layers are trained; a large number trains all."""
    epochs: int = setting(3, least=1)
    """Passes over the training questions."""
    learning_rate: float = setting(1e-4, least=1e-8)
    """Of AdamW, falling linearly to 0."""
    batch: int = setting(16, least=1)
    """Questions in a step."""
    seed: int = setting(0, least=0)
    """Seed of the new weights, the order, dropout and the questions set aside."""
    _tokenizer: Any = field(init=False, default=None, repr=False)
    _net: Any = field(init=False, default=None, repr=False)
    _said_cut: bool = field(init=False, default=False, repr=False)

    def _learn_battles(self, battles: BattleSet) -> tuple[Arrays, Ints, Floats]:
        devices = range(torch.cuda.device_count())
        with torch.random.fork_rng(devices=devices):  # the caller's random numbers stay its own
            torch.manual_seed(self.seed)
            self._tokenizer, self._net = self._loaded(self.backbone)
            trained = self._prepare(battles.models)
            held = battles.held_out(self.seed)
            counted = battles.results().sum(2) > 0
            used = np.flatnonzero(counted.any(1) & ~np.isin(np.arange(len(counted)), held))
            order = np.random.default_rng(self.seed).permutation(used)[: self.examples]
            self._train(battles, self._targets(battles), counted, np.sort(order), held, trained)
        rows = held if len(held) else np.arange(len(battles.texts))
        arrays = self._head_arrays()
        strengths = self._strengths_of(self._distributions([battles.texts[i] for i in rows]))
        return arrays, rows, strengths

    def _strengths(self, questions: Sequence[Question]) -> Floats:
        return self._strengths_of(self._distributions(list(map(text_of, questions))))

    def _save_more(self, folder: Path) -> None:
        self._net.save_pretrained(folder / _FOLDER)
        self._tokenizer.save_pretrained(folder / _FOLDER)

    def _load_more(self, folder: Path) -> None:
        self._tokenizer, self._net = self._loaded(str(folder / _FOLDER))
        self._restore()

    # --- what a subclass writes

    @abstractmethod
    def _load_net(self, source: str) -> Any:
        """The model of transformers at a folder or hub name."""

    @abstractmethod
    def _prepare(self, models: tuple[str, ...]) -> list[Any]:
        """Make what is new for these models; return its parameters, trained beside those of the last layers."""

    @abstractmethod
    def _targets(self, battles: BattleSet) -> Floats:
        """[n, m, k] the share of each outcome; any values where a model has no battle."""

    @abstractmethod
    def _pieces(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text that the model reads, cut to its length."""

    @abstractmethod
    def _logits(self, ids: Any, mask: Any) -> Any:
        """[q, m, k] of padded tokens [q, t] and the mask [q, t] of those that count."""

    @abstractmethod
    def _strengths_of(self, distributions: Floats) -> Floats:
        """[n, m] from distributions [n, m, k]."""

    def _head_arrays(self) -> Arrays:
        """What `_prepare` made, after training. Optional."""
        return {}

    def _restore(self) -> None:
        """Make what `_prepare` made from `learned`. Optional."""

    # --- training and predicting

    def _loaded(self, source: str) -> tuple[Any, Any]:
        transformers = need("transformers", "local")
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(source)
            net = self._load_net(source)
        except Exception as error:  # the library raises many kinds for what is no model
            reason = one_line(error)[:200]
            raise ConfigError(
                f"router {self.name!r}: backbone {shown_name(source)!r}: cannot be loaded "
                f"({type(error).__name__}: {reason}); expected the folder or hub name of a model of transformers"
            ) from error
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
        net = net.float().to("cuda" if torch.cuda.is_available() else "cpu")
        return tokenizer, net.eval().requires_grad_(False)

    def _train(
        self,
        battles: BattleSet,
        targets: Floats,
        counted: Any,
        rows: Ints,
        held: Ints,
        fresh: list[Any],
    ) -> None:
        layers = _layers(self._net)
        last = [
            p for layer in layers[max(0, len(layers) - self.layers) :] for p in layer.parameters()
        ]
        if self.layers >= len(layers):
            last = list(self._net.parameters())
        trained = [p.requires_grad_() for p in dict.fromkeys([*last, *fresh])]
        groups = [
            {"params": last, "lr": self.learning_rate},
            {"params": fresh, "lr": 10 * self.learning_rate},
        ]
        optimizer = torch.optim.AdamW([group for group in groups if group["params"]])
        needed = [*rows, *held]
        read = self._pieces([battles.texts[i] for i in needed])
        pieces = dict(zip(needed, read, strict=True))
        goal = torch.from_numpy(targets).float()
        weight = torch.from_numpy(counted).float()

        def loss(chosen: Ints) -> Any:
            logits = self._logits(*self._padded([pieces[i] for i in chosen]))
            gone = -(goal[chosen].to(logits) * logits.log_softmax(-1)).sum(-1)
            seen = weight[chosen].to(logits)
            return (gone * seen).sum() / seen.sum().clamp(min=1.0)

        source = np.random.default_rng(self.seed)
        steps = self.epochs * -(-len(rows) // self.batch)
        falling = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.02, max(1, steps))
        best, kept = float("inf"), [p.detach().clone() for p in trained]
        for _ in range(self.epochs):
            self._net.train()
            order = source.permutation(rows)
            for start in range(0, len(order), self.batch):
                optimizer.zero_grad()
                loss(order[start : start + self.batch]).backward()
                torch.nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                falling.step()
            self._net.eval()
            judged = held if len(held) else rows
            with torch.no_grad():
                parts = [judged[i : i + _PREDICTED] for i in range(0, len(judged), _PREDICTED)]
                value = sum(float(loss(part)) * len(part) for part in parts) / len(judged)
            if value < best:
                best, kept = value, [p.detach().clone() for p in trained]
        with torch.no_grad():
            for parameter, value in zip(trained, kept, strict=True):
                parameter.copy_(value)
        self._net.requires_grad_(False)

    def _distributions(self, texts: Sequence[str]) -> Floats:
        """[n, m, k] predicted for these texts, those of similar length together."""
        pieces = self._pieces(texts)
        order = np.argsort([len(ids) for ids in pieces], kind="stable")
        found: list[Any] = [None] * len(texts)
        with torch.no_grad():
            for start in range(0, len(order), _PREDICTED):
                chosen = order[start : start + _PREDICTED]
                logits = self._logits(*self._padded([pieces[i] for i in chosen]))
                for i, row in zip(chosen, logits.softmax(-1).double().cpu().numpy(), strict=True):
                    found[i] = row
        return np.array(found, dtype=np.float64)

    def _question_tokens(self, texts: Sequence[str], room: int, **settings: Any) -> list[list[int]]:
        """The tokens of each text without those beyond `room`; the log says once that some are cut."""
        found = self._tokenizer(list(texts), truncation=False, verbose=False, **settings)[
            "input_ids"
        ]
        long = sum(len(ids) > room for ids in found)
        if long and not self._said_cut:
            self._said_cut = True
            log.warning(
                "router %r reads %d tokens: %d of %d questions are longer, and their rest is not read",
                self.name,
                room,
                long,
                len(texts),
            )
        return [ids[:room] for ids in found]

    def _padded(self, pieces: Sequence[list[int]]) -> tuple[Any, Any]:
        """Tokens [q, t], padded on the right, and their mask."""
        longest = max(map(len, pieces))
        pad = self._tokenizer.pad_token_id or 0
        ids = torch.tensor([[*p, *[pad] * (longest - len(p))] for p in pieces])
        mask = torch.tensor([[1] * len(p) + [0] * (longest - len(p)) for p in pieces])
        return ids.to(self._net.device), mask.to(self._net.device)


def _layers(net: Any) -> list[Any]:
    """The layers of a transformer, first to last: its longest list of modules."""
    lists = [part for part in net.modules() if isinstance(part, torch.nn.ModuleList)]
    return list(max(lists, key=len, default=()))
