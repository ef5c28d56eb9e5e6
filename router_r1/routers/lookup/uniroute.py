"""`uniroute`: a learned map from questions to clusters, and each model's scores there (UniRoute, arXiv:2502.08773)."""

from __future__ import annotations

from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, need, np
from router_r1.routers.training_set import TrainingSet

_LEAST = 1e-3  # predicted probabilities stay this far from 0 and 1 while the map is learned
_SHOWN = 3


@ROUTERS.register(
    "uniroute", "each model's mean scores over clusters of questions, by a learned map"
)
@dataclass(kw_only=True, eq=False)
class UniRouteRouter(EmbeddingRouter):
    """`score_h(x) = Phi(x) . Psi(h)`: a model h is no more than its mean scores Psi(h) in K soft clusters.

        Phi(x)   = softmax(Theta x + b)                                          [K]
        Psi_k(h) = (sum_i Phi_k(x_i) y_ih + prior p_k(h)) / (sum_i Phi_k(x_i) + prior)

    Theta and b start at k-means, where the softmax of `sharpness` times the negative squared distances follows the
    closest centre, and then minimise the cross-entropy of all models' scores plus `stay |Theta - start|^2`. A new model
    needs only its Psi, from calibration questions that it answered; Theta stays.

    The prior p(h) has the profile of the models of the fit, at the new model's level: `logit p_k = logit mean_k + a`,
    where mean_k is the mean of Psi_k over those models and a makes the mean prediction of the calibration questions the
    mean of their scores. So a model with few questions is taken to find hard what the others
    find hard, and its level comes from the questions that it was asked, hard or easy. The paper has errors where this
    has scores, no prior, and separate questions for Theta and Psi; here both come from the training questions.
    """

    name = "uniroute"
    grid = {"clusters": (16, 32, 64), "stay": (0.0001, 0.001)}
    clusters: int = setting(32, least=1)
    """K, at most one for each training question."""
    sharpness: float = setting(10.0, least=0)
    """How close to one cluster each question is at the start."""
    stay: float = setting(0.0003, least=0)
    """Strength with which Theta is held at k-means; a high value gives soft k-means."""
    passes: int = setting(100, least=0)
    """Most iterations (L-BFGS) of learning Theta; 0 keeps k-means."""
    prior: float = setting(10.0, least=0)
    """How many questions the profile of the models counts like in each cluster of a model that is added."""
    seed: int = setting(0, least=0)
    """Seed of k-means."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        cluster = need("sklearn.cluster", "routers")
        count = min(self.clusters, len(vectors))
        found = cluster.KMeans(count, n_init=4, random_state=self.seed).fit(vectors)
        centres: Floats = found.cluster_centers_
        start = self.sharpness * np.column_stack([2 * centres, -(centres**2).sum(1)])
        inputs = np.column_stack([vectors, np.ones(len(vectors))])
        theta = self._learn_map(start, inputs, data.scores)
        soft = _softmax(inputs @ theta.T)
        psi = soft.T @ data.scores / np.maximum(soft.sum(0)[:, None], 1e-12)
        return {"theta": theta, "psi": psi, "profile": psi.mean(1)}

    def _learn_map(self, start: Floats, inputs: Floats, scores: Floats) -> Floats:
        """Theta with b as its last column, [K, d + 1]."""
        optimize = need("scipy.optimize", "routers")

        def loss(flat: Floats) -> tuple[float, Floats]:
            theta = flat.reshape(start.shape)
            value, slope = _cross_entropy(theta, inputs, scores)
            away = theta - start
            total = value + self.stay / start.shape[0] * float((away**2).sum())
            return total, (slope + 2 * self.stay / start.shape[0] * away).ravel()

        if not self.passes:
            return start
        options = {"maxiter": self.passes}
        best = optimize.minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options=options)
        theta: Floats = best.x.reshape(start.shape)
        return theta

    def _learn_model_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        soft = self._map(vectors)
        expected = _at_level(soft, self.learned["profile"], float(data.scores.mean()))[:, None]
        mass = soft.sum(0)[:, None] + self.prior
        column = (soft.T @ data.scores + self.prior * expected) / np.maximum(mass, 1e-12)
        return {"psi": np.hstack([self.learned["psi"], column])}

    def _predict_vectors(self, vectors: Floats) -> Floats:
        scores: Floats = self._map(vectors) @ self.learned["psi"]
        return scores

    def _map(self, vectors: Floats) -> Floats:
        """Phi, [n, K]."""
        theta = self.learned["theta"]
        return _softmax(vectors @ theta[:, :-1].T + theta[:, -1])

    def _because(self, question: Question) -> list[str]:
        soft = self._map(self.vectors([question]))[0]
        first = np.argsort(-soft)[:_SHOWN]
        parts = ", ".join(f"{soft[k]:.0%} of cluster {k}" for k in first)
        return [f"mean scores of {parts} (of {len(soft)})"]


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(1, keepdims=True))
    shares: Floats = raised / raised.sum(1, keepdims=True)
    return shares


def _at_level(soft: Floats, profile: Floats, level: float) -> Floats:
    """[K] the profile with all logits moved so that the mean of `soft profile` is the level, by bisection."""
    logits = np.log(profile + _LEAST) - np.log(1 - profile + _LEAST)
    share = soft.mean(0)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        if share @ _sigmoid(logits + middle) < level:
            low = middle
        else:
            high = middle
    return _sigmoid(logits + low)


def _sigmoid(logits: Floats) -> Floats:
    shares: Floats = 0.5 * (1 + np.tanh(logits / 2))
    return shares


def _cross_entropy(theta: Floats, inputs: Floats, scores: Floats) -> tuple[float, Floats]:
    """Mean cross-entropy of scores [n, m] under `Phi Psi`, where Psi depends on theta too, and its slope [K, d + 1]."""
    soft = _softmax(inputs @ theta.T)
    mass = soft.sum(0)[:, None]
    psi = soft.T @ scores / mass
    predicted = np.clip(soft @ psi, _LEAST, 1 - _LEAST)
    value = -(scores * np.log(predicted) + (1 - scores) * np.log(1 - predicted)).mean()
    by_score = (predicted - scores) / (predicted * (1 - predicted)) / scores.size
    by_psi = soft.T @ by_score / mass
    by_soft = by_score @ psi.T + scores @ by_psi.T - (by_psi * psi).sum(1)
    by_logit = soft * (by_soft - (soft * by_soft).sum(1, keepdims=True))
    return float(value), by_logit.T @ inputs
