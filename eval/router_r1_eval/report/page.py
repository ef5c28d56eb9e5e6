"""The page: which sections it has, in which order, with which captions. Sections without content are left out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from router_r1_envs.verl_training.training_log import read_metrics
from router_r1_eval.report.calls_table import calls_table
from router_r1_eval.report.cost_accuracy_caption import cost_accuracy_caption
from router_r1_eval.report.cost_accuracy_figure import close_up, frontier
from router_r1_eval.report.differences import differences, differences_caption
from router_r1_eval.report.document import Document
from router_r1_eval.report.efficiency_table import efficiency_table
from router_r1_eval.report.episode_pager import episode_pager
from router_r1_eval.report.episodes import EpisodeSummary, kinds_of, read_episode_summaries
from router_r1_eval.report.heat_tables import (
    called_table,
    category_table,
    corpus_table,
    regret_table,
)
from router_r1_eval.report.learning_curve import learning_curve
from router_r1_eval.report.level_tables import capped_table, cost_caps, levels_table
from router_r1_eval.report.markup import escaped
from router_r1_eval.report.mixture_tables import mixtures_table, two_models_table
from router_r1_eval.report.results_table import results_table
from router_r1_eval.report.rewards import rewards
from router_r1_eval.report.sample_section import sample_section
from router_r1_eval.report.settings_section import settings_section
from router_r1_eval.results import FILE_NAME, Results


def write_report(run: str | Path, log: str | Path | None = None) -> Path:
    """Write `report.html` into the folder of a run, and its figures beside it as SVG files.

    Args:
        run: a folder with `results.json`, and `traces.jsonl` if there is one.
        log: verl's metrics, one `{"step": ..., "data": {...}}` a line: a file, or a folder with one file per start.

    Raises:
        DataError: the results or the log are missing or invalid.
        TraceError: a line of `traces.jsonl` is not a trace.
    """
    run = Path(run)
    results = Results.read(run / FILE_NAME)
    steps = [] if log is None else read_metrics(log)
    traces = run / "traces.jsonl"
    episodes = read_episode_summaries(traces) if traces.exists() else []
    routed = [episode for episode in episodes if episode.routes]
    document = Document(run)
    document.section("What this sample can show", sample_section(results))
    _add_cost_and_quality(document, results)
    _add_results(document, results)
    document.section(
        "Categories",
        document.table(regret_table, results, "Regret by category."),
        document.table(category_table, results, "Accuracy by category."),
    )
    document.section(
        "Calls per question",
        document.table(calls_table, routed, f"Episodes of {_routers(routed)} by number of calls."),
        document.table(called_table, results, "Candidates called."),
    )
    document.section("Speed and price", document.table(efficiency_table, results, _EFFICIENCY))
    if episodes:
        document.section("Episodes", _about_sample(episodes), episode_pager(traces, episodes))
    document.section("Every level", document.table(levels_table, results, _LEVELS))
    curve = document.figure("curve", lambda width: learning_curve(steps, width), _LEARNING)
    document.section("Learning curve", curve)
    document.section("Settings and versions", settings_section(results))
    return document.write(Path(results.table).name or results.table, _lead(results))


_CLOSE_UP = "The same figure around the best single model."
_DIFFERENCES = (
    "Accuracy difference to the best single model on the same questions, in points, with paired 95 % intervals; on the "
    "right, cost as a share of its cost. {}"
)
_REWARDS = "Mean reward of every router and baseline{}."
_RESULTS = "Every router and baseline{}."
_AT_MAIN_LEVEL = {True: ", at its main level", False: ""}
_CAPPED = (
    "Against the best single model, at no more than {}: every router at the level that validation chose. On the test "
    "questions it may cost a little more. Columns as in the table of results."
)
_CORPUS = "Metrics over all answers together, as the benchmark's authors define them; they range from 0 or −1 to 1."
_EFFICIENCY = "Calls to each model, and its price. Times of replayed calls are those of the replay."
_LEVELS = "Every level. Columns as in the table of results."
_CHOSEN_ON = {
    True: "chosen on validation questions",
    False: "chosen on these test questions, which flatters the result",
}
_MIXTURES = "What mixing the levels of a router at random reaches; the levels are {}."
_TWO_MODELS = (
    "Between two models: the share of calls to {strong}, the others going to {weak}, that recovers a part of the gap "
    "of {gap:.1f} points."
)
_LEARNING = "Training and validation over the steps of reinforcement learning."


def _add_cost_and_quality(document: Document, results: Results) -> None:
    how_mixed = f"the models are {_CHOSEN_ON[bool(results.mixed_singles)]}"
    caption = f"Accuracy against cost. {cost_accuracy_caption(results, how_mixed)}"
    document.section(
        "Cost and quality",
        document.figure("frontier", lambda width: frontier(results, width), caption),
        document.figure("closeup", lambda width: close_up(results, width), _CLOSE_UP),
    )


def _add_results(document: Document, results: Results) -> None:
    at_main_level = _AT_MAIN_LEVEL[results.has_levels]
    document.section(
        "Results",
        document.figure(
            "differences",
            lambda width: differences(results, width),
            _DIFFERENCES.format(differences_caption(results)),
        ),
        document.figure(
            "bars", lambda width: rewards(results, width), _REWARDS.format(at_main_level)
        ),
        document.table(results_table, results, _RESULTS.format(at_main_level)),
        document.table(corpus_table, results, _CORPUS),
        *(
            document.table(partial(capped_table, results), cap, _CAPPED.format(escaped(cap)))
            for cap in cost_caps(results)
        ),
        document.table(mixtures_table, results, _mixtures_caption(results)),
        document.table(two_models_table, results, _two_models_caption(results)),
    )


def _mixtures_caption(results: Results) -> str:
    mixtures = [row.hull for row in results.rows if row.hull is not None]
    return _MIXTURES.format(_CHOSEN_ON[all(mixture.corners for mixture in mixtures)])


def _two_models_caption(results: Results) -> str:
    two = results.two_models
    if two is None:
        return ""
    names = {"strong": escaped(two.strong), "weak": escaped(two.weak)}
    return _TWO_MODELS.format(**names, gap=100 * two.gap)


def _lead(results: Results) -> str:
    """The numbers of questions, candidates, routers and baselines, and the judge."""
    kinds = [row.kind for row in results.rows]
    routers, baselines = kinds.count("agent") + kinds.count("router"), kinds.count("baseline")
    parts = [
        f"{results.questions:,} questions",
        *([f"{len(results.pool)} candidates"] if results.pool else []),
        *([f"{routers} router{'s' * (routers != 1)}"] if routers else []),
        f"{baselines} baseline{'s' * (baselines != 1)}",
    ]
    text = ", ".join(parts)
    if results.settings.judge is not None:
        text += f"; graded by the judge {escaped(results.settings.judge.model)}"
    brackets = " Brackets are 95 % bootstrap intervals over questions."
    return f"{text}.{brackets if any(row.ci95 for row in results.rows) else ''}"


def _routers(episodes: Sequence[EpisodeSummary]) -> str:
    return escaped(", ".join(dict.fromkeys(episode.router for episode in episodes)))


def _about_sample(episodes: Sequence[EpisodeSummary]) -> str:
    some_expensive = any("expensive" in kinds for kinds in kinds_of(episodes).values())
    expensive = "Expensive: the most expensive tenth. " if some_expensive else ""
    return (
        f"<p>A sample of the {len(episodes):,} episodes of {_routers(episodes)}, drawn by a hash and not by hand: "
        f"some of each kind, then the next in order. {expensive}The arrow keys turn pages.</p>"
    )
