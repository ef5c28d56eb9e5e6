"""Demonstrations for a recorded world: episodes in which a policy carries out the planner's decisions.

The planner decides about each training question at each level, and a policy that follows a decision plays the episode.
Each thought lists the candidates called so far, the answer of each, how likely it is to be right, and what leads. So the
last thought holds all that the policy must remember: the policy copies that thought and updates it, and the end repeats
its last word. Likelihoods and leaders come from the planner's posterior, never from the gold answer: a policy trained
on answers that it cannot infer learns to guess.

Some episodes begin with a detour: calls that are drawn at random and not learned. Candidates then disagree as often as
they agree. In the planner's own episodes most agree, so a policy would not learn to tell agreement from disagreement;
nor would it learn what to do in states that the planner never reaches, such as after a repeated call.

In the answer view, thoughts hold the labels of answers, which each demonstration draws anew, and the policy ends by
adopting the reply of the candidate that leads. In the text view they hold the answers themselves, the policy writes
the leading one, and a route repeats the question, as a live candidate needs it. The posterior that decides about a
question was fitted without it; otherwise it would be too confident.

Not covered: several routes in a turn, budgets.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from router_r1 import terminal
from router_r1.answers import answer_key
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Episode
from router_r1.errors import ConfigError, DataError
from router_r1.protocol import Route, render_turn
from router_r1.testing import ScriptedPolicy
from router_r1_envs.planner.planner import Decision, Planner
from router_r1_envs.planner.planner_file import load_planner, save_planner
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.supervised.demonstrations import Example, play_episode
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

_ROUTE = "<route"
_MAX_DETOUR = 4
_REPEAT_SHARE = 0.15
"""Probability that the next call of a detour repeats an earlier one, where that is possible."""

NO_ANSWER = "none"
"""A thought's word for a missing answer; also the final answer if there is no reply."""
LEADER = "so"
"""A thought's word before what leads: a candidate in the answer view, an answer in the text view."""
QUERY = "question"
"""The query of a route that does not repeat the question; a recorded world reads it as the question."""


class DecisionPolicy(ScriptedPolicy):
    """A policy that carries out one decision of the planner."""

    def __init__(self, decision: Decision, world: RecordedWorld, query: str = QUERY) -> None:
        """
        Args:
            decision: what to do.
            world: whose view decides what answers look like.
            query: the query of every route.
        """
        self._decision, self._query = decision, query
        self._view = world.answer_view if world.view == "answer" else None
        super().__init__(self._write, name="planner")

    def _write(self, episode: Episode) -> str:
        decision, number = self._decision, episode.rounds
        thought = self._thought(number)
        if number < len(decision.calls):
            return render_turn(thought, [Route(decision.calls[number], self._query)])
        leading = leading_reply(decision, number)
        if self._view is not None and leading is not None:
            name, reply = leading
            return render_turn(thought, adopted=name, adopted_reply=reply)
        return render_turn(thought, answer=self._leader(number))

    def _thought(self, number: int) -> str:
        """The thought before call `number`: each candidate so far, its answer and tenths of confidence; what leads."""
        if not number:
            return NO_ANSWER
        believed = self._decision.beliefs[number]
        calls = (
            f"{name} {NO_ANSWER if answer is None else f'{answer} p{min(9, int(10 * belief))}'}"
            for name, answer, belief in zip(
                self._decision.calls, map(self._shown, range(number)), believed, strict=False
            )
        )
        return " ".join([*calls, LEADER, self._leader(number)])

    def _shown(self, call: int) -> str | None:
        """The answer of a call, as the view shows it."""
        outcome = self._decision.outcomes[call]
        if outcome is None:
            return None
        if self._view is not None:
            return self._view.label(self._decision.question, outcome)
        return outcome.short_answer

    def _leader(self, number: int) -> str:
        if self._view is not None:
            leading = leading_reply(self._decision, number)
            return NO_ANSWER if leading is None else " ".join(str(part) for part in leading if part)
        leader = self._decision.leaders[number]
        return (None if leader is None else self._shown(leader)) or NO_ANSWER


