#!/usr/bin/env python
"""What do the texts of an outcome table tell a router, beyond the category of a question and who agrees with whom?

    pip install scikit-learn
    python scripts/analysis/recorded_texts.py ../shared/data/mmlu_pro
    python scripts/analysis/recorded_texts.py ../shared/data/mmlu_pro --seeds 0 1 2

Prints three tables, all on test questions, everything fitted on training questions:

    response    is this response right? From candidate and category; and its length; and its text; and the question's words
    pair        two candidates agree: are they right? From who they are and the category; and how alike their texts are
    planner     points against the best single model and share of its cost, with planners that see letters alone; the
                length of each response as well (the default); or instead of it what the text classifier thinks of it

Of a table that holds only the ends of its texts (MMLU-Pro: the last 400 characters) only these are read, while the length is
that of the whole. The text classifier is a logistic regression on words, pairs of words, candidate, category and length, in hashed features.
What it thinks of a training response comes from a classifier that was not fitted on it.
"""

from __future__ import annotations

import argparse
import itertools
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1_envs.planner.planner import Planner
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_arrays import TableArrays
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

FOLDS = 5
_WORD = re.compile(r"\w+|[^\w\s]")
_WEIGHT = 2.0  # of all words of a text together, beside 1 for each other feature
_REGULARISATION = 0.3
Features = dict[str, float]
Cell = tuple[Question, Outcome]


def words(text: str, mark: str) -> Features:
    """Its words and pairs of words, each once; together a vector of length `_WEIGHT`."""
    found = _WORD.findall(text.lower())
    grams = {*found, *(f"{a} {b}" for a, b in itertools.pairwise(found))}
    return dict.fromkeys((f"{mark} {gram}" for gram in grams), _WEIGHT / max(1, len(grams)) ** 0.5)


def who(question: Question, outcome: Outcome) -> Features:
    """Candidate, category, and whether there is an answer at all."""
    names = [outcome.model, f"{question.category}", f"{outcome.model} {question.category}"]
    if outcome.short_answer is None:
        names += ["no answer", f"no answer {outcome.model}"]
    return dict.fromkeys(names, 1.0)


def length(_: Question, outcome: Outcome) -> Features:
    """In steps of a factor 1.6, for all candidates and for this one."""
    step = int(2 * np.log1p(outcome.output_tokens))
    return {f"length {step}": 1.0, f"length {step} {outcome.model}": 1.0}


def text(_: Question, outcome: Outcome) -> Features:
    """Words of the response."""
    return words(outcome.text, "text")


def asked(question: Question, _: Outcome) -> Features:
    """Words of the question."""
    return words(question.question, "question")


VIEWS = {
    "candidate, category": (who,),
    "and length": (who, length),
    "and text": (who, length, text),
    "and the question's words": (who, length, text, asked),
}


class Classifier:
    """Is a response right? Logistic regression on hashed features."""

    def __init__(self, view: Sequence[Any], cells: Sequence[Cell]) -> None:
        from sklearn.linear_model import LogisticRegression

        self._view = view
        right = [outcome.score > 0.5 for _, outcome in cells]
        model = LogisticRegression(C=_REGULARISATION, max_iter=300)
        self._model = model.fit(self._features(cells), right)

    def _features(self, cells: Sequence[Cell]) -> Any:
        from sklearn.feature_extraction import FeatureHasher

        rows = ({k: v for part in self._view for k, v in part(*cell).items()} for cell in cells)
        return FeatureHasher(2**17, alternate_sign=False).transform(rows)

    def logits(self, cells: Sequence[Cell]) -> Any:
        """[cells] of being right."""
        return self._model.decision_function(self._features(cells))


def cells(world: RecordedWorld, questions: Iterable[Question]) -> list[Cell]:
    """All recorded responses to these questions."""
    found = ((q, world.table.outcome(q.id, name)) for q in questions for name in world.table.names)
    return [(question, outcome) for question, outcome in found if outcome is not None]


def quality(right: Sequence[bool], logits: Any) -> str:
    """Log-loss and area under the ROC curve."""
    from sklearn.metrics import log_loss, roc_auc_score

    chance = 1 / (1 + np.exp(-np.asarray(logits)))
    return f"log-loss {log_loss(right, chance):.4f}  AUC {roc_auc_score(right, chance):.4f}"


def probe_responses(world: RecordedWorld) -> None:
    """The first table."""
    train, test = (cells(world, world.questions(split)) for split in (Split.TRAIN, Split.TEST))
    right = [outcome.score > 0.5 for _, outcome in test]
    for name, view in VIEWS.items():
        print(f"response  {name:32s} {quality(right, Classifier(view, train).logits(test))}")


