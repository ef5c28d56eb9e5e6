"""The sequences that a model generates together: requests join, each step draws a token for each, finished turns leave.

Equal prompts are fed once. The keys and values of a finished turn stay cached under its session, so the next turn of
the same episode feeds only what follows the cached prefix of its prompt. The least recently used session is evicted
first. Draws depend on a request's own random numbers, not on what else is in the batch.

A batch belongs to one thread; `sampler` has the queue in front of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from router_r1_envs.cpu_inference.generation_request import (
    FinishReason,
    GeneratedTurn,
    GenerationRequest,
    SamplingParams,
)
from router_r1_envs.cpu_inference.kv_cache import ATTENTION, KVCache

_BELOW_ONE = 1 - 2.0**-24


def has_full_attention(config: Any) -> bool:
    """Whether every layer of a model attends to all positions.

    Args:
        config: the model's configuration, as transformers loads it.
    """
    return not _windows(config)


def _windows(config: Any) -> str:
    """Why a model's attention is not full, in words; empty for full attention."""
    config = config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or [])
    if kinds:
        return f"{sorted(kinds)}" if kinds - {"full_attention"} else ""
    window = getattr(config, "sliding_window", None)
    return f"a window of {window}" if window else ""


@dataclass(eq=False)
class _Row:
    """A row of the cache, and the request whose turn is being generated in it, if any."""

    cached: list[int] = field(default_factory=list)
    """Tokens whose keys and values the row holds."""
    session: str | None = None
    request: GenerationRequest | None = None
    pending: list[int] = field(default_factory=list)
    """Tokens that the next forward pass feeds."""
    token_ids: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    reused: int = 0
    """Number of prompt tokens that were cached when the request came."""
    last_used: int = 0


