"""Programs and outcomes with a known structure: what a selector must find, and what it cannot know.

A run succeeds if every sub-task with a choice succeeds and every two models of adjacent sub-tasks fit together (a model
may not fit itself, so that the shape of a program matters):

    P(sub-task v succeeds with model m) = sigma(skill[type, m] + taste[type, m, kind of question])
    P(models m, m' of adjacent sub-tasks fit) = 0.97, or `misfit` for the pairs that were drawn not to

The kind of a question is read off its words (how it opens, and whether it is about people). Whether one sub-task
succeeds with one model is drawn once and shared by all combinations that have it there, as in recorded runs; so some
programs succeed with no combination. Nothing here is recorded: a figure on planted outcomes says that a method finds
such a structure, never how good it is on real models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from router_r1.errors import ConfigError
from router_r1.routers.libraries import Floats, np
from router_r1.routers.programs.graph import INPUT, Program, SubTask
from router_r1.routers.programs.program_table import ModelChoices, ProgramTable

OPENINGS = (("is", "are", "do", "does", "was", "has"), ("what", "which", "how"), ("who", "where"))
PEOPLE = ("man", "woman", "person", "people", "boy", "girl", "child", "lady", "guy", "player")
KINDS = 2 * (len(OPENINGS) + 1)
"""Kinds of questions: three openings and any other, each about people or not."""
_THINGS = ("table", "dress", "car", "tree", "bag", "plate", "fence", "horse", "sign", "bottle")
_FITS = 0.97
_CHOICE = ("LOC", "VQA")


def kind_of(question: str) -> int:
    """The kind of a question, from 0."""
    words = re.findall(r"\w+", question.lower()) or [""]
    opening = next((place for place, own in enumerate(OPENINGS) if words[0] in own), len(OPENINGS))
    return 2 * opening + any(word in PEOPLE for word in words)


@dataclass(frozen=True, kw_only=True)
class PlantedOutcomes:
    """Draws the models' skills, and then outcomes of programs."""

    seed: int = 0
    """Seed of skills and outcomes."""
    models: int = 10
    """Models of each of LOC and VQA."""
    taste: float = 2.0
    """Standard deviation, over kinds of questions, of the log odds of a model's success: 0, and questions do not matter."""
    misfits: float = 0.4
    """Share of the pairs of models that do not fit together: 0, and each type can be chosen for itself."""
    misfit: float = 0.15
    """How likely such a pair succeeds nevertheless."""
    missing: float = 0.0
    """Share of the runs that are not recorded."""

    def of(self, programs: Sequence[Program]) -> ProgramTable:
        """The outcomes of programs; skills depend on the seed alone, so that tables of one seed have the same models.

        Raises:
            ConfigError: fewer than two models.
            DataError: no program.
        """
        if self.models < 2:
            raise ConfigError(f"models: expected 2 or more, got {self.models}")
        skills = np.random.default_rng([self.seed, 0])
        odds = skills.normal(0.0, 0.7, (len(_CHOICE), self.models, 1)) + skills.normal(
            0, self.taste, (len(_CHOICE), self.models, KINDS)
        )
        works = 1 / (1 + np.exp(-odds))  # [types, models, kinds]
        bad = skills.random((len(_CHOICE), len(_CHOICE), self.models, self.models)) < self.misfits
        fits = np.where(bad, self.misfit, _FITS)  # [type, next type, model, next model]
        prices = skills.uniform(0.5e-4, 5e-4, (len(_CHOICE), self.models))
        choices = ModelChoices(
            {
                kind: {f"{kind.lower()}-{m}": float(prices[t, m]) for m in range(self.models)}
                for t, kind in enumerate(_CHOICE)
            }
        )
        # The ids join the seed, so that the same program has the same outcomes in any table.
        rows = [self._outcomes(program, works, fits, choices) for program in programs]
        outcomes = np.array(rows).reshape(len(rows), len(choices.combinations))
        return ProgramTable(tuple(programs), choices, outcomes)

    def _outcomes(
        self, program: Program, works: Floats, fits: Floats, choices: ModelChoices
    ) -> Floats:
        """[C] of one program."""
        source = np.random.default_rng([self.seed, 1, *program.id.encode()])
        kind, places = kind_of(program.question), choices.places
        success = np.ones(len(places), dtype=bool)
        for task in program.tasks:
            if task.kind in _CHOICE:
                of = _CHOICE.index(task.kind)
                succeeds = source.random(self.models) < works[of, :, kind]
                success &= succeeds[places[:, of]]
        for one, other in program.next_of(frozenset(_CHOICE)):
            a, b = (_CHOICE.index(program.tasks[place].kind) for place in (one, other))
            fitting = source.random((self.models, self.models)) < fits[a, b]
            success &= fitting[places[:, a], places[:, b]]
        outcomes = success.astype(np.float64)
        if self.missing:
            # Runs, not columns, are missing: columns that are the same run are missing together.
            present = [kind in program.kinds for kind in _CHOICE]
            lost = source.random((self.models,) * len(_CHOICE)) < self.missing
            outcomes[lost[tuple((places * present).T)]] = np.nan
        return outcomes


def draw_programs(count: int, seed: int = 0) -> tuple[Program, ...]:
    """Programs of the commonest shapes of MS-GQA, with questions from templates."""
    source = np.random.default_rng([seed, 2])
    openings = [*(word for own in OPENINGS for word in own), "name", "describe"]
    programs = []
    for number in range(count):
        subject = str(source.choice(PEOPLE if source.random() < 0.5 else _THINGS))
        other = str(source.choice(_THINGS))
        question = f"{str(source.choice(openings)).capitalize()} the {subject} near the {other}?"
        shape = _SHAPES[source.choice(len(_SHAPES), p=_SHARES)]
        programs.append(Program(f"{seed}-{number}", question, shape))
    return tuple(programs)


def _chain(*steps: str) -> tuple[SubTask, ...]:
    """Steps `TYPE<FROM,...`, named by their places from 0; without FROM a step reads the image."""
    tasks = []
    for place, step in enumerate(steps):
        kind, _, sources = step.partition("<")
        tasks.append(SubTask(str(place), kind, tuple(sources.split(",")) if sources else (INPUT,)))
    return tuple(tasks)


_SHAPES = (
    _chain("LOC", "CROP<0", "VQA<1", "RESULT<2"),
    _chain("VQA", "RESULT<0"),
    _chain("LOC", "CROP<0", "LOC<1", "COUNT<2", "EVAL<3", "RESULT<4"),
    _chain("LOC", "LOC", "COUNT<0", "COUNT<1", "EVAL<2,3", "RESULT<4"),
    _chain("LOC", "VQA", "RESULT<1"),
    _chain("LOC", "CROP<0", "LOC<1", "CROP<2", "VQA<3", "VQA<3", "EVAL<4,5", "RESULT<6"),
    _chain("LOC", "CROP<0", "VQA<1", "VQA<1", "EVAL<2,3", "RESULT<4"),
    _chain("LOC", "EVAL<0", "RESULT<1"),
)
_SHARES = (0.32, 0.16, 0.14, 0.08, 0.09, 0.10, 0.08, 0.03)
