"""The command `router-r1 sweep`. Light to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from router_r1 import terminal
from router_r1.config import MAX_SEED


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sweep")(sweep_command)


def sweep_command(
    settings: Annotated[
        list[str],
        typer.Argument(
            metavar="SETTING=FOLDER...",
            help="A setting, and the folder that holds its run on each question set.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for results.json.")],
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Combine runs of `router-r1 eval` with several settings on several question sets, and write results.json.

    A point for each setting: the mean over the sets, with 95 % intervals; single models that were asked too are
    baselines. Asks no model.

        router-r1 sweep "alpha 0=runs/a0/eval" "alpha 0.9=runs/a9/eval" --out runs/alphas
        router-r1 report runs/alphas                  a page with the figure of cost against accuracy
    """
    from router_r1.errors import ConfigError
    from router_r1.names import check_name_in
    from router_r1_eval.run.summary import summary
    from router_r1_eval.run.sweep import sweep

    if (out / "run.json").exists():
        raise ConfigError(f"{out}: `router-r1 eval` ran here; choose another --out")
    folders: dict[str, Path] = {}
    for item in settings:
        name, sign, folder = item.partition("=")
        if not sign:
            raise ConfigError(f"{item}: expected SETTING=FOLDER, e.g. 'alpha 0.9=runs/a9/eval'")
        check_name_in(item, name, "give SETTING=FOLDER")
        if name in folders:
            raise ConfigError(f"{item}: two settings are called {name}; rename one")
        folders[name] = Path(folder)
    results = sweep(folders, out.name, seed=seed)
    results.write(out)
    for line in summary(results):
        terminal.echo(line)
