"""How likely each reply is right, and each model would be, once several models replied.

A reply's own judgement does not know the others. Boosted trees revise it by who agrees and who does not, how sure the
judge is of those, how many models were asked and gave an answer; and they revise what is expected of the models that
were not asked, since a question on which good replies fail is hard for all. Learned from random sets of models asked
about the training questions, on cross-fitted predictions and judgements.
"""

from __future__ import annotations

from router_r1.routers.cascade.boosted_trees import fit_trees, predict_trees
from router_r1.routers.cascade.experience import Experience
from router_r1.routers.cascade.replies import NOT_ASKED
from router_r1.routers.cascade.reply_judge import log_odds
from router_r1.routers.libraries import Arrays, Bools, Floats, Ints, need, np

_NOBODY = -6.0  # below every log-odds
_SETS = 2  # sets of models tried for each question
_TREES = 80


def fit_states(seen: Experience, most: int, rng: np.random.Generator) -> tuple[Arrays, Floats]:
    """Learn to revise.

    Args:
        seen: n training questions.
        most: the largest number of models asked.
        rng: draws the sets.

    Returns:
        What `revised` reads, and [m] the variance with which a model's estimate moves against that of the best reply so
        far once it replies, as a share of `p (1 - p)`. It is the covariance of the movement with the true difference of
        scores, on questions that the trees were not fitted on, so that noise in estimates does not count. The
        difference matters, since a model that agrees with the best reply raises both and gains nothing.
    """
    n, m = seen.prior.shape
    rows = np.tile(np.arange(n), _SETS)
    size = rng.integers(1, max(2, min(most, m - 1) + 1), len(rows))
    # Good models are asked more often, as a cascade would.
    liking = rng.random((len(rows), m)) * (seen.prior[rows].clip(0, 1) + 0.2)
    rank = (-liking).argsort(1).argsort(1)

    def state(of: Ints, extra: int) -> tuple[Floats, Floats, Ints]:
        asked = rank[of] < size[of, None] + extra
        judged = np.where(asked, seen.judged[rows[of]], np.nan)
        return seen.prior[rows[of]], judged, np.where(asked, seen.answers[rows[of]], NOT_ASKED)

    def learn(of: Ints) -> Arrays:
        x = _features(*state(of, 0)).reshape(len(of) * m, -1)
        return fit_trees(x, seen.score[rows[of]].ravel(), trees=_TREES, parts=3)

    half = rng.permutation(n)[rows] % 2
    moved, possible = np.full(m, 0.2), np.ones(m)
    for part in (0, 1):
        others, here = np.nonzero(half != part)[0], np.nonzero((half == part) & (size < m))[0]
        if not len(others) or not len(here):
            continue
        arrays, row = learn(others), np.arange(len(here))
        expected, before = revised(arrays, *state(here, 0))
        _, after = revised(arrays, *state(here, 1))
        more = (rank[here] == size[here, None]).argmax(1)
        lead = np.nan_to_num(before, nan=-1.0).argmax(1)
        difference = expected[row, more] - before[row, lead]
        movement = after[row, more] - after[row, lead] - difference
        score = seen.score[rows[here]]
        truth = score[row, more] - score[row, lead] - difference
        p = expected[row, more].clip(0.01, 0.99)
        moved += np.bincount(more, movement * truth, m)
        possible += np.bincount(more, p * (1 - p), m)
    return learn(np.arange(len(rows))), np.maximum(moved / possible, 0.0)


def normal(z: Floats) -> Floats:
    """The distribution function of the standard normal."""
    found: Floats = need("scipy.special", "routers").ndtr(z)
    return found


def revised(arrays: Arrays, prior: Floats, judged: Floats, answers: Ints) -> tuple[Floats, Floats]:
    """Predictions [n, m] and judgements [n, m] after the replies so far; the prior itself before any reply.

    Args:
        arrays: from `fit_states`.
        prior: [n, m] predicted scores.
        judged: [n, m] judgement of each reply alone; nan where a model was not asked.
        answers: [n, m] equal numbers for equal answers.
    """
    n, m = prior.shape
    asked = ~np.isnan(judged)
    some: Bools = np.asarray(asked.any(1))
    found = np.zeros((n, m))
    if some.any():
        x = _features(prior[some], judged[some], answers[some])
        found[some] = predict_trees(arrays, x.reshape(-1, x.shape[2])).reshape(-1, m)
    expected = np.where(some[:, None] & ~asked, found, prior)
    # A call that failed or gave no reply has a judgement of 0, which nothing can raise.
    certain = np.where(judged == 0, 0.0, found)
    return expected, np.where(asked, certain, np.nan)


def _features(prior: Floats, judged: Floats, answers: Ints) -> Floats:
    """[n, m, f] what the replies so far say about each model."""
    n, m = prior.shape
    asked: Bools = np.isfinite(judged)
    sure = np.where(asked, log_odds(np.nan_to_num(judged)), 0.0)
    surprise = np.where(asked, sure - log_odds(prior), 0.0)
    given: Bools = np.asarray(answers >= 0)
    other = ~np.eye(m, dtype=bool)[None]
    agree = (answers[:, :, None] == answers[:, None, :]) & given[:, :, None] & other
    differ = given[:, None, :] & ~agree & other
    count = asked.sum(1)
    votes: Ints = agree.sum(2) + given
    of_all = np.stack(
        [
            count,
            given.sum(1),
            votes.max(1),
            np.where(given, sure, _NOBODY).max(1),
            np.where(asked, sure, _NOBODY).argmax(1),
            surprise.sum(1) / np.maximum(count, 1),
            log_odds(prior.mean(1)),
        ],
        1,
    )
    each = sure[:, None, :]
    of_each = np.stack(
        [
            asked,
            np.where(asked, sure, log_odds(prior)),
            log_odds(prior),
            np.broadcast_to(np.arange(m), (n, m)),
            agree.sum(2),
            (agree * each).sum(2),
            np.where(agree, each, _NOBODY).max(2),
            differ.sum(2),
            (differ * each).sum(2),
            np.where(differ, each, _NOBODY).max(2),
            np.where(given, votes - votes.max(1, keepdims=True), -m),
        ],
        2,
    )
    says = agree.astype(float) - differ - 0.5 * (asked & ~given)[:, None, :]
    shared = np.broadcast_to(of_all[:, None], (n, m, of_all.shape[1]))
    return np.concatenate([shared, of_each, says], 2)