class RunningBatch:
    """Rows of a cache: those of running requests first, then those kept for a session."""

    def __init__(self, model: Any, ends: set[int], max_rows: int, prefill_tokens: int) -> None:
        """
        Args:
            model: a causal language model with full attention; it belongs to the batch from now on.
            ends: token ids, each of which ends a turn.
            max_rows: maximum number of sequences held at once, including kept sessions.
            prefill_tokens: maximum number of tokens fed in one pass over new prompts, including padding.

        Raises:
            ValueError: the model's attention is not full in every layer.
        """
        if windows := _windows(model.config):
            raise ValueError(
                f"expected full attention in every layer, got {windows}; use vLLM for this model"
            )
        model.set_attn_implementation(ATTENTION)
        config = model.config.get_text_config()
        self.version: int | None = None
        """Version of the weights, which turns report."""
        self.running = 0
        """How many rows, from the first, have a running request."""
        self._model = model.eval().requires_grad_(False)
        self._ends, self._max_rows, self._prefill_tokens = ends, max_rows, prefill_tokens
        self._cache = KVCache(config, next(model.parameters()).dtype)
        self._rows: list[_Row] = []
        self._finished = 0

    @property
    def free_rows(self) -> int:
        """How many requests can start now."""
        return self._max_rows - self.running

    @property
    def requests(self) -> list[GenerationRequest]:
        """The running requests."""
        return [row.request for row in self._rows if row.request is not None]

    def start(self, requests: list[GenerationRequest]) -> None:
        """Feed the prompts of new requests, and draw the first token of each."""
        if requests:
            self._prefill(self._admit(requests))

    def step(self) -> None:
        """Draw one more token for every running request."""
        if self.running:
            self._draw(0, self._forward(0, self.running))

    def abort(self) -> None:
        """Finish the running requests with the tokens they have."""
        while self.running:
            self._finish(self.running - 1, "aborted")

    def forget_sessions(self) -> None:
        """Drop the cached sessions, after new weights. No request may be running."""
        self._rows.clear()

    # --- new requests

    def _admit(self, requests: list[GenerationRequest]) -> list[int]:
        """Give every request a row.

        Returns:
            For each new row, in order, the number of the new row that is fed for it: its own, or that of a row with
            the same prompt. Rows that are fed come first.
        """
        kept = {r.session: r for r in self._rows[self.running :]}
        fed: list[_Row] = []
        copies: list[tuple[_Row, _Row]] = []  # a row that is fed, and one with the same prompt
        first_of: dict[tuple[int, ...], _Row] = {}
        for request in requests:
            row = kept.pop(request.session, None) if request.session is not None else None
            row = row or _Row()
            row.cached = row.cached[: _common_prefix(row.cached, request.prompt)]
            row.reused = len(row.cached)
            row.request, row.session = request, request.session
            row.pending = request.prompt[row.reused :]
            row.token_ids, row.log_probs = [], []
            first = row if row.cached else first_of.setdefault(tuple(row.pending), row)
            if first is row:
                fed.append(row)
            else:
                copies.append((first, row))
        fed.sort(key=lambda row: len(row.pending))
        new = [*fed, *(row for _, row in copies)]
        self._evict(len(new))
        for row in new:
            self._place(row)
        order = {id(row): number for number, row in enumerate(fed)}
        return [*range(len(fed)), *(order[id(first)] for first, _ in copies)]

    def _evict(self, new: int) -> None:
        """Drop the sessions used least recently, until this many new rows fit."""
        idle = [r for r in self._rows[self.running :] if r.request is None]
        idle.sort(key=lambda row: row.last_used)
        for row in idle[: max(0, self.running + new + len(idle) - self._max_rows)]:
            self._drop(row)

    def _prefill(self, fed_for: list[int]) -> None:
        """Feed the prompts of the admitted rows, and draw the first token of each.

        Args:
            fed_for: what `_admit` returns.
        """
        first = self.running - len(fed_for)
        rows = self._rows[first : self.running]
        fed = max(fed_for) + 1
        logits = self._feed(first, fed)
        for source in range(fed):
            copies = [first + n for n in range(fed, len(rows)) if fed_for[n] == source]
            if copies:
                self._cache.copy(first + source, copies, len(rows[source].cached))
        for row in rows[fed:]:
            row.cached, row.pending = row.pending, []
        self._draw(first, logits[fed_for])

    def _feed(self, first: int, count: int) -> torch.Tensor:
        """Feed neighbouring rows in passes of at most `prefill_tokens`; return the last logits of each row."""
        rows = self._rows[first : first + count]
        logits, at = [], 0
        while at < count:
            # Rows are sorted by length: the last one of a pass decides its width.
            many = 1
            while (
                at + many < count
                and (many + 1) * len(rows[at + many].pending) <= self._prefill_tokens
            ):
                many += 1
            while many == 1 and len(rows[at].pending) > self._prefill_tokens:
                pending = rows[at].pending
                rows[at].pending = pending[: self._prefill_tokens]
                self._forward(first + at, 1)
                rows[at].pending = pending[self._prefill_tokens :]
            logits.append(self._forward(first + at, many))
            at += many
        return torch.cat(logits)

    # --- one token

    def _forward(self, first: int, many: int) -> torch.Tensor:
        """Feed the pending tokens of `many` neighbouring rows; return the logits after the last token of each."""
        rows = self._rows[first : first + many]
        if all(len(r.pending) == 1 for r in rows):
            ids = torch.tensor([r.pending for r in rows])
            positions = torch.tensor([[len(r.cached)] for r in rows])
        else:
            # Padding on the left, so that the last token is the last column.
            width = max(len(r.pending) for r in rows)
            ids = torch.tensor([[0] * (width - len(r.pending)) + r.pending for r in rows])
            ends = torch.tensor([len(r.cached) + len(r.pending) for r in rows])
            starts = torch.tensor([len(r.cached) for r in rows])
            positions = ends[:, None] - width + torch.arange(width)
            positions = torch.where(positions < starts[:, None], -1, positions)
        mask = self._cache.set_window(first, positions)
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions.clamp(min=0),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        for row in rows:
            row.cached += row.pending
            row.pending = []
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def _draw(self, first: int, logits: torch.Tensor) -> None:
        """Draw a token for each of the rows from `first` on, and finish the turns that it completes."""
        rows = self._rows[first : first + len(logits)]
        requests = [r.request for r in rows if r.request is not None]
        tokens, log_probs = _draw_tokens(logits, requests)
        # From the last to the first: finishing a turn moves only rows that were handled already.
        numbered = list(enumerate(zip(rows, requests, tokens, log_probs, strict=True)))
        for n, (row, request, token, log_prob) in reversed(numbered):
            row.token_ids.append(token)
            row.log_probs.append(log_prob)
            row.pending = [token]
            stops = request.stop_strings
            ends = token in self._ends or token in request.sampling.stop_token_ids
            if ends or (stops is not None and stops.completed(row.token_ids)):
                self._finish(first + n, "stop")
            elif len(row.token_ids) >= request.sampling.max_tokens:
                self._finish(first + n, "length")

    def _finish(self, number: int, reason: FinishReason) -> None:
        """Answer the request of a row, and keep the row for the next turn of its session."""
        row = self._rows[number]
        request, row.request = row.request, None
        self._finished += 1
        row.last_used = self._finished
        self.running -= 1
        self._swap(number, self.running)
        if row.session is None:
            self._drop(row)
        if request is not None:
            turn = GeneratedTurn(row.token_ids, row.log_probs, reason, self.version, row.reused)
            request.done.set_result(turn)

    # --- the order of the rows

    def _place(self, row: _Row) -> None:
        """Move a row, new or kept, to the end of the running ones."""
        if row not in self._rows:
            self._rows.append(row)
        self._swap(self._rows.index(row), self.running)
        self.running += 1

    def _drop(self, row: _Row) -> None:
        self._swap(self._rows.index(row), len(self._rows) - 1)
        self._rows.pop()

    def _swap(self, one: int, other: int) -> None:
        if one == other:
            return
        rows = self._rows
        length = max(len(rows[one].cached), len(rows[other].cached))
        if length:
            self._cache.reserve(len(rows), length)
            self._cache.swap(one, other, length)
        rows[one], rows[other] = rows[other], rows[one]


