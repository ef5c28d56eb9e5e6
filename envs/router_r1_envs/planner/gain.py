"""The gain: how much the leading answer is expected to improve if a candidate is asked next.

Boosted trees over pairs of a state and a candidate. The target is the change of the leading response's score after the
call, which every table holds: half of it as recorded (unbiased, and noisy) and half as the posterior sees it. A planner
asks while the gain is worth the price (`strategies.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from router_r1_envs.planner.boosted_models import predict_by_fold, trees
from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.posterior import Evidence, Posterior, Table, log_odds
from router_r1_envs.planner.states import States, random_states
from router_r1_envs.worlds.recorded_world.table_arrays import Floats, Ints

_CALLS_OF_A_STATE = 2  # calls that are tried from each random state
_FLOOR = 0.1  # added to a candidate's score, so that weak candidates are tried too


class Gain:
    """One boosted regressor for each fold."""

    def __init__(self, models: list[Any]) -> None:
        """
        Args:
            models: fitted regressors, one for each fold.
        """
        self.models = models

    @classmethod
    def fit(
        cls,
        table: Table,
        fold: Ints,
        posterior: Posterior,
        settings: PlannerConfig,
        rng: np.random.Generator,
    ) -> Gain:
        """Fit on random states of the training questions and random calls from them; good candidates are likelier.

        Args:
            table: the training questions.
            fold: [n] the fold of each.
            posterior: fitted on the same questions and folds.
            settings: of the fit.
            rng: draws.
        """
        from sklearn.ensemble import HistGradientBoostingRegressor

        responses = table.responses
        rows = np.repeat(np.arange(len(fold)), settings.states)
        sizes = rng.integers(0, settings.max_calls, len(rows))
        good = table.means.score[fold[rows], responses.category[rows]]
        states = random_states(responses, rows, fold[rows], sizes, good, settings.max_calls, rng)
        before = posterior.evidence(table, states)
        features = _features(table, states, before)
        found, targets, folds = [], [], []
        for _ in range(_CALLS_OF_A_STATE):
            likely = np.where(
                states.askable(responses), rng.random(good.shape) * (good + _FLOOR), -1.0
            )
            call = likely.argmax(1)
            possible = likely.max(1) >= 0
            after = posterior.evidence(table, states.after(call, responses))
            judged = after.top - before.top
            recorded = after.leader_score - before.leader_score
            share = settings.judged_share
            found.append(features[np.arange(len(rows)), call][possible])
            targets.append((share * judged + (1 - share) * recorded)[possible])
            folds.append(states.fold[possible])
        x, y, of_fold = (np.concatenate(part) for part in (found, targets, folds))
        return cls(
            [
                trees(HistGradientBoostingRegressor, settings.trees, int(rng.integers(2**31))).fit(
                    x[of_fold != part], y[of_fold != part]
                )
                for part in range(settings.folds)
            ]
        )

    def __call__(self, table: Table, states: States, evidence: Evidence) -> Floats:
        """[N, m] the gain of asking each candidate next.

        Args:
            table: any questions.
            states: of these questions.
            evidence: what the states show.
        """
        features = _features(table, states, evidence)
        n, m, width = features.shape
        gains = predict_by_fold(
            self.models,
            features.reshape(n * m, width),
            np.repeat(states.fold, m),
            lambda model, x: model.predict(x),
        )
        return gains.reshape(n, m)


def _features(table: Table, states: States, evidence: Evidence) -> Floats:
    """[N, m, f] what each state and each candidate say about asking it."""
    responses, means = table.responses, table.means
    n, m = len(states), responses.candidates
    index, made = np.arange(n), states.heard(responses)
    where = (states.fold, responses.category[states.rows])
    leader = evidence.leader
    some = leader >= 0
    lead = np.where(some, states.models[index, leader], 0)
    sample = np.where(some, states.samples[index, leader], 0)
    given = evidence.answer >= 0
    support = given & (evidence.answer == evidence.answer[index, leader][:, None]) & some[:, None]
    unlike = (
        table.view[states.rows, lead, sample] - means.view[(*where, lead)]
    ) / means.view_spread[(*where, lead)]
    of_state = np.stack(
        [
            evidence.top,
            np.where(given & ~support, evidence.right, 0).max(1),
            made.sum(1),
            given.sum(1),
            support.sum(1),
            np.where(some, lead, -1),
            log_odds(evidence.top),
            np.where(some, unlike, 0),
            (responses.length[states.rows] - means.length[where]) / means.length_spread[where],
            responses.length[states.rows],
            responses.options[states.rows],
            responses.category[states.rows],
            np.where(some, table.view[states.rows, lead, sample], 0),
        ],
        1,
    )
    times, supports, says = (np.zeros((n, m)) for _ in range(3))
    for call in range(states.models.shape[1]):
        asked = np.nonzero(made[:, call])[0]
        place = (asked, states.models[asked, call])
        times[place] += 1
        supports[place] += support[asked, call]
        says[place] += np.where(support[asked, call], 1, np.where(given[asked, call], -1, -0.5))
    score, one = means.score[where], some[:, None]
    unasked = np.where(times > 0, 0, score).max(1, keepdims=True)
    themselves = np.arange(m)
    of_candidate = np.stack(
        [
            score,
            log_odds(means.score_if_answered[where]),
            means.answered[where],
            times,
            supports,
            np.where(one, means.agree[where][index, lead], 0),
            np.where(one, means.right_if_agree[where][index, lead], 0),
            np.where(one, means.right_if_not[where][index, lead], 0),
            np.where(one, means.right_if_not[where][index, :, lead], 0),
            score * (1 - evidence.top[:, None]),
            score - evidence.top[:, None],
            score - unasked,
            np.broadcast_to(themselves, (n, m)),
            means.agree[where][:, themselves, themselves],
            means.right_if_not[where][:, themselves, themselves],
        ],
        2,
    )
    shared = np.broadcast_to(of_state[:, None], (n, m, of_state.shape[1]))
    each = np.broadcast_to(says[:, None], (n, m, m))
    return np.concatenate([shared, of_candidate, each], 2).astype(np.float32)
