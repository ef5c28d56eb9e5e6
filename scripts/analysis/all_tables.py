"""Compare the planner, a policy and the routers on every table that is there, under equal caps on cost.

    python scripts/analysis/all_tables.py DATA --out runs/all_tables
    python scripts/analysis/all_tables.py DATA/reasoning_gym DATA/mmlu_pro --policy mmlu_pro=runs/a/policy --out runs/two
    python scripts/analysis/all_tables.py TABLE --fit OTHER_HALF --router label --router knn:k=50 --out runs/held_back

DATA is a folder of outcome tables, or a table. For each table everything is fitted on its training questions and chosen
on its validation questions, both by a hash of the ids; the test questions give the figures. A cap is a share of the best
single model's mean cost. What a router reaches under a cap is the best random mixture of two of its settings there,
chosen on validation (RouterBench's interpolation, arXiv 2403.12031); so a cap between two settings favours nobody.

All routers take part that need no checkpoint, or those of --router. A router that draws at random is fitted with each of
--seeds seeds, and a question counts with the mean of its scores.

Writes OUT/TABLE/results.json and report.html (as `router-r1 tournament` and `router-r1 report` do), OUT/TABLE/row.json
with the figures under the caps, OUT/TABLE/curves.svg, and OUT/index.md, one page over all tables. A table that has its
row.json is not done again; remove its folder to repeat it. About ten minutes for a table of 5,000 questions and all
routers.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from all_tables_page import LABEL, page
from router_r1 import routers
from router_r1.errors import RouterR1Error
from router_r1.routers.embedding import TFIDF, make_embedding, text_of
from router_r1.yaml_text import quoted
from router_r1_envs.planner.planner import Planner
from router_r1_envs.worlds.commands import recorded_world
from router_r1_envs.worlds.recorded_world.table_arrays import RouterRun
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld
from router_r1_envs.worlds.trained_in import TrainedIn, check_played_as_trained
from router_r1_eval.report.cost_accuracy_figure import frontier
from router_r1_eval.report.page import write_report
from router_r1_eval.report.svg import WIDE
from router_r1_eval.results import Results
from router_r1_eval.stats.bootstrap import paired
from router_r1_eval.tournament.entrants import Entrant, single_model
from router_r1_eval.tournament.episode_folder import EpisodeFolder
from router_r1_eval.tournament.mixtures import mixed_under_cap
from router_r1_eval.tournament.players import Player, is_checkpoint
from router_r1_eval.tournament.policy_entrant import PolicyEntrant
from router_r1_eval.tournament.router_entrants import planner_entrant, router_entrant
from router_r1_eval.tournament.setting_choice import EntrantRuns
from router_r1_eval.tournament.tournament import TableTournament
from router_r1_reward import RewardConfig

CAPS = (1.0, 0.75, 0.5)
"""Shares of the best single model's mean cost."""
_LEVELS = np.geomspace(0.004, 0.7, 14)  # sensitivities, closer together than a world's own
_ALWAYS_DRAWN = ("label", "planner", "policy")
_MOST_DRAWN = 4  # further routers among the curves


@dataclass(frozen=True)
class Job:
    """One table to compare routers on."""

    table: Path
    fit: str | None
    """Folder of another table to fit on."""
    policy: str | None
    """Folder of a checkpoint that was trained on it."""
    routers: tuple[str, ...]
    """Names with settings, as on the command line."""
    seeds: int
    """How often a router that draws at random is fitted."""
    seed: int

    @property
    def name(self) -> str:
        """Of its folder and row."""
        return self.table.name


@dataclass(frozen=True)
class Contender:
    """A router, fitted once or with several seeds."""

    name: str
    entrants: tuple[Entrant, ...]
    fit_seconds: float
    """Of one fit."""


