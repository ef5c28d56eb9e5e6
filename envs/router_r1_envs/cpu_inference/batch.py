"""The texts that a model is writing at the same time: prompts join, a token is drawn for each, finished turns leave.

Prompts that are equal are fed once. The keys and values of a finished turn are kept under its session, so that the next
turn of the same episode feeds only what was added; they are checked against the new prompt and forgotten least recently
used first. A log-prob is that of the token under the temperature it was drawn with, before top-p and top-k; of a greedy
token under temperature 1. Draws depend on a request's own stream of numbers, not on what else is in the batch.

Belongs to one thread. `generation` has the queue around it.
"""

from __future__ import annotations

import random
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from router_r1_envs.cpu_inference.kv_cache import ATTENTION, RowCache
from router_r1_envs.cpu_inference.stop_strings import StopStrings

_BELOW_ONE = 1 - 2.0**-24


@dataclass(frozen=True)
class Sampling:
    """How a turn is drawn, and what ends it. The token that ends it is part of it."""

    max_tokens: int
    temperature: float = 1.0  # 0 is greedy
    top_p: float = 1.0
    top_k: int = -1  # 0 or less: all tokens
    stop: tuple[str, ...] = ()
    stop_token_ids: frozenset[int] = frozenset()
    seed: int | None = None  # None: from the sampler's seed and the number of the request

    def __post_init__(self) -> None:
        if self.max_tokens < 1 or self.temperature < 0 or not 0 < self.top_p <= 1:
            raise ValueError(
                f"expected max_tokens of 1 or more, temperature of 0 or more, and top_p in (0, 1], got {self}"
            )


@dataclass(frozen=True)
class Turn:
    """What was written."""

    token_ids: list[int]
    log_probs: list[float]
    ended: Literal["stop", "length", "aborted"]
    version: int | None  # of the weights that wrote it
    reused: int  # tokens of the prompt that were not fed again


@dataclass(eq=False)
class Request:
    prompt: list[int]
    sampling: Sampling
    session: str | None
    stops: StopStrings | None
    draws: random.Random
    done: Future[Turn] = field(default_factory=Future)


@dataclass(eq=False)
class _Row:
    """A row of the cache: the tokens it holds, and the request that is being written there, if any."""

    held: list[int] = field(default_factory=list)
    session: str | None = None
    request: Request | None = None
    pending: list[int] = field(default_factory=list)  # to be fed in the next pass
    token_ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    reused: int = 0
    last_used: int = 0


