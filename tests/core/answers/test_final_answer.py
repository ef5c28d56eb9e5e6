"""What a reply finally states: forms, places, corrections, unfinished answers, second questions."""

import pytest

from router_r1.answers import Form, abstains, extract_answer, final_answer, is_unfinished

WORDS = [
    # what it says, what it states
    ("Long story.\n**Answer**: Paris", "Paris"),
    ("Long story.\n**Answer: Paris**", "Paris"),
    ("Long story.\n**Answer:** Paris. It lies on the Seine.", "Paris"),
    ("Long story.\n__Answer__: Paris", "Paris"),
    ("Long story.\n*Final Answer*: Paris", "Paris"),
    ("Long story.\n***Final answer:*** Paris", "Paris"),
    ("Long story.\n`Answer: Paris`", "Paris"),
    ("Long story.\n### Answer\n\nParis", "Paris"),
    ("Long story.\n### Final Answer:\nParis\n\n### Notes\nIt is large.", "Paris"),
    ("Long story.\n**Final Answer**\n\nParis", "Paris"),
    ("Long story.\n<b>Answer:</b> Paris", "Paris"),
    ("Long story.\n<strong>Answer</strong>: Paris<br>", "Paris"),
    ("Long story.\n\\textbf{Answer:} Paris", "Paris"),
    ("Long story.\n\\textbf{Answer: Paris}", "Paris"),
    ("Long story.\n> Answer: Paris", "Paris"),
    ("Long story.\n- **Answer**: Paris", "Paris"),
    ("| City | Answer |\n|---|---|\n| capital | Paris |", "Paris"),
    ("Long story.\nANSWER: Paris", "Paris"),
    ("Long story.\nAnswer - Paris", "Paris"),
    ("Long story.\nAnswer → Paris", "Paris"),
    ("Long story.\nAnswer = 5", "5"),
    ("Long story.\nAnswer: -5", "-5"),
    ("Long story.\nThe final answer is: $\\boxed{4}$. I hope it is correct.", "4"),
    ("Long story. The answer is therefore Paris.", "Paris"),
    ("Long story. The answer is, of course, Paris.", "Paris"),
    ("Long story. The answer is Paris, because it is large.", "Paris"),
    ("Long story. The answer is Paris — the capital.", "Paris"),
    ("Long story. The answer is 1914 – 1918.", "1914 – 1918"),
    ("Long story. The answer we get is 42.", "42"),
    ("Long story. The final result is 42.", "42"),
    ("Long story. So 42 is the answer.", "42"),
    ("Long story. Hence Ada Lovelace is the correct answer!", "Ada Lovelace"),
    ("The answer is:\n\n$$\n\\frac{1}{2}\n$$", "\\frac{1}{2}"),
    ("The answer is \\(\\frac{1}{2}\\).", "\\frac{1}{2}"),
    ('{"reasoning": "The answer is Rome?", "answer": "Paris"}', "Paris"),
    ('```json\n{"answer": "Paris", "why": "The answer is Rome no more."}\n```', "Paris"),
    ('{"final_answer": 42}', "42"),
    ("{'answer': 'Paris'}", "Paris"),
    ('I reply in JSON:\n{"answer": "Paris"}', "Paris"),
    ('{"respuesta": "París"}', "París"),
    ("<final_answer>Paris</final_answer>", "Paris"),
    ("<Answer lang='en'> Paris </Answer>", "Paris"),
    ("[ANSWER] Paris [/ANSWER]", "Paris"),
    ("<|begin_of_box|>Paris<|end_of_box|>", "Paris"),
    ("First.\n#### 12", "12"),
    ("First.\n#### Step 1: add\n1 + 2 = 3\n#### 3", "3"),
    ("#### Step 2\nWe add.\n#### $1,234\nThat is all.", "$1,234"),
]


@pytest.mark.parametrize(("reply", "answer"), WORDS)
def test_a_stated_answer(reply: str, answer: str | None) -> None:
    assert extract_answer(reply) == answer


