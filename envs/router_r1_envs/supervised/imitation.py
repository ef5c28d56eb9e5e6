"""From random weights to a policy for a recorded table: it imitates the planner, before reinforcement learning.

The planner (`planner.py`) decides about each training question at each level, and a rule plays its decisions through the
real episode. Each thought states who was asked so far, what each said, how likely that is right, and which answer leads: all
that a policy has to know of earlier rounds stands in its last thought, to be copied and brought up to date, and the answer repeats the last
word. Likelihood and leader are those of the planner's posterior, never the gold answer: who is shown an answer that he can not know
learns to guess. Some episodes begin with candidates that are drawn (`_detour`): disagreement is then as frequent as agreement, and
the policy learns to tell them apart, which the planner's own episodes, where most agree, do not teach; and it learns what
to do where the planner would not have gone, such as after it has asked somebody twice. These first routes
are not learned. Letters of options and digits of numbers are permuted in each demonstration, so that none can be learnt by
heart; and each question is decided on by a posterior that was not fitted on it, which would be too sure of itself.

Not covered: candidates' texts (a policy that reads them is a pre-trained one), several routes in a turn, budgets.
"""

from __future__ import annotations

import asyncio
import itertools
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from router_r1.answers import answer_key
from router_r1.config import StrictModel
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1.policies import token_ids
from router_r1.protocol import Route, render_turn
from router_r1.testing import ScriptedPolicy
from router_r1_envs.planner.planner import Decision, Planner
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.supervised.cold_start import Stage
from router_r1_envs.supervised.demonstrations import Example, example_of, play
from router_r1_envs.supervised.small_policy import ROUTE, make_model, make_tokenizer, save_policy
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

Count = Annotated[int, Field(ge=1)]
_DETOUR = 4  # most calls of a detour
_AGAIN = 0.15  # how often the next one is somebody who was asked already
_DECAY = 0.5  # share of the steps, at the end, in which the learning rates fall
NOBODY = "none"
"""What a thought says where there is no answer, and the answer where nobody gave one."""
SO = "so"
"""What a thought says before the leader."""
QUERY = "question"
"""What a route says: in a recorded world it stands for the question."""


# A letter is one token wherever it stands: that two say the same is then easy to see. As `C` in a thought and `(C).` in a reply
# it would be two, and whether candidates agree was learned in four cases of five after a thousand steps.
_LETTERS = [form for letter in string.ascii_uppercase for form in (letter, f"({letter}).")]


class ImitationConfig(StrictModel):
    """How a policy imitates the planner. The defaults are for one CPU core."""

    seed: int = 0
    """Of weights, letters, digits and order."""
    copies: Count = 1
    """Demonstrations of a question at each level, each with other letters or digits."""
    detours: Annotated[int, Field(ge=0)] = 2
    """Further ones, that begin with candidates that are drawn, so that half of them disagree."""
    steps: Count = 1500
    """Optimiser steps."""
    batch_size: Count = 64
    """Sequences a step."""
    hidden: Count = 128
    """Width of the policy."""
    layers: Count = 4
    """Its layers."""


class Follower(ScriptedPolicy):
    """A policy that carries out one decision of the planner."""

    def __init__(self, decision: Decision) -> None:
        self._decision = decision
        super().__init__(self._write, name="planner")

    def _write(self, episode: Episode) -> str:
        decision, number = self._decision, episode.rounds
        thought = said(decision, number)
        if number < len(decision.calls):
            return render_turn(thought, [Route(decision.calls[number], QUERY)])
        return render_turn(thought, answer=decision.answer or NOBODY)


def said(decision: Decision, number: int) -> str:
    """The thought before call `number`: who said what, each with its tenths of certainty, and the leader."""
    if not number:
        return NOBODY
    each = (
        f"{name} {NOBODY if b.answer is None else f'{b.answer} p{min(9, int(10 * b.confidence))}'}"
        for name, b in zip(decision.calls, decision.beliefs[number], strict=False)
    )
    return " ".join([*each, SO, decision.leaders[number] or NOBODY])


def decisions(
    world: RecordedWorld, planner: Planner, *, copies: int = 1, detours: int = 0, seed: int = 0
) -> Iterator[tuple[Decision, int]]:
    """The planner's decision on each training question at each level; with the level's number.

    Args:
        world: whose training questions.
        planner: who decides.
        copies: decisions on each; they differ in the letters of the options, or the digits, alone.
        detours: further decisions on each, after one to four calls to candidates that are drawn.
        seed: of letters, digits and draws.
    """
    questions, folds = world.questions(Split.TRAIN), planner.settings.folds
    rounds = list(itertools.product(range(copies + detours), range(len(world.levels))))
    for number, (turn, place) in enumerate(rounds, seed * len(rounds)):
        shown = [world.permuted(q, number) for q in questions]
        begin = [_detour(world, planner, q, number) if turn >= copies else () for q in questions]
        for fold in range(folds):
            part = slice(fold, None, folds)
            level = world.levels[place]
            for decision in planner.plan(shown[part], level, fold=fold, begin=begin[part]):
                yield decision, place


