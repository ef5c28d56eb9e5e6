"""The loss of the network that scores combinations, and its training with torch."""

from __future__ import annotations

import dataclasses
from typing import Any

from router_r1.routers.libraries import Arrays, Floats, np, torch
from router_r1.routers.programs.network import Batch, Graphs, first_weights, forward
from router_r1.routers.programs.program_table import ProgramTable

_BATCH = 16  # programs
_LEAST = 20  # with fewer programs, none are held back


def loss_of(scores: Any, outcomes: Any) -> Any:
    """`log(1 + sum over failures of e^s) + log(1 + sum over successes of e^-s)`, for each program.

    It pushes successes above 0 and failures below. Runs that are not recorded (NaN) are in neither sum; a program on
    which nothing succeeds counts, by its failures alone.

    Args:
        scores: [B, C] of torch.
        outcomes: [B, C] 1, 0 or NaN.

    Returns:
        [B].
    """
    nothing = torch.full_like(scores, -torch.inf)
    one = torch.zeros_like(scores[:, :1])
    failures = torch.where(outcomes == 0, scores, nothing)
    successes = torch.where(outcomes == 1, -scores, nothing)
    above = torch.logsumexp(torch.cat([one, failures], 1), 1)
    return above + torch.logsumexp(torch.cat([one, successes], 1), 1)


def train(
    graphs: Graphs,
    table: ProgramTable,
    questions: Floats,
    *,
    width: int,
    epochs: int,
    rate: float,
    combinations: int,
    seed: int,
) -> tuple[Arrays, Floats, Floats]:
    """Train the network; keep the weights of the epoch with the least loss on a tenth of the programs, held back.

    Args:
        graphs: the embeddings.
        table: programs and outcomes.
        questions: [n, d] vectors of the questions.
        width, epochs, rate, combinations, seed: settings of `ProgramSelector`.

    Returns:
        The weights; and scores and outcomes of the runs held back, each [k], to calibrate on.
    """
    source = np.random.default_rng([seed, 1])
    order = source.permutation(len(table.programs))
    held = order[: len(order) // 10] if len(order) >= _LEAST else order
    kept = order[len(order) // 10 :] if len(order) >= _LEAST else order
    training = [_placed(b, kept) for b in graphs.batches([table.programs[i] for i in kept], _BATCH)]
    checking = [_placed(b, held) for b in graphs.batches([table.programs[i] for i in held], _BATCH)]
    texts = torch.from_numpy(questions.astype(np.float32))
    first = first_weights(graphs.embeddings, questions.shape[1], width, seed)
    first["prior"] = _log_odds(table, kept)
    weights = {name: torch.tensor(array, requires_grad=True) for name, array in first.items()}
    optimizer = torch.optim.Adam(weights.values(), lr=rate)
    best, least, found = first, float("inf"), (np.zeros(0), np.zeros(0))
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 - epoch / epochs)
        for place in source.permutation(len(training)):
            batch = _some(training[place], combinations, source)
            loss = loss_of(*_scored(weights, texts, table, batch)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            pairs = [_scored(weights, texts, table, batch) for batch in checking]
            mean = torch.cat([loss_of(*pair) for pair in pairs]).mean().item()
        if mean < least:
            least, best = mean, {n: w.detach().numpy().copy() for n, w in weights.items()}
            scores, outcomes = (
                np.concatenate([pair[side].numpy().ravel() for pair in pairs]) for side in (0, 1)
            )
            known = ~np.isnan(outcomes)
            found = (scores[known].astype(np.float64), outcomes[known].astype(np.float64))
    return best, *found


def _log_odds(table: ProgramTable, rows: Any) -> Any:
    """[sets of types, C] log odds of success on the programs that have just these types, shrunk to even odds."""
    kinds, outcomes = table.models.kinds, table.outcomes[rows]
    present = np.array(
        [
            sum(1 << k for k, kind in enumerate(kinds) if kind in table.programs[row].kinds)
            for row in rows
        ]
    )
    found = np.zeros((1 << len(kinds), outcomes.shape[1]), dtype=np.float32)
    for own in set(present.tolist()):
        some = outcomes[present == own]
        wins, losses = (some == 1).sum(0) + 1.0, (some == 0).sum(0) + 1.0
        found[own] = np.log(wins / losses)
    return found


def _placed(batch: Batch, rows: Any) -> Batch:
    """A batch whose rows are places in the whole table."""
    return dataclasses.replace(batch, rows=rows[batch.rows])


def _some(batch: Batch, most: int, source: Any) -> Batch:
    """A batch with some of its combinations, drawn."""
    if len(batch.combinations) <= most:
        return batch
    drawn = np.sort(source.choice(len(batch.combinations), most, replace=False))
    return dataclasses.replace(
        batch, combinations=batch.combinations[drawn], nodes=batch.nodes[:, drawn]
    )


def _scored(weights: Any, texts: Any, table: ProgramTable, batch: Batch) -> tuple[Any, Any]:
    """Scores and outcomes [B, C] of a batch, in torch."""
    fields = {
        name: torch.from_numpy(getattr(batch, name)) for name in ("nodes", "adjacent", "real")
    }
    scores = forward(torch, weights, texts[batch.rows], dataclasses.replace(batch, **fields))
    outcomes = table.outcomes[np.ix_(batch.rows, batch.combinations)]
    return scores, torch.from_numpy(outcomes.astype(np.float32))
