"""The commands `router-r1 router fit | score | add-model | explain`. Light to import."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from router_r1 import terminal
from router_r1.commands.names_in_help import NamesInHelp

if TYPE_CHECKING:
    from router_r1.data.outcome_table import OutcomeTable
    from router_r1.data.questions import Question
    from router_r1.routers.base import Router

Worth = Annotated[
    float,
    typer.Option(
        "--worth",
        min=0,
        help="Dollars a right answer is worth; inf ignores the cost.",
        show_default="inf",
    ),
]
Saved = Annotated[Path, typer.Argument(help="Folder of a router, from `router fit`.")]


class Part(StrEnum):
    """Which questions of a table."""

    ALL = "all"
    FIT = "fit"
    """Those that are not held out."""
    HELD_OUT = "held-out"
    """Three in ten, by a hash of the id: the test questions of a tournament with default settings."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        help="One-shot routers and cascades: fit, ask, extend and explain them.",
        no_args_is_help=True,
    )
    group.command("fit", cls=NamesInHelp)(fit_command)
    group.command("score")(score_command)
    group.command("add-model")(add_model_command)
    group.command("explain")(explain_command)
    app.add_typer(group, name="router")


def fit_command(
    router: Annotated[
        str, typer.Argument(help="{routers}. With settings: knn:k=50,embedding=PATH.")
    ],
    table: Annotated[Path, typer.Argument(help="Folder of the outcome table to learn from.")],
    out: Annotated[Path, typer.Option(help="Folder for the fitted router.")],
    part: Annotated[
        Part,
        typer.Option(help="Learn from all questions, or only from those that are not held out."),
    ] = Part.ALL,
    tune: Annotated[
        bool, typer.Option("--tune", help="Choose settings by cross-validation on these questions.")
    ] = False,
    folds: Annotated[int, typer.Option(min=2, help="Folds of the cross-validation.")] = 3,
    battles: Annotated[
        Path | None,
        typer.Option(
            help="Learn from an arena's battles in place of the table's scores, with mf, sw, bert or causal_lm: JSON "
            "Lines, JSON, CSV or parquet with model_a, model_b, winner and the question. The table gives costs."
        ),
    ] = None,
) -> None:
    """Fit a router on a table of recorded answers, and save it.

    Embeddings are `tfidf` (the default, which needs no download), the folder or name of a sentence-transformers model,
    or URL#MODEL of an OpenAI-compatible endpoint, e.g. http://localhost:11434/v1#nomic-embed-text. Vectors are kept in
    ~/.cache/router-r1.

        router-r1 router fit knn:k=50 tables/mmlu_pro --part fit --out routers/knn
        router-r1 router score routers/knn tables/mmlu_pro --part held-out
    """
    from router_r1 import routers
    from router_r1.routers.tuning import tune as try_settings

    made = routers.from_text(router)
    learned_from = _part(table, part)
    if tune:
        name, _, given = router.partition(":")
        fixed = {item.partition("=")[0].strip(): None for item in given.split(",") if item}
        kept = {key: made.settings[key] for key in fixed}
        trials = try_settings(name, learned_from, kept, folds=folds, progress=True)
        for trial in trials:
            values = ", ".join(f"{k}={v}" for k, v in trial.settings.items())
            terminal.echo(f"{trial.utility:.4f}  {values}")
        made = routers.make(name, **trials[0].settings)
    learned = f"{len(learned_from.questions)} questions"
    if battles is None:
        made.fit(learned_from)
    else:
        learned = f"{_fit_battles(made, battles, learned_from)} battles"
    made.save(out)
    terminal.echo(f"{out}: {made.name} over {len(made.models)} models, from {learned}")


def _fit_battles(router: Router, path: Path, known: OutcomeTable) -> int:
    """Fit a router of preferences; return the number of battles."""
    from router_r1.errors import ConfigError
    from router_r1.routers.preference.battles import read_battles
    from router_r1.routers.preference.router import PreferenceRouter

    if not isinstance(router, PreferenceRouter):
        raise ConfigError(f"router {router.name!r} does not learn from battles")
    found = read_battles(path, known.names)
    router.fit_battles(found, known)
    return len(found)


