"""The posterior: how likely each response is right, after some candidates answered.

Boosted trees over what can be known of any answer: how good its author is in this category, who agrees and who does not
and how much their agreement or dissent says there, how long it is for that author and category, how many answers
differ, and how many gave none. Letters, numbers and sentences are treated alike. Each response has its own probability,
because responses that seem to agree are not always graded alike.

Not covered: whom to ask next (`gain.py`), and the texts of responses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from router_r1_envs.planner.boosted_models import predict_by_fold, trees
from router_r1_envs.planner.category_tables import CategoryTables
from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.responses import Responses
from router_r1_envs.planner.states import States, random_states
from router_r1_envs.worlds.recorded_world.table_arrays import Bools, Floats, Ints

_NO_LOG_ODDS = 5.0
"""Beyond the log-odds of any probability: where there is nobody whose log-odds count."""


@dataclass(frozen=True)
class Table:
    """What a planner knows when it decides: the responses that calls will reveal, and what categories say."""

    responses: Responses
    view: Floats
    """[n, m, s + 1] what is visible of each response besides its answer."""
    means: CategoryTables


@dataclass(frozen=True)
class Evidence:
    """What N states show."""

    answer: Ints
    """[N, T] equal numbers for equal answers; -1 where a call gave none, or there was none."""
    right: Floats
    """[N, T] probability that a response is right; 0 without an answer."""
    score: Floats
    """[N, T] its recorded score, which no decision may use."""

    @property
    def leader(self) -> Ints:
        """[N] the call with the most probable answer; -1 if there is no answer."""
        return np.where((self.answer >= 0).any(1), self.right.argmax(1), -1)

    @property
    def top(self) -> Floats:
        """[N] probability of the leading answer; 0 if there is none."""
        best: Floats = self.right.max(1)
        return best

    @property
    def leader_score(self) -> Floats:
        """[N] recorded score of the leading response itself; that of the first one if none gives an answer."""
        best: Floats = self.score[np.arange(len(self.score)), np.maximum(self.leader, 0)]
        return best


def log_odds(probability: Floats) -> Floats:
    """Log-odds of probabilities, which are first kept within 0.01 and 0.99."""
    p = np.clip(probability, 0.01, 0.99)
    odds: Floats = np.log(p / (1 - p))
    return odds


class Posterior:
    """One boosted classifier for each fold."""

    def __init__(self, models: list[Any]) -> None:
        """
        Args:
            models: fitted classifiers, one for each fold.
        """
        self.models = models

    @classmethod
    def fit(
        cls, table: Table, fold: Ints, settings: PlannerConfig, rng: np.random.Generator
    ) -> Posterior:
        """Fit on random states of the training questions.

        Args:
            table: the training questions.
            fold: [n] the fold of each.
            settings: of the fit.
            rng: draws.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        rows = np.repeat(np.arange(len(fold)), settings.states)
        sizes = rng.integers(1, settings.max_calls + 1, len(rows))
        even = np.ones((len(rows), table.responses.candidates))
        states = random_states(
            table.responses, rows, fold[rows], sizes, even, settings.max_calls, rng
        )
        features, answer, score = _features(table, states)
        given = answer >= 0
        features, score = features[given], score[given]
        of_fold = np.broadcast_to(states.fold[:, None], given.shape)[given]
        models = []
        for part in range(settings.folds):
            known = of_fold != part
            # A score between 0 and 1 counts as so much right and so much wrong. One response without features, half
            # right, stands for all tables in which every response is right, or none is.
            seen = np.concatenate(
                [features[known], np.zeros_like(features, shape=(1, features.shape[1]))]
            )
            right = np.append(score[known], 0.5)
            weights = np.concatenate([right, 1 - right])
            counts = weights > 0
            models.append(
                trees(HistGradientBoostingClassifier, settings.trees, int(rng.integers(2**31))).fit(
                    np.concatenate([seen, seen])[counts],
                    np.repeat([1, 0], len(right))[counts],
                    weights[counts],
                )
            )
        return cls(models)

    def evidence(self, table: Table, states: States) -> Evidence:
        """What some states show.

        Args:
            table: any questions.
            states: of these questions.
        """
        features, answer, score = _features(table, states)
        given = answer >= 0
        right = np.zeros(given.shape)
        if given.any():
            fold = np.broadcast_to(states.fold[:, None], given.shape)[given]
            right[given] = predict_by_fold(
                self.models, features[given], fold, lambda m, x: m.predict_proba(x)[:, 1]
            )
        return Evidence(answer, right, score)