def leading_reply(decision: Decision, number: int) -> tuple[str, int | None] | None:
    """(candidate, which of its replies; None for its last) of the reply among the first `number` calls that is most
    likely right; None if there is no reply.

    Of equally likely ones it is the last reply of a candidate, if there is one, and of these the earliest.
    """
    replied = [call for call in range(number) if decision.outcomes[call] is not None]
    if not replied:
        return None
    names, believed = decision.calls, decision.beliefs[number]
    last = {names[call]: call for call in replied}
    best = max(replied, key=lambda call: (believed[call], last[names[call]] == call, -call))
    if last[names[best]] == best:
        return names[best], None
    return names[best], 1 + sum(names[call] == names[best] for call in replied if call < best)


def words_of_thoughts() -> Iterator[str]:
    """All words of demonstrations except names, answers and features of the question."""
    yield from (NO_ANSWER, LEADER, QUERY)
    yield from (f"p{tenths}" for tenths in range(10))


def fitted_planner(world: RecordedWorld, path: Path, seed: int) -> Planner:
    """The planner of a world: read from a file if it is there, otherwise fitted and written there.

    Raises:
        DataError: the file holds a planner of another table or seed.
    """
    splits = TableSplits.of(world)
    if not path.exists():
        terminal.echo(f"fitting the planner on {world.name}", err=True)
        planner = Planner.fit(splits, seed)
        save_planner(planner, path)
        return planner
    planner = load_planner(path, splits)
    if planner.seed != seed:
        raise DataError(
            f"{path}: was fitted with seed {planner.seed}, not {seed}; remove it, or choose another folder"
        )
    return planner


def planner_decisions(
    world: RecordedWorld, planner: Planner, *, copies: int = 1, detours: int = 0, seed: int = 0
) -> Iterator[tuple[Decision, int]]:
    """The planner's decision about each training question at each level, with the index of the level.

    Args:
        world: where the training questions come from.
        planner: makes the decisions.
        copies: decisions per question and level; they differ only in the labels of answers.
        detours: further decisions per question and level, each after one to four calls that are drawn.
        seed: seed of labels and draws.
    """
    questions, folds = world.questions(Split.TRAIN), planner.settings.folds
    rounds = list(itertools.product(range(copies + detours), range(len(world.levels))))
    labelled = world.view == "answer"
    for number, (copy, level_index) in enumerate(rounds, seed * len(rounds)):
        # In the text view the candidates stay as they are: the planner knows these names and prices.
        varied = [world.varied(q, number) for q in questions] if labelled else list(questions)
        is_detour = copy >= copies
        begin = [_draw_detour(world, planner, q, number) if is_detour else () for q in questions]
        for fold in range(folds):
            part = slice(fold, None, folds)
            level = world.levels[level_index]
            for decision in planner.plan(varied[part], level, fold=fold, begin=begin[part]):
                yield decision, level_index


def _draw_detour(
    world: RecordedWorld, planner: Planner, question: Question, number: int
) -> tuple[str, ...]:
    """Draw candidates so that the next answer is equally likely to be new or to agree with an earlier one.

    Now and then the draw repeats a call, if the table has no second sample for it: such a call is a miss.
    """
    rng = seeded_random("detour", number, question.id)
    most = min(_MAX_DETOUR, planner.settings.max_calls, len(planner.names))
    left = rng.sample(planner.names, len(planner.names))
    calls: list[str] = []
    given: set[str | None] = {None}
    for _ in range(rng.randint(1, most)):
        exhausted = [n for n in calls if world.table.outcome(question.id, n, 1) is None]
        if exhausted and rng.random() < _REPEAT_SHARE:
            calls.append(rng.choice(exhausted))
            continue
        want_new = rng.random() < 0.5
        answers = {name: _recorded_answer(world, question, name) for name in left}
        name = next((name for name in left if (answers[name] not in given) is want_new), left[0])
        left.remove(name)
        calls.append(name)
        given.add(answers[name])
    return tuple(calls)


def _recorded_answer(world: RecordedWorld, question: Question, name: str) -> str | None:
    outcome = world.table.outcome(question.id, name)
    short = outcome.short_answer if outcome is not None else None
    return None if short is None else answer_key(short)