def _detour(
    world: RecordedWorld, planner: Planner, question: Question, number: int
) -> tuple[str, ...]:
    """Candidates that are drawn: whether the next one agrees with somebody is a toss-up, and nothing foretells it.

    Now and then somebody is asked again, where that is a miss.
    """
    source = seeded_random("detour", number, question.id)
    most = min(_DETOUR, planner.settings.max_calls, len(planner.names))
    left = source.sample(planner.names, len(planner.names))
    chosen: list[str] = []
    given: set[str | None] = {None}
    for _ in range(source.randint(1, most)):
        spent = [n for n in chosen if world.table.outcome(question.id, n, 1) is None]
        if spent and source.random() < _AGAIN:
            chosen.append(source.choice(spent))
            continue
        new = source.random() < 0.5
        said = {name: _answer(world, question, name) for name in left}
        name = next((name for name in left if (said[name] not in given) is new), left[0])
        left.remove(name)
        chosen.append(name)
        given.add(said[name])
    return tuple(chosen)


def _answer(world: RecordedWorld, question: Question, name: str) -> str | None:
    outcome = world.table.outcome(question.id, name)
    short = outcome.short_answer if outcome is not None else None
    return None if short is None else answer_key(short)


def demonstrations(
    world: RecordedWorld, planner: Planner, *, copies: int = 1, detours: int = 0, seed: int = 0
) -> Iterator[tuple[Episode, Decision]]:
    """Finished episodes in which the planner's decisions are carried out, and the decisions. Arguments as of `decisions`.

    Raises:
        ConfigError: the world shows texts, allows several routes in a turn, or fewer rounds than the planner has calls.
    """
    _check(world, planner)
    with asyncio.Runner() as runner:
        for decision, place in decisions(world, planner, copies=copies, detours=detours, seed=seed):
            level = world.levels[place]
            follower = Follower(decision)
            yield runner.run(play(world, decision.question, level, follower)), decision


def without_routes(example: Example, tokenizer: Any, turns: int) -> Example:
    """The same example, of whose first `turns` turns the thoughts are learned and the routes only read."""
    if not turns:
        return example
    (tag,) = token_ids.encode_text(tokenizer, ROUTE)
    mask, turn, chosen = list(example.mask), 0, False
    for place, (token, learned) in enumerate(zip(example.ids, example.mask, strict=True)):
        if learned and not example.mask[place - 1]:
            turn, chosen = turn + 1, False
        chosen |= token == tag
        if learned and chosen and turn <= turns:
            mask[place] = 0
    return Example(example.ids, mask)


def _check(world: RecordedWorld, planner: Planner) -> None:
    if world.view != "answer":
        raise ConfigError(f"{world.name}: a small policy reads answers, not texts; set view=answer")
    if world.limits.max_routes != 1:
        raise ConfigError(
            f"{world.name}: the planner asks one candidate at a time, and an episode may ask {world.limits.max_routes} "
            f"at once; set max_routes=1"
        )
    if world.limits.max_rounds < planner.settings.max_calls:
        raise ConfigError(
            f"{world.name}: an episode has {world.limits.max_rounds} rounds and the planner asks up to "
            f"{planner.settings.max_calls} candidates; set max_rounds of the world to as many"
        )


def imitate(
    world: RecordedWorld,
    planner: Planner,
    folder: str | Path,
    settings: ImitationConfig | None = None,
    on_stage: Callable[[Stage], None] | None = None,
) -> dict[str, Any]:
    """Make a policy, train it on demonstrations of the planner, and save it in `folder`.

    Returns:
        The final loss, the number of demonstrations, the tokens of the longest opening and episode, and the settings.

    Raises:
        ConfigError: see `demonstrations`.
    """
    from router_r1_envs.supervised.training_loop import supervise

    settings = settings or ImitationConfig()
    tell = on_stage or (lambda stage: None)
    tell(Stage("demonstrations"))
    played = list(
        demonstrations(
            world,
            planner,
            copies=settings.copies,
            detours=settings.detours,
            seed=settings.seed,
        )
    )
    every = (f"{e.opening[-1]['content']} {e.transcript}" for e, _ in played)
    tokenizer = make_tokenizer(every, known=_words(world), spelt=_LETTERS)
    examples = [
        without_routes(example_of(episode, tokenizer), tokenizer, decision.begun)
        for episode, decision in played
    ]
    model = make_model(
        tokenizer, hidden=settings.hidden, layers=settings.layers, seed=settings.seed
    )
    loss = supervise(
        model,
        examples,
        steps=settings.steps,
        batch_size=settings.batch_size,
        decay=_DECAY,
        seed=settings.seed,
        on_progress=lambda progress: tell(Stage("imitation", progress)),
    )
    save_policy(model, tokenizer, folder)
    return {
        "loss": loss,
        "demonstrations": len(examples),
        "longest_opening": max(example.mask.index(1) for example in examples),
        "longest_episode": max(len(example.ids) for example in examples),
        "parameters": sum(p.numel() for p in model.parameters()),
        "settings": settings.model_dump(),
    }


def _words(world: RecordedWorld) -> Iterator[str]:
    """What must be one token however rarely the demonstrations say it."""
    yield from world.table.names
    for category in world.categories:
        yield from category.split()
    yield from (NOBODY, SO, QUERY)
    yield from (f"p{tenths}" for tenths in range(10))
