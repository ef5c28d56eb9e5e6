"""`latency`: any router's predictions, with a price on waiting.

Outcome tables record tokens, but not seconds. So seconds are either measured elsewhere and given in a file, or estimated
from recorded output tokens at a speed that the user states; `explain` says which. A measured source is the ledger of
real calls, whose rows have `latency_s`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError, shown_name
from router_r1.files import read_input
from router_r1.json_text import parse_json
from router_r1.routers.base import ROUTERS, Router, setting
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.libraries import Arrays, Floats, np
from router_r1.routers.training_set import TrainingSet

_BASE = "base"  # folder of the other router


@ROUTERS.register(
    "latency", "another router's predictions, with a price on the seconds of each model"
)
@dataclass(kw_only=True, eq=False)
class LatencyRouter(Router):
    """Choose the highest `score - cost / willingness_to_pay - value_of_a_second x seconds`.

    Scores and costs are those of another router. Seconds are one expectation for each model: from a file, or

        seconds_j = first_token_s + mean recorded output tokens of j / tokens_per_second

    One speed for all models is an assumption that favours slow ones; where speeds differ, measure them. At
    `value_of_a_second=0` it is the other router.
    """

    name = "latency"
    base: str = setting("linear")
    """The other router, by name and settings as in `router_r1.routers.from_text`."""
    value_of_a_second: float = setting(0.001, least=0)
    """Score that a second of waiting is worth: at 0.001, ten seconds are worth one question in a hundred."""
    seconds: str = setting("")
    """JSON file of measured seconds of a call, `{model: seconds}`; without one, seconds are estimated."""
    tokens_per_second: float = setting(50.0, least=1e-3)
    """Output tokens of a model per second, for the estimate. An assumption, not a measurement."""
    first_token_s: float = setting(0.5, least=0)
    """Seconds until a model begins to answer, for the estimate."""
    _router: Router | None = field(init=False, default=None, repr=False)

    def add_model(self, name: str, calibration: OutcomeTable) -> Self:
        """As `Router.add_model`, where the other router can take a model. A file of seconds must know it."""
        self._check_fitted()
        expected = self._expected([name], calibration)
        self._other().add_model(name, calibration)
        super().add_model(name, calibration)
        self.learned["seconds"] = np.append(self.learned["seconds"], expected)
        return self

    def costs(self, questions: Sequence[Question]) -> Floats:
        """The dollars that the other router predicts, [n, m]; seconds are not among them."""
        self._check_fitted()
        return self._other().costs(questions)

    def utilities(self, scores: Floats, costs: Floats, willingness_to_pay: float) -> Floats:
        """As `Router.utilities`, less the price of seconds."""
        waiting = self.value_of_a_second * self.learned["seconds"]
        return super().utilities(scores - waiting, costs, willingness_to_pay)

    def _learn(self, data: TrainingSet) -> Arrays:
        expected = self._expected(data.models, data.table)
        self._router = self._unfitted().fit(data.table)
        return {"seconds": expected}

    def _learn_model(self, data: TrainingSet) -> Arrays:
        return {}

    def _predict(self, questions: Sequence[Question]) -> Floats:
        return self._other().scores(questions)

    def _because(self, question: Question) -> list[str]:
        how = "measured" if self.seconds else f"estimated at {self.tokens_per_second:g} tokens/s"
        expected = zip(self.models, self.learned["seconds"], strict=True)
        lines = [f"{model}: {wait:.1f} s, {how}" for model, wait in expected]
        return [*lines, *self._other()._because(question)]

    def _expected(self, models: Sequence[str], table: OutcomeTable) -> Floats:
        """[m] expected seconds of a call."""
        if self.seconds:
            measured = _read_seconds(Path(self.seconds))
            if missing := [model for model in models if model not in measured]:
                raise ConfigError(
                    f"{self.seconds}: has no seconds of {shown_name(missing[0])!r}; give those of every model"
                )
            return np.array([measured[model] for model in models])
        tokens: dict[str, list[int]] = {model: [] for model in models}
        for outcome in table:
            if outcome.model in tokens:
                tokens[outcome.model].append(outcome.output_tokens)
        means = np.array([sum(counts) / max(1, len(counts)) for counts in tokens.values()])
        seconds: Floats = self.first_token_s + means / self.tokens_per_second
        return seconds

    def _other(self) -> Router:
        assert self._router is not None
        return self._router

    def _unfitted(self) -> Router:
        from router_r1.routers import from_text

        router = from_text(self.base)
        if isinstance(router, Cascade):
            raise ConfigError(
                f"router {self.name!r}: base: {shown_name(self.base)!r} is a cascade; give a one-shot router"
            )
        return router

    def _save_more(self, folder: Path) -> None:
        self._other().save(folder / _BASE)

    def _load_more(self, folder: Path) -> None:
        from router_r1.routers import load

        self._router = load(folder / _BASE)


def _read_seconds(path: Path) -> dict[str, float]:
    """Model -> seconds. Raises `DataError` for anything else than a JSON object of numbers of 0 or more."""
    try:
        content: Any = parse_json(read_input(path))
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); expected a JSON file"
        ) from error
    except ValueError as error:
        raise DataError(f"{path}: is not JSON; expected {{model: seconds}}") from error
    numbers = isinstance(content, dict) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf")
        for value in content.values()
    )
    if not numbers:
        raise DataError(f"{path}: expected an object {{model: seconds}}, with seconds of 0 or more")
    return {model: float(value) for model, value in content.items()}
