"""report.html: the learning curve, the bars and a table, on one page that opens offline. Plain; the evaluation suite has more."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from router_r1.errors import DataError
from router_r1_envs.training_log import read_metrics
from router_r1_eval.results import estimated

_COLOURS = {"agent": "#2563eb", "router": "#7c3aed", "bar": "#94a3b8", "oracle": "#d97706"}
_CURVES = (
    ("reward", "episode/reward", "val/reward"),
    ("accuracy", "episode/accuracy", "val/accuracy"),
    ("cost, USD", "episode/cost_usd", "val/cost_usd"),
    ("calls", "episode/calls", "val/calls"),
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1e293b; background: #fff; }}
h1 {{ font-size: 1.5rem }} h2 {{ font-size: 1.15rem; margin-top: 2rem }}
figure {{ margin: 0 }} figure svg {{ width: 100%; height: auto; background: #fff }}
.table {{ overflow-x: auto }} table {{ border-collapse: collapse; width: 100%; font-size: .9rem }}
th, td {{ padding: .35rem .6rem; text-align: right; border-bottom: 1px solid #cbd5e1; white-space: nowrap }}
th:first-child, td:first-child {{ text-align: left }} tr.agent td {{ font-weight: 600 }}
pre {{ overflow-x: auto; background: #f1f5f9; padding: .75rem; font-size: .8rem }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #e2e8f0; background: #0f172a }} th, td {{ border-color: #334155 }} pre {{ background: #1e293b }}
}}
</style></head><body>
<h1>{title}</h1>
<p>{summary}</p>
{sections}
</body></html>
"""


def write_report(run: str | Path, log: str | Path | None = None) -> Path:
    """Write `report.html` into the folder of a run, and its figures beside it as `NAME.svg`.

    Args:
        run: a folder with `results.json`, and `traces.jsonl` if there is one.
        log: verl's metrics, one `{"step": ..., "data": {...}}` a line: a file, or a folder with one for each start.

    Raises:
        DataError: no results there, or they are not JSON.
    """
    run = Path(run)
    results = _read(run / "results.json")
    sections = []
    if log is not None:
        steps = read_metrics(log)
        sections.append(_section("Learning curve", _curve(steps), run / "curve.svg"))
    rows = results["rows"]
    if all("reward" in row for row in rows):
        sections.append(_section("Reward of policy and bars", _bars(rows), run / "bars.svg"))
    else:
        frontier = _section("Accuracy against cost", _frontier(rows), run / "frontier.svg")
        sections.append(frontier)
    sections.append(f"<h2>Accuracy and cost</h2><div class=table>{_table(rows)}</div>")
    capped = [row for row in rows if any(row.get("within", {}).values())]
    if capped:
        sections.append(
            f"<h2>Under a cap on cost, at the level that validation chose</h2><div class=table>{_capped(capped)}</div>"
        )
    curves = [r for r in rows if r["kind"] in ("agent", "router") and r["curve"]]
    if curves:
        sections.append(
            f"<h2>At every budget or level</h2><div class=table>{_levels(curves)}</div>"
        )
    sections.append(_two_models(results))
    example = _example(run / "traces.jsonl")
    if example:
        sections.append(f"<h2>One episode</h2><pre>{html.escape(example)}</pre>")
    settings = html.escape(
        json.dumps({k: results[k] for k in ("settings", "versions", "seed")}, indent=1)
    )
    sections.append(f"<h2>Settings and versions</h2><pre>{settings}</pre>")
    summary = _headroom(results) + (
        f"{results['questions']} questions nobody was trained on, from {html.escape(results['table'])}; "
        f"brackets are 95 % bootstrap intervals over questions."
    )
    page = run / "report.html"
    page.write_text(_PAGE.format(title="Router-R1", summary=summary, sections="\n".join(sections)))
    return page


def _read(path: Path) -> dict[str, Any]:
    try:
        data: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: no results, which `router-r1 tournament` writes: {error}"
        ) from error
    return data