LAST = [
    ("\\boxed{x=2} for the first part.\n\n**Answer: 14**", "14"),
    ("**Answer: 14** follows from \\boxed{15}", "15"),
    ("<answer>Lyon</answer> No. The answer is Paris.", "Paris"),
    ("The answer is Lyon. <answer>Paris</answer>", "Paris"),
    ("#### 4\nOn reflection the answer is 5.", "5"),
    ("Answer: Lyon\n\nWait, actually, the answer is Paris.", "Paris"),
    ("Answer: 4. Wait, no, it's 5.", "5"),
    ("The answer is B. Hmm, actually C.", "C"),
    ("The answer is B. Scratch that, it should be D.", "D"),
    ("Answer: ~~4~~ 5", "5"),
    ("Die Antwort ist 4. Nein, the answer is 5.", "5"),
    ("Answer: Paris\n\nExplanation: the other answers are wrong: Lyon is smaller.", "Paris"),
    ("Answer: Paris\n\nA common wrong answer: Lyon", "Paris"),
    ("The answer is Paris. To answer: look at a map.", "Paris"),
    ("The answer is Paris. The answer is not obvious.", "Paris"),
    ("The answer is Paris. Is the answer Lyon? No.", "Paris"),
]


@pytest.mark.parametrize(("reply", "answer"), LAST)
def test_the_last_statement_counts(reply: str, answer: str) -> None:
    assert extract_answer(reply) == answer


BOXES = [
    ("\\boxed{2} and \\boxed{-3}", "2, -3"),
    ("Roots: \\boxed{3}, \\boxed{5}, \\boxed{7}", "3, 5, 7"),
    ("$\\boxed{1}$ or $\\boxed{4}$.", "1, 4"),
    ("$x=\\boxed{1}$ und $x=\\boxed{4}$", "1, 4"),
    ("x = \\boxed{1}, y = \\boxed{4}", "1, 4"),
    ("\\boxed{5} and again \\boxed{5}", "5"),
    ("\\boxed{5}, \\boxed{5}", "5"),
    ("Draft: \\boxed{4}.\nFinal: \\boxed{5}", "5"),
    ("\\boxed{4}. Then \\boxed{5}", "5"),
    ("So \\boxed{4} or rather \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
    ("\\boxed 5", "5"),
    ("\\boxed5", "5"),
    ("\\fbox{5}", "5"),
    ("\\boxed{\\{1, 2\\}}", "\\{1, 2\\}"),
    ("\\boxed{\\text{(B)}}", "\\text{(B)}"),
    ("\\boxed{\\boxed{5}}", "5"),
    ("I shall write it in \\boxed{}. The sum is 4. \\boxed{4}", "4"),
    ("\\boxed{4} is given within \\boxed{}", "4"),
]


@pytest.mark.parametrize(("reply", "answer"), BOXES)
def test_boxes(reply: str, answer: str) -> None:
    assert extract_answer(reply) == answer


@pytest.mark.parametrize(
    "reply",
    [
        "First I thought \\boxed{5}. Redo the sum: \\boxed{",
        "First I thought \\boxed{5}. Redo: \\boxed{}",
        "First \\boxed{5}. Redo: \\boxed{\\frac{1}{2}",
        "First \\fbox{5}. Redo: \\fbox{",
        "The answer is 4. Hmm, wrong. The answer is",
        "The answer is 4. Hmm, wrong. The answer is:",
        "The answer is 4. Wait, that is wrong.",
        "Answer: 4\n\nNo: **Final Answer:**",
        "Answer: 4\n\n### Final Answer\n",
        "Answer: 4. Again:\n####",
        "<answer>4</answer> No. <answer>",
        "<answer>4</answer> No. <answer>5",
        "Answer: 4. <answer></answer>",
        '{"answer": 4}\n{"answer": ',
        "Die Antwort ist 4. Falsch. Die Antwort lautet",
        "La respuesta es 4. Mal. La respuesta es",
        "答案是4。不对，答案是",
        "答えは4です。違う。答えは",
        "정답은 4입니다. 아니, 정답은",
    ],
)
def test_an_unfinished_answer_is_none_and_no_earlier_one_replaces_it(reply: str) -> None:
    assert is_unfinished(reply)
    assert extract_answer(reply) is None


@pytest.mark.parametrize(
    "reply", ["The answer is 4.", "Paris", "", "I don't know", "Is it 4?\nWho knows."]
)
def test_other_replies_are_not_unfinished(reply: str) -> None:
    assert not is_unfinished(reply)


@pytest.mark.parametrize(
    "more",
    [
        "\n\nQuestion: Tom eats 2 of 7. How many?\nThe answer is 5.",
        "\n\nQ: Half of 4?\nA: The answer is 2.",
        "\n\nProblem: half of 4?\n\\boxed{2}",
        "\n\n**Problem 2:** half of 4?\n\\boxed{2}",
        "\n\n### Question 5:\nHalf of 4?\nAnswer: 2",
        "\n\nExample 3:\nHalf of 4?\nAnswer: 2",
        "\n\nHuman: Thanks. Half of 4?\nAssistant: Answer: 2",
        "\nUser: Half of 4?\nAnswer: 2",
        "\n### Instruction\nHalf of 4?\nAnswer: 2",
        "\n### Instruction:\nHalf of 4?\nAnswer: 2",
        "<|im_end|>\n<|im_start|>user\nHalf of 4?<|im_end|>\n<|im_start|>assistant\nAnswer: 2",
        "<|eot_id|><|start_header_id|>user<|end_header_id|>Half of 4?\nAnswer: 2",
        "<|endoftext|>Half of 4? Answer: 2",
        "</s>[INST] Half of 4? [/INST] Answer: 2",
        "<end_of_turn>\n<start_of_turn>user\nHalf of 4?\nAnswer: 2",
        "\n\nFrage: Die Hälfte von 4?\nAntwort: 2",
        "\n\nPregunta: ¿La mitad de 4?\nRespuesta: 2",
        "\n\nВопрос: половина от 4?\nОтвет: 2",
        "\n\n问题：4的一半？\n答案：2",
        "\n\n質問：4の半分は？\n答え：2",
        "\n\n질문: 4의 절반은?\n정답: 2",
        "\n\nNow, combining all the answers:\nThe answer is 2.",
    ],
)
@pytest.mark.parametrize(
    "first", ["6 * 2 = 12\n#### 12", "The answer is 12.", "So \\boxed{12}.", "12"]
)
def test_what_follows_a_second_question_is_not_the_reply(first: str, more: str) -> None:
    assert extract_answer(first + more) == "12"


@pytest.mark.parametrize(
    "reply",
    [
        "Question: how many eggs?\nThe answer is 12.",
        "Let me restate it.\nProblem: how many eggs are left, if 4 of 16 are eaten?\nSolution: 16 - 4.\nThe answer is 12.",
        "<|im_start|>assistant\nThe answer is 12.",
    ],
)
def test_a_reply_may_repeat_its_question(reply: str) -> None:
    assert extract_answer(reply) == "12"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("The product of 37 and 24 is 888.", "888"),
        ("37 times 24 equals 888", "888"),
        ("Das Produkt ist 888.", "888"),
        ("Le produit est 888.", "888"),
        ("Add the parts.\nSo the total is $888.", "888"),
        ("Well, 30*24=720 and 7*24=168.\n\n888", "888"),
        ("Well, it is the city on the Seine.\n\n**Paris**", "Paris"),
        ("Paris\n\nExplanation: It is the capital of France, and has been for long.", "Paris"),
        ("I think it's Paris.", "Paris"),
        ("Es ist Paris.", "Paris"),
        ("C'est Paris.", "Paris"),
    ],
)
def test_a_short_reply_or_its_conclusion_is_an_answer(reply: str, answer: str) -> None:
    assert extract_answer(reply) == answer


