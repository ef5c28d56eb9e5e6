"""The results of a run as lines for the terminal."""

from __future__ import annotations

from router_r1_eval.results import Results, Row
from router_r1_eval.run.efficiency import POLICY_SUFFIX


def summary(results: Results) -> list[str]:
    """What the sample can show, what it cost and what is missing, then a line for each router, the best first."""
    difference = results.smallest_difference or 0.0
    lines = [
        f"{results.questions} questions of {results.table}; a paired comparison finds differences of "
        f"{100 * difference:.1f} points or more"
    ]
    if (judge := results.settings.judge) is not None:
        cost = f", for ${judge.cost_usd:.4f} now" if judge.cost_usd else ""
        lines.append(f"graded by the judge {judge.model}{cost}")
    lines.append(
        f"spent ${results.spent_usd:.4f} in all; the figures below include ${results.spent_on_failed_usd:.4f} for failed tries"
    )
    for name, count in results.unfinished.items():
        lines.append(f"{name} was asked {count} questions, too few to compare; --resume continues")
    if results.left_out:
        lines.append(
            f"{results.left_out} questions are left out: not all routers were asked them yet; --resume continues"
        )
    for name, calls in results.efficiency.items():
        if calls.cut:
            limit = (
                "limits.max_turn_tokens" if name.endswith(POLICY_SUFFIX) else "max_output_tokens"
            )
            replies = calls.attempts - calls.failed
            lines.append(f"{name}: {calls.cut} of {replies} replies were cut at {limit}; raise it")
    for row in sorted(results.rows, key=lambda row: -row.accuracy):
        lines.append(_line(row))
        lines += [f"    {name} {value:.3f}" for name, value in row.corpus.items()]
    return lines


def _line(row: Row) -> str:
    low, high = row.ci95 or (row.accuracy, row.accuracy)
    line = (
        f"{row.name:28s} {row.accuracy:.3f} [{low:.3f}, {high:.3f}]  ${row.cost_usd:.6f} a question  "
        f"calls {row.calls:.2f}"
    )
    if (versus := row.vs_best_single) is not None:
        low, high = (100 * bound for bound in versus.ci95)
        line += f"  {100 * versus.accuracy_diff:+.1f} [{low:+.1f}, {high:+.1f}] points"
    if row.failed:
        line += f"  {row.failed} failed, which --resume asks again; mostly {row.failure[0][0]}"
    return line
