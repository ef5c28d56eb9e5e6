"""`linear`: a router that predicts each model's score from the question's text by ridge regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from router_r1.data.questions import Question
from router_r1.routers.base import ROUTERS, Router
from router_r1.routers.text_features import fit_features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@ROUTERS.register("linear", "ridge regression of each model's score on the question's text")
class RidgeRouter(Router):
    """Ridge regression of each model's score; predictions can lie outside 0 to 1."""

    name = "linear"

    def __init__(self, penalty: float = 1.0) -> None:
        """
        Args:
            penalty: strength of the L2 penalty on the weights.
        """
        super().__init__()
        self._penalty = penalty

    def _fit(self, questions: Sequence[Question], scores: Floats) -> None:
        from sklearn.linear_model import Ridge

        self._features = fit_features(questions)
        self._model = Ridge(alpha=self._penalty).fit(self._features.known, scores)

    def _scores(self, questions: Sequence[Question]) -> Floats:
        predicted: Floats = self._model.predict(self._features(questions))
        return predicted.reshape(len(questions), len(self.models))
