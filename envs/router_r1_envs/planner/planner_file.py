"""A planner as a file: what was fitted, in skops' format, which runs no code when it is read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.errors import ConfigError, DataError
from router_r1.files import check_input
from router_r1_envs.planner.category_tables import CategoryTables
from router_r1_envs.planner.config import PlannerConfig
from router_r1_envs.planner.gain import Gain
from router_r1_envs.planner.planner import Fitted, Planner
from router_r1_envs.planner.posterior import Posterior
from router_r1_envs.planner.responses import response_lengths
from router_r1_envs.planner.strategies import Strategies
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits

_VERSION = 4
_TRUSTED = ["sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"]


def save_planner(planner: Planner, path: str | Path) -> None:
    """Write a planner to a file. Raises `ConfigError` if it has a custom view, which a file cannot hold."""
    from skops.io import dump

    if planner.view is not response_lengths:
        raise ConfigError("a planner with a custom view cannot be saved; fit it again instead")
    fitted = planner.fitted
    content = {
        "version": _VERSION,
        **_fitted_on(planner.splits),
        "costs": _costs(planner.splits),
        "seed": planner.seed,
        "settings": planner.settings.model_dump(),
        "means": _arrays(fitted.means),
        "strategies": _arrays(fitted.strategies),
        "posterior": fitted.posterior.models,
        "gain": fitted.gain.models,
    }
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    dump(content, path)


def load_planner(path: str | Path, splits: TableSplits) -> Planner:
    """Read a planner that was fitted on this table. At other prices or levels it chooses its strategies anew.

    Raises:
        DataError: the file is missing or is no planner, or the planner was fitted with other candidates, categories or
            training questions. Other training questions may be test questions here.
    """
    from skops.io import load

    try:
        check_input(path)
        content = load(path, trusted=_TRUSTED)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror}); fit a planner first"
        ) from error
    except Exception as error:  # skops raises many kinds of errors for other files
        raise DataError(
            f"{path}: is not a planner ({type(error).__name__}); fit it again"
        ) from error
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        raise DataError(f"{path}: is not a planner of this version; fit it again")
    for what, here in _fitted_on(splits).items():
        if content.get(what) != here:
            raise DataError(
                f"{path}: was fitted with other {what} than {splits.name} has; fit it again"
            )
    fitted = Fitted(
        CategoryTables(**content["means"]),
        Posterior(content["posterior"]),
        Gain(content["gain"]),
        Strategies(**content["strategies"]),
    )
    settings = config.validate(PlannerConfig, content["settings"], str(path))
    planner = Planner(splits, settings, fitted, content["seed"])
    return planner if content["costs"] == _costs(splits) else planner.at_prices_of(splits)


def _arrays(fitted: CategoryTables | Strategies) -> dict[str, Any]:
    return {field.name: getattr(fitted, field.name) for field in fields(fitted)}


def _fitted_on(splits: TableSplits) -> dict[str, Any]:
    """What a planner's file must share with the table it is used on."""
    # In order, because the place of a training question determines its fold.
    ids = json.dumps([question.id for question in splits.train.questions])
    return {
        "names": list(splits.table.names),
        "categories": list(splits.features.groups.names),
        "questions": hashlib.sha256(ids.encode()).hexdigest(),
    }


def _costs(splits: TableSplits) -> str:
    """What every training response costs, in short."""
    return hashlib.sha256(splits.train.cost.tobytes()).hexdigest()