def _figure(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(1, columns)


def _section(title: str, figure: str, file: Path) -> str:
    file.write_text(figure)
    return f"<h2>{title}</h2><figure>{figure}</figure>"


def _svg(figure: Any) -> str:
    import matplotlib

    text = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none"}):  # letters, not their outlines
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue().partition("<svg")[2].join(["<svg", ""])


def _curve(steps: Sequence[tuple[int, dict[str, Any]]]) -> str:
    figure, axes = _figure(12, 3, len(_CURVES))
    for axis, (title, training, validation) in zip(axes, _CURVES, strict=True):
        for key, colour, label in (
            (training, "#94a3b8", "training"),
            (validation, "#2563eb", "validation"),
        ):
            found = [(step, data[key]) for step, data in steps if key in data]
            if found:
                marker = "o" if key == validation else None
                axis.plot(
                    *zip(*found, strict=True),
                    color=colour,
                    label=label,
                    marker=marker,
                    markersize=3,
                )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("step", fontsize=9)
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    return _svg(figure)


def _bars(rows: Sequence[dict[str, Any]]) -> str:
    ordered = sorted(rows, key=lambda row: row["reward"])
    figure, axis = _figure(10, 0.32 * len(ordered) + 1)
    names = [row["name"] for row in ordered]
    bars = axis.barh(
        names, [row["reward"] for row in ordered], color=[_COLOURS[row["kind"]] for row in ordered]
    )
    axis.bar_label(bars, fmt="%.3f", fontsize=8, padding=3)
    axis.set_xlabel("mean reward at the middle level")
    axis.grid(axis="x", alpha=0.3)
    return _svg(figure)


def _frontier(rows: Sequence[dict[str, Any]]) -> str:
    """Curves and points around the best single model; what is far below it, and the oracle, are in the table alone."""
    best = next((row for row in rows if row["name"] == "best single"), rows[0])
    unit = best["cost_usd"] or 1.0
    figure, axis = _figure(10, 5)
    names: dict[tuple[float, float], list[str]] = {}
    for row in rows:
        points = sorted((p["cost_usd"] / unit, p["accuracy"]) for p in row["curve"] or [row])
        if row["curve"]:
            style = "-" if row["kind"] in ("agent", "router") else ":"
            axis.plot(
                *zip(*points, strict=True), style, marker="o", markersize=4, label=row["name"]
            )
        elif row["kind"] != "oracle" and row["accuracy"] > best["accuracy"] - 0.12:
            names.setdefault(points[0], []).append(row["name"])
    for (cost, accuracy), same in names.items():
        axis.plot(cost, accuracy, "o", markersize=5, color=_COLOURS["bar"])
        axis.annotate(
            ", ".join(same), (cost, accuracy), (4, -10), textcoords="offset points", fontsize=7
        )
    axis.set_xscale("log")
    axis.set_xlabel("cost, share of the best single model's" if best["cost_usd"] else "cost, USD")
    axis.set_ylabel("accuracy")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    return _svg(figure)


_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("reward", "reward", ".3f"),
    ("accuracy", "accuracy", ".3f"),
    ("ci95", "95 %", ""),
    ("cost_usd", "USD / question", ".6f"),
    ("calls", "calls", ".2f"),
    ("overhead_ms", "ms / decision", ".3f"),
    ("right_specialist", "right specialist", ".2f"),
    ("vs_best_single", "points against best single<th>cost ratio", ""),
)


def _table(rows: Sequence[dict[str, Any]]) -> str:
    ordered = sorted(rows, key=lambda row: -row.get("reward", row["accuracy"]))
    return _grid([(row["kind"], (row["name"],), row) for row in ordered], ("router",))


def _capped(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        (row["kind"], (row["name"], cap, item["setting"]), item)
        for row in rows
        if row["curve"]
        for cap, item in row["within"].items()
        if item is not None
    ]
    return _grid(lines, ("router", "at no more than", "level"))


