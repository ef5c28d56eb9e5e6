"""The graph attention network that scores combinations of models on a program (M3, arXiv:2310.08446).

Nodes are the sub-tasks, each with an embedding of its type and, where it has a choice, of the model chosen; and a start
node with the question's vector. Two layers of graph attention (arXiv:1710.10903) pass along the edges, with self-loops:

    y_i = W h_i        a_ij = softmax over j of LeakyReLU(u . y_i + v . y_j)        h_i' = ELU(sum over j of a_ij y_j)

The mean over nodes goes through a layer of its own to one score for each combination. Other than in M3's code, this score
is added to one that each combination has for itself, which begins as the log odds of its success in training; the start
node is joined to every sub-task, so that the question reaches those beyond the second step; a first layer of four heads
has the same width as the second; a sub-task has an edge for each of its inputs, not for one; and types that training
hardly had share an embedding.

`forward` is written once for numpy and torch: training takes gradients of it, decisions need numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from router_r1.routers.libraries import Arrays, Floats, Ints, np
from router_r1.routers.programs.graph import Program
from router_r1.routers.programs.program_table import ModelChoices

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Singles: TypeAlias = NDArray[np.float32]

HEADS = 4
_SLOPE = 0.2  # of LeakyReLU
_RARE = 5  # a type on fewer sub-tasks has no embedding of its own


@dataclass(frozen=True)
class Batch:
    """B programs with the same types to choose for, C combinations of these, and up to N sub-tasks."""

    rows: Ints
    """[B] places of the programs."""
    present: int
    """Which types the programs have: a bit for each."""
    combinations: Ints
    """[C] places of the combinations."""
    nodes: Ints
    """[B, C, N] the embedding of each sub-task; 0 beyond the last."""
    adjacent: Singles
    """[B, N + 1, N + 1] 1 where node i reads node j; node 0 is the start."""
    real: Singles
    """[B, N + 1] 1 for nodes that the program has."""


@dataclass(frozen=True)
class Graphs:
    """Programs in the numbers that the network reads."""

    models: ModelChoices
    kinds: tuple[str, ...]
    """Types without a choice that have an embedding of their own."""

    @classmethod
    def of(cls, programs: Sequence[Program], models: ModelChoices) -> Graphs:
        """With an embedding for each type that these programs have a few times."""
        found = [kind for program in programs for kind in program.kinds if kind not in models.kinds]
        kinds = sorted(kind for kind in set(found) if found.count(kind) >= _RARE)
        return cls(models, tuple(kinds))

    @property
    def embeddings(self) -> int:
        """How many embeddings there are: one for other types, the types without a choice, and every model."""
        return 1 + len(self.kinds) + sum(map(len, self.models.prices.values()))

    def batches(self, programs: Sequence[Program], most: int) -> list[Batch]:
        """Batches of at most `most` programs with the same types to choose for and numbers of sub-tasks."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        distinct = self.models.distinct(programs)
        for row, program in enumerate(programs):
            key = (len(program.tasks), *(kind in program.kinds for kind in self.models.kinds))
            groups.setdefault(key, []).append(row)
        return [
            self._batch(programs, rows[start : start + most], np.flatnonzero(distinct[rows[0]]))
            for rows in groups.values()
            for start in range(0, len(rows), most)
        ]

    def _batch(self, programs: Sequence[Program], rows: list[int], combinations: Ints) -> Batch:
        count = len(programs[rows[0]].tasks)
        nodes = np.zeros((len(rows), len(combinations), count), dtype=np.int64)
        adjacent = np.tile(np.eye(count + 1, dtype=np.float32), (len(rows), 1, 1))
        adjacent[:, :, 0] = 1
        firsts, first = {}, 1 + len(self.kinds)
        for kind, models in self.models.prices.items():
            firsts[kind] = first
            first += len(models)
        places = self.models.places[combinations]
        for b, row in enumerate(rows):
            for n, task in enumerate(programs[row].tasks):
                if task.kind in firsts:
                    chosen = places[:, self.models.kinds.index(task.kind)]
                    nodes[b, :, n] = firsts[task.kind] + chosen
                elif task.kind in self.kinds:
                    nodes[b, :, n] = 1 + self.kinds.index(task.kind)
            for source, target in programs[row].edges:
                adjacent[b, target + 1, source + 1] = 1
        real = np.ones((len(rows), count + 1), dtype=np.float32)
        kinds = programs[rows[0]].kinds
        present = sum(1 << k for k, kind in enumerate(self.models.kinds) if kind in kinds)
        return Batch(np.array(rows), present, combinations, nodes, adjacent, real)


