"""The page: which sections a report has, in which order, and the files beside it.

A section without anything to show is left out. The page holds its style, script and pictures and asks no other machine for anything.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TypeVar

from router_r1_envs.verl_training.training_log import read_metrics
from router_r1_eval.report import cost_accuracy, efficiency, figures, heat_tables, svg, tables
from router_r1_eval.report.episodes import Seen, calls_table, kinds_of, pager, read_seen
from router_r1_eval.report.read import Results, read_results
from router_r1_eval.report.svg import Drawing, number, style
from router_r1_eval.results import estimated
from router_r1_eval.stats.significance import smallest_difference

T = TypeVar("T")
_LONG = 1000
"""Characters of a setting that is shown without a click."""
_FIGURES = ("frontier", "closeup", "differences", "bars", "curve")


def write_report(run: str | Path, log: str | Path | None = None) -> Path:
    """Write `report.html` into the folder of a run, and its figures beside it as `NAME.svg`.

    Args:
        run: a folder with `results.json`, and `traces.jsonl` if there is one.
        log: verl's metrics, one `{"step": ..., "data": {...}}` a line: a file, or a folder with one for each start.

    Raises:
        DataError: no results there, or they have another shape; a log that is none.
        TraceError: a line of `traces.jsonl` is no trace.
    """
    run = Path(run)
    results = read_results(run / "results.json")
    steps = [] if log is None else read_metrics(log)
    traces = run / "traces.jsonl"
    seen = read_seen(traces) if traces.exists() else []
    routed = [one for one in seen if one.routes]
    at = _AT_LEVEL[results.levels]
    page = _Page(run)
    page.section("What this sample can show", _sample(results))
    page.section(
        "Cost and quality",
        page.figure(
            "frontier",
            lambda width: cost_accuracy.frontier(results, width),
            f"Accuracy against cost. {cost_accuracy.marks(results, _CHOSEN[bool(results.mixed_singles)])}",
        ),
        page.figure("closeup", lambda width: cost_accuracy.close_up(results, width), _CLOSE_UP),
    )
    page.section(
        "Results",
        page.figure(
            "differences",
            lambda width: figures.differences(results, width),
            _DIFFERENCES.format(figures.difference_marks(results)),
        ),
        page.figure("bars", lambda width: figures.rewards(results, width), _REWARDS.format(at)),
        page.table(tables.results_table, results, _RESULTS.format(at)),
        page.table(heat_tables.corpus_table, results, _CORPUS),
        *(
            page.table(partial(tables.capped_table, results), cap, _CAPPED.format(html.escape(cap)))
            for cap in tables.caps(results)
        ),
        page.table(tables.mixtures_table, results, _mixtures(results)),
        page.table(tables.two_models_table, results, _between(results)),
    )
    regret = page.table(heat_tables.regret_table, results, "Regret by category.")
    accuracy = page.table(heat_tables.category_table, results, "Accuracy by category.")
    page.section("Categories", regret, accuracy)
    page.section(
        "Calls per question",
        page.table(
            calls_table, routed, f"Episodes of {_routers(routed)} by their calls." if routed else ""
        ),
        page.table(heat_tables.asked_table, results, "Who is asked."),
    )
    page.section("Speed and price", page.table(efficiency.efficiency_table, results, _CALLS))
    if seen:
        page.section("Episodes", _about_sample(seen), pager(traces, seen))
    page.section(
        "Every level",
        page.table(
            tables.settings_table, results, "Every level. Columns as in the table of results."
        ),
    )
    if log is not None:
        page.section(
            "Learning curve",
            page.figure("curve", lambda width: figures.learning(steps, width), _LEARNING),
        )
    page.section("Settings and versions", _settings(results))
    return page.write(results)


_CLOSE_UP = "The same, around the best single model."
_DIFFERENCES = "Points of accuracy against the best single model on the same questions, with paired 95 % intervals; on the right the share of its cost. {}"
_REWARDS = "Mean reward of the episodes{}."
_RESULTS = "Every router and bar{}."
_AT_LEVEL = {True: ", at the level that stands for it", False: ""}
_CAPPED = (
    "Against the best single model, at no more than {}: for every router the level that validation chose. On the test questions it may cost a "
    "little more. Columns as in the table of results."
)
_CORPUS = "Numbers of all answers together, as the authors of the benchmark define them, from 0 or −1 to 1."
_CALLS = (
    "What calling each model was like, and its price. Replayed calls have the times of the replay."
)
_CHOSEN = {
    True: "validation chose which ones",
    False: "these very questions chose which ones, and that flatters",
}
_MIXTURES = "What mixing the levels of a router at random reaches; {}."
_TWO_MODELS = "Between two models: the share of calls to {strong}, the others to {weak}, that recovers a part of the gap of {gap:.1f} points."
_LEARNING = "Training and validation over the steps of reinforcement learning."


def _mixtures(results: Results) -> str:
    reached = [row.hull for row in results.rows if row.hull is not None]
    return _MIXTURES.format(_CHOSEN[all(found.corners for found in reached)])


def _between(results: Results) -> str:
    two = results.two_models
    if two is None:
        return ""
    names = {"strong": html.escape(two.strong), "weak": html.escape(two.weak)}
    return _TWO_MODELS.format(**names, gap=100 * two.gap)


class _Page:
    """Collects sections; numbers figures and tables; writes figures beside the page."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.sections: list[tuple[str, str]] = []
        self.figures = self.tables = 0
        for name in _FIGURES:  # of an earlier report, which may have had more
            (run / f"{name}.svg").unlink(missing_ok=True)

    def section(self, title: str, *parts: str) -> None:
        """Append a section, unless all its parts are empty."""
        if any(parts):
            self.sections.append((title, "\n".join(filter(None, parts))))

    def figure(self, name: str, draw: Callable[[float], Drawing | None], caption: str) -> str:
        """A drawing for the page and one for a phone; the former is also written to a file."""
        wide, narrow = draw(svg.WIDE), draw(svg.NARROW)
        if wide is None or narrow is None:
            return ""
        self.figures += 1
        (self.run / f"{name}.svg").write_text(wide.alone() + "\n")
        return (
            f"<figure>{wide.inline('wide')}{narrow.inline('narrow')}"
            f"<figcaption><b>Figure {self.figures}.</b> {caption}</figcaption></figure>"
        )

    def table(self, make: Callable[[T, str], str], of: T, caption: str) -> str:
        """A table with its number; empty where `make` has nothing to show."""
        made = make(of, f"<b>Table {self.tables + 1}.</b> {caption}")
        self.tables += bool(made)
        return made

    def write(self, results: Results) -> Path:
        """Write report.html."""
        here = files(__package__)
        named = [(f"s{n}", title, body) for n, (title, body) in enumerate(self.sections, 1)]
        source = Path(results.table).name or results.table
        text = Template(here.joinpath("page.html").read_text()).substitute(
            title=html.escape(f"Router-R1: {source}"),
            heading=html.escape(f"Routers on {source}"),
            lead=_lead(results),
            style=here.joinpath("page.css").read_text() + style(),
            contents="".join(f'<a href="#{key}">{title}</a>' for key, title, _ in named),
            sections="\n".join(
                f'<section id="{key}" aria-labelledby="{key}-title"><h2 id="{key}-title">{title}</h2>\n{body}</section>'
                for key, title, body in named
            ),
            script=here.joinpath("page.js").read_text(),
        )
        path = self.run / "report.html"
        path.write_text(text)
        return path


