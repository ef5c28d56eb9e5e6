"""The base class of cascades: routers that ask a model, read its reply, and may ask another.

A cascade has a prior, which is another router: its scores and costs are what is known before any reply. Beside it,
four methods decide, all of them for n questions at once:

    judge(questions, model, replies)      how likely given replies are right
    revise(prior, judged, answers)        what several replies say about each other: agreement
    next(prior, judged, costs, worth)     the model to ask next, or -1 to stop
    answer(judged)                        the model whose reply is the answer

`play` runs them over recorded replies; `step` runs the same methods for one question and the replies so far, which is
how a cascade decides live (`router_r1.policies.cascade_policy`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError, shown_name
from router_r1.routers.base import Router, setting
from router_r1.routers.cascade.experience import Experience, Move, Played, Reading
from router_r1.routers.cascade.replies import NO_ANSWER, NOT_ASKED, Cells, Reply, codes
from router_r1.routers.cascade.reply_judge import fit_judge, judge_replies
from router_r1.routers.libraries import Arrays, Floats, Ints, np
from router_r1.routers.training_set import TrainingSet

_JUDGE = "judge."  # of the judge's arrays among those of the router


@dataclass(kw_only=True, eq=False)
class Cascade(Router):
    """A router that reads replies. A subclass writes `_learn_decisions` and `next`."""

    prior: str = setting("label")
    """The router that predicts scores and costs before any reply, as for `routers.from_text`."""
    max_calls: int = setting(4, least=1)
    """Maximum number of models asked about a question."""
    folds: int = setting(4, least=2)
    """Parts in which prior and judge are cross-fitted."""
    trees: int = setting(120, least=1)
    """Boosted trees of the judge."""
    seed: int = setting(0, least=0)
    """Seed of what is drawn, such as the parts."""
    _prior: Router | None = field(init=False, default=None, repr=False)

    # --- the decisions

    def judge(
        self, questions: Sequence[Question], model: str, replies: Sequence[Reply | None]
    ) -> Floats:
        """[n] how likely the replies of a model are right; 0 for None, a call that brought no reply.

        Raises:
            ConfigError: the cascade is not fitted, does not know the model, or has not one reply for each question.
        """
        self._check_fitted()
        if model not in self.models:
            raise ConfigError(
                f"router {self.name!r} does not know {shown_name(model)!r}; it was fitted on {', '.join(self.models)}"
            )
        if len(replies) != len(questions):
            raise ConfigError(
                f"judge: {len(questions)} questions and {len(replies)} replies; give one for each"
            )
        if not questions:
            return np.zeros(0)
        return self._judge(questions, self.models.index(model), replies, self.scores(questions))

    def revise(self, prior: Floats, judged: Floats, answers: Ints) -> tuple[Floats, Floats]:
        """Predictions and judgements in the light of all replies so far. By default unchanged.

        Args:
            prior: [n, m] predicted scores.
            judged: [n, m] judgements of single replies; nan where a model was not asked.
            answers: [n, m] equal numbers for equal answers; `NO_ANSWER`, `NOT_ASKED`.

        Returns:
            Both, of the same shapes.
        """
        return prior, judged

    @abstractmethod
    def next(self, prior: Floats, judged: Floats, costs: Floats, worth_usd: float) -> Ints:
        """[n] the column of the model to ask next, one that was not asked; -1 to stop, once a model was asked.

        Args:
            prior: [n, m] predicted scores.
            judged: [n, m] how likely the replies so far are right; nan where a model was not asked.
            costs: [n, m] predicted dollars of a call.
            worth_usd: dollars a right answer is worth.
        """

    def answer(self, judged: Floats) -> Ints:
        """[n] the column whose reply is the answer: by default, the likeliest to be right.

        Args:
            judged: [n, m], nan where a model was not asked; at least one of each row is not.
        """
        best: Ints = np.where(np.isnan(judged), -1.0, judged).argmax(1)
        return best

    def further(self, worth_usd: float) -> Ints:
        """[m] how many further samples a call of each model takes, at most what `_most_further` says. By default none."""
        return np.zeros(len(self.models), dtype=np.int64)

    # --- playing

    def read(self, table: OutcomeTable, questions: Sequence[Question]) -> Reading:
        """Judge all recorded replies to some questions of a table.

        Raises:
            ConfigError: the cascade is not fitted.
            DataError: the table lacks one of its models.
        """
        self._check_fitted()
        if missing := [name for name in self.models if name not in table.names]:
            raise DataError(
                f"{table.source}: has no {missing[0]!r}, which the router was fitted on; it has {', '.join(table.names)}"
            )
        cells = Cells.of(table, questions, self.models, self._most_further)
        prior = self.scores(questions)
        judged = np.zeros_like(prior)
        for place in range(len(self.models)) if questions else ():
            judged[:, place] = self._judge(questions, place, cells.column(place), prior)
        return Reading(cells, prior, self.costs(questions), judged)

    def play(self, reading: Reading, worth_usd: float) -> Played:
        """Run the cascade over recorded replies, of which it sees what it asks for.

        Args:
            reading: from `read`.
            worth_usd: dollars a right answer is worth, 0 or more.

        Raises:
            ConfigError: `worth_usd` is negative or NaN.
        """
        _check_worth(worth_usd)
        cells = reading.cells
        n, m = reading.prior.shape
        asked, rows = np.zeros((n, m), dtype=np.int64), np.arange(n)
        further = self.further(worth_usd)
        cost, calls = np.zeros(n), np.zeros(n)

        def seen(rows: Ints) -> tuple[Floats, Floats]:
            here = asked[rows] > 0
            judged = np.where(here, reading.judged[rows], np.nan)
            answers = np.where(here, cells.answers[rows], NOT_ASKED)
            return self.revise(reading.prior[rows], judged, answers)

        for step in range(1, min(self.max_calls, m) + 1):
            if not len(rows):
                break
            chosen = self.next(*seen(rows), reading.costs[rows], worth_usd)
            rows, chosen = rows[chosen >= 0], chosen[chosen >= 0]
            if asked[rows, chosen].any():
                raise ConfigError(f"router {self.name!r} asked a model twice: a bug of its `next`")
            asked[rows, chosen] = step
            cost[rows] += cells.cost[rows, chosen, further[chosen]]
            calls[rows] += 1 + further[chosen]
        if not n:
            return Played(np.zeros(0, dtype=np.int64), asked, cost, cost, calls)
        answer = self.answer(seen(np.arange(n))[1])
        return Played(answer, asked, cells.score[np.arange(n), answer], cost, calls)

    def decide(self, scores: Floats, costs: Floats, willingness_to_pay: float) -> list[str]:
        """The model that is asked first."""
        _check_worth(willingness_to_pay)
        nobody = np.full_like(scores, np.nan)
        revised = self.revise(scores, nobody, np.full(scores.shape, NOT_ASKED))
        first = self.next(*revised, costs, willingness_to_pay)
        others = super().decide(scores, costs, willingness_to_pay)
        return [
            self.models[place] if place >= 0 else other
            for place, other in zip(first, others, strict=True)
        ]

    def replay(
        self, table: OutcomeTable, questions: Sequence[Question], worths: Sequence[float]
    ) -> list[tuple[Floats, Floats]]:
        """As `Router.replay`, with all calls that the cascade makes; the first sample of a reply counts."""
        reading = self.read(table, questions)
        played = [self.play(reading, worth) for worth in worths]
        return [(each.score, each.cost) for each in played]

    def step(
        self,
        question: Question,
        replies: Mapping[str, Reply | None],
        worth_usd: float,
        available: Collection[str] | None = None,
    ) -> Move:
        """What the cascade does about one question after some replies, live.

        Args:
            question: the question.
            replies: the reply of each model asked so far; None for a call that failed.
            worth_usd: dollars a right answer is worth, 0 or more.
            available: models that can be asked; by default all. The others count as calls that failed.

        Raises:
            ConfigError: as `judge` and `play`.
        """
        _check_worth(worth_usd)
        self._check_fitted()
        prior, costs = self.scores([question]), self.costs([question])
        judged, answers = np.full_like(prior, np.nan), np.full(prior.shape, NOT_ASKED)
        heard = [place for place, name in enumerate(self.models) if name in replies]
        for place, code in zip(heard, codes([replies[self.models[p]] for p in heard]), strict=True):
            reply = replies[self.models[place]]
            judged[0, place] = self._judge([question], place, [reply], prior)[0]
            answers[0, place] = code
        failed = [
            place
            for place, name in enumerate(self.models)
            if replies.get(name) is None
            and (name in replies or (available is not None and name not in available))
        ]
        answered = [place for place in heard if place not in failed]
        judged[0, failed], answers[0, failed] = 0.0, NO_ANSWER
        prior, judged = self.revise(prior, judged, answers)
        leader = None
        if answered:
            only = np.full_like(judged, np.nan)
            only[0, answered] = judged[0, answered]
            leader = self.models[int(self.answer(only)[0])]
        ask = -1
        if len(failed) + len(answered) < len(self.models) and len(heard) < self.max_calls:
            ask = int(self.next(prior, judged, costs, worth_usd)[0])
            if ask < 0 and not answered:  # its models failed: any other is better than no answer
                ask = self._first_of_others(prior, judged, costs, worth_usd)
        return Move(
            None if ask < 0 else self.models[ask],
            leader,
            {self.models[place]: float(judged[0, place]) for place in answered},
            0 if ask < 0 else int(self.further(worth_usd)[ask]),
        )

    # --- what a subclass writes

    @abstractmethod
    def _learn_decisions(self, seen: Experience) -> Arrays:
        """Learn what `revise`, `next` and `answer` read from `learned`."""

    @property
    def _most_further(self) -> int:
        """The most further samples of a call."""
        return 0

    def _disturbed(self, questions: Sequence[Question], place: int, judged: Floats) -> Floats:
        """[n] the judgements of one model's replies as they are used. By default as the judge made them."""
        return judged

    # --- the prior and the judge

    def costs(self, questions: Sequence[Question]) -> Floats:
        """Predict the dollars of a call, [n, m], as the prior does."""
        self._check_fitted()
        return self._fitted_prior().costs(questions)

    def _learn(self, data: TrainingSet) -> Arrays:
        self._prior = self._new_prior().fit(data.table)
        n = len(data.questions)
        fold = np.random.default_rng(self.seed).permutation(n) % min(self.folds, n)
        prior = np.zeros_like(data.scores)
        for part in np.unique(fold):
            here = fold == part
            router = self._prior
            if not here.all():
                known = (q.id for q, mine in zip(data.questions, here, strict=True) if not mine)
                router = self._new_prior().fit(data.table.subset(known))
            prior[here] = router.scores([data.questions[i] for i in np.nonzero(here)[0]])
        cells = Cells.of(data.table, data.questions, data.models, self._most_further)
        judge, judged = fit_judge(cells, prior, fold, self.trees)
        for place in range(len(data.models)):
            judged[:, place] = self._disturbed(data.questions, place, judged[:, place])
        seen = Experience(prior, judged, cells.answers, cells.score, cells.cost)
        kept = {_JUDGE + name: array for name, array in judge.items()}
        return {**kept, **self._learn_decisions(seen)}

    def _predict(self, questions: Sequence[Question]) -> Floats:
        return self._fitted_prior().scores(questions)

    def _judge(
        self,
        questions: Sequence[Question],
        place: int,
        replies: Sequence[Reply | None],
        prior: Floats,
    ) -> Floats:
        """As `judge`, with the predictions of the prior."""
        arrays = {
            name.removeprefix(_JUDGE): array
            for name, array in self.learned.items()
            if name.startswith(_JUDGE)
        }
        judged = judge_replies(arrays, questions, place, replies, prior)
        return self._disturbed(questions, place, judged)

    def _because(self, question: Question) -> list[str]:
        return [f"before any reply, as {self.prior!r}:", *self._fitted_prior()._because(question)]

    def _save_more(self, folder: Path) -> None:
        self._fitted_prior().save(folder / "prior")

    def _load_more(self, folder: Path) -> None:
        from router_r1.routers.saved_router import load_router

        self._prior = load_router(folder / "prior")
        if self._prior.models != self.models:
            raise DataError(f"{folder}: prior and router have other models; fit the router again")

    def _new_prior(self) -> Router:
        from router_r1.routers import from_text

        router = from_text(self.prior)
        if isinstance(router, Cascade):
            raise ConfigError(
                f"router {self.name!r}: prior: {shown_name(self.prior)!r} is a cascade; give a one-shot router"
            )
        return router

    def _fitted_prior(self) -> Router:
        if self._prior is None:
            raise ConfigError(f"router {self.name!r} is not fitted; call fit(table) first")
        return self._prior

    def _first_of_others(
        self, prior: Floats, judged: Floats, costs: Floats, worth_usd: float
    ) -> int:
        """The best model that was not asked, as a one-shot router chooses."""
        scores = np.where(np.isnan(judged), prior, -np.inf)
        return self.models.index(super().decide(scores, costs, worth_usd)[0])


def _check_worth(worth_usd: float) -> None:
    if not worth_usd >= 0:
        raise ConfigError(f"worth_usd must be dollars of 0 or more, got {worth_usd}")