def first_weights(embeddings: int, question: int, width: int, seed: int) -> Arrays:
    """The weights before training: normal, with the variance of Glorot's initialisation."""
    source = np.random.default_rng(seed)

    def normal(*shape: int) -> Floats:
        scale = (2 / (shape[0] + shape[-1])) ** 0.5
        drawn: Floats = source.normal(0, scale, shape).astype(np.float32)
        return drawn

    zeros = np.zeros(width, dtype=np.float32)
    part = width // HEADS
    return {
        "node": source.normal(0, 1, (embeddings, width)).astype(np.float32),
        "start": normal(question, width) * np.float32(question**0.5),  # vectors have length 1
        "start_bias": zeros,
        "mix_1": normal(width, width),
        "to_1": normal(HEADS, part, 1),
        "from_1": normal(HEADS, part, 1),
        "bias_1": zeros,
        "mix_2": normal(width, width),
        "to_2": normal(1, width, 1),
        "from_2": normal(1, width, 1),
        "bias_2": zeros,
        "out_1": normal(width, width),
        "out_bias": zeros,
        "out_2": np.zeros(
            (width, 1), dtype=np.float32
        ),  # so that it starts as the best fixed choice
    }


def forward(lib: Any, w: Any, question: Any, batch: Any) -> Any:
    """Score combinations.

    Args:
        lib: numpy or torch.
        w: weights by name, of that library, as from `first_weights`.
        question: [B, d] the questions' vectors.
        batch: a `Batch` with arrays of that library.

    Returns:
        [B, C]; above 0 where the combination is expected to succeed.
    """
    programs, combinations, _ = batch.nodes.shape
    table = _normed(w["node"]) @ w["mix_1"]  # once for each embedding, not for each node
    start = _normed(question @ w["start"] + w["start_bias"]) @ w["mix_1"]
    start = lib.broadcast_to(start[:, None, None], (programs, combinations, 1, table.shape[-1]))
    mixed = lib.concatenate([start, table[batch.nodes]], 2)
    hidden = _elu(lib, _attend(lib, mixed, w["to_1"], w["from_1"], batch.adjacent) + w["bias_1"])
    mixed = hidden @ w["mix_2"]
    hidden = _elu(lib, _attend(lib, mixed, w["to_2"], w["from_2"], batch.adjacent) + w["bias_2"])
    real = batch.real[:, None, :, None]
    pooled = (hidden * real).sum(2) / real.sum(2)
    scores = _leaky(lib, pooled @ w["out_1"] + w["out_bias"]) @ w["out_2"]
    return scores[..., 0] + w["prior"][batch.present][batch.combinations]


def _attend(lib: Any, mixed: Any, to: Any, source: Any, adjacent: Any) -> Any:
    """[B, C, N, d] what each node gets from those it reads, by as many heads as `to` has."""
    b, c, n, width = mixed.shape
    heads = mixed.reshape(b, c, n, to.shape[0], -1).swapaxes(2, 3)  # [B, C, H, N, f]
    logits = _leaky(lib, (heads @ to) + (heads @ source).swapaxes(-1, -2))  # [B, C, H, N, N]
    weights = lib.exp(lib.clip(logits, -30, 30)) * adjacent[:, None, None]
    weights = weights / weights.sum(-1)[..., None]
    return (weights @ heads).swapaxes(2, 3).reshape(b, c, n, width)


def _normed(x: Any) -> Any:
    centred = x - x.mean(-1)[..., None]
    return centred / ((centred**2).mean(-1)[..., None] + 1e-6) ** 0.5


def _leaky(lib: Any, x: Any) -> Any:
    return lib.where(x > 0, x, _SLOPE * x)


def _elu(lib: Any, x: Any) -> Any:
    return lib.where(x > 0, x, lib.exp(lib.clip(x, -30, 0)) - 1)
