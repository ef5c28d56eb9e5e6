"""A sample of traces to page through, and what all of them say about the number of calls.

The sample is drawn by a hash of question and level, so nobody picked it and it is the same every time; rare kinds (wrong, dear) get their share.
Every trace is in the page as markup, and the script only shows one at a time: without it the first one is there.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from router_r1.data.json_lines import read_json_lines
from router_r1.episode import RouteOutcome, TurnRecord
from router_r1.errors import DataError
from router_r1.trace import Trace, read_traces
from router_r1_eval.report.svg import number
from router_r1_eval.report.tables import Column, table
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.trace_status import failed, interrupted, is_single_model

KINDS = ("right", "wrong", "dear", "several rounds")
_MOST = 60
_OF_A_KIND = 15
_DEAR = 0.1  # the dearest tenth
_ROOM = 1_200_000  # characters of all episodes; the page stays below two megabytes
_LONG = 3000  # characters of one text


@dataclass(frozen=True)
class Seen:
    """What is kept of every trace while a sample is drawn."""

    number: int
    """Its line in the file, from 0."""
    order: str
    """A hash: the order in which a sample is drawn."""
    router: str
    """Who answered."""
    routes: bool
    """False for a single model, which was handed the question."""
    score: float | None
    """How right the answer is; None where nobody said."""
    cost_usd: float
    calls: int
    rounds: int


def read_seen(path: Path) -> list[Seen]:
    """One entry for each episode of a file, with the scores that its metadata or `scores.jsonl` beside it states.

    In the file of a run, which was perhaps interrupted, a question may have been tried several times: the try that counts in the results is
    the one that is kept, as `RunFolder.episodes` has it, and what broke off was not asked yet.

    Raises:
        TraceError, DataError: a line is no trace, or no score.
    """
    scores = _scores(path.with_name("scores.jsonl"))
    kept: dict[Job | int, tuple[Seen, bool, bool]] = {}
    for place, trace in enumerate(read_traces(path)):
        job = _job(trace)
        key = place if job is None else job
        before = kept.get(key)
        if before is None or before[1] or not failed(trace):
            off = job is not None and interrupted(trace)
            kept[key] = _seen(place, trace, scores), failed(trace), off
    return [one for one, _, off in kept.values() if not off]


def _job(trace: Trace) -> Job | None:
    """Which question a run put to whom; None for a trace of something else."""
    try:
        return Job(trace.metadata["router"], trace.metadata["id"], trace.sample_index)
    except KeyError:
        return None


def _scores(path: Path) -> dict[str, float]:
    """Episode -> score, of those that did not fail; empty without a file."""
    rows = list(read_json_lines(path)) if path.exists() else []
    try:
        return {row["episode_id"]: row["score"] for _, row in rows if not row["failed"]}
    except (KeyError, TypeError) as error:
        raise DataError(f"{path}: no scores, which `router-r1 rescore` writes: {error}") from error


def _seen(number: int, trace: Trace, scores: Mapping[str, float]) -> Seen:
    said = trace.metadata
    key = f"{said.get('id', trace.question)}\n{said.get('level')}\n{trace.sample_index}"
    score = said.get("score", scores.get(trace.episode_id))
    return Seen(
        number,
        hashlib.sha256(key.encode()).hexdigest(),
        str(said.get("router", trace.policy)),
        not is_single_model(trace),
        float(score) if isinstance(score, int | float) else None,
        trace.cost_usd,
        sum(o.response is not None for turn in trace.turns for o in turn.outcomes),
        trace.rounds,
    )


def kinds_of(seen: Sequence[Seen]) -> dict[int, tuple[str, ...]]:
    """Number of a trace -> which of `KINDS` it is. A partial score counts as right from 0.5; dear is the dearest tenth."""
    costs = sorted((one.cost_usd for one in seen), reverse=True)
    bound = costs[int(_DEAR * (len(costs) - 1))] if costs else 0.0
    found = {}
    for one in seen:
        scored = one.score is not None
        tests = (
            scored and (one.score or 0) >= 0.5,
            scored and (one.score or 0) < 0.5,
            one.cost_usd >= bound > costs[-1],
            one.rounds > 1,
        )
        found[one.number] = tuple(k for k, is_one in zip(KINDS, tests, strict=True) if is_one)
    return found


def sample(seen: Sequence[Seen], most: int = _MOST, of_a_kind: int = _OF_A_KIND) -> list[int]:
    """Numbers of the traces to show: some of each kind, then whatever comes first, in the order of their hashes."""
    ordered = [one.number for one in sorted(seen, key=lambda one: one.order)]
    kinds = kinds_of(seen)
    taken: dict[int, None] = {}
    for kind in KINDS:
        for place in islice((n for n in ordered if kind in kinds[n]), of_a_kind):
            taken[place] = None
    for place in ordered:
        taken[place] = None
    chosen = set(list(taken)[:most])
    return [place for place in ordered if place in chosen]


def pager(path: Path, seen: Sequence[Seen]) -> str:
    """The sample as markup, all but the first one hidden, with the buttons that the script brings to life."""
    kinds, order = kinds_of(seen), sample(seen)
    scores = {one.number: one.score for one in seen}
    wanted = set(order)
    traces = {n: trace for n, trace in enumerate(read_traces(path)) if n in wanted}
    articles: list[str] = []
    counts = dict.fromkeys(KINDS, 0)
    room = _ROOM
    for place in order:
        text = _article(traces[place], kinds[place], scores[place], first=not articles)
        room -= len(text)
        if room < 0 and articles:
            break
        articles.append(text)
        for kind in kinds[place]:
            counts[kind] += 1
    choices = [("all", len(articles)), *((k, n) for k, n in counts.items() if n)]
    buttons = "".join(
        f'<button type="button" data-kind="{"" if kind == "all" else kind}" aria-pressed="{str(kind == "all").lower()}">'
        f"{kind} <i>{count}</i></button>"
        for kind, count in choices
    )
    return (
        f'<div class="pager" id="pager"><div class="controls" hidden><div class="filters" role="group" aria-label="Which episodes">{buttons}</div>'
        f'<div class="steps"><button type="button" data-step="-1" aria-label="previous">←</button>'
        f'<span aria-live="polite" data-place></span>'
        f'<button type="button" data-step="1" aria-label="next">→</button></div></div>{"".join(articles)}</div>'
    )


def _article(trace: Trace, kinds: Sequence[str], score: float | None, *, first: bool) -> str:
    said = trace.metadata
    verdict = (
        ("not scored", "")
        if score is None
        else ("right", "right")
        if score >= 1
        else ("wrong", "wrong")
        if score <= 0
        else (f"score {score:.2f}", "")
    )
    calls = sum(o.response is not None for turn in trace.turns for o in turn.outcomes)
    facts = [
        *([str(said["router"])] if "router" in said else []),
        *(f"{key} {said[key]}" for key in ("category", "level") if said.get(key)),
        _count(calls, "call"),
        _count(trace.rounds, "round"),
        f"${number(trace.cost_usd)}",
        *([] if trace.stop_reason == "answered" else [f"ended: {trace.stop_reason}"]),
    ]
    listed = "".join(f"<li>{html.escape(str(fact))}</li>" for fact in facts)
    turns = "".join(_turns(trace.turns))
    answer = "<i>none</i>" if trace.answer is None else _text(trace.answer)
    gold = said.get("gold")
    golds = (
        [str(item) for item in gold]
        if isinstance(gold, list)
        else []
        if gold is None
        else [str(gold)]
    )
    hidden = "" if first else " hidden"
    return (
        f'<article class="episode" data-kinds="{html.escape(",".join(kinds))}"{hidden}>'
        f"<header><h3>{html.escape(str(said.get('id', trace.episode_id)))}</h3>"
        f'<ul class="facts"><li class="verdict {verdict[1]}">{verdict[0]}</li>{listed}</ul></header>'
        f'<div class="question">{_text(trace.question)}</div>{_told(trace)}<ol class="turns">{turns}</ol>'
        f'<dl class="end"><dt>answer</dt><dd>{answer}</dd>'
        + (f"<dt>gold</dt><dd>{_text(' | '.join(golds))}</dd>" if golds else "")
        + "</dl></article>"
    )


def _count(many: int, noun: str) -> str:
    return f"{many} {noun}{'' if many == 1 else 's'}"


def _told(trace: Trace) -> str:
    """What the policy read first; empty where none wrote the turns."""
    if is_single_model(trace):
        return ""
    text = "\n\n".join(str(message.get("content", "")) for message in trace.opening)
    if text.strip() == trace.question.strip():
        return ""
    return f"<details><summary>what {html.escape(trace.policy)} was told</summary><div>{_text(text)}</div></details>"


def _turns(turns: Sequence[TurnRecord]) -> Iterator[str]:
    for record in turns:
        turn = record.turn
        parts = [f'<p class="thought">{_text(turn.thought)}</p>'] if turn.thought else []
        parts += [_call(outcome) for outcome in record.outcomes]
        if turn.malformed:
            kinds = ", ".join(dict.fromkeys(str(problem.kind) for problem in turn.problems))
            parts.append(
                f'<p class="problem">malformed: {html.escape(kinds)}</p><pre>{_text(turn.text)}</pre>'
            )
        if parts and (record.outcomes or turn.malformed or turn.thought):
            yield f"<li>{''.join(parts)}</li>"


def _call(outcome: RouteOutcome) -> str:
    response = outcome.response
    head = f"<b>{html.escape(outcome.model)}</b>"
    if response is None:
        why = outcome.refused or "not called"
        return (
            f'<div class="call"><p>{head} <span class="problem">{html.escape(why)}</span></p></div>'
        )
    cost = "" if response.cost_usd is None else f" · ${number(response.cost_usd)}"
    usage = response.usage
    about = f"{usage.prompt:,} + {usage.completion:,} tokens{cost}"
    said = (
        f'<div class="said">{_text(response.text)}</div>'
        if response.failure is None
        else f'<p class="problem">{html.escape(str(response.failure.kind))}</p>'
    )
    return (
        f'<div class="call"><p>{head} <span class="quiet">{about}</span></p>'
        f'<div class="query">{_text(outcome.query)}</div>{said}</div>'
    )


def _text(text: str) -> str:
    cut = len(text) - _LONG
    return html.escape(text if cut <= 0 else text[:_LONG]) + (
        f' <i class="quiet">… {cut:,} more characters</i>' if cut > 0 else ""
    )


def calls_table(seen: Sequence[Seen], caption: str) -> str:
    """Number of calls -> how many episodes, how often right, at what cost; empty without traces."""
    groups: dict[int, list[Seen]] = {}
    for one in seen:
        groups.setdefault(one.calls, []).append(one)
    if not groups:
        return ""
    columns: list[Column[tuple[int, list[Seen]]]] = [
        Column("calls", lambda line: f"{line[0]}"),
        Column("episodes", lambda line: f"{len(line[1]):,}"),
        Column("share", lambda line: f"{len(line[1]) / len(seen):.0%}"),
        Column(
            "right",
            lambda line: _mean_score(line[1]),
            "percent; the policy decides how often it asks, so the lines hold different questions, and a difference between them is no effect of the calls",
        ),
        Column(
            "$ per 1,000",
            lambda line: f"{1000 * sum(o.cost_usd for o in line[1]) / len(line[1]):.3f}",
        ),
    ]
    return table(columns, sorted(groups.items()), caption, sortable=False)


def _mean_score(group: Sequence[Seen]) -> str:
    scores = [one.score for one in group if one.score is not None]
    return f"{100 * sum(scores) / len(scores):.1f}" if scores else ""
