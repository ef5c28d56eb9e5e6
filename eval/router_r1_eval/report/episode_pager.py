"""The sample of episodes as markup, with controls to page through it.

All episodes of the sample are on the page. The script shows one at a time; without it only the first one is visible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from router_r1.episode import RouteOutcome, TurnRecord
from router_r1.trace import Trace, read_traces
from router_r1_eval.report.episodes import (
    KINDS,
    EpisodeSummary,
    candidate_calls,
    kinds_of,
    sample_episodes,
)
from router_r1_eval.report.markup import escaped
from router_r1_eval.report.number_format import compact
from router_r1_eval.run.trace_status import is_single_model

_PAGER_LIMIT = 1_200_000  # characters of all episodes; keeps the page below two megabytes
_TEXT_LIMIT = 3000  # characters of one text


def episode_pager(path: Path, episodes: Sequence[EpisodeSummary]) -> str:
    """The sampled episodes of a trace file, all but the first one hidden, below the buttons that the script enables."""
    kinds, order = kinds_of(episodes), sample_episodes(episodes)
    scores = {episode.number: episode.score for episode in episodes}
    wanted = set(order)
    traces = {number: t for number, t in enumerate(read_traces(path)) if number in wanted}
    articles: list[str] = []
    counts = dict.fromkeys(KINDS, 0)
    room = _PAGER_LIMIT
    for number in order:
        article = _article(traces[number], kinds[number], scores[number], hidden=bool(articles))
        room -= len(article)
        if room < 0 and articles:
            break
        articles.append(article)
        for kind in kinds[number]:
            counts[kind] += 1
    return (
        f'<div class="pager" id="pager">{_controls(len(articles), counts)}{"".join(articles)}</div>'
    )


def _controls(total: int, counts: dict[str, int]) -> str:
    """A button for each kind with its count, and buttons for the previous and the next episode."""
    buttons = [
        f'<button type="button" data-kind="" aria-pressed="true">all <i>{total}</i></button>'
    ]
    buttons += [
        f'<button type="button" data-kind="{kind}" aria-pressed="false">{kind} <i>{count}</i></button>'
        for kind, count in counts.items()
        if count
    ]
    return (
        '<div class="controls" hidden>'
        f'<div class="filters" role="group" aria-label="Which episodes">{"".join(buttons)}</div>'
        '<div class="steps"><button type="button" data-step="-1" aria-label="previous">←</button>'
        '<span aria-live="polite" data-place></span>'
        '<button type="button" data-step="1" aria-label="next">→</button></div></div>'
    )


def _article(trace: Trace, kinds: Sequence[str], score: float | None, *, hidden: bool) -> str:
    """One episode: its figures, the question, the turns, the answer."""
    title = str(trace.metadata.get("id", trace.episode_id))
    answer = "<i>none</i>" if trace.answer is None else _text(trace.answer)
    gold = _gold_answers(trace)
    return (
        f'<article class="episode" data-kinds="{escaped(",".join(kinds))}"{" hidden" * hidden}>'
        f"<header><h3>{escaped(title)}</h3>"
        f'<ul class="facts">{_verdict(score)}{_facts(trace)}</ul></header>'
        f'<div class="question">{_text(trace.question)}</div>{_prompt(trace)}'
        f'<ol class="turns">{"".join(_turns(trace.turns))}</ol>'
        f'<dl class="end"><dt>answer</dt><dd>{answer}</dd>'
        + (f"<dt>gold</dt><dd>{_text(' | '.join(gold))}</dd>" if gold else "")
        + "</dl></article>"
    )


def _verdict(score: float | None) -> str:
    if score is None:
        text, style = "not scored", ""
    elif score >= 1:
        text, style = "right", "right"
    elif score <= 0:
        text, style = "wrong", "wrong"
    else:
        text, style = f"score {score:.2f}", ""
    return f'<li class="verdict {style}">{text}</li>'


def _facts(trace: Trace) -> str:
    """Router, category, level, calls, rounds, cost, and how the episode ended if not with an answer."""
    metadata = trace.metadata
    facts = [
        *([str(metadata["router"])] if "router" in metadata else []),
        *(f"{key} {metadata[key]}" for key in ("category", "level") if metadata.get(key)),
        _count(candidate_calls(trace), "call"),
        _count(trace.rounds, "round"),
        f"${compact(trace.cost_usd)}",
        *([] if trace.stop_reason == "answered" else [f"ended: {trace.stop_reason}"]),
    ]
    return "".join(f"<li>{escaped(fact)}</li>" for fact in facts)


def _gold_answers(trace: Trace) -> list[str]:
    gold = trace.metadata.get("gold")
    if isinstance(gold, list):
        return [str(answer) for answer in gold]
    return [] if gold is None else [str(gold)]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _prompt(trace: Trace) -> str:
    """The messages that the policy read first, folded; empty if no policy wrote the turns."""
    if is_single_model(trace):
        return ""
    text = "\n\n".join(str(message.get("content", "")) for message in trace.opening)
    if text.strip() == trace.question.strip():
        return ""
    summary = f"prompt of {escaped(trace.policy)}"
    return f"<details><summary>{summary}</summary><div>{_text(text)}</div></details>"


def _turns(turns: Sequence[TurnRecord]) -> Iterator[str]:
    for record in turns:
        turn = record.turn
        parts = [f'<p class="thought">{_text(turn.thought)}</p>'] if turn.thought else []
        parts += [_call(outcome) for outcome in record.outcomes]
        if turn.malformed:
            kinds = ", ".join(dict.fromkeys(str(problem.kind) for problem in turn.problems))
            parts.append(
                f'<p class="problem">malformed: {escaped(kinds)}</p><pre>{_text(turn.text)}</pre>'
            )
        if parts:
            yield f"<li>{''.join(parts)}</li>"


def _call(outcome: RouteOutcome) -> str:
    """One route: the model, the query, and the reply or why there is none."""
    response = outcome.response
    model = f"<b>{escaped(outcome.model)}</b>"
    if response is None:
        reason = escaped(outcome.refused or "not called")
        return f'<div class="call"><p>{model} <span class="problem">{reason}</span></p></div>'
    usage = response.usage
    figures = f"{usage.prompt:,} + {usage.completion:,} tokens"
    if response.cost_usd is not None:
        figures += f" · ${compact(response.cost_usd)}"
    reply = (
        f'<div class="reply">{_text(response.text)}</div>'
        if response.failure is None
        else f'<p class="problem">{escaped(str(response.failure.kind))}</p>'
    )
    return (
        f'<div class="call"><p>{model} <span class="quiet">{figures}</span></p>'
        f'<div class="query">{_text(outcome.query)}</div>{reply}</div>'
    )


def _text(text: str) -> str:
    """Escaped, and cut off if it is long."""
    cut = len(text) - _TEXT_LIMIT
    if cut <= 0:
        return escaped(text)
    return f'{escaped(text[:_TEXT_LIMIT])} <i class="quiet">… {cut:,} more characters</i>'