@pytest.mark.parametrize(
    "reply",
    [
        "The answer is unclear to me.\nAsk somebody else, please.",
        "The answer is based on the map.\nSee there for more.",
        "The answer is an integer between 0 and 9.\nThat is all we know.",
        "The answer depends on the year.\nIn 1900 it was another than today.",
        "I know the answer.\nBut I will not tell.",
        "My answers are always right.\nAsk me anything.",
        "Write it so:\n<answer>your answer here</answer>\nand nothing more.",
        "Write it so:\n\\boxed{answer}\nand nothing more.",
    ],
)
def test_talk_about_answers_states_none(reply: str) -> None:
    assert extract_answer(reply) is None


@pytest.mark.parametrize(
    "reply",
    [
        "I don't know.", "I’m not sure.", "The answer is unknown.", "Ich weiß es nicht.", "Je ne sais pas.", "No lo sé.",
        "Não sei.", "Non lo so.", "Ik weet het niet.", "Nie wiem.", "Nevím.", "Не знаю.", "Не знаю", "Bilmiyorum.",
        "لا أعرف", "मुझे नहीं पता", "Tôi không biết.", "Saya tidak tahu.", "我不知道。", "わかりません。", "모르겠습니다.",
        "Jag vet inte.", "Antwort: Ich weiß es nicht.", "答案：我不知道", "<answer>I don't know</answer>",
    ],
)  # fmt: skip
def test_i_do_not_know_is_no_answer(reply: str) -> None:
    assert extract_answer(reply) is None
    assert abstains(reply)


