"""`switch`: a gate that keeps endpoints within their rate limits (Switch Transformers, arXiv:2101.03961)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.data.questions import Question
from router_r1.errors import ConfigError
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.traffic.capacity import Assignment, Capacity, Order, assign, utilities
from router_r1.routers.training_set import TrainingSet

_STEPS = 300
_RATE = 0.1


@ROUTERS.register(
    "switch", "a linear gate with a load-balancing loss, for endpoints with rate limits"
)
@dataclass(kw_only=True, eq=False)
class SwitchRouter(EmbeddingRouter):
    """One linear gate `z = W x + b`; the endpoint with the largest z is asked (top-1).

    The gate predicts score vectors, and is balanced by the loss of Switch:

        L = mean_i |z_i - s_i|^2 + penalty/n |W|^2 + balance x N x sum_j f_j P_j
        f_j = share of the questions whose largest z is j;  P_j = mean_i softmax(z_i / temperature)_j

    f is a constant in the gradient. `sum_j f_j P_j x N` is 1 where all endpoints are used alike, which is its minimum for
    f = P, and N where one takes everything. With `load`, endpoints of unequal limits are wanted at shares c_j instead of
    1/N, and the term is `sum_j f_j P_j / c_j`. The capacity factor bounds what an endpoint takes of a window: see `assign`
    and `capacity.py`.

    Differs from the paper: experts are given and have recorded scores, so the gate learns from these instead of through
    the experts' outputs; z is in units of score, so that costs can be weighed against it, and needs a temperature; the
    questions are one batch (the loss is that of all, not of a device); no noise on the input; overflow goes to the next
    choice before it is dropped. With `balance=0` it is the router `linear`.
    """

    name = "switch"
    grid = {"penalty": (0.3, 1.0, 3.0, 10.0, 30.0)}
    balance: float = setting(0.01, least=0)
    """Weight of the load-balancing loss, alpha in the paper."""
    load: str = setting("")
    """Wanted load by model, `MODEL=WEIGHT;MODEL=WEIGHT`, such as requests per minute; unnamed models have 1."""
    temperature: float = setting(0.05, least=1e-3)
    """Difference of scores that changes the gate's probabilities by a factor e."""
    capacity_factor: float = setting(1.25, least=0)
    """What an endpoint takes of a window, in units of its equal share."""
    penalty: float = setting(1.0, least=0)
    """Strength of the L2 penalty on the weights."""

    def assign(
        self,
        questions: Sequence[Question],
        capacity: Capacity | None = None,
        tokens: Floats | None = None,
        *,
        choices: int | None = None,
        order: Order = "arrival",
    ) -> Assignment:
        """Assign the requests of a window to endpoints.

        Args:
            questions: n requests.
            capacity: what the endpoints take; by default `capacity_factor` times an equal share, as in the paper.
            tokens: as for `capacity.assign`, and so are the next two.
            choices: see there.
            order: see there.
        """
        if capacity is None:
            capacity = Capacity.of_factor(len(questions), len(self.models), self.capacity_factor)
        return assign(utilities(self, questions), capacity, tokens, choices=choices, order=order)

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        wanted = self._wanted()
        centre, mean = vectors.mean(0), data.scores.mean(0)
        around, target = vectors - centre, data.scores - mean
        # The quadratic part has its minimum here, and its curvature preconditions every step.
        square = around.T @ around + max(self.penalty, 1e-9) * np.eye(vectors.shape[1])
        inverse = np.linalg.inv(square)
        best = inverse @ (around.T @ target)
        weights, intercept = best.copy(), mean.copy()
        kept_weights, kept_intercept, kept = np.zeros_like(best), np.zeros_like(mean), 0
        count = len(vectors)
        for step in range(_STEPS if self.balance else 0):
            gates = around @ weights + intercept
            slope = self.balance * balance_gradient(gates, self.temperature, wanted)  # [n, m]
            weights -= _RATE * (weights - best + inverse @ (around.T @ slope) / 2 * count)
            intercept -= _RATE * (intercept - mean + slope.sum(0) / 2)
            if (
                step >= _STEPS // 2
            ):  # f jumps where the largest z changes: the mean of the second half is steady
                kept_weights, kept_intercept = kept_weights + weights, kept_intercept + intercept
                kept += 1
        if kept:
            weights, intercept = kept_weights / kept, kept_intercept / kept
        return {"weights": weights, "intercept": intercept - centre @ weights}

    def _predict_vectors(self, vectors: Floats) -> Floats:
        scores: Floats = vectors @ self.learned["weights"] + self.learned["intercept"]
        return scores

    def _because(self, question: Question) -> list[str]:
        chances = softmax(self.scores([question]) / self.temperature)[0]
        order = np.argsort(-chances, kind="stable")[:3]
        shown = ", ".join(f"{self.models[j]} {chances[j]:.2f}" for j in order)
        return [f"the gate's probabilities: {shown}"]

    def _wanted(self) -> Floats:
        """[m] the wanted shares."""
        weights = dict.fromkeys(self.models, 1.0)
        for item in filter(None, self.load.split(";")):
            name, _, text = item.rpartition("=")
            try:
                weight = float(text)
            except ValueError:
                weight = 0.0
            if name not in weights or not 0 < weight < float("inf"):
                raise ConfigError(
                    f"router 'switch': load: expected MODEL=WEIGHT;... with weights above 0 and models among "
                    f"{', '.join(self.models)}, got {item!r}"
                )
            weights[name] = weight
        values = np.array([weights[name] for name in self.models])
        shares: Floats = values / values.sum()
        return shares


def balance_loss(gates: Floats, temperature: float, wanted: Floats | None = None) -> float:
    """`sum_j f_j P_j / c_j` of gates [n, m]; `N sum_j f_j P_j` where the wanted shares c are equal."""
    shares = np.full(gates.shape[1], 1 / gates.shape[1]) if wanted is None else wanted
    return float((used(gates) * softmax(gates / temperature).mean(0) / shares).sum())


def balance_gradient(gates: Floats, temperature: float, wanted: Floats) -> Floats:
    """[n, m] the gradient of `balance_loss` by the gates, with f as a constant."""
    chances = softmax(gates / temperature)
    price = used(gates) / wanted
    gradient: Floats = chances * (price - chances @ price[:, None]) / (len(gates) * temperature)
    return gradient


def used(gates: Floats) -> Floats:
    """[m] f: the share of the rows whose largest gate it is."""
    shares: Floats = np.bincount(gates.argmax(1), minlength=gates.shape[1]) / len(gates)
    return shares


def softmax(values: Floats) -> Floats:
    """Row by row."""
    raised = np.exp(values - values.max(1, keepdims=True))
    chances: Floats = raised / raised.sum(1, keepdims=True)
    return chances