def demonstrations(
    world: RecordedWorld, planner: Planner, *, copies: int = 1, detours: int = 0, seed: int = 0
) -> Iterator[tuple[Episode, Decision]]:
    """Finished episodes that carry out the planner's decisions, with the decisions, for a small policy.

    Args:
        world: see `planner_decisions`.
        planner: see `planner_decisions`.
        copies: see `planner_decisions`.
        detours: see `planner_decisions`.
        seed: see `planner_decisions`.

    Raises:
        ConfigError: the world shows texts, or see `check_rounds`.
    """
    if world.view != "answer":
        raise ConfigError(f"{world.name}: a small policy reads answers, not texts; set view=answer")
    check_rounds(world, planner)
    decisions = planner_decisions(world, planner, copies=copies, detours=detours, seed=seed)
    with asyncio.Runner() as runner:
        for decision, level_index in decisions:
            level, policy = world.levels[level_index], DecisionPolicy(decision, world)
            yield runner.run(play_episode(world, decision.question, level, policy)), decision


def drawn_demonstrations(
    world: RecordedWorld,
    planner: Planner,
    most: int,
    *,
    detours: int = 1,
    copy_question: bool = True,
    seed: int = 0,
) -> Iterator[tuple[Episode, Decision]]:
    """Demonstrations for an existing checkpoint, in either view: of all that there are, some that are drawn.

    Decisions without an answer are left out: a pre-trained policy would learn to answer `none`, also where it can read
    an answer that the planner cannot (a program, for example).

    Args:
        world: see `planner_decisions`.
        planner: see `planner_decisions`.
        most: number of decisions that are drawn.
        detours: see `planner_decisions`.
        copy_question: in the text view, routes repeat the question; otherwise they hold the word `question`.
        seed: see `planner_decisions`.

    Raises:
        ConfigError: see `check_rounds`.
    """
    check_rounds(world, planner)
    decided = planner_decisions(world, planner, detours=detours, seed=seed)
    decisions = [(d, level) for d, level in decided if d.final is not None]
    drawn = seeded_random("drawn decisions", seed).sample(decisions, min(most, len(decisions)))
    with asyncio.Runner() as runner:
        for decision, level_index in drawn:
            question, level = decision.question, world.levels[level_index]
            copies = copy_question and world.view == "text"
            policy = DecisionPolicy(decision, world, question.question if copies else QUERY)
            yield runner.run(play_episode(world, question, level, policy)), decision


def check_rounds(world: RecordedWorld, planner: Planner) -> None:
    """Raise `ConfigError` if the world allows several routes in a turn, or fewer rounds than the planner makes calls."""
    if world.limits.max_routes != 1:
        raise ConfigError(
            f"{world.name}: the planner calls one candidate at a time, and a turn may call {world.limits.max_routes}; "
            f"set max_routes=1"
        )
    if world.limits.max_rounds < planner.settings.max_calls:
        raise ConfigError(
            f"{world.name}: an episode has {world.limits.max_rounds} rounds and the planner asks up to "
            f"{planner.settings.max_calls} candidates; set the world's max_rounds to at least that"
        )


def mask_routes(example: Example, tokenizer: Any, turns: int) -> Example:
    """An example without the routes of its first turns: their thoughts are learned, their routes are context.

    Args:
        example: a demonstration.
        tokenizer: the policy's.
        turns: how many turns, from the first.
    """
    mask = list(example.mask)
    places = itertools.groupby(range(len(mask)), key=lambda place: example.mask[place])
    written = (list(group) for learned, group in places if learned)
    for turn in itertools.islice(written, turns):
        ids = [example.ids[place] for place in turn]
        begin = tokenizer.decode(ids).find(_ROUTE)
        if begin < 0:
            continue
        # The first token that reaches beyond this place in the text.
        first = bisect.bisect_right(
            range(len(ids)), begin, key=lambda n: len(tokenizer.decode(ids[: n + 1]))
        )
        for place in turn[first:]:
            mask[place] = 0
    return Example(example.ids, mask)
