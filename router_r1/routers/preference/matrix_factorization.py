"""`mf`: a router by matrix factorisation of battles (RouteLLM, arXiv:2406.18665)."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.libraries import Arrays, Floats, Ints, np, torch
from router_r1.routers.preference.battle_set import BattleSet, Flags
from router_r1.routers.preference.router import VectorPreferenceRouter

_PATIENCE = 200  # steps without a better loss on the questions set aside, and at least 5 epochs


@ROUTERS.register("mf", "matrix factorisation of which model beats which on what question")
@dataclass(kw_only=True, eq=False)
class MatrixFactorizationRouter(VectorPreferenceRouter):
    """The strength of a model M on a question q is bilinear,

        d(M, q) = w2 . (v_M / |v_M| * W1 v_q),    P(M beats N) = sigmoid(d(M, q) - d(N, q))

    with `*` by element. v_M, W1 and w2 minimise the cross-entropy of the decided battles; ties are left out unless
    `ties` gives them a weight. Gaussian noise is added to v_q in training, and never when the loss on the questions set
    aside or a prediction is computed.

    What differs from the paper: v_q has a further coordinate that is always 1, so that overall strength does not depend
    on the embedding; training stops when the loss on the questions set aside no longer falls; and batches and steps are
    larger. d is linear in v_q, so that one matrix [d, m] is all that a prediction needs.
    """

    name = "mf"
    grid = {"noise": (0.02, 0.05, 0.1), "ties": (0.0, 1.0)}
    dimensions: int = setting(64, least=1)
    """Length of v_M."""
    noise: float = setting(0.1, least=0)
    """Standard deviation of the noise on each coordinate of v_q, which has length 1."""
    ties: float = setting(0.0, least=0, most=1)
    """Weight of a tie, as half a win of each, beside a decided battle; the paper's is 0."""
    epochs: int = setting(60, least=1)
    """At most so many passes over the battles."""
    learning_rate: float = setting(0.01, least=1e-7)
    """Of Adam."""
    batch: int = setting(256, least=1)
    """Battles in a step; fewer where an epoch would have less than 10 steps."""
    seed: int = setting(0, least=0)
    """Seed of the initial weights, the order, the noise and the questions set aside."""

    def _learn_vector_battles(
        self, vectors: Floats, battles: BattleSet
    ) -> tuple[Arrays, Ints, Floats]:
        held = battles.held_out(self.seed)
        decided = battles if self.ties else battles.only(battles.won != 0.5)
        apart = np.isin(decided.rows, held)
        learned: Arrays = {"weights": self._train(vectors, decided, apart)}
        rows = held if len(held) else np.arange(len(vectors))
        return learned, rows, self._strengths_of_vectors(vectors[rows], learned)

    def _strengths_of_vectors(self, vectors: Floats, learned: Arrays) -> Floats:
        strengths: Floats = vectors @ learned["weights"][:-1] + learned["weights"][-1]
        return strengths

    def _train(self, vectors: Floats, battles: BattleSet, apart: Flags) -> Floats:
        """Weights [d + 1, m] from battles; those where `apart` [b] is true say when to stop."""
        size, count = len(battles.models), vectors.shape[1] + 1
        if not len(battles.rows):
            return np.zeros((count, size))  # no model ever beat another
        if apart.all():
            apart = ~apart
        source = torch.Generator().manual_seed(self.seed)
        inputs = torch.ones(len(vectors), count)
        inputs[:, :-1] = torch.from_numpy(vectors.astype(np.float32))
        first, second = torch.from_numpy(battles.first), torch.from_numpy(battles.second)
        won = torch.from_numpy(battles.won).float()
        weight = torch.where(won == 0.5, self.ties, 1.0)
        rows = torch.from_numpy(battles.rows)
        models = torch.randn(size, self.dimensions, generator=source)
        project = torch.randn(self.dimensions, count, generator=source) / count**0.5
        combine = torch.randn(self.dimensions, generator=source) / self.dimensions**0.5
        parameters = [p.requires_grad_() for p in (models, project, combine)]
        optimizer = torch.optim.Adam(parameters, lr=self.learning_rate, weight_decay=1e-5)

        def form() -> torch.Tensor:
            """[d + 1, m] all of d(M, q) but v_q."""
            return project.T @ (torch.nn.functional.normalize(models, dim=1) * combine).T

        def loss(questions: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
            """Of the battles `chosen` [k] on these questions [k, d + 1]."""
            strengths = questions @ form()
            gap = strengths.gather(1, first[chosen, None]) - strengths.gather(
                1, second[chosen, None]
            )
            each = torch.nn.functional.binary_cross_entropy_with_logits(
                gap[:, 0], won[chosen], weight[chosen], reduction="sum"
            )
            return each / weight[chosen].sum().clamp(min=1e-6)

        training = torch.from_numpy(np.flatnonzero(~apart))
        aside = torch.from_numpy(np.flatnonzero(apart))
        batch = min(self.batch, max(16, len(training) // 10))
        patience = max(5, _PATIENCE // -(-len(training) // batch))
        best, best_weights, waited = float("inf"), form().detach().clone(), 0
        for _ in range(self.epochs):
            order = training[torch.randperm(len(training), generator=source)]
            for chosen in order.split(batch):
                questions = inputs[rows[chosen]]
                noise = torch.randn(questions.shape, generator=source) * self.noise
                noise[:, -1] = 0.0
                optimizer.zero_grad()
                loss(questions + noise, chosen).backward()
                optimizer.step()
            with torch.no_grad():
                judged = aside if len(aside) else training
                value = float(loss(inputs[rows[judged]], judged))
            waited += 1
            if value < best:
                best, best_weights, waited = value, form().detach().clone(), 0
            elif waited >= patience:
                break
        weights = best_weights.double().numpy()
        centred: Floats = weights - weights.mean(1, keepdims=True)  # strength 0 is the average
        return centred
