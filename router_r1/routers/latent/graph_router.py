"""`graphrouter`: messages between tasks, questions and models (GraphRouter, arXiv:2410.03834)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, setting
from router_r1.routers.embedding.router import EmbeddingRouter
from router_r1.routers.latent import graph_messages as messages
from router_r1.routers.libraries import Arrays, Floats, Ints, need, np, torch
from router_r1.routers.training_set import TrainingSet

_FREE = 1e-9  # dollars, so that a free call has a logarithm
_CATEGORY_UNKNOWN = 0.25  # share of the questions that are trained with their cluster as their task


@ROUTERS.register("graphrouter", "a small graph network over tasks, questions and models")
@dataclass(kw_only=True, eq=False)
class GraphRouter(EmbeddingRouter):
    """Nodes are tasks, questions and models. A training question has an edge to each model, with four numbers e:
    1, the model's mean score, the question's deviation from it, and the logarithm of the cost.

        question   x' = P x + p                                     for its vector x
        model      u  = norm(mean over its edges of x' * (G1 e))
        task       t  = relu(A1 mean over its questions of x' + A2 mean over models of u * (G2 mean e))
        question   h  = relu(B x' + C t)
        model      v  = D1 u + D2 norm(mean over its edges of h * (G3 e))
        score      sigmoid(h . v / sqrt(hidden) + d . v + e . h + o)

    `*` is by element; `norm` subtracts the mean over the models and divides by the standard deviation, both kept from
    the fit.

    In each step the edges of a random half of the training questions are hidden, and their scores are what is
    predicted, by cross-entropy: a new question has no edges, either. A model has no parameter of its own, so that one
    joins by its edges alone, and the order of the models does not matter. A task is a category; a question of none, or
    of an unknown one, belongs to the task of its cluster.

    What differs from the paper: edges multiply the messages (added, they cannot say which model was right); model nodes
    start from their edges, not from a text; whole questions are hidden, not single edges; the target is the score
    itself, not the winner of a fixed mix of score and cost, which `choose` makes later.
    """

    name = "graphrouter"
    grid = {"decay": (0.1, 0.5, 2.0), "hidden": (16, 32)}
    hidden: int = setting(32, least=1)
    """Length of the nodes' states."""
    clusters: int = setting(16, least=1)
    """Clusters of the training questions, by k-means: the tasks of questions without a known category."""
    shown: float = setting(0.5, least=0, most=1)
    """Share of the training questions whose edges are seen in a step."""
    steps: int = setting(200, least=1)
    """Steps of AdamW, each on all training questions."""
    rate: float = setting(0.01, least=0)
    """Learning rate."""
    decay: float = setting(0.5, least=0)
    """Weight decay."""
    dropout: float = setting(0.5, least=0, most=0.95)
    """Share of the numbers of the questions' states that are left out in a step."""
    seed: int = setting(0, least=0)
    """Seed of the first parameters, the clusters and what is hidden."""

    def _learn_vectors(self, vectors: Floats, data: TrainingSet) -> Arrays:
        cluster = need("sklearn.cluster", "routers")
        categories = sorted({q.category for q in data.questions if q.category is not None})
        count = min(self.clusters, len(np.unique(vectors, axis=0)))
        centres = cluster.KMeans(count, random_state=self.seed).fit(vectors).cluster_centers_
        logs = np.log(data.costs + _FREE)
        learned: Arrays = {
            "categories": np.frombuffer(json.dumps(categories).encode(), dtype=np.uint8),
            "centres": centres,
            "centre": vectors.mean(0),
            "edge_scale": np.array([data.scores.mean(), logs.mean(), max(logs.std(), 0.1)]),
        }
        cluster_of = _closest(vectors, centres) + len(categories)
        task_of = _task_of(categories, data.questions, cluster_of)
        edges, centred = _edges(learned["edge_scale"], data), vectors - learned["centre"]
        member = np.eye(len(categories) + count)[task_of]
        member[np.arange(len(vectors)), cluster_of] = 1
        learned |= self._trained(centred, edges, member, data.scores, (task_of, cluster_of))
        first = messages.first_states(learned, centred)
        weighted = [e / len(e) for e in edges]
        heard = messages.heard_by_nodes(learned["G1"], first, weighted)
        learned["spread1"] = np.array(messages.spread(heard))
        nodes = (heard - learned["spread1"][0]) / learned["spread1"][1]
        share = member / np.maximum(member.sum(0), 1)
        learned["tasks"] = messages.task_states(learned, first, nodes, edges, share)
        states = messages.question_states(learned, first, learned["tasks"][task_of])
        heard = messages.heard_by_nodes(learned["G3"], states, weighted)
        learned["spread3"] = np.array(messages.spread(heard))
        heard = (heard - learned["spread3"][0]) / learned["spread3"][1]
        learned["nodes"] = messages.last_nodes(learned, nodes, heard)
        return learned

    def _learn_model(self, data: TrainingSet) -> Arrays:
        learned, vectors = self.learned, self.vectors(data.questions)
        first = messages.first_states(learned, vectors - learned["centre"])
        weighted = [e / len(e) for e in _edges(learned["edge_scale"], data)]
        states = messages.question_states(learned, first, self._tasks(vectors, data.questions))
        nodes = messages.heard_by_nodes(learned["G1"], first, weighted)
        nodes = (nodes - learned["spread1"][0]) / learned["spread1"][1]
        heard = messages.heard_by_nodes(learned["G3"], states, weighted)
        heard = (heard - learned["spread3"][0]) / learned["spread3"][1]
        added = messages.last_nodes(learned, nodes, heard)
        return {"nodes": np.vstack([learned["nodes"], added])}

    def _predict(self, questions: Sequence[Question]) -> Floats:
        vectors = self.vectors(questions)
        return self._scored(vectors, self._tasks(vectors, questions))

    def _predict_vectors(self, vectors: Floats) -> Floats:
        """As `_predict`, with clusters as tasks."""
        return self._scored(vectors, self._tasks(vectors, ()))

    def _because(self, question: Question) -> list[str]:
        vectors, nodes = self.vectors([question]), self.learned["nodes"]
        known = question.category in self._categories()
        place = int(_closest(vectors, self.learned["centres"])[0])
        task = f"category {question.category!r}" if known else f"cluster {place}"
        best = int(self._predict([question])[0].argmax())
        unit = nodes / np.maximum(np.linalg.norm(nodes, axis=1, keepdims=True), 1e-12)
        cosines = unit @ unit[best]
        others = [j for j in np.argsort(-cosines, kind="stable") if j != best][:3]
        alike = ", ".join(f"{self.models[j]} {cosines[j]:.2f}" for j in others)
        return [
            f"task node: {task}",
            f"model node of {self.models[best]}; the most similar by cosine: {alike}",
        ]

    def _scored(self, vectors: Floats, tasks: Floats) -> Floats:
        first = messages.first_states(self.learned, vectors - self.learned["centre"])
        states = messages.question_states(self.learned, first, tasks)
        logits = messages.logits(self.learned, states, self.learned["nodes"])
        scores: Floats = 0.5 * (1 + np.tanh(logits / 2))
        return scores

    def _tasks(self, vectors: Floats, questions: Sequence[Question]) -> Floats:
        """[n, h] state of the task of each question; of its cluster where no questions are given."""
        categories = self._categories()
        clusters = _closest(vectors, self.learned["centres"]) + len(categories)
        states: Floats = self.learned["tasks"][_task_of(categories, questions, clusters)]
        return states

    def _categories(self) -> list[str]:
        categories: list[str] = json.loads(self.learned["categories"].tobytes())
        return categories

    def _trained(
        self,
        centred: Floats,
        edges: Sequence[Floats],
        member: Floats,
        scores: Floats,
        tasks: tuple[Ints, Ints],
    ) -> Arrays:
        """The parameters after all steps; `tasks` are each question's task and the one of its cluster."""
        source = np.random.default_rng(self.seed)
        start = {
            name: source.normal(0, 0.3 if name in ("P", "p") else self.hidden**-0.5, shape)
            for name, shape in messages.shapes(centred.shape[1], self.hidden).items()
        }
        for name in ("B", "D2"):
            start[name] = np.eye(self.hidden)
        start["G3"] *= 0.1
        start["G3"][2] = 1.0
        p = {name: _tensor(array).requires_grad_() for name, array in start.items()}
        optimizer = torch.optim.AdamW(p.values(), self.rate, weight_decay=self.decay)
        points, targets, belongs = _tensor(centred), _tensor(scores), _tensor(member)
        numbers = [_tensor(e) for e in edges]
        own, cluster = map(torch.tensor, tasks)
        for _ in range(self.steps):
            seen, hidden = self._halves(len(centred), source)
            weights = seen[:, None] / seen.sum()
            share = belongs * seen[:, None]
            share = share / share.sum(0).clip(min=1)
            unknown = torch.tensor(source.random(len(centred)) < _CATEGORY_UNKNOWN)
            kept = source.random((len(centred), self.hidden)) >= self.dropout
            first = messages.first_states(p, points) * _tensor(kept / (1 - self.dropout))
            weighted = [e * weights for e in numbers]
            nodes = messages.heard_by_nodes(p["G1"], first, weighted)
            mean, spread = messages.spread(nodes)
            nodes = (nodes - mean) / spread
            states = messages.task_states(p, first, nodes, numbers, share)
            states = messages.question_states(p, first, states[torch.where(unknown, cluster, own)])
            heard = messages.heard_by_nodes(p["G3"], states, weighted)
            mean, spread = messages.spread(heard)
            nodes = messages.last_nodes(p, nodes, (heard - mean) / spread)
            logits = messages.logits(p, states, nodes)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                logits[hidden], targets[hidden]
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return {name: array.detach().numpy() for name, array in p.items()}

    def _halves(self, count: int, source: np.random.Generator) -> tuple[Any, Any]:
        """[n] 1 for questions whose edges are seen, and the rows of the others; at least one question each."""
        order = source.permutation(count)
        cut = min(max(round(count * self.shown), 1), max(count - 1, 1))
        seen = torch.zeros(count, dtype=torch.float64)
        seen[order[:cut].copy()] = 1
        return seen, torch.tensor(order[cut:] if count > 1 else order)


def _task_of(categories: Sequence[str], questions: Sequence[Question], clusters: Ints) -> Ints:
    """[n] each question's task: its category, else its cluster."""
    places = {category: place for place, category in enumerate(categories)}
    tasks = clusters.copy()
    for row, question in enumerate(questions):
        tasks[row] = places.get(question.category or "", clusters[row])
    return tasks


def _edges(scale: Floats, data: TrainingSet) -> list[Floats]:
    """The numbers on edges, [n, m] each: 1, the model's mean score, the deviation from it, the cost."""
    mean, log_mean, log_spread = scale
    costs = (np.log(data.costs + _FREE) - log_mean) / log_spread
    level = data.scores.mean(0)
    one = np.ones_like(costs)
    return [one, one * (level - mean), data.scores - level, costs]


def _closest(vectors: Floats, centres: Floats) -> Ints:
    closest: Ints = ((centres**2).sum(1) - 2 * vectors @ centres.T).argmin(1)
    return closest


def _tensor(array: Floats) -> Any:
    return torch.tensor(array, dtype=torch.float64)
