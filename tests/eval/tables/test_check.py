"""`table check`: every defect is found in a table that has it; a table without defects has only notes."""

import dataclasses
import random
from datetime import date

import pytest

from router_r1.data.json_lines import read_json_lines, write_json_lines
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_eval.tables.check import broken_rows, check
from router_r1_eval.tables.score_checks import MIN_QUESTIONS

SKILLS = {"weak": 0.5, "strong": 0.8}


@dataclasses.dataclass
class Draft:
    """A table to which defects can be added before it is built."""

    cards: dict[str, dict]
    questions: dict[str, dict]
    outcomes: dict[tuple[str, str], dict]

    def table(self) -> OutcomeTable:
        return OutcomeTable(
            [ModelCard(**c) for c in self.cards.values()],
            [Question(**q) for q in self.questions.values()],
            [Outcome(**o) for o in self.outcomes.values()],
        )

    def found(self, kind: str, fit: OutcomeTable | None = None):
        return [f for f in check(self.table(), fit) if f.kind == kind]

    def of(self, model: str, category: str | None = None):
        for (key, name), outcome in self.outcomes.items():
            if name == model and category in (None, self.questions[key]["category"]):
                yield outcome


@pytest.fixture
def draft() -> Draft:
    """Three categories of 60 questions about numbers; two models, one of them better everywhere."""
    source = random.Random(0)
    price = {"input": 1.0, "output": 2.0, "as_of": date(2026, 1, 1)}
    cards = {name: {"name": name, "price": Price(**price)} for name in SKILLS}
    questions, outcomes = {}, {}
    for number in range(180):
        key, gold = f"q{number}", str(number + 10)
        questions[key] = {
            "id": key,
            "question": f"What is number {number}?",
            "answer": gold,
            "metric": "math",
            "category": "abc"[number % 3],
        }
        for name, skill in SKILLS.items():
            right = source.random() < skill
            answer = gold if right else "7"
            outcomes[key, name] = {
                "id": key,
                "model": name,
                "text": f"It is {answer}.",
                "answer": answer,
                "score": float(right),
                "input_tokens": 50 + number % 3,
                "output_tokens": 10 + number % 2,
            }
    return Draft(cards, questions, outcomes)


def test_a_table_without_defects_has_only_notes(draft) -> None:
    found = check(draft.table(), None)
    assert [f.weight for f in found] == ["note"]
    assert "one model is best on" in found[0].message


def test_repeated_questions_and_conflicting_gold_answers(draft) -> None:
    draft.questions["q3"] |= {"question": "what is   NUMBER 0?", "answer": "10"}
    (finding,) = draft.found("duplicates")
    assert "1 questions occur again under another id, e.g. q0, q3" in finding.message
    assert not draft.found("gold answers")
    draft.questions["q3"]["answer"] = "99"
    (finding,) = draft.found("gold answers")
    assert finding.weight == "error"
    # The same words with other options are another question.
    for key, options in (("q0", ("x", "y")), ("q3", ("x", "z"))):
        draft.questions[key] |= {"choices": options, "metric": "choice", "answer": "A"}
    assert not draft.found("duplicates")


def test_questions_that_are_also_in_the_fit_table(draft) -> None:
    table = draft.table()
    fit = table.subset([f"q{n}" for n in range(5)])
    (finding,) = draft.found("duplicates across splits", fit)
    assert (finding.weight, finding.message[:8]) == ("error", "5 of 180")


def test_a_model_far_below_a_weaker_one_in_one_category_is_an_inversion(draft) -> None:
    for outcome in draft.of("strong", "b"):
        outcome |= {"score": 0.0, "text": "I rather not.", "answer": "0"}
    (finding,) = draft.found("inversion")
    assert finding.weight == "error"
    assert finding.message.startswith("in b (60 questions) strong scores 0.000 and weak")


def test_other_models_than_in_the_fit_table(draft) -> None:
    fit = draft.table()
    assert not draft.found("models", fit)
    draft.cards["third"] = {"name": "third", "price": Price(input=1.0, output=2.0)}
    (found,) = draft.found("models", fit)
    assert found.weight == "error" and found.message.endswith("third")


