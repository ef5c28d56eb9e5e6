"""The caption of the figure of accuracy against cost: what its lines and points mean, for those that it has."""

from __future__ import annotations

from collections.abc import Sequence

from router_r1_eval.report.cost_accuracy_figure import drawn_points, zero_router_curve
from router_r1_eval.report.row_style import RowStyle, row_styles
from router_r1_eval.results import Results


def cost_accuracy_caption(results: Results, how_mixed: str) -> str:
    """Explain the lines and points that the figure has.

    Args:
        results: what is drawn.
        how_mixed: on which questions the mixed single models are chosen, in words.
    """
    styles = list(row_styles(results).values())
    sentences = _curve_sentences([style for style in styles if style.has_curve])
    if any(point.ci95 for point in drawn_points(results)):
        sentences.append("vertical lines: 95 % bootstrap intervals")
    filled_baselines = any(style.shape == "circle" and not style.routes for style in styles)
    circles = ["policies"] * results.has("agent") + ["baselines"] * filled_baselines
    meanings = {
        "circle": " and ".join(circles),
        "square": "routers",
        "ring": "single models",
        "diamond": "the oracle",
    }
    drawn = [shape for shape in meanings if any(style.shape == shape for style in styles)]
    sentences.append(
        "; ".join(f"{shape}{'s' * (shape != 'diamond')}: {meanings[shape]}" for shape in drawn)
    )
    if next(zero_router_curve(results), None) is not None:
        sentences.append(
            f"dashed: what mixing single models at random reaches, without looking at the question; {how_mixed}"
        )
    if results.best is not None:
        sentences.append("dotted: the best single model")
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences)


def _curve_sentences(curves: Sequence[RowStyle]) -> list[str]:
    """What the lines are."""
    if not any(style.routes for style in curves):
        line = "thin grey lines join the levels of a baseline; the large point is its main level"
        return [line] if curves else []
    sentences = [
        "lines join the levels of a router; the large point is its main level, the small ones are the others"
    ]
    if not all(style.routes for style in curves):
        sentences.append("thin grey lines: the levels of a baseline")
    return sentences
