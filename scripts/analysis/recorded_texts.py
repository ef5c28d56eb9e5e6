#!/usr/bin/env python
"""What do the texts of an outcome table tell a router beyond the question's category and which models agree?

    pip install scikit-learn
    python scripts/analysis/recorded_texts.py ../shared/data/mmlu_pro
    python scripts/analysis/recorded_texts.py ../shared/data/mmlu_pro --seeds 0 1 2

Prints three tables. All figures are on test questions, all models are fitted on training questions:

    response    is this response right? Predicted from candidate and category, then also from its length, its text and
                the question
    pair        are two candidates that agree right? Predicted from their names and the category, then also from the
                similarity of their texts
    planner     accuracy points over the best single model and share of its cost, for planners that see letters only;
                the length of each response too (the default); or the text classifier's logit instead of the length

If a table holds only the ends of its texts (MMLU-Pro: the last 400 characters), only these are read; the length is
that of the whole response. The text classifier is a logistic regression on hashed features: words, pairs of words,
candidate, category and length. Its logits of training responses are out of fold.
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
from router_r1_envs.planner.responses import Responses, ResponseView, response_lengths
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.table_splits import TableSplits
from router_r1_envs.worlds.recorded_world.world import RecordedWorld

FOLDS = 5
_WORD = re.compile(r"\w+|[^\w\s]")
_WEIGHT = 2.0  # norm of all words of a text together; every other feature has the value 1
_REGULARISATION = 0.3
Features = dict[str, float]
Cell = tuple[Question, Outcome]


def words(text: str, mark: str) -> Features:
    """The words and pairs of words of a text, each once, with `mark` before it; a vector with norm `_WEIGHT`."""
    found = _WORD.findall(text.lower())
    grams = {*found, *(f"{a} {b}" for a, b in itertools.pairwise(found))}
    return dict.fromkeys((f"{mark} {gram}" for gram in grams), _WEIGHT / max(1, len(grams)) ** 0.5)


def candidate(question: Question, outcome: Outcome) -> Features:
    """Candidate, category, and whether the response has an answer."""
    names = [outcome.model, f"{question.category}", f"{outcome.model} {question.category}"]
    if outcome.short_answer is None:
        names += ["no answer", f"no answer {outcome.model}"]
    return dict.fromkeys(names, 1.0)


def length(_: Question, outcome: Outcome) -> Features:
    """The length in tokens, in steps of a factor 1.6, for all candidates and for this one."""
    step = int(2 * np.log1p(outcome.output_tokens))
    return {f"length {step}": 1.0, f"length {step} {outcome.model}": 1.0}


def text(_: Question, outcome: Outcome) -> Features:
    """The words of the response."""
    return words(outcome.text, "text")


def question_words(question: Question, _: Outcome) -> Features:
    """The words of the question."""
    return words(question.question, "question")


VIEWS = {
    "candidate, category": (candidate,),
    "and length": (candidate, length),
    "and text": (candidate, length, text),
    "and the question's words": (candidate, length, text, question_words),
}


class Classifier:
    """Logistic regression on hashed features: is a response right?"""

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
        """Logits of being right, [cells]."""
        return self._model.decision_function(self._features(cells))


def cells(world: RecordedWorld, questions: Iterable[Question]) -> list[Cell]:
    """All recorded responses to some questions."""
    found = ((q, world.table.outcome(q.id, name)) for q in questions for name in world.table.names)
    return [(question, outcome) for question, outcome in found if outcome is not None]


def fit_quality(right: Sequence[bool], logits: Any) -> str:
    """Log-loss and area under the ROC curve."""
    from sklearn.metrics import log_loss, roc_auc_score

    chance = 1 / (1 + np.exp(-np.asarray(logits)))
    return f"log-loss {log_loss(right, chance):.4f}  AUC {roc_auc_score(right, chance):.4f}"


def probe_responses(world: RecordedWorld) -> None:
    """Print the table `response`."""
    train, test = (cells(world, world.questions(split)) for split in (Split.TRAIN, Split.TEST))
    right = [outcome.score > 0.5 for _, outcome in test]
    for name, view in VIEWS.items():
        print(f"response  {name:32s} {fit_quality(right, Classifier(view, train).logits(test))}")


def agreeing(
    world: RecordedWorld, questions: Iterable[Question]
) -> Iterator[tuple[Features, float, bool]]:
    """Pairs of candidates with the same answer: features, Jaccard similarity of the texts, whether they are right."""
    for question in questions:
        found = [outcome for _, outcome in cells(world, [question])]
        for one, other in itertools.combinations(found, 2):
            if one.short_answer is None or one.short_answer != other.short_answer:
                continue
            pair = f"{one.model} {other.model}"
            features = dict.fromkeys((pair, str(question.category), one.model, other.model), 1.0)
            sets = [set(words(outcome.text, "")) for outcome in (one, other)]
            similarity = len(sets[0] & sets[1]) / max(1, len(sets[0] | sets[1]))
            yield features, similarity, one.score > 0.5


def probe_pairs(world: RecordedWorld) -> None:
    """Print the table `pair`."""
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = (list(agreeing(world, world.questions(s))) for s in (Split.TRAIN, Split.TEST))
    for name, used in (("candidates, category", 0.0), ("and similarity of the texts", 5.0)):
        vectors = DictVectorizer()
        rows = [
            [features | {"alike": used * similarity} for features, similarity, _ in part]
            for part in (train, test)
        ]
        model = LogisticRegression(C=_REGULARISATION, max_iter=300)
        model.fit(vectors.fit_transform(rows[0]), [right for *_, right in train])
        logits = model.decision_function(vectors.transform(rows[1]))
        print(f"pair      {name:32s} {fit_quality([right for *_, right in test], logits)}")


class TextLogits:
    """The text classifier's logit of each first response, as a planner's view: [questions, candidates, samples + 1]."""

    def __init__(self, world: RecordedWorld) -> None:
        train = world.questions(Split.TRAIN)
        self._found: dict[tuple[str, str], float] = {}
        rest = [*world.questions(Split.VALIDATION), *world.questions(Split.TEST)]
        every = np.zeros(len(cells(world, rest)))
        for fold in range(FOLDS):
            known = [q for number, q in enumerate(train) if number % FOLDS != fold]
            classifier = Classifier(VIEWS["and text"], cells(world, known))
            part = cells(world, train[fold::FOLDS])
            self._store(part, classifier.logits(part))
            every += classifier.logits(cells(world, rest)) / FOLDS
        self._store(cells(world, rest), every)

    def _store(self, part: Sequence[Cell], logits: Any) -> None:
        for (question, outcome), logit in zip(part, logits, strict=True):
            self._found[question.id, outcome.model] = float(logit)

    def __call__(self, responses: Responses) -> Any:
        """[n, m, s + 1] the logit of each first response; 0 for further samples and where nothing is recorded."""
        logits = np.zeros(responses.score.shape)
        logits[:, :, 0] = [
            [self._found.get((q.id, name), 0.0) for name in responses.names]
            for q in responses.questions
        ]
        return logits


def probe_planners(world: RecordedWorld, seeds: Sequence[int]) -> None:
    """Print the table `planner`."""
    splits = TableSplits.of(world)
    test, best = splits.test, splits.best_column
    views: dict[str, ResponseView] = {
        "letters": lambda responses: np.zeros(responses.tokens.shape),
        "length": response_lengths,
        "text": TextLogits(world),
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
    """Fit everything and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path, help="folder of an outcome table")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds of the planners")
    options = parser.parse_args()
    try:
        import sklearn  # noqa: F401
    except ImportError:
        sys.exit("recorded_texts.py: scikit-learn is not installed; pip install scikit-learn")
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