def test_a_small_category_is_not_judged(draft) -> None:
    few = [k for k, q in draft.questions.items() if q["category"] == "b"][: MIN_QUESTIONS - 1]
    for key in few:
        draft.questions[key]["category"] = "small"
    for outcome in draft.of("strong", "small"):
        outcome |= {"score": 0.0, "text": "I rather not.", "answer": "0"}
    assert not draft.found("inversion")


def test_a_model_with_many_unread_answers(draft) -> None:
    for outcome in draft.of("strong", "c"):
        outcome |= {"answer": None, "score": 0.0, "text": "Well, well."}
    (finding,) = draft.found("unread answers")
    assert "60 of 180 texts of strong (33.3%); most in c (100%)" in finding.message


def test_misread_numbers(draft) -> None:
    wrong = [o for o in draft.of("strong") if o["score"] == 1][:20]
    for outcome in wrong:
        gold = draft.questions[outcome["id"]]["answer"]
        outcome |= {"score": 0.0, "text": f"She pays ${gold}.00.", "answer": "00"}
    (finding,) = draft.found("misread numbers")
    assert finding.weight == "error"
    assert (
        "20 texts of strong end in the gold number and score 0; 20 of them hold" in finding.message
    )


def test_a_model_that_is_always_right_in_one_category(draft) -> None:
    for outcome in draft.of("strong", "a"):
        outcome["score"] = 1.0
    (finding,) = draft.found("constant scores")
    assert finding.message == "strong scores 1 on all 60 questions of a"


def test_models_that_always_score_the_same(draft) -> None:
    for key in draft.questions:
        draft.outcomes[key, "weak"]["score"] = draft.outcomes[key, "strong"]["score"]
    (finding,) = draft.found("the same scores")
    assert finding.weight == "error"
    for key in list(draft.questions)[:3]:
        draft.outcomes[key, "weak"]["score"] = 1 - draft.outcomes[key, "strong"]["score"]
    assert not draft.found("the same scores")
    (finding,) = draft.found("near-constant win rate")
    assert "weak and strong score the same on 177 of 180" in finding.message


def test_zero_prices_undated_prices_and_recorded_costs_far_from_prices(draft) -> None:
    draft.cards["weak"]["price"] = Price(input=0, output=0, as_of=date(2026, 1, 1))
    (finding,) = draft.found("prices")
    assert "weak costs nothing" in finding.message
    for outcome in draft.of("weak"):
        outcome["cost"] = 0.001
    (finding,) = draft.found("prices")
    assert (finding.weight, finding.message) == (
        "note",
        "weak has no list price; its costs are recorded",
    )
    draft.cards["weak"]["price"] = Price(input=1, output=2)
    found = draft.found("prices")
    assert {f.message for f in found} == {
        "1 of 2 prices have no date (as_of)",
        "recorded costs of weak are 14 times price x tokens",
    }


def test_missing_cells_and_empty_texts(draft) -> None:
    del draft.outcomes["q0", "weak"]
    (finding,) = draft.found("missing cells")
    assert "weak was not asked 1 of 180 questions" in finding.message
    next(o for o in draft.of("strong") if o["score"])["text"] = " "
    (finding,) = draft.found("texts")
    assert "1 empty texts score, e.g. strong" in finding.message
    for outcome in draft.outcomes.values():
        outcome["text"] = ""
    (finding,) = draft.found("texts")
    assert "no texts are recorded" in finding.message


def test_findings_come_worst_first(draft) -> None:
    draft.cards["weak"]["price"] = Price(input=0, output=0)
    for outcome in draft.of("strong", "b"):
        outcome |= {"score": 0.0, "text": "", "answer": None}
    weights = [f.weight for f in check(draft.table())]
    assert weights == sorted(weights, key=("error", "warning", "note").index)
    assert set(weights) == {"error", "warning", "note"}


def test_all_broken_rows_are_named(draft, tmp_path) -> None:
    for outcome in list(draft.of("weak"))[:3]:
        outcome["score"] = 1.0
    draft.table().save(tmp_path)
    path = tmp_path / "responses.jsonl.gz"
    rows = [row for _, row in read_json_lines(path)]
    for number in (1, 4):
        rows[number]["score"] = 1.5
    write_json_lines(path, rows)
    found = broken_rows(tmp_path)
    assert [m.split(": ")[0].rsplit(":", 1)[1] for m in found] == ["2", "5"]
    assert len(broken_rows(tmp_path, most=1)) == 1