def _headroom(results: dict[str, Any]) -> str:
    """What the sample can show, and how much of the oracle is luck; empty for a generated world, where that is known."""
    head = results.get("headroom")
    if head is None:
        return ""
    ties = ", ".join(f"{html.escape(name)} {share:.0%}" for name, share in head["ties"].items())
    return (
        f"A paired comparison on this sample finds differences of {100 * head['smallest_difference']:.1f} points or more. Questions with {ties}. The best "
        f"single model is right on {head['best_single']:.3f}, the oracle on {head['oracle']:.3f}, less what guessers have right by chance on "
        f"{head['oracle_less_chance']:.3f}. {_luck(head.get('oracle_cross_fitted'))}{_absent(results)}"
        + "".join(f"{line[0].upper()}{line[1:]}. " for line in estimated(results))
    )


def _luck(repeated: dict[str, Any] | None) -> str:
    """What is left of the oracle where repeated samples show how much of it is the luck of one draw."""
    if repeated is None:
        return ""
    return (
        f"On the {repeated['questions']} questions with {repeated['samples']} samples of every model the oracle has {repeated['oracle']:.3f}, less the "
        f"luck of one draw {repeated['accuracy']:.3f}. "
    )


def _absent(results: dict[str, Any]) -> str:
    """The bars that the table can not have."""
    absent = results.get("not_listed", {})
    told = "; ".join(f"{html.escape(name)} {why}" for name, why in absent.items())
    return f"Not listed: {told}. " if told else ""


def _two_models(results: dict[str, Any]) -> str:
    """For a pool of two: what each order of the questions is worth; empty for others."""
    two = results.get("two_models")
    rows = [row for row in results["rows"] if row.get("apgr") is not None]
    if two is None or not rows:
        return ""
    shares = list(rows[0]["cpt"])
    head = "<th>router<th>APGR" + "".join(f"<th>calls for {share} of the gap" for share in shares)
    body = "".join(
        f"<tr class={row['kind']}><td>{html.escape(row['name'])}<td>{row['apgr']:.3f}"
        + "".join("<td>" if row["cpt"][s] is None else f"<td>{row['cpt'][s]:.1%}" for s in shares)
        + "</tr>"
        for row in rows
    )
    weak, strong = html.escape(two["weak"]), html.escape(two["strong"])
    return (
        f"<h2>Between two models</h2><p>Share of calls to {strong}, the others to {weak}; the gap is {100 * two['gap']:.1f} points. "
        f"Random order has an APGR of 0.5, the oracle's is the ceiling.</p><div class=table><table><tr>{head}</tr>{body}</table></div>"
    )


def _levels(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        (row["kind"], (row["name"], item["setting"]), item) for row in rows for item in row["curve"]
    ]
    return _grid(lines, ("router", "level"))


def _grid(
    lines: Sequence[tuple[str, tuple[str, ...], dict[str, Any]]], titles: tuple[str, ...]
) -> str:
    """A table of (kind, names, figures); columns that no line has are left out."""
    columns = [c for c in _COLUMNS if any(c[0] in figures for _, _, figures in lines)]
    head = "".join(f"<th>{title}" for title in (*titles, *(title for _, title, _ in columns)))
    body = []
    for kind, names, figures in lines:
        cells = [html.escape(name) for name in names]
        for key, _, form in columns:
            found: Any = figures.get(key)
            if key == "vs_best_single":
                low, high = (100 * bound for bound in found["ci95"])
                ratio = found["cost_ratio"]
                cells.append(f"{100 * found['accuracy_diff']:+.1f} [{low:+.1f}, {high:+.1f}]")
                cells.append("" if ratio is None else f"{ratio:.2f}")
            elif key == "ci95":
                cells.append(f"[{found[0]:.3f}, {found[1]:.3f}]")
            else:
                cells.append("" if found is None else f"{found:{form}}")
        body.append(f"<tr class={kind}><td>{'<td>'.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def _example(path: Path) -> str:
    """The first trace with two rounds, if there are traces."""
    from router_r1.trace import read_traces

    if not path.exists():
        return ""
    for trace in read_traces(path):
        if trace.rounds >= 2:
            episode = trace.replay()
            return (
                f"{trace.opening[-1]['content']}\n\n{episode.transcript}\n\n${trace.cost_usd:.6f}"
            )
    return ""
