"""From random weights to a policy for a recorded table: it imitates the planner, before reinforcement learning.

The planner (`planner.py`) decides about each training question at each level, and a rule plays its decisions through the
real episode. Before each route the rule states which answer leads and how many gave it, so that the policy learns to count
before it learns to choose. The leader is that of the planner's posterior, never the gold answer: who is shown an answer
that he can not know learns to guess. Letters of options are permuted in each demonstration, so that none can be learnt by
heart; and each question is decided on by a posterior that was not fitted on it, which would be too sure of itself.

Not covered: candidates' texts (a policy that reads them is a pre-trained one), several routes in a turn, budgets.
"""

from __future__ import annotations

import asyncio
import itertools
import string
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from router_r1 import native
from router_r1.answers import answer_key
from router_r1.config import StrictModel
from router_r1.episode import Episode
from router_r1.errors import ConfigError
from router_r1.prompts import PromptContext
from router_r1.protocol import Information, Route, render_information, render_turn
from router_r1.questions import Split
from router_r1.testing import ScriptedPolicy
from router_r1_envs.cold_start import Stage
from router_r1_envs.demonstrations import Example, example_of, play
from router_r1_envs.knowledge import draw
from router_r1_envs.planner import Decision, Planner
from router_r1_envs.recorded import RecordedWorld
from router_r1_envs.small_policy import make_model, make_tokenizer, save_policy

Count = Annotated[int, Field(ge=1)]
_TALLIED = 5
_DECAY = 0.5  # share of the steps, at the end, in which the learning rates fall
_NO_LIMITS = PromptContext(max_rounds=1, max_routes=1, budget_usd=None)
NOBODY = "none"
"""What a thought says while nobody has answered, and the answer where nobody did."""
QUERY = "question"
"""What a route says: in a recorded world it stands for the question."""


# A letter is one token wherever it stands: that two say the same is then easy to see. As `C` in a thought and `(C).` in a reply
# it would be two, and whether candidates agree was learned in four cases of five after a thousand steps.
_LETTERS = [form for letter in string.ascii_uppercase for form in (letter, f"({letter}).")]


class ImitationConfig(StrictModel):
    """How a policy imitates the planner. The defaults are for one CPU core."""

    seed: int = 0
    """Of weights, letters and order."""
    copies: Count = 1
    """Demonstrations of a question at each level, each with its letters in another order."""
    tallies: Annotated[int, Field(ge=0)] = 8000
    """Replies that are only counted, see `tallies`; mixed with the demonstrations."""
    steps: Count = 1200
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
    """The thought before call `number`: the leading answer, and how many of those asked gave it."""
    leader = decision.leaders[number]
    return NOBODY if leader is None else f"{leader} x{decision.support[number]}"


def decisions(
    world: RecordedWorld, planner: Planner, *, copies: int = 1, seed: int = 0
) -> Iterator[tuple[Decision, int]]:
    """The planner's decision on each training question at each level, `copies` times; with the level's number.

    Copies differ in the letters of the options alone.
    """
    questions, folds = world.questions(Split.TRAIN), planner.settings.folds
    rounds = list(itertools.product(range(copies), range(len(world.levels))))
    for number, (_, place) in enumerate(rounds, seed * len(rounds)):
        shown = [world.permuted(q, number) for q in questions]
        for fold in range(folds):
            for decision in planner.plan(shown[fold::folds], world.levels[place], fold=fold):
                yield decision, place


def demonstrations(
    world: RecordedWorld, planner: Planner, *, copies: int = 1, seed: int = 0
) -> Iterator[Episode]:
    """Finished episodes in which the planner's decisions are carried out.

    Raises:
        ConfigError: the world shows texts, allows several routes in a turn, or fewer rounds than the planner has calls.
    """
    _check(world, planner)
    with asyncio.Runner() as runner:
        for decision, place in decisions(world, planner, copies=copies, seed=seed):
            level = world.levels[place]
            yield runner.run(play(world, decision.question, level, Follower(decision)))


def tallies(world: RecordedWorld, tokenizer: Any, count: int, seed: int = 0) -> list[Example]:
    """Replies of a few candidates to a training question, and after each the answer that most gave and how many did.

    Only the tally is learned. An episode tells little about it: most of its replies agree.
    """
    questions, names = world.questions(Split.TRAIN), world.table.names
    examples = []
    for number in range(count):
        source = draw("tally", seed, number)
        question = world.permuted(source.choice(questions), source.randrange(2**30))
        ids = native.opening_ids(
            tokenizer, world.prompt(question)(question.question, (), _NO_LIMITS)
        )
        mask = [0] * len(ids)
        given: Counter[str] = Counter()
        shown: dict[str, str] = {}
        for name in source.sample(names, min(_TALLIED, len(names))):
            outcome = world.table.outcome(question.id, name)
            if outcome is None:
                continue
            if outcome.short_answer is not None:
                answer = world.shown(question, outcome.short_answer)
                shown.setdefault(answer_key(answer), answer)
                given[answer_key(answer)] += 1
            reply = render_information(Information(world.text(question, outcome), name))
            (leader, gave), *_ = given.most_common(1) or [(NOBODY, 0)]
            thought = f"{shown[leader]} x{gave}" if gave else NOBODY
            for text, learned in ((f"\n{reply}\n", 0), (f"<think>{thought}</think>", 1)):
                encoded = native.encode_text(tokenizer, text)
                ids += encoded
                mask += [learned] * len(encoded)
        examples.append(Example(ids, mask))
    return examples


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
    from router_r1_envs.supervised import supervise

    settings = settings or ImitationConfig()
    tell = on_stage or (lambda stage: None)
    tell(Stage("demonstrations"))
    played = list(demonstrations(world, planner, copies=settings.copies, seed=settings.seed))
    every = (f"{e.opening[-1]['content']} {e.transcript}" for e in played)
    tokenizer = make_tokenizer(every, known=_words(world), spelt=_LETTERS)
    examples = [example_of(episode, tokenizer) for episode in played]
    model = make_model(
        tokenizer, hidden=settings.hidden, layers=settings.layers, seed=settings.seed
    )

    # Together, not one after the other: a policy that has learned tallies alone is slow to learn anything else.
    counted = tallies(world, tokenizer, settings.tallies, settings.seed)
    loss = supervise(
        model,
        examples + counted,
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
        "tallies": len(counted),
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
    yield from (NOBODY, QUERY)
    yield from (f"x{count}" for count in range(1, len(world.table.names) + 1))
