"""`grade`, for all metrics: the best of several gold answers, no answer, errors, long answers."""

import time

import pytest

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.extensions import Entry
from router_r1_reward import METRICS, grade, validate
from router_r1_reward.metrics.base import Metric, always_permitted


def test_the_best_of_several_gold_answers_counts() -> None:
    assert grade("Paris", ["Lutetia", "paris"], "em") == 1
    assert grade("red green", ["blue", "red", "red green blue"], "f1") == pytest.approx(0.8)


TEXT_METRICS = [
    name
    for name, metric in METRICS.items()
    if metric.needs_gold and metric.require_permission is always_permitted
]


@pytest.mark.parametrize("metric", TEXT_METRICS)
def test_no_answer_scores_0(metric: str) -> None:
    assert grade(None, ["C"], metric) == 0
    assert grade("", ["C"], metric) == 0


def test_an_unknown_metric_raises_and_lists_the_known_ones() -> None:
    with pytest.raises(
        ConfigError, match=rf"no metric 'rouge'; choose one of {', '.join(METRICS)}"
    ):
        grade("x", ["x"], "rouge")
    with pytest.raises(ConfigError):
        grade(None, ["x"], "rouge")


def test_a_question_needs_a_gold_answer() -> None:
    with pytest.raises(DataError, match="no gold answer"):
        grade("x", [], "em")


@pytest.mark.parametrize("metric", ["em", "f1", "contains", "choice", "math"])
def test_a_long_answer_takes_linear_time(metric: str) -> None:

    for text in (
        "option " * 20_000,
        "1," * 50_000,
        "((((" * 20_000,
        "\\text{" * 5_000,
        "a 1 or " * 15_000,
        " " * 10**5,
    ):
        start = time.process_time()
        grade(text, ["C" if metric == "choice" else "5"], metric)
        assert time.process_time() - start < 5


# --- a new metric: nothing but its record is needed


def _permission(allow_code: bool) -> None:
    if not allow_code:
        raise ConfigError("not permitted")


FIRST_LETTER = Metric(
    "first-letter",
    "begins with the letter of the gold answer",
    lambda answer, gold, question=None: float(answer[:1] == gold[:1]),
    require_permission=_permission,
    question_problem=lambda question: "too short" if len(question.question) < 2 else "",
    wrong_answers=lambda question, gold: (question.metadata.get("wrong", "zzz"),),
    validated="all first letters match",
)


@pytest.fixture
def first_letter(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a metric that is registered for one test."""
    name = FIRST_LETTER.name
    assert name not in METRICS  # loads the registry
    monkeypatch.setitem(METRICS._entries, name, Entry(name, FIRST_LETTER, "", "tests", __name__))
    return name


def test_a_registered_metric_is_graded_with_permission(first_letter: str) -> None:
    with pytest.raises(ConfigError, match="not permitted"):
        grade("Paris", ["Prague"], first_letter)
    assert grade("Paris", ["Prague"], first_letter, allow_code=True) == 1


def test_a_registered_metric_is_validated_by_its_own_rules(first_letter: str) -> None:
    good = Question(id="good", question="Capital?", answer="Paris", metric=first_letter)
    short = good.model_copy(update={"id": "short", "question": "?"})
    vague = good.model_copy(update={"id": "vague", "metadata": {"wrong": "Prague"}})
    with pytest.raises(ConfigError, match="not permitted"):
        validate([good])
    assert validate([good], allow_code=True).found() == "all first letters match"
    problems = {o.id: o.problem for o in validate([short, vague], allow_code=True).offenders}
    assert problems == {"short": "too short", "vague": "a wrong answer scores 1 too: 'Prague'"}