def _lead(results: Results) -> str:
    kinds = [row.kind for row in results.rows]
    routers, bars = kinds.count("agent") + kinds.count("router"), kinds.count("bar")
    parts = [
        f"{results.questions:,} questions",
        *([f"{len(results.pool)} candidates"] if results.pool else []),
        *([f"{routers} router{'s' * (routers != 1)}"] if routers else []),
        f"{bars} bar{'s' * (bars != 1)}",
    ]
    text = ", ".join(parts)
    if results.judge is not None:
        text += f"; graded by the judge {html.escape(results.judge)}"
    brackets = " Brackets are 95 % bootstrap intervals over questions."
    return f"{text}.{brackets if any(row.ci95 for row in results.rows) else ''}"


def _sample(results: Results) -> str:
    """What can be told apart and what could be gained, before any comparison; then what is told apart."""
    head = results.headroom
    stated = results.smallest_difference if head is None else head.smallest_difference
    found = smallest_difference(results.questions) if stated is None else stated
    facts = [
        (f"{results.questions:,}", "questions"),
        (
            f"{100 * found:.1f}",
            "points: the smallest difference a paired comparison finds here, four times out of five",
        ),
    ]
    best = results.best
    name = f" ({results.settings['best_single']})" if "best_single" in results.settings else ""
    if best is not None:
        facts.append((f"{100 * best.accuracy:.1f} %", f"right: the best single model{name}"))
    if head is not None:
        facts.append(
            (f"{100 * head.oracle:.1f} %", "right: the oracle, which knows all answers beforehand")
        )
        if head.oracle_less_chance is not None:
            corrected = f"{100 * head.oracle_less_chance:.1f} %"
            facts.append((corrected, "the same, less the luck of many guessers"))
        if (luck := head.oracle_cross_fitted) is not None:
            kept = f"the oracle less the luck of one draw, by {luck.samples} samples of {luck.questions} questions"
            facts.append(
                (f"{100 * luck.accuracy:.1f} %", f"{kept}; as it is {100 * luck.oracle:.1f} %")
            )
        facts += [(f"{100 * share:.0f} %", _TIES.get(key, key)) for key, share in head.ties.items()]
    if results.left_out:
        facts.append(
            (f"{results.left_out:,}", "questions left out: somebody was not asked them yet")
        )
    if failed := sum(row.failed for row in results.rows):
        facts.append(
            (f"{failed:,}", "episodes failed and count as wrong until they are asked again")
        )
    if results.spent_usd is not None:
        facts.append((f"${number(results.spent_usd)}", "spent on this run, all tries"))
    cells = "".join(
        f"<div><dd>{value}</dd><dt>{html.escape(text)}</dt></div>" for value, text in facts
    )
    assumed = (
        "The smallest difference assumes that two routers differ on a fifth of the questions. "
        if stated is None
        else ""
    )
    absent = "; ".join(f"{html.escape(name)} {why}" for name, why in results.not_listed.items())
    assumed += f"Not listed: {absent}. " if absent else ""
    assumed += "".join(f"{_sentence(line)} " for line in estimated(results.settings))
    said = f'<p class="note">{assumed}Scores depend on every setting below.</p>'
    notes = "".join(f"<p>{html.escape(_sentence(text))}</p>" for text in results.notes)
    return f'<dl class="numbers">{cells}</dl>{notes}{_verdicts(results)}{said}'