def _features(table: Table, states: States) -> tuple[Any, Any, Floats]:
    """The features [N, T, f], the answers [N, T] and the recorded scores [N, T] of the responses in some states."""
    responses, means = table.responses, table.means
    made = states.heard(responses)
    rows, model = states.rows[:, None], np.where(made, states.models, 0)
    answer = np.where(made, responses.answer[rows, model, states.samples], -1)
    where = (states.fold, responses.category[states.rows])
    here = (where[0][:, None], where[1][:, None], model)
    pair = (where[0][:, None, None], where[1][:, None, None], model[:, :, None], model[:, None, :])

    given = answer >= 0
    alike = (answer[:, :, None] == answer[:, None, :]) & given[:, :, None] & given[:, None, :]
    support = alike & ~np.eye(alike.shape[1], dtype=bool)
    oppose = given[:, :, None] & given[:, None, :] & ~alike
    own = log_odds(means.score_if_answered[here])
    heard = np.where(given, own, 0.0)[:, None, :]
    group = alike.sum(2)
    agree, differ = log_odds(means.right_if_agree[pair]), log_odds(means.right_if_not[pair])
    same_model = model[:, :, None] == model[:, None, :]
    view = table.view[rows, model, states.samples]
    unlike = (view - means.view[here]) / means.view_spread[
        here
    ]  # other responses of this candidate
    characters = responses.answer_length[rows, model, states.samples]
    typical = (characters * given).sum(1, keepdims=True) / np.maximum(
        given.sum(1, keepdims=True), 1
    )
    of_state = (
        np.where(given, 1 / np.maximum(group, 1), 0).sum(1, keepdims=True),  # different answers
        (made & ~given).sum(1, keepdims=True),
        made.sum(1, keepdims=True),
        *(
            x[states.rows][:, None]
            for x in (responses.length, responses.options, responses.category)
        ),
        ((responses.length[states.rows] - means.length[where]) / means.length_spread[where])[
            :, None
        ],
    )

    def among(which: Bools, values: Floats, otherwise: float) -> Floats:
        largest: Floats = np.where(which, values, otherwise).max(2)
        return largest

    columns = [
        own,
        log_odds(means.score[here]),
        log_odds(means.answered[here]),
        unlike,
        view,
        characters,
        characters - typical,
        (alike * unlike[:, None, :]).sum(2) / np.maximum(group, 1),
        (oppose * unlike[:, None, :]).sum(2) / np.maximum(oppose.sum(2), 1),
        -among(support, np.broadcast_to(-unlike[:, None, :], alike.shape), -_NO_LOG_ODDS),
        support.sum(2),
        (support * heard).sum(2),
        among(support, np.broadcast_to(own[:, None, :], alike.shape), -_NO_LOG_ODDS),
        oppose.sum(2),
        (oppose * heard).sum(2),
        among(oppose, np.broadcast_to(own[:, None, :], alike.shape), -_NO_LOG_ODDS),
        among(oppose, np.broadcast_to(group[:, None, :], alike.shape), 0),
        among(
            oppose,
            np.broadcast_to((alike * heard).sum(2)[:, None, :], alike.shape),
            -2 * _NO_LOG_ODDS,
        ),
        among(support, agree, -_NO_LOG_ODDS),
        np.where(support, agree - own[:, :, None], 0).sum(2),
        -among(oppose, -differ, -_NO_LOG_ODDS),
        np.where(oppose, differ - own[:, :, None], 0).sum(2),
        (support & same_model).sum(2),
        (oppose & same_model).sum(2),
        *(np.broadcast_to(value, own.shape) for value in of_state),
        model,
    ]
    status = _status(states, made, support, oppose, responses.candidates)
    features = np.concatenate([np.stack(columns, 2), status], 2).astype(np.float32)
    return features, answer, responses.score[rows, model, states.samples] * made


def _status(states: States, made: Bools, support: Bools, oppose: Bools, candidates: int) -> Floats:
    """[N, T, m] what each candidate says about each response: 1 supports it, -1 opposes it, -0.5 gave no answer."""
    status = np.zeros((*states.models.shape, candidates))
    for call in range(states.models.shape[1]):
        says = np.where(support[:, :, call], 1.0, np.where(oppose[:, :, call], -1.0, -0.5))
        index = np.nonzero(made[:, call])[0]
        status[index, :, states.models[index, call]] += says[index]
    return status