class Batch:
    """Rows of a cache. Those being written come first, then those kept for a session."""

    def __init__(self, model: Any, ends: set[int], max_rows: int, prefill_tokens: int) -> None:
        """
        Args:
            model: a causal language model with full attention; it belongs to the batch from now on.
            ends: token ids that end every turn.
            max_rows: most texts held at once, kept sessions included.
            prefill_tokens: most tokens fed in one pass over new prompts, padding included.

        Raises:
            ValueError: the model's attention is not full in every layer.
        """
        config = model.config.get_text_config()
        kinds = set(getattr(config, "layer_types", None) or [])
        window = None if kinds else getattr(config, "sliding_window", None)
        if kinds - {"full_attention"} or window:
            raise ValueError(
                "expected full attention in every layer, got"
                f" {sorted(kinds) or f'a window of {window}'}; use vLLM for this model"
            )
        model.set_attn_implementation(ATTENTION)
        self.version: int | None = None
        self.writing = 0  # how many of the rows are being written
        self._model = model.eval().requires_grad_(False)
        self._ends, self._max_rows, self._prefill_tokens = ends, max_rows, prefill_tokens
        self._cache = RowCache(config, next(model.parameters()).dtype)
        self._rows: list[_Row] = []
        self._turns = 0  # how many have ended

    @property
    def room(self) -> int:
        """How many requests may be started now."""
        return self._max_rows - self.writing

    @property
    def requests(self) -> list[Request]:
        """Those being written."""
        return [row.request for row in self._rows if row.request is not None]

    def start(self, requests: list[Request]) -> None:
        """Feed the prompts of new requests, and draw the first token of each."""
        if requests:
            self._prefill(self._admit(requests))

    def step(self) -> None:
        """One more token for every turn being written."""
        if self.writing:
            self._draw(0, self._forward(0, self.writing))

    def abort(self) -> None:
        """End the turns being written with what they have."""
        while self.writing:
            self._finish(self.writing - 1, "aborted")

    def forget(self) -> None:
        """Drop the kept sessions: after new weights, or to free rows. Nothing may be being written."""
        self._rows.clear()

    def _admit(self, requests: list[Request]) -> list[int]:
        """Give rows to requests, and say for each new row, in order, which of them is fed for it."""
        kept = {r.session: r for r in self._rows[self.writing :]}
        fed: list[_Row] = []
        like: list[tuple[_Row, _Row]] = []
        same: dict[tuple[int, ...], _Row] = {}
        for request in requests:
            row = kept.pop(request.session, None) if request.session is not None else None
            row = row or _Row()
            row.held = row.held[: _common(row.held, request.prompt)]
            row.reused = len(row.held)
            row.request, row.session = request, request.session
            row.pending = request.prompt[row.reused :]
            row.token_ids, row.log_probs = [], []
            first = row if row.held else same.setdefault(tuple(row.pending), row)
            if first is row:
                fed.append(row)
            else:
                like.append((first, row))
        fed.sort(key=lambda row: len(row.pending))
        new = [*fed, *(row for _, row in like)]
        idle = [r for r in self._rows[self.writing :] if r.request is None]
        idle.sort(key=lambda row: row.last_used)
        for row in idle[: max(0, self.writing + len(new) + len(idle) - self._max_rows)]:
            self._drop(row)
        for row in new:
            self._place(row)
        order = {id(row): number for number, row in enumerate(fed)}
        return [*range(len(fed)), *(order[id(first)] for first, _ in like)]

    def _prefill(self, fed_for: list[int]) -> None:
        """Feed the prompts of the rows that were admitted, and draw the first token of each."""
        first = self.writing - len(fed_for)
        rows = self._rows[first : self.writing]
        fed = max(fed_for) + 1
        logits, at = [], 0
        while at < fed:
            # Rows are in order of length: the last of a pass decides how wide it is.
            many = 1
            while at + many < fed and (many + 1) * len(rows[at + many].pending) <= (
                self._prefill_tokens
            ):
                many += 1
            while many == 1 and len(rows[at].pending) > self._prefill_tokens:
                pending = rows[at].pending
                rows[at].pending = pending[: self._prefill_tokens]
                self._forward(first + at, 1)
                rows[at].pending = pending[self._prefill_tokens :]
            logits.append(self._forward(first + at, many))
            at += many
        for source in range(fed):
            copies = [first + n for n in range(fed, len(rows)) if fed_for[n] == source]
            if copies:
                self._cache.copy(first + source, copies, len(rows[source].held))
        for n in range(fed, len(rows)):
            rows[n].held, rows[n].pending = rows[n].pending, []
        self._draw(first, torch.cat(logits)[fed_for])

    def _forward(self, first: int, many: int) -> torch.Tensor:
        """Feed what is pending in neighbouring rows; returns the logits after the last token of each."""
        rows = self._rows[first : first + many]
        if all(len(r.pending) == 1 for r in rows):
            ids = torch.tensor([r.pending for r in rows])
            positions = torch.tensor([[len(r.held)] for r in rows])
        else:
            # Padding on the left, so that the last token is the last column.
            width = max(len(r.pending) for r in rows)
            ids = torch.tensor([[0] * (width - len(r.pending)) + r.pending for r in rows])
            ends = torch.tensor([len(r.held) + len(r.pending) for r in rows])
            starts = torch.tensor([len(r.held) for r in rows])
            positions = ends[:, None] - width + torch.arange(width)
            positions = torch.where(positions < starts[:, None], -1, positions)
        mask = self._cache.window(first, positions)
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions.clamp(min=0),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        for row in rows:
            row.held += row.pending
            row.pending = []
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def _draw(self, first: int, logits: torch.Tensor) -> None:
        """Draw a token for each of the rows, and end the turns it completes."""
        rows = self._rows[first : first + len(logits)]
        requests = [r.request for r in rows if r.request is not None]
        heat = [r.sampling.temperature for r in requests]
        scale = torch.tensor([t or 1.0 for t in heat])
        log_probs = torch.log_softmax(logits / scale[:, None], -1)
        tokens = log_probs.argmax(-1)
        if any(heat):
            probs = _kept(log_probs, [r.sampling for r in requests]).cumsum(-1)
            draws = torch.tensor([r.draws.random() for r in requests]).clamp(max=_BELOW_ONE)
            drawn = torch.searchsorted(probs, (draws * probs[:, -1])[:, None], right=True)
            tokens = torch.where(torch.tensor(heat) > 0, drawn.squeeze(1), tokens)
        chosen = log_probs.gather(1, tokens[:, None]).squeeze(1).tolist()
        # From the last to the first: the end of a turn moves only rows that have been seen.
        numbered = list(enumerate(zip(rows, requests, tokens.tolist(), chosen, strict=True)))
        for n, (row, request, token, log_prob) in reversed(numbered):
            row.token_ids.append(token)
            row.log_probs.append(log_prob)
            row.pending = [token]
            ends = token in self._ends or token in request.sampling.stop_token_ids
            if ends or (request.stops is not None and request.stops.completed(row.token_ids)):
                self._finish(first + n, "stop")
            elif len(row.token_ids) >= request.sampling.max_tokens:
                self._finish(first + n, "length")

    def _finish(self, number: int, ended: Literal["stop", "length", "aborted"]) -> None:
        """Answer the request of a row, and keep the row for the next turn of its session."""
        row = self._rows[number]
        request, row.request = row.request, None
        self._turns += 1
        row.last_used = self._turns
        self.writing -= 1
        self._swap(number, self.writing)
        if row.session is None:
            self._drop(row)
        if request is not None:
            turn = Turn(row.token_ids, row.log_probs, ended, self.version, row.reused)
            request.done.set_result(turn)

    # --- where rows lie

    def _place(self, row: _Row) -> None:
        """Put a row behind those being written, and count it among them."""
        if row not in self._rows:
            self._rows.append(row)
        self._swap(self._rows.index(row), self.writing)
        self.writing += 1

    def _drop(self, row: _Row) -> None:
        self._swap(self._rows.index(row), len(self._rows) - 1)
        self._rows.pop()

    def _swap(self, one: int, other: int) -> None:
        if one == other:
            return
        rows = self._rows
        length = max(len(rows[one].held), len(rows[other].held))
        if length:
            self._cache.reserve(len(rows), length)
            self._cache.swap(one, other, length)
        rows[one], rows[other] = rows[other], rows[one]


def _common(held: list[int], prompt: list[int]) -> int:
    """How many tokens at the start of a prompt are held already; at least one is always fed."""
    most = min(len(held), len(prompt) - 1)
    if held[:most] == prompt[:most]:
        return most
    return next(n for n in range(most) if held[n] != prompt[n])


def _kept(log_probs: torch.Tensor, samplings: list[Sampling]) -> torch.Tensor:
    """Probabilities, with those that top-k and top-p leave out set to zero."""
    probs = log_probs.exp()
    size = probs.shape[1]
    limits = [(s.top_k if s.top_k > 0 else size, s.top_p) for s in samplings]
    if all(limit == (size, 1.0) for limit in limits):
        return probs
    ordered, order = probs.sort(-1, descending=True)
    top_k, top_p = torch.tensor(limits, dtype=torch.float64).T
    before = ordered.double().cumsum(-1) - ordered.double()
    left_out = (torch.arange(size) >= top_k[:, None]) | (before >= top_p[:, None])
    return probs.masked_fill(left_out.scatter(1, order, left_out), 0.0)