def agreeing(
    world: RecordedWorld, questions: Iterable[Question]
) -> Iterator[tuple[Features, float, bool]]:
    """Pairs of candidates with one answer: who they are, how alike their texts are, and whether they are right."""
    for question in questions:
        found = [outcome for _, outcome in cells(world, [question])]
        for one, other in itertools.combinations(found, 2):
            if one.short_answer is None or one.short_answer != other.short_answer:
                continue
            pair = f"{one.model} {other.model}"
            features = dict.fromkeys((pair, str(question.category), one.model, other.model), 1.0)
            sets = [set(words(outcome.text, "")) for outcome in (one, other)]
            alike = len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))
            yield features, alike, one.score > 0.5


def probe_pairs(world: RecordedWorld) -> None:
    """The second table."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = (list(agreeing(world, world.questions(s))) for s in (Split.TRAIN, Split.TEST))
    for name, used in (("who, category", 0.0), ("and likeness of the texts", 5.0)):
        vectors = DictVectorizer()
        rows = [
            [features | {"alike": used * alike} for features, alike, _ in part]
            for part in (train, test)
        ]
        model = LogisticRegression(C=_REGULARISATION, max_iter=300)
        model.fit(vectors.fit_transform(rows[0]), [right for *_, right in train])
        logits = model.decision_function(vectors.transform(rows[1]))
        print(f"pair      {name:32s} {quality([right for *_, right in test], logits)}")


class Read:
    """What the text classifier thinks of each response, for a planner: [questions, candidates] logits."""

    def __init__(self, world: RecordedWorld) -> None:
        train = world.questions(Split.TRAIN)
        self._found: dict[tuple[str, str], float] = {}
        rest = [*world.questions(Split.VALIDATION), *world.questions(Split.TEST)]
        every = np.zeros(len(cells(world, rest)))
        for fold in range(FOLDS):
            known = [q for number, q in enumerate(train) if number % FOLDS != fold]
            classifier = Classifier(VIEWS["and text"], cells(world, known))
            part = cells(world, train[fold::FOLDS])
            self._note(part, classifier.logits(part))
            every += classifier.logits(cells(world, rest)) / FOLDS
        self._note(cells(world, rest), every)

    def _note(self, part: Sequence[Cell], logits: Any) -> None:
        for (question, outcome), logit in zip(part, logits, strict=True):
            self._found[question.id, outcome.model] = float(logit)

    def __call__(self, arrays: TableArrays) -> Any:
        """[n, m] the logit of each response; 0 where nothing is recorded."""
        return np.array(
            [
                [self._found.get((q.id, name), 0.0) for name in arrays.names]
                for q in arrays.questions
            ]
        )


def probe_planners(world: RecordedWorld, seeds: Sequence[int]) -> None:
    """The third table."""
    splits = TableSplits.of(world)
    test, best = splits.test, splits.best_column
    views = {
        "letters": lambda arrays: np.zeros(arrays.tokens.shape),
        "length": None,
        "text": Read(world),
    }
    levels = splits.sensitivities
    print(f"planner   {'':16s} {'utility':8s} " + " ".join(f"{name:>11s}" for name in levels))
    for (name, view), seed in itertools.product(views.items(), seeds):
        planner = Planner.fit(splits, seed, view=view)
        utilities, shown = [], []
        for level, sensitivity in levels.items():
            run = planner.run(test, level)
            points = 100 * (run.value.mean() - test.score[:, best].mean())
            share = run.cost.mean() / test.cost[:, best].mean()
            shown.append(f"{points:+5.1f} x{share:.2f}")
            utilities.append(run.utility(sensitivity, splits.reference_usd))
        print(
            f"planner   {name:8s} seed {seed:2d} {np.mean(utilities):.4f}   "
            + " ".join(f"{s:>11s}" for s in shown),
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="folder of an outcome table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the planners")
    options = parser.parse_args()
    try:
        import sklearn  # noqa: F401
    except ImportError:
        sys.exit("probe_recorded.py: scikit-learn is not installed; pip install scikit-learn")
    began = time.monotonic()
    world = RecordedWorld(
        OutcomeTable.load(options.table),
        RecordedWorldConfig(table=str(options.table), view="answer", duplicates="first"),
    )
    probe_responses(world)
    probe_pairs(world)
    probe_planners(world, options.seeds)
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
