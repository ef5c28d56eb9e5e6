"""The first section: which differences the sample can show and does show, and how much a router could gain."""

from __future__ import annotations

from router_r1_eval.report.markup import escaped
from router_r1_eval.report.number_format import compact, signed
from router_r1_eval.report.row_style import is_routing
from router_r1_eval.results import Headroom, Results, Row, Versus
from router_r1_eval.stats.significance import smallest_difference

_CAP = "its cost"  # the cost cap of the verdicts
_TIES = {
    "a tie": "of the questions: several models are best, so only the cost of the choice matters",
    "nobody": "of the questions: no model is right, so routing gains nothing",
    "one best model": "of the questions: one model alone is best",
}
_VERDICTS = {
    1: "significantly more accurate",
    0: "no significant difference",
    -1: "significantly less accurate",
}


def sample_section(results: Results) -> str:
    """Facts, notes, and a verdict for each router."""
    facts = "".join(
        f"<div><dd>{figure}</dd><dt>{escaped(meaning)}</dt></div>"
        for figure, meaning in _facts(results)
    )
    notes = "".join(f"<p>{escaped(_sentence(note))}</p>" for note in results.notes)
    return f'<dl class="numbers">{facts}</dl>{notes}{_verdicts(results)}{_caveats(results)}'


def _facts(results: Results) -> list[tuple[str, str]]:
    """Figures and what they mean."""
    stated = _stated_difference(results)
    detectable = smallest_difference(results.questions) if stated is None else stated
    facts = [
        (f"{results.questions:,}", "questions"),
        (
            f"{100 * detectable:.1f}",
            "points: the smallest difference that a paired comparison detects here, four times out of five",
        ),
    ]
    if results.best is not None:
        chosen = results.settings.best_single
        name = "" if chosen is None else f" ({chosen})"
        facts.append((_percent(results.best.accuracy), f"right: the best single model{name}"))
    if results.headroom is not None:
        facts += _headroom_facts(results.headroom)
    if results.left_out:
        facts.append(
            (
                f"{results.left_out:,}",
                "questions left out: some router has not been asked them yet",
            )
        )
    if failed := sum(row.failed for row in results.rows):
        facts.append(
            (f"{failed:,}", "episodes failed and count as wrong until they are asked again")
        )
    if results.spent_usd is not None:
        facts.append((f"${compact(results.spent_usd)}", "spent on this run, all tries included"))
    return facts


def _headroom_facts(headroom: Headroom) -> list[tuple[str, str]]:
    facts = [
        (
            _percent(headroom.oracle),
            "right: the oracle, which knows in advance which models answer correctly",
        )
    ]
    if headroom.oracle_less_chance is not None:
        facts.append((_percent(headroom.oracle_less_chance), "the same without lucky guesses"))
    if (fitted := headroom.oracle_cross_fitted) is not None:
        meaning = (
            f"the oracle without the luck of a single draw, estimated from {fitted.samples} samples of "
            f"{fitted.questions} questions; with it {_percent(fitted.oracle)}"
        )
        facts.append((_percent(fitted.accuracy), meaning))
    ties = headroom.ties.items()
    return facts + [(f"{100 * share:.0f} %", _TIES.get(key, key)) for key, share in ties]


def _stated_difference(results: Results) -> float | None:
    """The smallest detectable difference in the file; None in files without it."""
    if results.headroom is not None:
        return results.headroom.smallest_difference
    return results.smallest_difference


def _caveats(results: Results) -> str:
    sentences = []
    if _stated_difference(results) is None:
        sentences.append(
            "The smallest difference assumes that two routers differ on a fifth of the questions."
        )
    if results.not_listed:
        absent = (f"{name} {reason}" for name, reason in results.not_listed.items())
        sentences.append(f"Not listed: {'; '.join(absent)}.")
    sentences += map(_sentence, results.cost_notes)
    sentences.append("Scores depend on all settings below.")
    return f'<p class="note">{escaped(" ".join(sentences))}</p>'


def _verdicts(results: Results) -> str:
    """Compare every router with the best single model, at its level under that model's cost if the results have one."""
    rows = [row for row in results.rows if is_routing(row)]
    capped = any(_CAP in row.within for row in rows)
    lines = [
        f"<li>{escaped(row.name)}: {verdict}</li>"
        for row in rows
        if (verdict := _verdict(row, capped=capped))
    ]
    if not lines:
        return ""
    cap = ", each at the level that validation chose at no more than its cost" if capped else ""
    chance = (
        '<p class="note">By chance alone, about one comparison in twenty looks significant; '
        f"there are {len(lines)} here.</p>"
    )
    heading = f"<p>Against the best single model{cap}:</p>"
    return f"{heading}<ul>{''.join(lines)}</ul>{chance if len(lines) > 1 else ''}"


def _verdict(row: Row, *, capped: bool) -> str:
    """In words; empty if the row was not compared."""
    point = row.within.get(_CAP) if capped else row
    if point is not None and point.vs_best_single is not None:
        versus = point.vs_best_single
        return f"<b>{_VERDICTS[versus.verdict]}</b>, {_difference(versus)}"
    return "no level is that cheap" if capped and row.curve else ""


def _difference(versus: Versus) -> str:
    low, high = (signed(100 * bound) for bound in versus.ci95)
    ratio = "" if versus.cost_ratio is None else f" at {versus.cost_ratio:.2f} of its cost"
    return f"{signed(100 * versus.accuracy_diff)} points [{low}, {high}]{ratio}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    text = f"{text[:1].upper()}{text[1:]}"
    return text if text.endswith((".", "!", "?")) else f"{text}."
