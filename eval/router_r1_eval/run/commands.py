"""`router-r1 eval` and `rescore`: light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and changes none

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from router_r1.agent import Result
    from router_r1_eval.run.runner import Contestant, Job, RunFolder
    from router_r1_eval.run.verdicts import Grader

AllowCode = Annotated[
    bool,
    typer.Option("--allow-code", help="Run the programs of answers to questions about code."),
]
JudgeName = Annotated[
    str | None,
    typer.Option("--judge", help="Grade by this model of --judge-pool instead of the metric."),
]
JudgePool = Annotated[
    Path | None, typer.Option("--judge-pool", help="The pool file with the judge.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("eval")(eval_command)
    app.command("rescore")(rescore_command)


def eval_command(
    benchmark: Annotated[
        str,
        typer.Argument(
            help="Its name (`router-r1 benchmark list`), or a JSON Lines file of questions."
        ),
    ],
    config: Annotated[Path, typer.Option(help="The agent file: policy, pool, aggregator, limits.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.")],
    single: Annotated[
        list[str],
        typer.Option(
            help="A model of the pool to ask directly, for comparison; `all`; repeatable."
        ),
    ] = [],
    agent: Annotated[
        bool, typer.Option(help="Ask the agent; --no-agent with --single only records a table.")
    ] = True,
    name: Annotated[str, typer.Option(help="What results call the agent.")] = "agent",
    limit: Annotated[
        int | None, typer.Option(min=1, help="A sample of N questions; a larger one contains it.")
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Another split than the one that is reported.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder with the benchmark's files; default: the hub.")
    ] = None,
    samples: Annotated[int, typer.Option(min=1, help="Times each question is asked.")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, help="Most episodes at a time.")] = 64,
    max_usd: Annotated[
        float | None,
        typer.Option(
            min=1e-9,
            help="About the most dollars the answers may cost, earlier starts included; a judge is apart.",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run: ask what is missing or failed.")
    ] = False,
    allow_code: AllowCode = False,
    judge: JudgeName = None,
    judge_pool: JudgePool = None,
    overrides: Annotated[
        list[str], typer.Option("--set", help="a.b=value: wins over the agent file.")
    ] = [],
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
) -> None:
    """Ask an agent, and single models of its pool, the questions of a benchmark; score the answers.

    Every episode is on disk the moment it ends; --resume asks what is missing or failed, and may add questions (--limit), samples and
    models. Greedy unless the agent file says otherwise: with --samples set policy.temperature above 0.

        router-r1 eval gsm8k --config agent.yaml --single all --limit 200 --out runs/gsm8k
        router-r1 rescore runs/gsm8k                  grade again, without asking
        router-r1 report runs/gsm8k                   a page
        router-r1 tournament --table runs/gsm8k/table --router knn --out runs/compared
    """
    from router_r1.agent_file import AgentFile, load_agent
    from router_r1.config import load
    from router_r1.errors import ConfigError
    from router_r1_eval import benchmarks
    from router_r1_eval.results import versions
    from router_r1_eval.run.runner import Contestant, RunFolder, jobs, peak_mib
    from router_r1_eval.run.runner import single as passes_on
    from router_r1_eval.run.scoring import check_gradable

    if not agent and not single:
        raise ConfigError("--no-agent without --single leaves nobody to ask")
    chosen = benchmarks.get(benchmark)
    questions = benchmarks.load(benchmark, data, limit=limit, split=split)
    check_gradable(questions, allow_code)
    folder = RunFolder(out)
    grader = _grader(folder, allow_code, judge, judge_pool)
    built = load_agent(config, [*overrides, f"traces={folder.traces.resolve()}"])
    names = built.pool.names if "all" in single else tuple(dict.fromkeys(single))
    if name in built.pool.names:
        raise ConfigError(f"--name {name}: a candidate of the pool is called so too")
    contestants = [Contestant(name, "agent", built)] if agent else []
    contestants += [passes_on(built.pool, n, folder.traces, built.timeout_s) for n in names]
    fixed = {
        "benchmark": str(Path(benchmark).resolve()) if Path(benchmark).is_file() else benchmark,
        "split": split,
        "name": name,
        "agent": load(AgentFile, config, overrides).model_dump(mode="json"),
        "pool": [card.model_dump(mode="json") for card in built.pool.cards],
        "instruction": chosen.instruction,
    }
    with folder.alone():
        folder.begin(fixed, questions, resume=resume)
        folder.write_settings({"versions": versions(), "samples": samples})
        _keep_judge(folder, grader)
        done = folder.episodes()
        wanted = {c.name for c in contestants}, {q.id for q in questions}
        if kept := sum(
            job.router not in wanted[0] or job.question not in wanted[1] or job.sample >= samples
            for job in done
        ):
            typer.echo(
                f"{out}: {kept} episodes of questions, samples or models that are not asked for now stay and count",
                err=True,
            )
        todo = list(jobs([c.name for c in contestants], questions, samples, done))
        left = math.inf
        if max_usd is not None:
            left = max_usd - sum(trace.cost_usd for tried in done.values() for trace in tried)
        whole = _ask(folder, contestants, questions, todo, chosen.instruction, concurrency, left)
        folder.write_settings({"peak_mib": peak_mib()})
        if not whole:
            typer.echo(
                f"stopped near ${max_usd:g}; --resume with a higher --max-usd goes on", err=True
            )
        _score(folder, grader, seed)


def rescore_command(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    allow_code: AllowCode = False,
    judge: JudgeName = None,
    judge_pool: JudgePool = None,
    by_metric: Annotated[
        bool, typer.Option("--by-metric", help="Without the judge that graded this run so far.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.")] = 0,
) -> None:
    """Grade the traces of a run again, and write its results anew; no router is asked, and a judge only for verdicts it has not given.

    A run that a judge graded is graded by the same one, unless another is named.
    """
    from router_r1.errors import ConfigError
    from router_r1_eval.run.runner import RunFolder

    folder = RunFolder(run)
    folder.read_settings()
    if by_metric and (judge is not None or judge_pool is not None):
        raise ConfigError("--by-metric is without a judge; leave --judge and --judge-pool out")
    with folder.alone():
        if by_metric:
            folder.write_settings({"judge": None})
        grader = _grader(folder, allow_code, judge, judge_pool)
        _keep_judge(folder, grader)
        _score(folder, grader, seed)


def _ask(
    folder: RunFolder,
    contestants: list[Contestant],
    questions: Any,
    todo: list[Job],
    instruction: str,
    concurrency: int,
    max_usd: float,
) -> bool:
    """Ask, with progress and running total; an interrupt leaves a run that can be gone on with."""
    from router_r1.progress import show_progress
    from router_r1_eval.run.runner import ask_all

    with show_progress(f"asking {', '.join(c.name for c in contestants)}", len(todo)) as advance:

        def tell(job: Job, result: Result) -> None:
            advance(result.cost_usd)

        try:
            return asyncio.run(
                ask_all(
                    contestants,
                    questions,
                    todo,
                    instruction,
                    concurrency=concurrency,
                    max_usd=max_usd,
                    on_result=tell,
                )
            )
        except KeyboardInterrupt:
            typer.echo(f"{folder.path}: --resume goes on from here", err=True)
            raise


def _grader(folder: RunFolder, allow_code: bool, judge: str | None, pool: Path | None) -> Grader:
    """How answers are graded: where no judge is named, by the one that graded the run so far.

    Raises:
        ConfigError: a judge that can not be called.
    """
    from router_r1.errors import ConfigError
    from router_r1.pool import ModelPool
    from router_r1_eval.run.scoring import by_metric
    from router_r1_eval.run.verdicts import Judged

    grader = by_metric(allow_code)
    if judge is None and pool is None:
        kept = folder.read_settings().get("judge") if folder.settings.exists() else None
        if kept is None:
            return grader
        judge, pool = kept["model"], Path(kept["pool"])
    if judge is None or pool is None:
        raise ConfigError("--judge and --judge-pool belong together")
    verdicts = folder.path / "verdicts.jsonl"
    return Judged(ModelPool.from_yaml(pool.resolve()), judge, verdicts, grader)


def _keep_judge(folder: RunFolder, grader: Grader) -> None:
    """Write into `run.json` who grades, before anybody is asked: an interrupted run is gone on with alike."""
    from router_r1_eval.run.verdicts import Judged

    if isinstance(grader, Judged):
        folder.write_settings({"judge": grader.named()})


def _score(folder: RunFolder, grader: Grader, seed: int) -> None:
    from router_r1.progress import show_progress
    from router_r1_eval.run.scoring import rescore, summary

    total = len(folder.episodes())
    with show_progress("scoring", total, show_cost=False) as advance:
        results = rescore(folder.path, grader, seed=seed, on_score=lambda _: advance(0.0))
    for line in summary(results):
        typer.echo(line)
    down = [
        r["name"]
        for r in results["rows"]
        if r["failed"] and not r["accuracy"] and r["failed"] >= results["questions"]
    ]
    if down:
        typer.echo(f"{', '.join(down)}: not one question was answered", err=True)
        raise typer.Exit(1)
