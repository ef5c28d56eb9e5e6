"""`routoo`: a network that reads the question and an embedding of each model (Routoo, arXiv:2401.13979)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding import Embedding, text_of
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.latent.causal_model_embedding import CausalModelEmbedding
from router_r1.routers.latent.mean_budget import within_budget
from router_r1.routers.libraries import Arrays, Floats, need, np, torch
from router_r1.routers.training_set import TrainingSet

_BLOCK = 2048  # questions predicted at a time
_FEW = 20  # training questions, of which none are held out


@ROUTERS.register(
    "routoo", "a network that reads the question and a learned embedding of each model"
)
@dataclass(kw_only=True, eq=False)
class RoutooRouter(EmbeddingRouter):
    """`sigmoid(e_m . relu(W z + c) + b_m)`: a network on the question's vector z, and an embedding e_m of each model.

    `choose_within` is the paper's cost-aware selector; `universe.py` builds the pool to choose from.

    What differs from the paper: the language model is frozen, so that its vectors are computed once, and it may be any
    embedding: with `backbone`, the mean of a causal model's last hidden states, which is the closest; the targets are
    scores between 0 and 1; the step to keep is chosen on a held-out fifth of the training questions. A new model's
    embedding is fitted alone, which is convex, with a penalty that draws it to the mean of the others.
    """

    name = "routoo"
    grid = {"decay": (0.03, 0.1, 0.3, 1.0), "width": (32, 64)}
    backbone: str = setting("")
    """A causal language model, a folder or its name on the hub, whose states are the vectors; empty: `embedding`."""
    width: int = setting(64, least=1)
    """Units of the hidden layer."""
    steps: int = setting(1500, least=1)
    """Steps of AdamW at most."""
    batch: int = setting(64, least=1)
    """Questions in a step."""
    rate: float = setting(0.003, least=0)
    """Learning rate."""
    decay: float = setting(0.1, least=0)
    """Weight decay."""
    dropout: float = setting(0.3, least=0, most=0.95)
    """Share of the hidden units that are left out in a step."""
    shrinkage: float = setting(1.0, least=0)
    """Strength of the L2 penalty that draws the embedding of a model that is added to the mean of the others."""
    seed: int = setting(0, least=0)
    """Seed of the first weights and the batches."""

    def choose_within(self, questions: Sequence[Question], budget: float) -> list[str]:
        """The models with a high sum of predicted scores whose predicted cost is at most `budget` on average.

        Raises:
            ConfigError: the router is not fitted, or the cheapest models cost more than `budget` dollars a question.
        """
        chosen = within_budget(self.scores(questions), self.costs(questions), budget)
        return [self.models[j] for j in chosen]

    def _learn(self, data: TrainingSet) -> Arrays:
        if not self.backbone:
            return super()._learn(data)
        if self.facts:
            raise ConfigError(
                "router 'routoo': facts go beside an embedding, not a backbone; set one"
            )
        self._embed = CausalModelEmbedding(self.backbone)
        return self._learn_vectors(self._embed(list(map(text_of, data.questions))), data)

    def _embedding(self) -> Embedding:
        if self._embed is None and self.backbone:
            self._embed = CausalModelEmbedding(self.backbone)
        return super()._embedding()

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        (n, d), m = vectors.shape, data.scores.shape[1]
        centre = vectors.mean(0)
        # Vectors of language models lie in a narrow cone: their distance from the centre is made 1 on average.
        spread = math.sqrt(((vectors - centre) ** 2).sum(1).mean()) or 1.0
        source, draw = np.random.default_rng(self.seed), torch.Generator().manual_seed(self.seed)
        means = np.clip(data.scores.mean(0), 0.01, 0.99)
        p = {
            "weights": torch.tensor(source.normal(0, 1, (d, self.width))),
            "offset": torch.tensor(np.zeros(self.width)),
            "experts": torch.tensor(source.normal(0, self.width**-0.5, (m, self.width))),
            "biases": torch.tensor(np.log(means / (1 - means))),
        }
        optimizer = torch.optim.AdamW(
            [array.requires_grad_() for array in p.values()], self.rate, weight_decay=self.decay
        )
        points, targets = torch.tensor((vectors - centre) / spread), torch.tensor(data.scores)
        held = torch.arange(n) % 5 == 4 if n >= _FEW else torch.ones(n, dtype=torch.bool)
        rows = torch.arange(n) if bool(held.all()) else torch.arange(n)[~held]

        def loss(of: torch.Tensor, kept: torch.Tensor | float) -> torch.Tensor:
            hidden = torch.relu(points[of] @ p["weights"] + p["offset"]) * kept
            logits = hidden @ p["experts"].T + p["biases"]
            return torch.nn.functional.binary_cross_entropy_with_logits(logits, targets[of])

        least, best = math.inf, {name: array.detach().numpy().copy() for name, array in p.items()}
        for step in range(1, self.steps + 1):
            of = rows[torch.randint(len(rows), (min(self.batch, len(rows)),), generator=draw)]
            stay = torch.rand(len(of), self.width, generator=draw) >= self.dropout
            optimizer.zero_grad()
            loss(of, stay / (1 - self.dropout)).backward()
            optimizer.step()
            if step % 50 == 0 or step == self.steps:
                with torch.no_grad():
                    now = float(loss(held.nonzero()[:, 0], 1.0))
                if now < least:
                    least, best = now, {k: v.detach().numpy().copy() for k, v in p.items()}
        return {**best, "centre": centre, "spread": np.array([spread])}

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        optimize = need("scipy.optimize", "routers")
        hidden, scores = self._hidden(vectors), data.scores[:, 0]
        start = np.append(self.learned["experts"].mean(0), self.learned["biases"].mean())

        def loss(flat: Floats) -> tuple[float, Floats]:
            logits = hidden @ flat[:-1] + flat[-1]
            error = 0.5 * (1 + np.tanh(logits / 2)) - scores
            away = self.shrinkage * np.append(flat[:-1] - start[:-1], 0)
            value = (np.logaddexp(0, logits) - scores * logits).sum() + away @ (flat - start) / 2
            return float(value), np.append(error @ hidden, error.sum()) + away

        flat = optimize.minimize(loss, start, jac=True, method="L-BFGS-B").x
        return {
            "experts": np.vstack([self.learned["experts"], flat[:-1]]),
            "biases": np.append(self.learned["biases"], flat[-1]),
        }

    def _predict_vectors(self, vectors: Floats) -> Floats:
        logits = self._hidden(vectors) @ self.learned["experts"].T + self.learned["biases"]
        scores: Floats = 0.5 * (1 + np.tanh(logits / 2))
        return scores

    def _because(self, question: Question) -> list[str]:
        hidden = self._hidden(self.vectors([question]))[0]
        experts, biases = self.learned["experts"], self.learned["biases"]
        best = int(self.scores([question])[0].argmax())
        own = hidden @ (experts[best] - experts.mean(0))
        lengths = np.maximum(np.linalg.norm(experts, axis=1), 1e-12)
        cosines = experts @ experts[best] / lengths / lengths[best]
        others = [j for j in np.argsort(-cosines, kind="stable") if j != best][:3]
        alike = ", ".join(f"{self.models[j]} {cosines[j]:.2f}" for j in others)
        return [
            f"logit of {self.models[best]} against the mean of the models: {own:+.2f} by the question, "
            f"{biases[best] - biases.mean():+.2f} on all questions",
            f"its embedding; the most similar by cosine: {alike}",
        ]

    def _hidden(self, vectors: Floats) -> Floats:
        """[n, width] the hidden layer."""
        scaled = (vectors - self.learned["centre"]) / self.learned["spread"]
        hidden: Floats = np.maximum(scaled @ self.learned["weights"] + self.learned["offset"], 0)
        return hidden