def measure(job: Job, out: Path) -> dict[str, Any]:
    """Fit and run everything on a table; write results and report; return the figures under the caps."""
    world = _world(job)
    splits = TableSplits.of(world)
    began = time.monotonic()
    planner = Planner.fit(splits, job.seed)
    planner_seconds = time.monotonic() - began
    players = {}
    if job.policy is not None:
        check_played_as_trained({"policy": job.policy}, world)
        players = {"policy": Player("policy", job.policy)}
    make_embedding(TFIDF).fit(
        [text_of(splits.table.question(q.id)) for q in splits.train.questions]
    )
    contenders = []
    for text in job.routers:
        print(f"  {text}", flush=True)
        contenders.append(_fitted(splits, text, job.seeds))
    episodes = out / "episodes"
    fitted = tuple(contender.entrants[0] for contender in contenders)
    tournament = TableTournament(world, splits, players, episodes, planner, fitted=fitted)
    results = tournament.hold(RewardConfig(), seed=job.seed)
    results.write(out)
    write_report(out, None)
    contenders.insert(0, Contender("planner", (planner_entrant(planner),), planner_seconds))
    for name, player in players.items():
        policy = PolicyEntrant(name, EpisodeFolder(episodes / name, world, player), RewardConfig())
        policy.play([*splits.test.questions, *splits.validation.questions])  # reads what was played
        contenders.append(Contender(name, (policy.entrant(),), 0.0))
    runs = {c.name: [EntrantRuns.of(splits, e) for e in c.entrants] for c in contenders}
    caps = _under_caps(splits, runs, job.seed)
    decision_ms = {row.name: row.overhead_ms for row in results.rows}
    (out / "curves.svg").write_text(_curves(results, caps))
    return {
        "table": job.name,
        "models": len(splits.table.names),
        "questions": [len(part) for part in (splits.train, splits.validation, splits.test)],
        "best_single": splits.best_single,
        "best_single_accuracy": float(splits.test.score[:, splits.best_column].mean()),
        "planned_levels": sum(choice.planned for choice in planner.choices.values()),
        "levels": len(planner.choices),
        "headroom": results.headroom.model_dump() if results.headroom else None,
        "routers": {
            c.name: {
                "fit_seconds": round(c.fit_seconds, 2),
                "decision_ms": decision_ms.get(c.name),
                "seeds": len(c.entrants),
            }
            for c in contenders
        },
        "caps": caps,
    }


def _world(job: Job) -> RecordedWorld:
    settings = [
        "view=answer",
        "duplicates=first",
        "complete=true",
        "graded=false",
        "max_routes=1",
    ]
    trained = None if job.policy is None else TrainedIn.read(job.policy)
    if trained is None:
        settings.append(f"sensitivities=[{', '.join(f'{level:.3g}' for level in _LEVELS)}]")
    else:  # a small policy knows the levels of its training alone
        settings.append(f"levels={json.dumps([level.model_dump() for level in trained.levels])}")
        settings.append(f"max_rounds={trained.max_rounds}")
    if job.fit is not None:
        settings.append(f"fit={quoted(str(Path(job.fit).resolve()))}")
    return recorded_world(str(job.table), settings)


def _fitted(splits: TableSplits, text: str, seeds: int) -> Contender:
    """Fit a router, with several seeds if it has one."""
    made = routers.from_text(text)
    given = text.partition(":")[2]
    texts = [text]
    if "seed" in made.settings and "seed=" not in given:
        mark = "," if given else ":"
        texts = [f"{text}{mark}seed={seed}" for seed in range(seeds)]
    began = time.monotonic()
    entrants = tuple(replace(router_entrant(splits, each), name=text) for each in texts)
    return Contender(text, entrants, (time.monotonic() - began) / len(texts))


