"""The analysis of a question: what it says, and that no answer can reach it."""

import inspect

import pytest

from router_r1.routers.named_routes import analyse
from router_r1.routers.named_routes.query_analysis import ANSWER_KINDS, DIFFICULTIES, DOMAINS


@pytest.mark.parametrize(
    ("question", "domain", "kind"),
    [
        ("Who painted the portrait in this film?", "arts", "person"),
        ("When did the treaty end the war between the two empires?", "history", "date"),
        ("In which city is the capital of the province?", "geography", "place"),
        ("How many goals did the football team score?", "sport", "number"),
        ("Write a Python function that reverses a string.", "computing", "program"),
        ("Is the patient's disease infectious?", "medicine", "yes or no"),
        ("Which is prime?\n(A) 9\n(B) 7\n(C) 15", "mathematics", "choice"),
        ("Tell me something nice.", "general", "text"),
    ],
)
def test_domain_and_kind_of_answer(question: str, domain: str, kind: str) -> None:
    found = analyse(question)
    assert (found.domain, found.answer) == (domain, kind)


def test_conditions_numbers_and_length_make_a_question_harder() -> None:
    easy = "What is the capital of France?"
    hard = (
        "Prove that, given that at least 3 of the 12 matrices are invertible and at most 5 commute, the sum of "
        "their determinants is divisible by 7 if and only if 2, 4, 6 and 8 of the eigenvalues, respectively, "
        "are real, assuming that the characteristic polynomials of the others are irreducible."
    )
    assert analyse(easy).difficulty == "easy"
    assert analyse(hard).difficulty == "hard"


def test_nothing_but_the_question_goes_in_and_only_fixed_words_come_out() -> None:
    assert list(inspect.signature(analyse).parameters) == ["question"]
    words = {*DIFFICULTIES, *DOMAINS, *ANSWER_KINDS}
    for question in ("", "?", "Zanzibar", "Who is Ada Lovelace, the mathematician?", "Ω" * 9000):
        found = analyse(question)
        assert {found.difficulty, found.domain, found.answer} <= words
        assert "Zanzibar" not in str(found) and "Lovelace" not in str(found)