# --- one value in every row


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("input_tokens", 50, "all 180 rows of weak have 50 input tokens"),
        ("input_tokens", 0, "all 180 rows of weak have 0 input tokens"),
        ("output_tokens", 10, "all 180 rows of weak have 10 output tokens"),
        ("output_tokens", 0, "all 180 rows of weak have 0 output tokens"),
        ("cost", 0.0, "all 180 rows of weak have 0 dollars"),
        ("cost", 0.25, "all 180 rows of weak have 0.25 dollars"),
    ],
)
def test_one_count_in_every_row_of_a_model_is_found(draft, field, value, expected) -> None:
    for outcome in draft.of("weak"):
        outcome[field] = value
    (finding,) = draft.found("constants")
    assert expected in finding.message and finding.weight == "note"  # these texts are much alike

    for number, question in enumerate(draft.questions.values()):
        question["question"] += " Think." * (number % 5)
    for number, outcome in enumerate(draft.of("weak")):
        outcome["text"] += " I am sure." * (number % 5)
    (finding,) = draft.found("constants")
    assert expected in finding.message and finding.weight == "warning"


def test_texts_of_one_length_may_have_the_same_count(draft) -> None:
    for number, question in enumerate(draft.questions.values()):
        question["question"] = f"What is number {number:03d}?"
    for outcome in draft.outcomes.values():
        outcome["text"], outcome["answer"] = "AB"[int(outcome["score"])], None
        outcome["input_tokens"], outcome["output_tokens"] = 50, 1
    assert draft.found("constants") == []


def test_few_rows_may_be_alike_by_chance(draft) -> None:
    for key, outcome in list(draft.outcomes.items()):
        outcome["input_tokens"] = 50
        if int(key[0][1:]) >= 4:
            del draft.outcomes[key]
    assert draft.found("constants") == []


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
def test_one_score_in_every_row_of_a_model_is_found_in_small_categories_too(draft, score) -> None:
    for number, question in enumerate(draft.questions.values()):
        question["category"] = f"c{number % 18}"
    for outcome in draft.of("weak"):
        outcome["score"] = score
    messages = [finding.message for finding in draft.found("constant scores")]
    assert messages == [f"weak scores {score:g} in all 180 rows"]


# --- counts that were assumed


def _measured(text: str, source: random.Random) -> int:
    """Tokens as a tokeniser counts them: each word takes one, two or three."""
    return sum(source.choice((1, 1, 2, 3)) for _ in text.split())


@pytest.fixture
def varied(draft) -> Draft:
    """The draft with questions and replies of many lengths, and counts that a tokeniser could have given."""
    source = random.Random(1)
    for question in draft.questions.values():
        question["question"] += " Think about it step by step." * source.randrange(1, 60)
    for outcome in draft.outcomes.values():
        padding = " ".join(source.choice(("well", "so", "therefore")) for _ in range(300))
        outcome["text"] = padding[: source.randrange(100, 1500)] + " " + outcome["text"]
        asked = draft.questions[outcome["id"]]["question"]
        outcome["input_tokens"] = _measured(asked, source)
        outcome["output_tokens"] = _measured(outcome["text"], source)
    return draft


def test_measured_counts_are_not_called_assumed(varied) -> None:
    assert varied.found("assumed counts") == []
    for outcome in varied.outcomes.values():
        outcome["cost"] = (outcome["input_tokens"] + 2 * outcome["output_tokens"]) / 1e6
    assert varied.found("assumed counts") == []


