"""The commands `router-r1 eval` and `rescore`, and with them `sweep`. Light to import."""

# ruff: noqa: B006  # typer reads the default of a list option from the signature, and never changes it

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from router_r1 import terminal
from router_r1.config import MAX_SEED
from router_r1.errors import ConfigError, NotSavedError, one_line
from router_r1_eval.run import sweep_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from router_r1.agent import Result, RouterAgent
    from router_r1.data.questions import Question
    from router_r1.pool import ModelPool
    from router_r1.trace import Trace
    from router_r1_eval.run.grader import Grader
    from router_r1_eval.run.jobs import Job
    from router_r1_eval.run.run_folder import RunFolder

BenchmarkName = Annotated[
    str,
    typer.Argument(help="A name (`router-r1 benchmark list`), or a JSON Lines file of questions."),
]
ConfigFile = Annotated[
    Path,
    typer.Option(
        help="The agent file: policy, pool, aggregator, limits. With --no-agent a pool file will do."
    ),
]
OutFolder = Annotated[Path, typer.Option(help="Folder of the run.")]
SingleModels = Annotated[
    list[str],
    typer.Option(help="A model of the pool to ask directly, for comparison; `all`; repeatable."),
]
WithAgent = Annotated[
    bool, typer.Option(help="Ask the agent; --no-agent with --single only records a table.")
]
AgentName = Annotated[str, typer.Option(help="Name of the agent in the results.")]
Limit = Annotated[
    int | None,
    typer.Option(min=1, help="Ask a sample of N questions; a larger sample contains it."),
]
Split = Annotated[
    str | None, typer.Option(help="Split to use instead of the one that results are reported on.")
]
DataFolder = Annotated[
    Path | None, typer.Option(help="Folder with the benchmark's files; default: the hub.")
]
Samples = Annotated[int, typer.Option(min=1, help="How often each question is asked.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Maximum number of episodes at a time.")]
MaxUsd = Annotated[
    float | None,
    typer.Option(
        min=1e-9,
        help="Approximate limit in dollars on all answers of this run, earlier starts included; without a judge.",
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue a run: ask what is missing or failed.")
]
AllowCode = Annotated[
    bool,
    typer.Option("--allow-code", help="Run the programs in answers to questions about code."),
]
JudgeName = Annotated[
    str | None,
    typer.Option("--judge", help="Grade with this model of --judge-pool instead of the metric."),
]
JudgePool = Annotated[
    Path | None, typer.Option("--judge-pool", help="The pool file with the judge.")
]
ByMetric = Annotated[
    bool,
    typer.Option("--by-metric", help="Grade by metric, even if a judge graded this run before."),
]
Thoughts = Annotated[
    Path | None,
    typer.Option(
        help="Put thought templates in front of every question: a folder from scripts/data/thought_templates.py."
    ),
]
ThoughtCount = Annotated[
    int, typer.Option("--thought-count", min=1, help="Most templates in front of a question.")
]
Overrides = Annotated[
    list[str], typer.Option("--set", help="a.b=value: overrides the agent file; repeatable.")
]
Seed = Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the bootstrap.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("eval")(eval_command)
    app.command("rescore")(rescore_command)
    sweep_command.register(app)


def eval_command(
    benchmark: BenchmarkName,
    config: ConfigFile,
    out: OutFolder,
    single: SingleModels = [],
    agent: WithAgent = True,
    name: AgentName = "agent",
    limit: Limit = None,
    split: Split = None,
    data: DataFolder = None,
    samples: Samples = 1,
    concurrency: Concurrency = 64,
    max_usd: MaxUsd = None,
    resume: Resume = False,
    allow_code: AllowCode = False,
    judge: JudgeName = None,
    judge_pool: JudgePool = None,
    thoughts: Thoughts = None,
    thought_count: ThoughtCount = 3,
    overrides: Overrides = [],
    seed: Seed = 0,
) -> None:
    """Ask an agent, and single models of its pool, the questions of a benchmark; score the answers.

    Every episode is on disk the moment it ends. --resume asks what is missing or failed, and may add questions
    (--limit), samples and models; it says first how long that takes at the pace so far. Decoding is greedy unless the agent file says otherwise: with --samples, set
    policy.temperature above 0.

        router-r1 eval gsm8k --config agent.yaml --single all --limit 200 --out runs/gsm8k
        router-r1 rescore runs/gsm8k                  grade again, without asking
        router-r1 report runs/gsm8k                   a page
        router-r1 tournament --table runs/gsm8k/table --router knn --out runs/compared
    """
    from router_r1.counts import check_count
    from router_r1.data.outcome_table import MAX_SAMPLES
    from router_r1.names import check_name_in
    from router_r1_eval import benchmarks
    from router_r1_eval.results import versions
    from router_r1_eval.run.grading import check_gradable
    from router_r1_eval.run.run_folder import RunFolder
    from router_r1_eval.run.thoughts import Thoughts as ThoughtsInFront

    if not agent and not single:
        raise ConfigError("--no-agent without --single leaves no model to ask; pass --single NAME")
    check_name_in("--name", name)
    few = "lower --samples"
    check_count(samples, "samples", few, most=MAX_SAMPLES, why="of a question fit into a table")
    few = "lower --concurrency"
    check_count(concurrency, "episodes at a time", few, most=10**5, why="have connections")
    instruction = benchmarks.get(benchmark).instruction
    questions = benchmarks.load(benchmark, data, limit=limit, split=split)
    check_gradable(questions, allow_code)
    folder = RunFolder(out)
    grader = _grader(folder, allow_code, judge, judge_pool)
    pool, built, timeout_s, description = _load(config, overrides, folder, with_agent=agent)
    if name in pool.names:
        raise ConfigError(f"--name {name}: a candidate of the pool has this name; choose another")
    agents = {} if built is None else {name: built}
    routers = agents | _single_models(pool, single, folder, timeout_s)
    episodes = len(questions) * len(routers) * samples
    check_count(episodes, "episodes", "lower --limit or --samples, or ask fewer models")
    fixed = {
        "benchmark": str(Path(benchmark).resolve()) if Path(benchmark).is_file() else benchmark,
        "split": split,
        "name": name,
        **description,
        "instruction": instruction,
    }
    in_front = None
    if thoughts is not None:
        in_front = ThoughtsInFront.load(thoughts, thought_count, pool.cards, questions)
        fixed["thoughts"] = in_front.described
    with folder.alone():
        folder.begin(fixed, questions, resume=resume)
        folder.write_settings({"versions": versions(), "samples": samples})
        _keep_judge(folder, grader)
        jobs, left_usd = _remaining(folder, routers, questions, samples, max_usd)
        try:
            ask = (routers, questions, jobs, instruction, concurrency, left_usd, in_front)
            if not _ask(folder, *ask):
                stopped = (
                    f"stopped near ${max_usd:g}; continue with --resume and a higher --max-usd"
                )
                terminal.echo(stopped, err=True)
        except NotSavedError as error:
            terminal.echo(one_line(error), err=True)
            raise typer.Exit(1) from None
        _score(folder, grader, seed)


def rescore_command(
    run: Annotated[Path, typer.Argument(help="Folder of a run.")],
    allow_code: AllowCode = False,
    judge: JudgeName = None,
    judge_pool: JudgePool = None,
    by_metric: ByMetric = False,
    seed: Seed = 0,
) -> None:
    """Grade the traces of a run again and write its results anew. Asks no router, and a judge only for new verdicts.

    A run that a judge graded before is graded by the same judge, unless you name another one.
    """
    from router_r1_eval.run.run_folder import RunFolder

    folder = RunFolder(run)
    folder.read_settings()
    if by_metric and (judge is not None or judge_pool is not None):
        raise ConfigError("--by-metric means without a judge; leave --judge and --judge-pool out")
    with folder.alone():
        if by_metric:
            folder.write_settings({"judge": None})
        grader = _grader(folder, allow_code, judge, judge_pool)
        _keep_judge(folder, grader)
        _score(folder, grader, seed)


def _load(
    config: Path, overrides: Sequence[str], folder: RunFolder, *, with_agent: bool
) -> tuple[ModelPool, RouterAgent | None, float | None, dict[str, Any]]:
    """Read an agent file, or a pool file if no agent is asked.

    Returns:
        The pool; the agent, tracing into the run's folder, or None; the seconds that a question may take; and agent
        file and pool as `run.json` keeps them.
    """
    from router_r1.agent_file import AgentFile, load_agent
    from router_r1.config import load, read_yaml
    from router_r1.pool import ModelPool

    if not with_agent and "candidates" in read_yaml(config):
        if overrides:
            raise ConfigError(f"--set {overrides[0]}: needs an agent file; {config} is a pool file")
        pool = ModelPool.from_yaml(config)
        return pool, None, None, {"agent": None, "pool": _described(pool)}
    agent = load_agent(config, overrides, traces=folder.traces)
    content = load(AgentFile, config, overrides).model_dump(mode="json")
    description = {"agent": content, "pool": _described(agent.pool)}
    return agent.pool, agent if with_agent else None, agent.timeout_s, description


def _described(pool: ModelPool) -> list[dict[str, Any]]:
    return [card.model_dump(mode="json") for card in pool.cards]


def _single_models(
    pool: ModelPool, single: Sequence[str], folder: RunFolder, timeout_s: float | None
) -> dict[str, RouterAgent]:
    """The single models of the pool to ask."""
    from router_r1_eval.run.single_model import single_model

    models = pool.names if "all" in single else dict.fromkeys(single)
    return {model: single_model(pool, model, folder.traces, timeout_s) for model in models}


def _remaining(
    folder: RunFolder,
    routers: Mapping[str, RouterAgent],
    questions: Sequence[Question],
    samples: int,
    max_usd: float | None,
) -> tuple[list[Job], float]:
    """The jobs that are left, and the dollars that are left for them."""
    from router_r1_eval.run.jobs import remaining_jobs
    from router_r1_eval.run.pace import describe, paces

    done: Mapping[Job, tuple[Trace, ...]] = folder.episodes()
    ids = {question.id for question in questions}
    if others := sum(
        job.router not in routers or job.question not in ids or job.sample >= samples
        for job in done
    ):
        terminal.echo(
            f"{folder.path}: keeps {others} episodes of questions, samples or models not requested now; they still count",
            err=True,
        )
    jobs = list(remaining_jobs(list(routers), questions, samples, done))
    so_far = [(job.router, tries[-1]) for job, tries in done.items()]
    for line in describe(paces(so_far, jobs)):
        terminal.echo(line, err=True)
    if max_usd is None:
        return jobs, math.inf
    return jobs, max_usd - sum(trace.cost_usd for tries in done.values() for trace in tries)


def _ask(
    folder: RunFolder,
    routers: Mapping[str, RouterAgent],
    questions: Sequence[Question],
    jobs: Sequence[Job],
    instruction: str,
    concurrency: int,
    max_usd: float,
    thoughts: Callable[[Question, str], str] | None,
) -> bool:
    """Ask, showing progress and dollars, and note the peak memory. Returns whether all jobs were carried out."""
    from router_r1.progress import show_progress
    from router_r1_eval.run.ask import ask_all
    from router_r1_eval.run.efficiency import peak_mib

    with show_progress(f"asking {', '.join(routers)}", len(jobs)) as advance:

        def show(job: Job, result: Result) -> None:
            advance(result.cost_usd)

        try:
            all_asked = asyncio.run(
                ask_all(
                    routers,
                    questions,
                    jobs,
                    instruction,
                    concurrency=concurrency,
                    max_usd=max_usd,
                    thoughts=thoughts,
                    on_result=show,
                )
            )
        except KeyboardInterrupt:
            terminal.echo(f"{folder.path}: continue from here with --resume", err=True)
            raise
    folder.write_settings({"peak_mib": peak_mib()})
    return all_asked


def _grader(folder: RunFolder, allow_code: bool, judge: str | None, pool: Path | None) -> Grader:
    """The grader: the named judge, or else the judge that graded the run before, or else the metric.

    Raises:
        ConfigError: the judge cannot be called.
    """
    from router_r1.pool import ModelPool
    from router_r1_eval.run.grader import MetricGrader
    from router_r1_eval.run.judge_grader import JudgeGrader

    by_metric = MetricGrader(allow_code)
    if judge is None and pool is None:
        kept = folder.read_settings().get("judge") if folder.settings.exists() else None
        if kept is None:
            return by_metric
        judge, pool = kept["model"], Path(kept["pool"])
    if judge is None or pool is None:
        raise ConfigError("--judge and --judge-pool belong together; pass both")
    return JudgeGrader(ModelPool.from_yaml(pool.absolute()), judge, folder.verdicts, by_metric)


def _keep_judge(folder: RunFolder, grader: Grader) -> None:
    """Write the judge into `run.json` before any model is called, so that a resumed run has the same one."""
    from router_r1_eval.run.judge_grader import JudgeGrader

    if isinstance(grader, JudgeGrader):
        folder.write_settings({"judge": grader.reference()})


def _score(folder: RunFolder, grader: Grader, seed: int) -> None:
    """Grade, print the results; exit status 1 if a router answered no question at all."""
    from router_r1.progress import show_progress
    from router_r1_eval.run.rescore import rescore
    from router_r1_eval.run.summary import summary

    total = len(folder.episodes())
    with show_progress("scoring", total, show_cost=False) as advance:
        results = rescore(folder.path, grader, seed=seed, on_graded=lambda _: advance(0.0))
    for line in summary(results):
        terminal.echo(line)
    down = [
        row.name
        for row in results.rows
        if row.failed and not row.accuracy and row.failed >= results.questions
    ]
    if down:
        terminal.echo(f"{', '.join(down)}: not one question was answered", err=True)
        raise typer.Exit(1)
