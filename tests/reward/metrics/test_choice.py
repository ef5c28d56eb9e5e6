"""The metric choice: notations of options, in prose, in many languages and forms."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1_reward import grade
from router_r1_reward.metrics import choice, option_texts

CAPITALS = Question(
    id="1",
    question="Capital of Australia?",
    answer="C",
    metric="choice",
    choices=("Paris", "Rome", "Canberra", "Canberra, Sydney", "x+1", "x-1"),
)


@pytest.mark.parametrize(
    "answer",
    [
        "C", "c", " C ", "(C)", "(c)", "[C]", "C.", "C)", "C) Canberra", "(C) Canberra", "C. Canberra",
        "C: Canberra", "C - Canberra", "**C**", "**(C)**", "`C`", '"C"', "Option C", "option (C)", "Answer: C",
        "The answer is (C).", "The answer is C.", "the correct answer is option C", "It's C", "I choose C",
        "Canberra", "canberra.", "The answer is Canberra.", r"\boxed{C}", r"$\boxed{\text{(C)}}$",
        "I think the option (C) fits best", "C) Canberra, because it is the seat of parliament",
        "First I thought of Rome.\nThe answer is (C).", "<answer>C</answer>", "C, because (D) is wrong",
        "**C** is correct, (A) is not", "The answer is C because it is blue", "It is not (B) but C", "The answer is C, since (A) is wrong.",
    ],
)  # fmt: skip
def test_an_option_is_recognised_in_every_notation(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CAPITALS) == 1
    assert grade(answer, ["(C)"], "choice", question=CAPITALS) == 1
    assert grade(answer, ["Canberra"], "choice", question=CAPITALS) == 1
    assert grade(answer, ["D"], "choice", question=CAPITALS) == 0


@pytest.mark.parametrize(
    "answer",
    [
        "B", "A or C", "(A) or (C)", "A, C", "C or D", "C) or D)", "C/D", "(C) and (D)", "All of them", "",
        "C) Paris", "Cat", "CC", "I do not know", "Rome", "Canberra, Sydney", "Can", "See above",
        "not (C)", "Neither A nor B", "D, because (C) is wrong", "(C) is wrong", "The answer is A man",
    ],
)  # fmt: skip
def test_another_option_no_option_or_two_options_are_wrong(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CAPITALS) == 0


def test_a_letter_beyond_the_last_option_is_wrong() -> None:
    assert grade("G", ["C"], "choice", question=CAPITALS) == 0
    assert grade("F", ["C"], "choice", question=CAPITALS) == 0
    with pytest.raises(DataError, match="one of 6 options"):
        grade("G", ["G"], "choice", question=CAPITALS)


def test_options_that_differ_only_in_signs() -> None:
    assert grade("x+1", ["E"], "choice", question=CAPITALS) == 1
    assert grade("x-1", ["E"], "choice", question=CAPITALS) == 0


def test_without_choices_only_letters_count() -> None:
    assert grade("(C) Canberra", ["C"], "choice") == 1
    assert grade("a man", ["A"], "choice") == 0
    assert grade("I", ["I"], "choice") == 1
    with pytest.raises(DataError, match="by its letter"):
        grade("C", ["Canberra"], "choice")


def test_options_with_equal_texts_are_both_right() -> None:
    twins = CAPITALS.model_copy(update={"choices": ("Rome", "Paris", "Paris")})
    assert grade("Paris", ["C"], "choice", question=twins) == 1
    assert grade("B", ["C"], "choice", question=twins) == 0


# --- what replies say

CELLS = Question(
    id="2",
    question="How does an amoeba divide?",
    answer="C",
    metric="choice",
    choices=("mitosis", "meiosis", "fission", "budding"),
)
DRAFT = "Let me look at (A) first. It is slow.\n\n"


LANGUAGES = [
    "Die richtige Antwort ist C.",
    "Die Antwort lautet: **C**",
    "Somit ist C die richtige Antwort.",
    "Daher ist die richtige Antwort (C).",
    "Ich würde C wählen.",
    "Antwort C ist richtig.",
    "Richtig ist C.",
    "La respuesta correcta es la C.",
    "La respuesta correcta es la opción C: fission",
    "La opción correcta es la C)",
    "Respuesta final: C",
    "Elijo la opción C.",
    "La bonne réponse est la C.",
    "La réponse correcte est C.",
    "Réponse : C",
    "Je choisis C.",
    "C'est donc C.",
    "A resposta correta é a letra C.",
    "Resposta: C",
    "Alternativa correta: C",
    "Portanto, a resposta é C.",
    "La risposta corretta è la C.",
    "La risposta è: C",
    "Risposta: C",
    "Scelgo C.",
    "Правильный ответ: C",
    "Правильный ответ — C.",
    "Ответ: **C**",
    "Верный ответ С.",
    "Правильный вариант ответа: C",
    "正确答案是 C",
    "正确答案：C",
    "答案：C",
    "答案为C。",
    "所以选C。",
    "因此，正确选项是C。",
    "故选：C",
    "应该选择C",
    "綜上所述，答案是C。",
    "本题的正确答案是（C）。",
    "答えはCです。",
    "正解：C",
    "正解はCです。",
    "したがって、答えは C です。",
    "正しい選択肢はCです。",
    "Cが正解です。",
    "Cを選びます。",
    "정답은 C입니다.",
    "정답: C",
    "답: C",
    "따라서 정답은 C입니다.",
    "C가 정답입니다.",
    "올바른 답은 (C)입니다.",
    "Het juiste antwoord is C.",
    "Antwoord: C",
    "Dus het antwoord is C.",
    "Prawidłowa odpowiedź to C.",
    "Odpowiedź: C",
    "Poprawna odpowiedź: C",
    "Doğru cevap C'dir.",
    "Cevap: C",
    "Doğru cevap: C şıkkı",
    "Yanıt: C",
    "الإجابة الصحيحة هي C.",
    "الإجابة: C",
    "الجواب هو C",
    "सही उत्तर C है।",
    "उत्तर: C",
    "सही विकल्प C है।",
    "Đáp án đúng là C.",
    "Đáp án: C",
    "Tôi chọn C.",
    "Jawaban yang benar adalah C.",
    "Jawaban: C",
    "Правильна відповідь: C",
    "Відповідь: C",
    "Správná odpověď je C.",
    "Odpověď: C",
    "Rätt svar är C.",
    "Svar: C",
    "Det rätta svaret är C.",
    "Det riktige svaret er C.",
    "Das Ergebnis: C",
]


@pytest.mark.parametrize("answer", LANGUAGES)
def test_an_answer_is_understood_in_many_languages(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CELLS) == 1
    assert grade(answer, ["A"], "choice", question=CELLS) == 0


@pytest.mark.parametrize("answer", LANGUAGES)
def test_a_stated_answer_beats_an_earlier_letter(answer: str) -> None:
    assert grade(DRAFT + answer, ["C"], "choice", question=CELLS) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "The best answer is C.",
        "I would pick C — it fits best.",
        "c. fission",
        "It must be C.",
        "Both A and D are wrong, so C.",
        "C is correct because A is too slow.",
        "Option C",
        "the correct choice would be C",
        "I'm going with C",
        "My final answer: C",
        "**Final Answer:** (C)",
        "### Answer\n\nC\n\n### Explanation\nA is wrong.",
        "# Final answer\n**C**",
        "Answer - C",
        "Answer = C",
        "Answer (C)",
        "Answer C",
        "ANSWER: c",
        "Answer → C",
        "<b>Answer:</b> C",
        "<strong>Answer</strong>: C",
        "\\textbf{Answer: C}",
        "\\textbf{Answer:} C",
        "$\\boxed{\\text{C}}$",
        "The answer is $\\boxed{\\mathrm{C}}$.",
        '{"answer": "C"}',
        '```json\n{"reasoning": "(A) is bad", "answer": "C"}\n```',
        "{'answer': 'C'}",
        '{"final_answer": "C", "confidence": 0.9}',
        "<answer>C</answer>",
        "<final_answer>\nC\n</final_answer>",
        "[ANSWER]C[/ANSWER]",
        "| Question | Answer |\n|---|---|\n| 1 | C |",
        "| Answer | C |",
        "The answer is C. I hope it is correct.",
        "(A) is slow. (B) is slow. (C) is right.",
        "I think the answer is C, not A.",
        "It's not A, it's C.",
        "Not A. Not B. C.",
        "The correct answer is option C, fission.",
        "Correct answer: fission",
        "The answer is **C) fission**",
        "C\n\nExplanation: A is wrong as heat is lost.",
        "Answer: B\n\nWait, actually the answer is C.",
        "The answer is B. Hmm, no: the answer is C.",
        "Let me think. A? No. B? No. D? No. So it has to be C.",
        "Of these, C is the best.",
        "Therefore, C.",
        "Thus the answer is:\n\n(C)",
        "The answer is: \n\n\\[\n\\boxed{C}\n\\]",
        "The answer: C",
        "My answer is C",
        "Answer:C",
        "Answer : C",
        "answer is option C",
        "Ans: C",
        "Ans. C",
        "C.",
        "C)",
        "[C]",
        "{C}",
        "'C'",
        "(c)",
        "c)",
        "Ｃ",
        "（C）",
        "【C】",
        "「C」",
        "Ⓒ",
        "I choose option (C) fission because it fits.",
        "I'd say it's C.",
        "Looks like C to me.",
        "C it is.",
        "The only option that fits is C.",
        "We can eliminate A, B and D. That leaves C.",
        "Since A, B, and D are incorrect, the answer must be C.",
        "Sure! The answer is C.",
        "C - fission",
        "C: fission",
        "C) fission splits atoms",
    ],
)
def test_an_answer_is_understood_in_any_form(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CELLS) == 1
    assert grade(answer, ["A"], "choice", question=CELLS) == 0


@pytest.mark.parametrize(
    "answer",
    [
        "A man",
        "I think so",
        "The answer is A man",
        "Neither",
        "A or C",
        "B and C",
        "Both A and C",
        "The answer is either B or C",
        "I don't know",
        "Ich weiß es nicht.",
        "Je ne sais pas.",
        "No lo sé.",
        "我不知道",
        "わかりません",
        "모르겠습니다",
        "Не знаю",
        "The answer is not C.",
        "C is wrong.",
        "Answer:",
        "The answer is",
        "The answer is C. Hmm, that's wrong. The answer is",
        "Vitamin C is needed for this reaction.",
        "A. C. Clarke wrote it",
        "<think>The answer is C.</think>",
        "<think>The answer is C",
        "All of the above",
        "Plan C failed, Plan B too",
        "It is not C",
        "C, D",
        "(B) or (C)",
        "The answer is D.\n\nQuestion: Next?\nAnswer: C",
        "C? No, B.",
        "Answer: C or D",
        "\\boxed{B} \\boxed{C}",
    ],
)
def test_what_does_not_name_c_is_not_right(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CELLS) == 0


@pytest.mark.parametrize(
    "answer",
    [
        "Amoebae divide by fission.",
        "The process is called fission.",
        "This is **fission**.",
        "Answer: fission, because there is no spindle",
        "It divides in two. That is fission.",
    ],
)
def test_the_words_of_one_option_name_it(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CELLS) == 1


@pytest.mark.parametrize(
    "answer",
    ["It is not fission.", "Either fission or budding.", "Fission and mitosis.", "fissions"],
)
def test_the_words_of_two_options_or_of_a_rejected_one_name_none(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CELLS) == 0


@pytest.mark.parametrize(
    "piece",
    [
        "not A ",
        "A, ",
        "A and ",
        "(A) ",
        "so C. ",
        "I choose ",
        "C is right ",
        "答案是",
        "选C",
        "the answer is ",
    ],
)
def test_a_hostile_answer_of_100_000_characters_takes_seconds_at_most(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    began = time.process_time()
    grade(text, ["C"], "choice", question=CELLS)
    assert time.process_time() - began < 30  # quadratic time would be minutes


@given(st.text(alphabet="ABab .,()0159ßİΐ'\\$*-", max_size=12))
def test_the_bound_of_the_length_of_keys_holds(text: str) -> None:
    assert option_texts._may_have(text, option_texts._key(text))


@pytest.mark.parametrize(
    "line",
    [
        "(c)", "c)", "[c]", "(c).", "Ⓒ", "ⓒ", "C.", "**c)**", "c. Canberra", "c) Canberra", "c: Canberra", "**(c) Canberra**",
        "Canberra", "*canberra.*",
    ],
)  # fmt: skip
def test_the_last_line_names_an_option_after_talk_of_another(line: str) -> None:
    reply = f"Let me look at (A) first. It is a city in Europe.\n\n{line}"
    assert grade(reply, ["C"], "choice", question=CAPITALS) == 1


ENERGIES = Question(
    id="2", question="How much?", answer="C", metric="choice", choices=("33.9", "0", "28.3", "1.0")
)


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("The energy is 28.3 MeV.", "C"),
        ("That is 27.27 MeV, which rounds to 28.3 MeV.", "C"),
        ("We get 31.27. The closest option is (C).", "C"),
        ("The answer is 31.27. The closest option is (C).", "C"),
        # The reply says that no option is right.
        ("The closest option is (A) 33.9. Therefore no option is right.\nAnswer: None of the above.", ""),
        ("The closest one is (A) 33.9. However, the correct answer should be $31.27.", ""),
        # The argument of a function is no option, and neither is a number in a calculation.
        ("We know that P(B) is small, so P(B|A) follows from the rule of Bayes, which we apply twice here.", ""),
        ("Then we use the rule of de l'Hôpital, which states that for x to 0 and y to 1 both sides vanish and", ""),
    ],
)  # fmt: skip
def test_numbers_as_options(reply: str, options: str) -> None:
    assert choice.named_options(reply, ENERGIES.choices) == frozenset(options)


@pytest.mark.parametrize(
    ("reply", "options"),
    [
        ("The element (4, 2) of Z_12 x Z_8 has order 12.", "C"),
        ("With 3 rows of 4, the area is **12**.", "C"),
        # The last number is an operand.
        ("The order of 4 in Z_12 is the least common multiple of 4 and 12.", ""),
        ("It is 5, which is less than 12.", ""),
        ("It lies in a group of 5, and 4 divides its order by 12.", ""),
    ],
)
def test_the_number_that_a_sentence_ends_with(reply: str, options: str) -> None:
    assert choice.named_options(reply, ("4", "8", "12", "6")) == frozenset(options)


def test_a_letter_with_the_number_of_another_option_names_none() -> None:
    assert choice.named_options("B. 1.01", ("1.01", "2.05")) == frozenset()
    assert choice.named_options("A. 1.01", ("1.01", "2.05")) == {"A"}


def test_an_option_with_its_letter_is_that_option_even_if_another_has_its_text() -> None:
    assert choice.named_options("The answer is (C) x.", ("x", "y", "x")) == {"C"}


@pytest.mark.parametrize(
    "answer",
    [
        "This makes C the best choice.", "That leaves C as the only correct option.", "So C it is.", "Hence C is correct.",
        "I'd go for C.", "It's hard to be certain, but I'd guess C.", "Answer: C rather than A", "Answer: It isn't D, so C.",
        "A, B and D can be excluded, so C remains.", "A and B must be ruled out. D is impossible. C is right.",
        "Η σωστή απάντηση είναι C.", "Απάντηση: C",
    ],
)  # fmt: skip
def test_a_sentence_settles_on_c(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CAPITALS) == 1


@pytest.mark.parametrize(
    "answer",
    [
        "Option C can be eliminated.", "C should be discarded.", "None of these (A, B, C, D) applies.", "Answer: B rather than C",
        "No es C.", "No es la C.", "Ce n'est pas C.", "Das ist nicht C.", "Non è C.",
    ],
)  # fmt: skip
def test_a_sentence_that_only_rejects_c_does_not_name_it(answer: str) -> None:
    assert grade(answer, ["C"], "choice", question=CAPITALS) == 0


def test_a_reply_that_ends_by_repeating_the_options_chooses_none() -> None:
    options = [
        f"{letter}) {text}"
        for letter, text in zip(
            "ABCD", ("Paris", "Rome", "Canberra", "Canberra, Sydney"), strict=True
        )
    ]
    listed = "\n".join(options)
    for letter in "ABCD":
        assert grade(listed, [letter], "choice", question=CAPITALS) == 0
        assert grade(f"The options are:\n{listed}", [letter], "choice", question=CAPITALS) == 0
    assert grade(f"{listed}\n\n{options[1]}", ["B"], "choice", question=CAPITALS) == 1
    assert grade(f"{listed}\n\nAnswer: B", ["B"], "choice", question=CAPITALS) == 1


def test_option_a_is_a_letter_and_no_article() -> None:
    for answer in (
        "Option A is the right one.",
        "Option A is the best choice.",
        "A is the right one.",
    ):
        assert grade(answer, ["A"], "choice", question=CAPITALS) == 1
