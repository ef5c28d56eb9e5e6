"""How likely a reply is right, judged by the reply itself: a learned scorer g(question, reply), as in FrugalGPT.

Boosted trees over what can be known of any reply: how good the model is expected to be on this question (the prior),
how hard the question is for all models, whether the reply has a short answer and how long it and the reply are, alone
and beside what this model usually writes in this category, and whether further samples gave the same answer. Letters,
numbers and sentences are treated alike.

Training is cross-fitted: the prior of a training question comes from a router that was not fitted on it, and the
judgement of it from trees that were not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from router_r1.answers import answer_key
from router_r1.data.questions import Question
from router_r1.routers.cascade.boosted_trees import fit_trees, predict_trees
from router_r1.routers.cascade.replies import Cells, Reply
from router_r1.routers.libraries import Arrays, Floats, Ints, np

_SHRINK = 5.0  # replies that a model's overall mean length counts like in each category
_NONE = Reply("", None, 0, 0.0)


def fit_judge(cells: Cells, prior: Floats, fold: Ints, trees: int) -> tuple[Arrays, Floats]:
    """Learn to judge replies.

    Args:
        cells: n training questions.
        prior: [n, m] expected scores, cross-fitted.
        fold: [n] the fold of each question.
        trees: how many.

    Returns:
        What `judge_replies` reads, and [n, m] the cross-fitted judgements of the training replies.
    """
    m = prior.shape[1]
    arrays = _usual_lengths(cells, m)
    features = np.stack(
        [_features(arrays, cells.questions, j, cells.column(j), prior) for j in range(m)], 1
    )
    given = np.array([[reply is not None for reply in row] for row in cells.replies])
    judged = np.zeros_like(prior)

    def learn(rows: Ints) -> Arrays:
        chosen = given[rows]
        return fit_trees(features[rows][chosen], cells.score[rows][chosen], trees=trees)

    for part in np.unique(fold):
        others = np.nonzero(fold != part)[0]
        model = learn(others if len(others) else np.arange(len(fold)))
        here = np.nonzero(fold == part)[0]
        flat = features[here].reshape(-1, features.shape[2])
        judged[here] = predict_trees(model, flat).reshape(len(here), m) * given[here]
    return arrays | learn(np.arange(len(fold))), judged


def judge_replies(
    arrays: Arrays,
    questions: Sequence[Question],
    place: int,
    replies: Sequence[Reply | None],
    prior: Floats,
) -> Floats:
    """[n] probability that each reply is right; 0 where there is no reply.

    Args:
        arrays: from `fit_judge`.
        questions: n questions.
        place: column of the model that replied.
        replies: its n replies.
        prior: [n, m] expected scores.
    """
    given = np.array([reply is not None for reply in replies])
    judged = predict_trees(arrays, _features(arrays, questions, place, replies, prior))
    judged[~given] = 0.0
    return judged


def log_odds(probability: Floats) -> Floats:
    """Log-odds of probabilities, which are first kept within 0.01 and 0.99."""
    p = np.clip(probability, 0.01, 0.99)
    odds: Floats = np.log(p / (1 - p))
    return odds


def _features(
    arrays: Arrays,
    questions: Sequence[Question],
    place: int,
    replies: Sequence[Reply | None],
    prior: Floats,
) -> Floats:
    """[n, f] what is known of the replies of one model."""
    found = [reply or _NONE for reply in replies]
    lengths = _lengths(found)
    categories = _places(arrays, questions)
    unlike = (lengths - arrays["usual"][categories, place]) / arrays["spread"][place]
    features: Floats = np.column_stack(
        [
            log_odds(prior[:, place]),
            log_odds(prior.mean(1)),
            prior[:, place] - prior.max(1),
            np.full(len(found), place),
            [reply.answer is None for reply in found],
            [_digits(reply.answer or "") for reply in found],
            [_support(reply) for reply in found],
            lengths,
            unlike,
            np.log1p([len(question.question) for question in questions]),
            [len(question.choices or ()) for question in questions],
        ]
    ).astype(np.float64)
    return features


def _lengths(replies: Sequence[Reply]) -> Floats:
    """[n, 3] log(1 + length) of what was generated, of the text and of the short answer."""
    lengths: Floats = np.log1p(
        [[r.output_tokens, len(r.text), len(r.answer or "")] for r in replies]
    ).reshape(-1, 3)
    return lengths


def _digits(text: str) -> float:
    """Share of the characters that are digits."""
    return sum(map(str.isdigit, text)) / max(1, len(text))


def _support(reply: Reply) -> float:
    """Share of the further samples that gave the same answer; -1 without any."""
    if not reply.others:
        return -1.0
    if reply.answer is None:
        return 0.0
    key = answer_key(reply.answer)
    return sum(o is not None and answer_key(o) == key for o in reply.others) / len(reply.others)


def _usual_lengths(cells: Cells, m: int) -> Arrays:
    """The mean lengths of each model's replies in each category and overall, and their spread."""
    names = sorted({q.category for q in cells.questions if q.category is not None})
    found = {"categories": np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)}
    places = _places(found, cells.questions)
    usual = np.zeros((len(names) + 1, m, 3))
    spread = np.zeros((m, 3))
    for j in range(m):
        lengths = _lengths([reply or _NONE for reply in cells.column(j)])
        overall = lengths.mean(0)
        spread[j] = lengths.std(0) + 0.05
        usual[-1, j] = overall
        for c in range(len(names)):
            here = lengths[places == c]
            usual[c, j] = (here.sum(0) + _SHRINK * overall) / (len(here) + _SHRINK)
    return found | {"usual": usual, "spread": spread}


def _places(arrays: Arrays, questions: Sequence[Question]) -> Ints:
    """[n] row of each question's category; the last for one that training did not have."""
    names = json.loads(arrays["categories"].tobytes())
    places = {name: place for place, name in enumerate(names)}
    return np.array([places.get(q.category, len(names)) for q in questions], dtype=np.int64)
