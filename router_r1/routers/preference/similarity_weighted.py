"""`sw`: a router by Bradley-Terry ratings; battles on similar questions weigh more (RouteLLM, arXiv:2406.18665)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.libraries import Arrays, Floats, Ints, need, np
from router_r1.routers.preference.battle_set import BattleSet
from router_r1.routers.preference.router import VectorPreferenceRouter, sigmoid

_BLOCK = 512  # questions rated at a time
_HELD_OUT = 300  # questions that set the scale of scores


@ROUTERS.register("sw", "Bradley-Terry ratings of the models, from battles on similar questions")
@dataclass(kw_only=True, eq=False)
class SimilarityWeightedRouter(VectorPreferenceRouter):
    """Similarity-weighted ranking. For a question q, the ratings r of the models maximise

        sum over battles i of  w_i log sigmoid(r_winner - r_loser),   w_i = 10^(sharpness (cos(q, q_i) / max cos - 1))

    where a tie is half a win of each. `sharpness` 1 is the paper's weight up to a constant factor, which changes no
    rating; it differs by a factor of 10 between the most similar battle and an unrelated one.

    What differs from the paper: battles are summed by question into one table of weighted wins for each pair of models,
    on which a few Newton steps find the ratings, so that a decision costs two products of matrices and not a regression
    over all battles; models are rated one by one, not in ten tiers; and a few battles of each pair that end as overall
    ones do are added (`prior`), so that every rating is finite.
    """

    name = "sw"
    grid = {"sharpness": (1.0, 2.0, 3.0, 6.0)}
    sharpness: float = setting(3.0, least=0)
    """How fast the weight falls with the cosine; 1 is the paper's, 0 weighs all battles alike."""
    prior: float = setting(1.0, least=0)
    """How many battles of each pair the overall ratings count like; the most similar battle counts as one."""
    seed: int = setting(0, least=0)
    """Seed of the choice of the questions that set the scale of scores."""

    def _learn_vector_battles(
        self, vectors: Floats, battles: BattleSet
    ) -> tuple[Arrays, Ints, Floats]:
        size = len(battles.models)
        pairs = np.concatenate(
            [battles.first * size + battles.second, battles.second * size + battles.first]
        )
        wins = np.concatenate([battles.won, 1.0 - battles.won])
        sparse = need("scipy.sparse", "routers")
        rows = np.tile(battles.rows, 2)
        tally = sparse.coo_matrix((wins, (rows, pairs)), shape=(len(vectors), size * size)).tocsr()
        tally.sum_duplicates()
        total = np.asarray(tally.sum(0)).reshape(1, size, size)
        ties = 0.5 * (1 - np.eye(size))  # one for each pair, so that overall ratings are finite
        learned: Arrays = {
            "known": vectors.astype(np.float32),
            "wins": tally.data,
            "pairs": tally.indices,
            "starts": tally.indptr,
            "overall": ratings(total + ties, np.zeros(size))[0],
        }
        few = np.random.default_rng(self.seed).permutation(len(vectors))[:_HELD_OUT]
        few = np.sort(few)
        return learned, few, self._rate(vectors[few], learned, without=few)

    def _strengths_of_vectors(self, vectors: Floats, learned: Arrays) -> Floats:
        return self._rate(vectors, learned)

    def _rate(self, vectors: Floats, learned: Arrays, without: Ints | None = None) -> Floats:
        """Ratings [n, m]; `without` [n] is a known question whose battles do not count, for each row."""
        sparse = need("scipy.sparse", "routers")
        known, overall = learned["known"], learned["overall"]
        vectors = vectors.astype(np.float32)  # halves the time
        size = len(overall)
        shape = (len(known), size * size)
        wins = (learned["wins"], learned["pairs"], learned["starts"])
        tally: Any = sparse.csr_matrix(wins, shape=shape).T.tocsr()
        share = sigmoid(overall[:, None] - overall) * (1 - np.eye(size))
        found = []
        for start in range(0, len(vectors), _BLOCK):
            block = slice(start, start + _BLOCK)
            cosines = vectors[block] @ known.T
            if without is not None:  # its cosine is 1, and may not be the largest either
                own = np.arange(len(cosines)), without[block]
                cosines[own] = -1.0
            weights = self._weights(cosines)
            if without is not None:
                weights[own] = 0.0
            local = np.asarray(tally @ weights.T).T.reshape(-1, size, size)
            found.append(ratings(local + max(self.prior, 1e-6) * share, overall))
        return np.vstack(found)

    def _weights(self, cosines: Floats) -> Floats:
        """[q, n] from cosines; equal where a question resembles no known one."""
        top = cosines.max(1, keepdims=True)
        relative = np.where(top > 1e-6, cosines / np.maximum(top, 1e-6), 1.0)
        weights: Floats = 10.0 ** (self.sharpness * (relative - 1.0))
        return weights


def ratings(wins: Floats, start: Floats, steps: int = 30) -> Floats:
    """Bradley-Terry ratings [q, m] in log-odds, with sum 0, by Newton's method.

    Args:
        wins: [q, m, m] weighted wins of row over column; every two models must have some of each way.
        start: [m] ratings to begin with.
        steps: at most so many.
    """
    size = wins.shape[1]
    games = wins + wins.transpose(0, 2, 1)
    won = wins.sum(2)
    found: Floats = np.tile(start - start.mean(), (len(wins), 1))
    diagonal = np.arange(size)
    for _ in range(steps):
        expected = sigmoid(found[:, :, None] - found[:, None, :])
        slope = won - (games * expected).sum(2)
        curve = -games * expected * (1 - expected)
        curve[:, diagonal, diagonal] = 0.0
        curve[:, diagonal, diagonal] = -curve.sum(2)
        scale = curve[:, diagonal, diagonal].mean(1)[:, None, None]
        # Ratings are known up to a constant; the added matrix fixes it without moving the maximum.
        step = np.linalg.solve(curve + scale / size, slope[:, :, None])[:, :, 0]
        found += np.clip(step, -2.0, 2.0)
        if np.abs(step).max() < 1e-8:
            break
    result: Floats = found - found.mean(1, keepdims=True)
    return result
