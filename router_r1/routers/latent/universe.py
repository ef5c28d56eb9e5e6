"""Which models to route between: those that complement each other (Routoo, arXiv:2401.13979)."""

from __future__ import annotations

from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError
from router_r1.routers.libraries import np
from router_r1.routers.training_set import TrainingSet


def universe(table: OutcomeTable, size: int) -> list[str]:
    """Choose models one by one, each the one that raises the mean best score the most.

    The mean over questions of the best score among the chosen models is monotone and submodular, so that this choice
    reaches at least 1 - 1/e, 63 %, of the best choice of as many models (Nemhauser et al. 1978). Single answers of
    models that guess raise that mean, too: judge the choice on other questions.

    Args:
        table: outcomes of all models; questions without an outcome of each are left out.
        size: how many models, 1 to all.

    Returns:
        Their names, in the order chosen; of equally good models the cheaper one.

    Raises:
        ConfigError: the table has fewer models.
        DataError: no question has an outcome of every model.
    """
    if not 1 <= size <= len(table.names):
        raise ConfigError(
            f"size: expected 1 to {len(table.names)}, the models of the table, got {size}"
        )
    data = TrainingSet.of(table)
    cheapest = np.argsort(data.costs.mean(0), kind="stable")
    best = np.zeros(len(data.questions))
    chosen: list[int] = []
    for _ in range(size):
        gains = np.maximum(data.scores - best[:, None], 0).mean(0)
        left = [j for j in cheapest.tolist() if j not in chosen]
        pick = max(
            left, key=lambda j: round(float(gains[j]), 12)
        )  # sums of equal scores may differ in the last bit
        chosen.append(pick)
        best = np.maximum(best, data.scores[:, pick])
    return [data.models[j] for j in chosen]