def _common_prefix(cached: list[int], prompt: list[int]) -> int:
    """Length of the common prefix; shorter than the prompt, since at least one token must be fed."""
    most = min(len(cached), len(prompt) - 1)
    if cached[:most] == prompt[:most]:
        return most
    return next(n for n in range(most) if cached[n] != prompt[n])


def _draw_tokens(
    logits: torch.Tensor, requests: list[GenerationRequest]
) -> tuple[list[int], list[float]]:
    """Draw the next token of each request by inverting the cumulative distribution.

    Args:
        logits: (requests, vocabulary).
        requests: one for each row of the logits.

    Returns:
        The tokens, and their log-probs before top-p and top-k.
    """
    temperatures = [r.sampling.temperature for r in requests]
    scale = torch.tensor([t or 1.0 for t in temperatures])
    log_probs = torch.log_softmax(logits / scale[:, None], -1)
    tokens = log_probs.argmax(-1)
    if any(temperatures):
        kept = _truncate(log_probs.exp(), [r.sampling for r in requests]).cumsum(-1)
        uniform = torch.tensor([r.rng.random() for r in requests]).clamp(max=_BELOW_ONE)
        drawn = torch.searchsorted(kept, (uniform * kept[:, -1])[:, None], right=True)
        tokens = torch.where(torch.tensor(temperatures) > 0, drawn.squeeze(1), tokens)
    chosen = log_probs.gather(1, tokens[:, None]).squeeze(1)
    return tokens.tolist(), chosen.tolist()


def _truncate(probs: torch.Tensor, params: list[SamplingParams]) -> torch.Tensor:
    """Set the probabilities that top-k and top-p exclude to zero."""
    size = probs.shape[1]
    limits = [(p.top_k if p.top_k > 0 else size, p.top_p) for p in params]
    if all(limit == (size, 1.0) for limit in limits):
        return probs
    ordered, order = probs.sort(-1, descending=True)
    top_k, top_p = torch.tensor(limits, dtype=torch.float64).T
    before = ordered.double().cumsum(-1) - ordered.double()
    excluded = (torch.arange(size) >= top_k[:, None]) | (before >= top_p[:, None])
    return probs.masked_fill(excluded.scatter(1, order, excluded), 0.0)