def _under_caps(
    splits: TableSplits, runs: Mapping[str, Sequence[EntrantRuns]], seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Cap -> router -> its figures on the test questions, means over its seeds."""
    best = single_model(splits.test, splits.best_column)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for cap in CAPS:
        limit = cap * splits.reference_usd
        mixed = {
            name: [mixed_under_cap(each.validation, each.test, limit) for each in fits]
            for name, fits in runs.items()
        }
        means = {
            name: _mean(fits) for name, each in mixed.items() if None not in (fits := list(each))
        }
        label, rows = means.get(LABEL), {}
        for name, run in means.items():
            over_best = paired(run.value, best.value, seed=seed)
            over_label = None if label is None else paired(run.value, label.value, seed=seed)
            rows[name] = {
                "over_best_single": [over_best.mean, *over_best.bounds],
                "over_label": None
                if over_label is None or name == LABEL
                else [over_label.mean, *over_label.bounds],
                "cost": float(run.cost.mean() / best.cost.mean()) if best.cost.any() else None,
                "calls": float(run.calls.mean()),
                "by_seed": [
                    float(fit.value.mean() - best.value.mean()) for fit in mixed[name] if fit
                ],
            }
        found[f"{cap:g}"] = rows
    return found


def _mean(runs: Sequence[RouterRun | None]) -> RouterRun:
    """What a router does in expectation over its seeds."""
    known = [run for run in runs if run is not None]
    return RouterRun(
        *(
            np.mean([getattr(run, field) for run in known], 0)
            for field in ("value", "cost", "calls")
        )
    )


def _curves(results: Results, caps: Mapping[str, Mapping[str, dict[str, Any]]]) -> str:
    """A drawing of accuracy over cost: the most accurate routers at the best single model's cost, planner and policy,
    label router, and single models; the report has all curves."""
    figures = caps["1"]
    others = sorted(
        (name for name in figures if name not in _ALWAYS_DRAWN),
        key=lambda name: -figures[name]["over_best_single"][0],
    )
    drawn = {*_ALWAYS_DRAWN, *others[:_MOST_DRAWN]}
    rows = tuple(row for row in results.rows if row.kind != "router" or row.name in drawn)
    return frontier(results.with_fields(rows=rows), WIDE).standalone()


def tables_in(places: list[Path]) -> list[Path]:
    """The tables among these folders and directly in them."""
    found = []
    for place in places:
        inside = sorted(place.iterdir()) if place.is_dir() else []
        for folder in [place, *inside]:
            if folder.is_dir() and (folder / "pool.yaml").exists():
                found.append(folder)
    return found


def everyone() -> tuple[str, ...]:
    """All routers that need no checkpoint, and are not made of another router."""
    made = {name: routers.make(name).settings for name in routers.names()}
    return tuple(name for name, s in made.items() if not s.get("backbone") and not s.get("base"))


def _made_by() -> str:
    return f"python scripts/analysis/all_tables.py {shlex.join(sys.argv[1:])}  # {date.today():%-d %B %Y}"


def _write_page(path: Path, rows: list[dict[str, Any]], out: Path) -> None:
    """Write the page, with the drawings in a folder beside it that has its name."""
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        shutil.copy(out / row["table"] / "curves.svg", folder / f"{row['table']}.svg")
    path.write_text(page(rows, _made_by(), f"{folder.name}/{{}}.svg"))


def main() -> None:
    """Compare on each table, and write the page after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="+", help="outcome tables, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="folder for results and page")
    parser.add_argument(
        "--fit",
        action="append",
        default=[],
        metavar="[TABLE=]FOLDER",
        help="another table of the same models, for fitting: of TABLE, or of all; repeatable",
    )
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="TABLE=FOLDER",
        help="a checkpoint that was trained on a table; repeatable",
    )
    parser.add_argument(
        "--page",
        type=Path,
        help="also write the page to this file, its drawings in a folder beside it",
    )
    parser.add_argument(
        "--router",
        action="append",
        default=[],
        metavar="NAME[:SETTING=VALUE,...]",
        help="a router; repeatable. By default all that need no checkpoint",
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="fits of each router that draws at random"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of planners and bootstrap")
    options = parser.parse_args()
    policies = dict(named.split("=", 1) for named in options.policy)
    fits: dict[str | None, str] = {}
    for named in options.fit:
        table_name, equals, folder = named.partition("=")
        fits[table_name if equals else None] = folder if equals else table_name
    chosen = tuple(options.router) or everyone()
    try:
        for text in chosen:
            routers.from_text(text)
    except RouterR1Error as error:
        sys.exit(f"all_tables.py: --router: {error}")
    tables = tables_in(options.data)
    if not tables:
        sys.exit(f"all_tables.py: no table (a folder with pool.yaml) in {options.data[0]}")
    names = {table.name for table in tables}
    for option, of in (("policy", set(policies)), ("fit", set(fits) - {None})):
        if unknown := of - names:
            sys.exit(f"all_tables.py: --{option} {min(unknown)}: there is no such table")
    for name, folder in policies.items():
        if not is_checkpoint(folder):
            sys.exit(f"all_tables.py: --policy {name}: {folder} holds no checkpoint")
    rows, failed = [], []
    for number, table in enumerate(tables, 1):
        out = options.out / table.name
        kept = out / "row.json"
        if not kept.exists():
            print(f"{number} of {len(tables)}: {table}", flush=True)
            fit = fits.get(table.name, fits.get(None))
            policy = policies.get(table.name)
            job = Job(table, fit, policy, chosen, options.seeds, options.seed)
            out.mkdir(parents=True, exist_ok=True)
            try:
                row = measure(job, out)
            except RouterR1Error as error:
                print(f"all_tables.py: {table.name} is left out: {error}", file=sys.stderr)
                failed.append(table.name)
                continue
            kept.write_text(json.dumps(row, indent=1))
        rows.append(json.loads(kept.read_text()))
        index = page(rows, _made_by(), "{}/curves.svg", "{}/report.html")
        (options.out / "index.md").write_text(index)
    if options.page is not None and rows:
        _write_page(options.page, rows, options.out)
    print(f"{options.out / 'index.md'}: {len(rows)} tables")
    if failed:
        sys.exit(f"all_tables.py: left out: {', '.join(failed)}")


if __name__ == "__main__":
    main()