def _sentence(text: str) -> str:
    """With a capital and a stop."""
    text = text.strip()
    text = f"{text[:1].upper()}{text[1:]}"
    return text if text.endswith((".", "!", "?")) else f"{text}."


_TIES = {
    "a tie": "of the questions: several models are best, and the choice is about cost alone",
    "nobody": "of the questions: nobody is right, and routing gains nothing",
    "one best model": "of the questions: one model alone is best",
}


_CAP = "its cost"
_VERDICTS = {
    1: "more accurate beyond chance",
    0: "not told apart",
    -1: "less accurate beyond chance",
}


def _verdicts(results: Results) -> str:
    """Every router against the best single model in words, under its cost where the results know levels under that cap."""
    rows = [row for row in results.rows if row.kind in ("agent", "router")]
    capped = any(_CAP in row.within for row in rows)
    lines = []
    for row in rows:
        point = row.within.get(_CAP) if capped else row
        versus = None if point is None else point.vs_best_single
        if versus is not None:
            low, high = (tables.signed(100 * bound) for bound in versus.ci95)
            ratio = "" if versus.cost_ratio is None else f" at {versus.cost_ratio:.2f} of its cost"
            points = f"{tables.signed(100 * versus.accuracy_diff)} points [{low}, {high}]{ratio}"
            said = f"<b>{_VERDICTS[versus.verdict]}</b>, {points}"
        elif capped and row.curve:
            said = "no level is that cheap"
        else:
            continue
        lines.append(f"<li>{html.escape(row.name)}: {said}</li>")
    if not lines:
        return ""
    cap = ", each at the level that validation chose at no more than its cost" if capped else ""
    chance = (
        f'<p class="note">By chance alone, about one comparison in twenty looks like a difference where there is none; here are {len(lines)}.</p>'
        if len(lines) > 1
        else ""
    )
    return f"<p>Against the best single model{cap}:</p><ul>{''.join(lines)}</ul>{chance}"


def _routers(seen: Sequence[Seen]) -> str:
    return html.escape(", ".join(dict.fromkeys(one.router for one in seen)))


def _about_sample(seen: Sequence[Seen]) -> str:
    dear = any("dear" in kinds for kinds in kinds_of(seen).values())
    return (
        f"<p>A sample of the {len(seen):,} episodes of {_routers(seen)}, drawn by a hash, so that nobody chose: some of each kind, then as they "
        f"come. {'Dear: the dearest tenth. ' if dear else ''}The arrow keys turn pages.</p>"
    )


def _settings(results: Results) -> str:
    """A line for each setting and version; what is nested as JSON, folded where it is long.

    A run keeps the versions it was made with, which are not shown twice if the results are of the same.
    """
    settings = dict(results.settings)
    if settings.get("versions") == results.versions:
        del settings["versions"]
    known: dict[str, object] = {"table": results.table, **settings, "seed": results.seed}
    lines = [*known.items(), *results.versions.items()]
    cells = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{_folded(value if isinstance(value, str) else json.dumps(value))}</dd>"
        for key, value in lines
        if value is not None
    )
    return f'<dl class="settings">{cells}</dl>'


def _folded(text: str) -> str:
    said = html.escape(text)
    if len(text) <= _LONG:
        return said
    return f"<details><summary>{len(text):,} characters</summary><div>{said}</div></details>"
