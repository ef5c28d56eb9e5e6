"""Boosted trees for probabilities, in numpy: fitted in seconds, saved as arrays, read without another library.

Newton boosting of the logistic loss on binned features (as in XGBoost, arXiv:1603.02754), with symmetric trees (as in
CatBoost, arXiv:1706.09516): all nodes of a level ask the same question `feature > threshold`, so that a leaf is a
number of `depth` bits and a prediction is one lookup a tree. Deterministic.
"""

from __future__ import annotations

from router_r1.routers.libraries import Arrays, Floats, np

_BINS = 32
_PENALTY = 5.0  # of a leaf's value, in units of the second derivative
_BLOCK = 50_000  # rows predicted at a time


def fit_trees(
    x: Floats, y: Floats, *, trees: int = 80, depth: int = 4, rate: float = 0.12, parts: int = 1
) -> Arrays:
    """Fit P(y = 1).

    Args:
        x: [n, f] features, finite.
        y: [n] targets, 0 to 1.
        trees: how many.
        depth: levels of each.
        rate: share of each step that is taken.
        parts: each tree is fitted on one of this many equal parts of the rows, in turn: faster, for many rows.

    Returns:
        `feature` and `threshold` [trees, depth], `value` [trees, 2^depth] log-odds, `bias` [1].
    """
    n, count = x.shape
    edges = _edges(x)
    bins = np.stack([np.searchsorted(edges[f], x[:, f]) for f in range(count)])  # [f, n]
    offset = np.arange(count)[:, None] * _BINS
    mean = np.clip(y.mean(), 0.01, 0.99)
    bias = np.log(mean / (1 - mean))
    log_odds = np.full(n, bias)
    features, thresholds, values = [], [], []
    parts = max(1, min(parts, n // 1000))
    # Mixed once, so that a part is no matter of the order in which rows come.
    mixed = np.random.default_rng(0).permutation(n)
    for number in range(trees):
        rows = mixed[number % parts :: parts]
        p = 1 / (1 + np.exp(-log_odds[rows]))
        gradient, curvature = y[rows] - p, p * (1 - p)
        here = bins[:, rows]
        leaf, tree = np.zeros(len(rows), dtype=np.int64), []
        for level in range(depth):
            place = (offset + leaf * count * _BINS) + here
            shape = (2**level, count, _BINS)
            size = int(np.prod(shape))
            flat = place.ravel()
            g = np.bincount(flat, np.tile(gradient, count), size).reshape(shape).cumsum(2)
            h = np.bincount(flat, np.tile(curvature, count), size).reshape(shape).cumsum(2)
            rest_g, rest_h = g[..., -1:] - g, h[..., -1:] - h
            gain = (g**2 / (h + _PENALTY) + rest_g**2 / (rest_h + _PENALTY)).sum(0)[:, :-1]
            gain[:, : edges.shape[1]][np.isinf(edges)] = -np.inf  # bins that no row is in
            feature, split = np.unravel_index(int(gain.argmax()), gain.shape)
            tree.append((feature, split))
            leaf = 2 * leaf + (here[feature] > split)
        g = np.bincount(leaf, gradient, 2**depth)
        h = np.bincount(leaf, curvature, 2**depth)
        value = rate * g / (h + _PENALTY)
        everywhere = np.zeros(n, dtype=np.int64)
        for feature, split in tree:
            everywhere = 2 * everywhere + (bins[feature] > split)
        log_odds += value[everywhere]
        features.append([f for f, _ in tree])
        thresholds.append([edges[f, split] for f, split in tree])
        values.append(value)
    return {
        "feature": np.array(features),
        "threshold": np.array(thresholds),
        "value": np.array(values),
        "bias": np.array([bias]),
    }


def predict_trees(model: Arrays, x: Floats) -> Floats:
    """[n] probabilities for features [n, f]."""
    feature, threshold, value = model["feature"], model["threshold"], model["value"]
    bits = 2 ** np.arange(feature.shape[1])[::-1]
    tree = np.arange(len(feature))
    parts = [np.zeros(0)]
    for start in range(0, len(x), _BLOCK):
        rows = x[start : start + _BLOCK]
        leaf = np.zeros((len(rows), len(feature)), dtype=np.int64)
        for level, bit in enumerate(bits):
            leaf += bit * (rows[:, feature[:, level]] > threshold[:, level])
        parts.append(value[tree, leaf].sum(1))
    p: Floats = 1 / (1 + np.exp(-(np.concatenate(parts) + model["bias"][0])))
    return p


def _edges(x: Floats) -> Floats:
    """[f, bins - 1] thresholds of each feature, at its quantiles; infinity where it has fewer values."""
    found = np.full((x.shape[1], _BINS - 1), np.inf)
    for f in range(x.shape[1]):
        values = np.unique(x[:, f])
        if len(values) > _BINS:
            values = np.unique(np.quantile(x[:, f], np.linspace(0, 1, _BINS + 1)[1:-1]))
            found[f, : len(values)] = values
        elif len(values) > 1:
            found[f, : len(values) - 1] = (values[1:] + values[:-1]) / 2
    return found
