"""Choosing models for programs of several sub-tasks: one model for each type of sub-task, all of them at once.

A program answers a question by steps that feed each other: find the dress, crop the image to it, ask who wears it. Some
types of step have several models to choose from. Which are best depends on the question and on each other, so that a
choice is a *combination*: a model for each such type (M3, arXiv:2310.08446).

    splits = read_m3("m3").splits                                     # the programs of MS-GQA
    table = PlantedOutcomes(seed=0).of(splits["train"])               # or outcomes of your own: ProgramTable(...)
    selector = ProgramSelector().fit(table)
    selector.choose(splits["test"], willingness_to_pay=0.01)          # [{"LOC": "loc-3", "VQA": "vqa-0"}, ...]

    graph.py            a program as a directed acyclic graph of typed sub-tasks
    m3_files.py         the files of MS-GQA
    program_table.py    what each combination achieved on each program
    planted.py          drawn programs and outcomes with a known structure
    network.py          the graph attention network that scores combinations, in numpy and torch alike
    training.py         its loss and its training
    selector.py         fit, scores, choose, explain, save, load
    success_rate.py     share of programs that succeed, beside random, fixed choices and the oracle
"""

from __future__ import annotations

from router_r1.routers.programs.graph import INPUT, Program, SubTask
from router_r1.routers.programs.m3_files import read_m3
from router_r1.routers.programs.planted import PlantedOutcomes, draw_programs
from router_r1.routers.programs.program_table import ModelChoices, ProgramTable
from router_r1.routers.programs.selector import ProgramSelector

__all__ = [
    "INPUT",
    "ModelChoices",
    "PlantedOutcomes",
    "Program",
    "ProgramSelector",
    "ProgramTable",
    "SubTask",
    "draw_programs",
    "read_m3",
]
