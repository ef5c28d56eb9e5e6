"""Compare the planner, a policy and the one-shot routers on every table that is there, under equal caps on cost.

    python scripts/analysis/all_tables.py DATA --out runs/all_tables
    python scripts/analysis/all_tables.py DATA/reasoning_gym DATA/mmlu_pro --policy mmlu_pro=runs/a/policy --out runs/two
    python scripts/analysis/all_tables.py TABLE --fit OTHER_HALF --out runs/held_back

DATA is a folder of outcome tables, or a table. For each table everything is fitted on its training questions and chosen
on its validation questions, both by a hash of the ids; the test questions give the figures. A cap is a share of the best
single model's mean cost. What a router reaches under a cap is the best random mixture of two of its settings there,
chosen on validation (RouterBench's interpolation, arXiv 2403.12031); so a cap between two settings favours nobody.

Writes OUT/TABLE/results.json and report.html (as `router-r1 tournament` and `router-r1 report` do), OUT/TABLE/row.json
with the figures under the caps, and OUT/index.md, one page over all tables. A table that has its row.json is not done
again; remove its folder to repeat it. About a quarter of an hour for six tables of up to 5,000 questions.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from router_r1.errors import RouterR1Error
from router_r1.routers import ROUTERS
from router_r1.yaml_text import quoted
from router_r1_envs.planner.planner import Planner
from router_r1_envs.worlds.commands import recorded_world
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.trained_in import TrainedIn, check_played_as_trained
from router_r1_eval.report.page import write_report
from router_r1_eval.stats.bootstrap import paired
from router_r1_eval.tournament.entrants import single_model
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
LABEL = "label"
_LEVELS = np.geomspace(0.004, 0.7, 14)  # sensitivities, closer together than a world's own
_POINTS = 100  # of accuracy


@dataclass(frozen=True)
class Job:
    """One table to compare routers on."""

    table: Path
    fit: Path | None
    policy: str | None
    """Folder of a checkpoint that was trained on it."""
    seed: int

    @property
    def name(self) -> str:
        """Of its folder and row."""
        return self.table.name


def measure(job: Job, out: Path) -> dict[str, Any]:
    """Fit and run everything on a table; write results and report; return the figures under the caps."""
    began = time.monotonic()
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
        settings.append(f"fit={quoted(str(job.fit.resolve()))}")
    world = recorded_world(str(job.table), settings)
    splits = TableSplits.of(world)
    planner = Planner.fit(splits, job.seed)
    fitted = time.monotonic() - began
    players = {}
    if job.policy is not None:
        check_played_as_trained({"policy": job.policy}, world)
        players = {"policy": Player("policy", job.policy)}
    names, episodes = tuple(ROUTERS), out / "episodes"
    tournament = TableTournament(world, splits, players, episodes, planner, names)
    results = tournament.hold(RewardConfig(), seed=job.seed)
    results.write(out)
    write_report(out, None)
    entrants = [planner_entrant(planner), *(router_entrant(splits, name) for name in names)]
    for name, player in players.items():
        policy = PolicyEntrant(name, EpisodeFolder(episodes / name, world, player), RewardConfig())
        policy.play([*splits.test.questions, *splits.validation.questions])  # reads what was played
        entrants.append(policy.entrant())
    return {
        "table": job.name,
        "models": len(splits.table.names),
        "questions": [len(part) for part in (splits.train, splits.validation, splits.test)],
        "best_single": splits.best_single,
        "best_single_accuracy": float(splits.test.score[:, splits.best_column].mean()),
        "seconds_to_fit_planner": round(fitted, 1),
        "planned_levels": sum(choice.planned for choice in planner.choices.values()),
        "levels": len(planner.choices),
        "headroom": results.headroom.model_dump() if results.headroom else None,
        "caps": _under_caps(splits, [EntrantRuns.of(splits, e) for e in entrants], job.seed),
    }


def _under_caps(
    splits: TableSplits, runs: list[EntrantRuns], seed: int
) -> dict[str, dict[str, dict[str, Any]]]:
    """Cap -> router -> its figures on the test questions."""
    best = single_model(splits.test, splits.best_column)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for cap in CAPS:
        limit = cap * splits.reference_usd
        mixed = {
            entrant.entrant.name: mixed_under_cap(entrant.validation, entrant.test, limit)
            for entrant in runs
        }
        label, rows = mixed[LABEL], {}
        for name, run in mixed.items():
            if run is None:
                continue
            over_best = paired(run.value, best.value, seed=seed)
            over_label = None if label is None else paired(run.value, label.value, seed=seed)
            rows[name] = {
                "over_best_single": [over_best.mean, *over_best.bounds],
                "over_label": None
                if over_label is None or name == LABEL
                else [over_label.mean, *over_label.bounds],
                "cost": float(run.cost.mean() / best.cost.mean()) if best.cost.any() else None,
                "calls": float(run.calls.mean()),
            }
        found[f"{cap:g}"] = rows
    return found


# --- the page


def page(rows: list[dict[str, Any]]) -> str:
    """The page over all tables, in Markdown."""
    lines = [
        "# Routers on every table",
        "",
        "Points of accuracy on the test questions over the best single model, and @ the share of its cost, with 95 %",
        "bootstrap intervals over questions. Under each cap a router may mix two of its settings, chosen on the validation",
        "questions. *over label*: over the router that looks up the category, under the same cap, on the same questions.",
        "",
    ]
    for row in rows:
        lines += [f"## {row['table']}", "", _verdict(row), ""]
        train, validation, test = row["questions"]
        lines += [
            f"{row['models']} models; {train} questions to fit, {validation} to choose, {test} to measure. Best single: "
            f"{row['best_single']}, {row['best_single_accuracy']:.3f}. {_oracles(row)}The planner, fitted in "
            f"{row['seconds_to_fit_planner']:.0f} s, makes further calls at {row['planned_levels']} of {row['levels']} "
            f"levels. [Report]({row['table']}/report.html)",
            "",
            "| cap | label | planner | planner over label | policy | best one-shot router |",
            "|---|---|---|---|---|---|",
        ]
        for cap, routers in row["caps"].items():
            others = {n: r for n, r in routers.items() if n not in ("planner", "policy")}
            best = max(others, key=lambda n: others[n]["over_best_single"][0], default=None)
            cells = [
                cap,
                _cell(routers.get(LABEL)),
                _cell(routers.get("planner")),
                _interval(routers.get("planner", {}).get("over_label")),
                _cell(routers.get("policy")),
                "" if best is None else f"{best} {_cell(others[best])}",
            ]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _verdict(row: dict[str, Any]) -> str:
    """The first sentence about a table: whether anything is gained there."""
    gains = {
        (cap, name): routers[name]["over_best_single"]
        for cap, routers in row["caps"].items()
        for name in routers
    }
    proven = [key for key, (_, low, _) in gains.items() if low > 0]
    if not proven:
        return "**Nothing is proven to be more accurate than the best single model at its cost or less.**"
    cap, name = max(proven, key=lambda key: gains[key][0])
    return f"**{name} gains {_interval(gains[cap, name])} points over the best single model at {cap} of its cost.**"


def _oracles(row: dict[str, Any]) -> str:
    headroom = row["headroom"]
    if not headroom:
        return ""
    found = [f"Oracle {headroom['oracle']:.3f}"]
    if headroom.get("oracle_less_chance") is not None:
        found.append(f"without lucky guesses {headroom['oracle_less_chance']:.3f}")
    if headroom.get("oracle_cross_fitted"):
        found.append(f"cross-fitted over samples {headroom['oracle_cross_fitted']['accuracy']:.3f}")
    return ", ".join(found) + ". "


def _cell(figures: dict[str, Any] | None) -> str:
    if figures is None:
        return ""
    cost = "" if figures["cost"] is None else f" @{figures['cost']:.2f}"
    return f"{_interval(figures['over_best_single'])}{cost}"


def _interval(bounds: list[float] | None) -> str:
    if bounds is None:
        return ""
    mean, low, high = (_POINTS * value for value in bounds)
    return f"{mean:+.1f} [{low:+.1f}, {high:+.1f}]"


def tables_in(places: list[Path]) -> list[Path]:
    """The tables among these folders and directly in them."""
    found = []
    for place in places:
        inside = sorted(place.iterdir()) if place.is_dir() else []
        for folder in [place, *inside]:
            if folder.is_dir() and (folder / "pool.yaml").exists():
                found.append(folder)
    return found


def main() -> None:
    """Compare on each table, and write the page after each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="+", help="outcome tables, or folders of them")
    parser.add_argument("--out", type=Path, required=True, help="folder for results and page")
    parser.add_argument("--fit", type=Path, help="another table of the same models, for fitting")
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        metavar="TABLE=FOLDER",
        help="a checkpoint that was trained on a table; repeatable",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of planners and bootstrap")
    options = parser.parse_args()
    policies = dict(named.split("=", 1) for named in options.policy)
    tables = tables_in(options.data)
    if not tables:
        sys.exit(f"all_tables.py: no table (a folder with pool.yaml) in {options.data[0]}")
    if unknown := set(policies) - {table.name for table in tables}:
        sys.exit(f"all_tables.py: --policy {min(unknown)}: there is no such table")
    for name, folder in policies.items():
        if not is_checkpoint(folder):
            sys.exit(f"all_tables.py: --policy {name}: {folder} holds no checkpoint")
    rows, failed = [], []
    for number, table in enumerate(tables, 1):
        out = options.out / table.name
        kept = out / "row.json"
        if not kept.exists():
            print(f"{number} of {len(tables)}: {table}", flush=True)
            job = Job(table, options.fit, policies.get(table.name), options.seed)
            out.mkdir(parents=True, exist_ok=True)
            try:
                row = measure(job, out)
            except RouterR1Error as error:
                print(f"all_tables.py: {table.name} is left out: {error}", file=sys.stderr)
                failed.append(table.name)
                continue
            kept.write_text(json.dumps(row, indent=1))
        rows.append(json.loads(kept.read_text()))
        (options.out / "index.md").write_text(page(rows))
    print(f"{options.out / 'index.md'}: {len(rows)} tables")
    if failed:
        sys.exit(f"all_tables.py: left out: {', '.join(failed)}")


if __name__ == "__main__":
    main()