@pytest.mark.parametrize(
    "formula",
    [lambda n, words: -(-n // 4), lambda n, words: 765 + n // 3, lambda n, words: words * 4 // 3],
)
@pytest.mark.parametrize("side", ["input", "output"])
def test_counts_that_a_formula_over_the_text_gives_are_assumed(varied, side, formula) -> None:
    for outcome in varied.of("strong"):
        asked = varied.questions[outcome["id"]]["question"]
        text = asked if side == "input" else outcome["text"]
        outcome[f"{side}_tokens"] = formula(len(text), len(text.split()))
    (finding,) = varied.found("assumed counts")
    assert finding.weight == "warning"
    assert finding.message.startswith(f"the {side} tokens of strong follow a formula")
    for outcome in varied.of("strong"):  # the table says so: nothing to find
        outcome["estimated"] = True
    assert varied.found("assumed counts") == []


def test_a_formula_is_found_although_some_rows_differ_and_texts_were_cut(varied) -> None:
    for number, outcome in enumerate(varied.of("weak")):
        outcome["output_tokens"] = 1500 + len(outcome["text"]) // 4
        if number % 90 == 0:
            outcome["output_tokens"] = 4096
        if len(outcome["text"]) > 1200:
            outcome["text"] = outcome["text"][-1200:]
    (finding,) = varied.found("assumed counts")
    assert "output tokens of weak" in finding.message


def test_costs_that_a_formula_gives_are_assumed(varied) -> None:
    for outcome in varied.of("weak"):
        asked = varied.questions[outcome["id"]]["question"]
        outcome["cost"] = 2e-6 * len(asked) / 4 + 8e-6 * len(outcome["text"]) / 4
    (finding,) = varied.found("assumed counts")
    assert finding.message.startswith("the dollars of weak follow a formula")


def test_a_count_in_nearly_all_rows_is_constant(varied) -> None:
    for number, outcome in enumerate(varied.of("weak")):
        outcome["output_tokens"] = 512 if number % 60 else 40
    (finding,) = varied.found("constants")
    assert finding.message.startswith("177 of 180 rows of weak have 512 output tokens")


# --- numbers that were misread


@pytest.mark.parametrize(
    "answer",
    ["{gold}/4", r"\frac{{{gold}}}{{7}}", "{gold} sqrt 2", "{gold}√2", "{gold}, 1", "{gold} - 10d"],
)
def test_another_number_with_the_digits_of_the_gold_number_is_not_misread(draft, answer) -> None:
    for outcome in list(draft.of("strong"))[:20]:
        stated = answer.format(gold=draft.questions[outcome["id"]]["answer"])
        outcome |= {"score": 0.0, "text": f"The answer is: {stated}", "answer": stated}
    assert draft.found("misread numbers") == []


@pytest.mark.parametrize(
    "answer", ["{gold}.0", "${gold}.00", "x = {gold}", r"\boxed{{{gold}}}", "{gold} apples"]
)
def test_the_gold_number_in_another_notation_is_misread_where_it_scores_0(draft, answer) -> None:
    wrong = [o for o in draft.of("strong") if o["score"] == 1][:3]
    for outcome in wrong:
        stated = answer.format(gold=draft.questions[outcome["id"]]["answer"])
        outcome |= {"score": 0.0, "text": f"The answer is: {stated}", "answer": "0"}
    (finding,) = draft.found("misread numbers")
    assert finding.message.startswith("3 texts of strong")


def test_a_text_in_which_no_answer_was_read_is_no_misread_number(draft) -> None:
    for outcome in [o for o in draft.of("strong") if o["score"] == 1][:20]:
        outcome |= {"score": 0.0, "answer": None}
    assert draft.found("misread numbers") == []
    assert draft.found("unread answers")


# --- which questions are the same


def test_options_in_another_order_and_case_are_the_same_question(draft) -> None:
    text = {"question": "Which is true?", "metric": "choice"}
    draft.questions["q0"] |= text | {"choices": ("Red", "blue"), "answer": "A"}
    draft.questions["q3"] |= text | {"choices": ("Blue", "red"), "answer": "B"}
    assert draft.found("duplicates") and not draft.found("gold answers")
    draft.questions["q3"]["answer"] = "A"
    assert draft.found("gold answers")


def test_the_same_words_about_another_image_are_another_question(draft) -> None:
    for key, image in (("q0", "1.png"), ("q3", "2.png")):
        draft.questions[key] |= {
            "question": "Who painted <image 1>?",
            "metadata": {"images": [image]},
        }
    assert not draft.found("duplicates")
    draft.questions["q3"]["metadata"] = {"images": ["1.png"]}
    assert draft.found("duplicates")


def test_the_fit_table_may_have_the_same_words_with_other_options(draft) -> None:
    draft.questions["q0"] |= {"choices": ("x", "y"), "metric": "choice", "answer": "A"}
    fit = draft.table().subset(["q0"])
    assert draft.found("duplicates across splits", fit)
    draft.questions["q0"]["choices"] = ("x", "z")
    assert not draft.found("duplicates across splits", fit)