def score_command(
    folder: Saved,
    source: Annotated[Path, typer.Argument(help="A question file, or the folder of a table.")],
    worth: Worth = math.inf,
    part: Annotated[Part, typer.Option(help="Questions of a table.")] = Part.ALL,
    out: Annotated[
        Path | None, typer.Option(help="JSON Lines file for the predictions, a line per question.")
    ] = None,
    router_arena: Annotated[
        Path | None,
        typer.Option(
            help="File for the choices in RouterArena's format; it calls models by their names here."
        ),
    ] = None,
) -> None:
    """Choose a model for each question. On a table, also say what the choices scored and cost.

    Prints how often each model is chosen (by a cascade: asked first); --out gets the predicted score and dollars of
    every model. What a cascade scores and costs includes all the models that it asks.
    """
    from collections import Counter

    from router_r1 import routers
    from router_r1.data.json_lines import write_json_lines
    from router_r1.data.router_arena import write_predictions
    from router_r1.errors import ConfigError
    from router_r1.routers.cascade.base import Cascade

    router = routers.load(folder)
    if router_arena is not None and isinstance(router, Cascade):
        raise ConfigError(
            f"{folder}: {router.name} may ask several models; RouterArena's format has one for each question"
        )
    table = _part(source, part) if source.is_dir() else None
    asked = table.questions if table is not None else _questions(source)
    scores, costs = router.scores(asked), router.costs(asked)
    chosen = router.decide(scores, costs, worth)
    if out is not None:
        write_json_lines(
            out,
            (
                {
                    "id": question.id,
                    "model": model,
                    "scores": dict(zip(router.models, s.tolist(), strict=True)),
                    "costs": dict(zip(router.models, c.tolist(), strict=True)),
                }
                for question, model, s, c in zip(asked, chosen, scores, costs, strict=True)
            ),
        )
    if router_arena is not None:
        write_predictions(router_arena, asked, chosen)
    for model, count in Counter(chosen).most_common():
        terminal.echo(f"{count:>7}  {count / len(chosen):6.1%}  {model}")
    if table is not None:
        _print_outcome(router, table, worth)


def add_model_command(
    folder: Saved,
    model: Annotated[str, typer.Argument(help="The model to add.")],
    table: Annotated[
        Path, typer.Argument(help="Folder of a table with answers of it to a few questions.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the extended router; by default it replaces the old one."),
    ] = None,
) -> None:
    """Teach a fitted router a further model, from a few of its answers. The others are not learned again."""
    from router_r1 import routers
    from router_r1.data.outcome_table import OutcomeTable

    router = routers.load(folder).add_model(model, OutcomeTable.load(table))
    router.save(out or folder)
    terminal.echo(f"{out or folder}: {router.name} over {', '.join(router.models)}")


def explain_command(
    folder: Saved,
    question: Annotated[
        str, typer.Argument(help="The text of a question, or with --table its id.")
    ],
    table: Annotated[Path | None, typer.Option(help="Take the question from this table.")] = None,
    category: Annotated[str | None, typer.Option(help="Category of the question.")] = None,
    worth: Worth = math.inf,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which model a router chooses for a question, and what the choice rests on."""
    from router_r1 import routers
    from router_r1.data.outcome_table import OutcomeTable
    from router_r1.data.questions import Question
    from router_r1.errors import ConfigError

    router = routers.load(folder)
    if not question.strip():
        raise ConfigError("the question is empty; give its text, or with --table its id")
    if table is not None:
        asked = OutcomeTable.load(table).question(question)
    else:
        asked = Question(id="asked", question=question, answer="-", metric="em", category=category)
    found = router.explain(asked, worth)
    if as_json:
        terminal.echo_json(
            {
                "model": found.model,
                "scores": dict(found.scores),
                "costs": dict(found.costs),
                "because": list(found.because),
            }
        )
        return
    terminal.echo(f"{found.model}")
    for name in sorted(found.scores, key=lambda n: -found.scores[n]):
        terminal.echo(f"  score {found.scores[name]:6.3f}  ${found.costs[name]:.6f}  {name}")
    for line in found.because:
        terminal.echo(line)


def _part(folder: Path, part: Part) -> OutcomeTable:
    from router_r1.data.outcome_table import OutcomeTable
    from router_r1.data.splits import Split, split_of
    from router_r1.errors import DataError

    table = OutcomeTable.load(folder)
    if part is Part.ALL:
        return table
    held_out = part is Part.HELD_OUT
    ids = [q.id for q in table.questions if (split_of(q.id) is Split.TEST) == held_out]
    if not ids:
        raise DataError(f"{folder}: no question is {part}; use --part all")
    return table.subset(ids)


def _questions(path: Path) -> list[Question]:
    from router_r1.data.questions import read_questions

    return read_questions(path)


def _print_outcome(router: Router, table: OutcomeTable, worth: float) -> None:
    """What the router would have scored and paid, beside the best single model in hindsight."""
    from router_r1.routers.training_set import TrainingSet

    data = TrainingSet.of(table, router.models)
    ((scores, costs),) = router.replay(table, data.questions, [worth])
    left_out = len(table.questions) - len(data.questions)
    if left_out:
        terminal.echo(f"{left_out} questions were not asked of every model: left out", err=True)
    asked = f"{len(data.questions)} questions"
    terminal.echo(f"score {scores.mean():.4f} at ${costs.mean():.6f} a question, {asked}")
    singles = dict(zip(router.models, data.scores.mean(0), strict=True))
    best = max(singles, key=singles.__getitem__)
    terminal.echo(f"best single in hindsight: {best}, score {singles[best]:.4f}")