@pytest.mark.parametrize(
    ("reply", "form"),
    [
        ("<answer>C</answer>", Form.TAG),
        ("\\boxed{C}", Form.BOX),
        ("Answer: C", Form.MARK),
        ("#### 5", Form.MARK),
        ("The answer is C", Form.PHRASE),
        ("I choose C.", Form.PHRASE),
        ("C is correct.", Form.CONCLUSION),
        ("C", Form.SHORT),
        ("The answer is", Form.UNFINISHED),
    ],
)
def test_the_form_says_how_an_answer_is_stated(reply: str, form: Form) -> None:
    found = final_answer(reply)
    assert found is not None and found.form is form


@pytest.mark.parametrize(
    "reply",
    [
        "<answer>your answer here</answer>", "<answer>[your answer]</answer>", "<answer>YOUR ANSWER</answer>",
        "<answer>your_answer</answer>", "<answer>answer</answer>", "<answer>{answer}</answer>", "<answer>$ANSWER</answer>",
        "<answer>put your final answer here</answer>", "<answer>write your answer here</answer>", "\\boxed{your answer}",
        "Answer: [Your answer here]", "Final answer: <your answer>", "Answer: $LETTER", "The answer is [insert answer].",
        '{"answer": "your answer"}',
    ],
)  # fmt: skip
def test_a_copied_placeholder_is_no_answer(reply: str) -> None:
    assert extract_answer(reply) is None


@pytest.mark.parametrize(
    "reply", ["number", "Option value", "<answer>Value Line</answer>", "Letterboxd"]
)
def test_words_of_placeholders_may_be_answers(reply: str) -> None:
    assert extract_answer(reply) is not None


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("| Answer | Paris |", "Paris"),
        ("| **Answer** | **Paris** |", "Paris"),
        ("| Answer | New York City |\n| Reason | It is large. |", "New York City"),
        ("| Question | capital |\n| Final answer | Paris |", "Paris"),
        ("| Answer | Reason |\n|---|---|\n| Paris | It is large. |", "Paris"),
        ("| Question | Answer |\n|:--|--:|\n| 6 * 7 | 42 |", "42"),
    ],
)
def test_tables_with_and_without_a_head(reply: str, answer: str) -> None:
    assert extract_answer(reply) == answer


@pytest.mark.parametrize(
    "summary",
    [
        "Now, let's总结以上答案：\n\nThe answer is (H).", "Now, let's总结以上问题的答案:\nThe answer is A.\nThe answer is H.",
        "Now let's summarize the answers:\nThe answer is (A).", "Now, considering all the answers above, the final answer is:",
        "Now, considering all the questions and answers:\nThe answer is A.", "Now, combining all the answers:\n(A), (H)",
    ],
)  # fmt: skip
def test_a_summary_of_many_answers_is_not_the_reply(summary: str) -> None:
    assert extract_answer(f"It boils at that pressure. The answer is (C).\n\n{summary}") == "(C)"


def test_dots_before_an_answer_are_left_out() -> None:
    assert extract_answer("Some reasons.\n\nFinal Answer: The answer is ... G.") == "G"
    assert is_unfinished("The answer is (G).\n\nThe answer is ...")


def test_a_line_that_announces_more_is_no_answer() -> None:
    assert final_answer("1768: He is appointed.\n\n1773:") is None


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("Zeros:\n\\boxed{-2}\n\\boxed{0}\n\\boxed{5}", "-2, 0, 5"),
        ("Zeros:\n- $\\boxed{1}$\n- $\\boxed{2}$", "1, 2"),
        ("First I get \\boxed{5}.\nAgain: \\boxed{6}", "6"),
        (
            "So \\boxed{8}.\n\n### Question\nHow many legs has a spider?\n\n### Answer\n\\boxed{16}",
            "8",
        ),
        ("The answer is 12.\n\n**Problem 2**\nHalf of 4? The answer is 2.", "12"),
        ("I may be mistaken, but I get 58.", "58"),
        ("I'm not entirely sure, but it is Paris.", "Paris"),
    ],
)
def test_boxes_line_by_line_headings_of_questions_and_hedges(reply: str, answer: str) -> None:
    assert extract_answer(reply) == answer
