"""Which statements answer the question itself: multi-hop episodes, and one liar of six in all kinds of episodes."""

import itertools
import random
from collections.abc import Sequence

import pytest

from router_r1.aggregation.relevance import Relevance
from router_r1.aggregation.statements import Statement
from router_r1.aggregation.vote import Vote
from router_r1.answers import answer_key

Hop = tuple[str, str, str]
"""The candidates that are asked, one letter each; the query; their reply."""


def episode(*turns: Sequence[Hop]) -> tuple[Statement, ...]:
    return tuple(
        Statement(name, query, reply, turn)
        for turn, hops in enumerate(turns, 1)
        for names, query, reply in hops
        for name in names
    )


LOUVRE = "How many people live in the city of the Louvre?"
AUSTRIA = "Which river flows through the capital of Austria?"
NOVEL = "Who wrote the novel that the film Blade Runner is based on?"
NOVEL_HOP = ("abc", "Which novel is the film Blade Runner based on?", "Do Androids Dream")
CHAIN = "What is the population of the capital of the country of the Louvre?"

MULTI_HOP = {
    "two hops, then an answer": (
        LOUVRE,
        episode([("abc", "Where is the Louvre?", "Paris")], [("a", "How many people live in Paris?", "2,100,000")]),
        "2100000",
        "2100000",
    ),
    "two hops, no answer": (
        LOUVRE,
        episode([("abc", "Where is the Louvre?", "Paris")], [("a", "How many people live in Paris?", "2,100,000")]),
        None,
        "2100000",
    ),
    "the first hop resembles the question": (
        AUSTRIA,
        episode([("ab", "Capital of Austria?", "Vienna")], [("a", "Which river flows through Vienna?", "Danube")]),
        None,
        "danube",
    ),
    "the second hop is asked of more": (
        AUSTRIA,
        episode([("ab", "Capital of Austria?", "Vienna")], [("abc", "Which river flows through Vienna?", "Danube")]),
        None,
        "danube",
    ),
    "the second hop takes up the missing word": (
        NOVEL,
        episode([NOVEL_HOP], [("a", "Who wrote Do Androids Dream?", "Philip K. Dick")]),
        None,
        "philip k dick",
    ),
    "the second hop is worded otherwise, and the policy answers from it": (
        NOVEL,
        episode([NOVEL_HOP], [("a", "Name the author of Do Androids Dream", "Philip K. Dick")]),
        "Philip K. Dick",
        "philip k dick",
    ),
    "three hops": (
        CHAIN,
        episode(
            [("ab", "Where is the Louvre?", "France")],
            [("ab", "What is the capital of France?", "Paris")],
            [("a", "What is the population of Paris?", "2.1 million")],
        ),
        None,
        "2.1 million",
    ),
    "a liar in both hops": (
        LOUVRE,
        episode(
            [("x", "Where is the Louvre?", "Lyon"), ("abcde", "Where is the Louvre?", "Paris")],
            [("x", "How many people live in Paris?", "7"), ("abcde", "How many people live in Paris?", "2100000")],
        ),
        None,
        "2100000",
    ),
    "parts of a comparison": (
        "Which river is longer, the Nile or the Amazon?",
        episode([("abc", "How long is the Nile?", "6650 km")], [("abc", "How long is the Amazon?", "6400 km")]),
        "The Nile",
        "nile",
    ),
    "ideographs": (
        "埃菲尔铁塔所在国家的首都是什么？",
        episode([("abc", "埃菲尔铁塔在哪个国家？", "法国")], [("a", "法国的首都是什么？", "巴黎")]),
        "巴黎",
        "巴黎",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("question", "statements", "draft", "right"), MULTI_HOP.values(), ids=MULTI_HOP
)
def test_a_step_does_not_vote(
    question: str, statements: tuple[Statement, ...], draft: str | None, right: str
) -> None:
    answer = Vote().decide(question, statements, draft).answer
    assert answer is not None and answer_key(answer) == answer_key(right)


# --- one liar of six

HONEST = tuple(f"honest-{number}" for number in range(5))
LIAR = "liar"
FORMS = ["{}", "The answer is {}.", "\\boxed{{{}}}", "<answer>{}</answer>", "So:\n\nAnswer: {}"]
QUESTIONS: dict[str, tuple[str, str, list[str], list[str]]] = {
    # question: the truth, the lie, how the policy asks it, what the policy asks next
    "What is the capital of Australia?": (
        "Canberra",
        "Sydney",
        ["What is the capital of Australia?", "Capital of Australia?", "Name the capital city of Australia.",
         "Which city is Australia's capital?"],
        ["How many people live in Sydney?", "Is Sydney the capital of Australia?", "When was Sydney founded?",
         "Is Sydney right?", "What is the population of Canberra?", "How big is the city of Canberra?",
         "Which city is it really, if not Canberra?", "Capital of Australia? Think again.",
         "Is it Canberra or Sydney?", "Are you sure?", "Tell me about Canberra."],
    ),
    "Which city is the capital of Australia?": (
        "Canberra",
        "Sydney",
        ["Capital of Australia?", "What is the capital of Australia?", "Australia capital city"],
        ["What is the population of Sydney?", "How big is the city of Sydney?", "Is the city Sydney?",
         "Which Australian city is bigger than Sydney?", "What is the population of Canberra?",
         "How big is the city of Canberra?", "Is the city Canberra?", "Capital of Australia? Be careful."],
    ),
    "What is 6 times 7?": (
        "42",
        "54",
        ["6*7?", "What is 6 times 7?", "6 times 7", "Compute 6 times 7."],
        ["What is 54 divided by 7?", "Is 54 right?", "Is 42 prime?", "What is 42 divided by 6?",
         "6 times 7, step by step", "What comes after 54?", "What is half of 42?"],
    ),
    "Which is a fruit? A) apple B) brick C) cat": (
        "A",
        "B",
        ["Which is a fruit? A) apple B) brick C) cat"],
        ["Why B?", "Is a brick a fruit?", "Is B correct?", "What colour is an apple?",
         "Which is a fruit? A) apple B) brick C) cat Reconsider."],
    ),
    "In which year did the Berlin Wall fall?": (
        "1989",
        "1991",
        ["When did the Berlin Wall fall?", "Year of the fall of the Berlin Wall?"],
        ["What else happened in 1991?", "Who was chancellor in 1991?", "Was 1991 the year?",
         "What happened in 1989?", "Was 1989 the year?", "Who was chancellor in 1989?"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("draft", ["none", "the lie", "made up"])
def test_five_honest_of_six_win_whatever_the_policy_asks_next(question: str, draft: str) -> None:
    truth, lie, wordings, follow_ups = QUESTIONS[question]
    draw = random.Random(f"{question} {draft}")
    answered = {"none": None, "the lie": lie, "made up": "Perth"}[draft]

    def reply(name: str, query: str) -> str:
        if name == LIAR:
            asked = query in wordings or lie in query
            stated = lie if asked else draw.choice([lie, "No", "5 million", "2"])
        elif query in wordings:
            stated = truth
        elif query.startswith(("Is ", "Was ", "Are ")):
            stated = "No" if lie in query else "Yes"
        else:
            stated = draw.choice(["450,000", "It was long ago", "7", truth])
        return draw.choice(FORMS).format(stated)

    nexts = itertools.product([*follow_ups, *wordings], [None, *follow_ups, *wordings])
    for second, third in nexts:
        first = draw.choice(wordings)
        names = list(HONEST)
        names.insert(draw.randrange(6), LIAR)
        asked = [(name, first, 1) for name in names]
        for turn, query in ((2, second), (3, third)):
            whom = draw.choice([(LIAR,), (HONEST[0],), (LIAR, HONEST[1])])
            asked += [(name, query, turn) for name in whom if query is not None]
        statements = tuple(Statement(n, query, reply(n, query), turn) for n, query, turn in asked)
        answer = Vote().decide(question, statements, answered).answer
        assert answer is not None and answer_key(answer) == answer_key(truth), statements


@pytest.mark.parametrize("question", QUESTIONS)
def test_five_honest_of_six_win_however_the_policy_spreads_its_calls(question: str) -> None:
    truth, lie, wordings, follow_ups = QUESTIONS[question]
    follow_ups = [query for query in follow_ups if lie in query or truth in query]
    draw = random.Random(question)

    def reply(name: str, query: str) -> str:
        if name == LIAR:
            stated = lie if query in wordings else draw.choice([lie, "No", "5 million"])
        elif query in wordings:
            stated = truth
        else:
            stated = draw.choice(["450,000", "It was long ago", "No" if lie in query else "Yes"])
        return draw.choice(FORMS).format(stated)

    for _ in range(400):
        names = draw.sample([*HONEST, LIAR], 6)
        early = draw.randint(1, 6)
        asked = [
            (name, draw.choice(wordings), 1 if n < early else 2) for n, name in enumerate(names)
        ]
        for turn in (1, 2, 3):
            if follow_ups and draw.random() < 0.6:
                asked.append((draw.choice(names[:early]), draw.choice(follow_ups), turn))
        asked.sort(key=lambda call: call[2])
        statements = tuple(Statement(n, query, reply(n, query), turn) for n, query, turn in asked)
        draft = draw.choice([None, lie, truth, "made up", f"The answer is {lie}."])
        answer = Vote().decide(question, statements, draft).answer
        assert answer is not None and answer_key(answer) == answer_key(truth), (statements, draft)


def test_following_up_on_a_lie_without_an_answer_takes_no_vote_away() -> None:
    question = "Which city is the capital of Australia?"
    statements = episode(
        [("x", "Capital of Australia?", "Sydney"), ("abcde", "Capital of Australia?", "Canberra")],
        [("x", "How many people live in Sydney?", "5 million")],
    )
    assert Vote().decide(question, statements, None).votes == {"canberra": 5.0, "sydney": 1.0}


def test_a_liar_that_alone_is_asked_in_the_questions_own_words_does_not_decide_alone() -> None:
    question, seat = "What is the capital of Australia?", "Which city hosts the federal parliament?"
    statements = episode(
        [("x", seat, "Sydney"), ("abcde", seat, "Canberra")], [("x", question, "Sydney")]
    )
    for draft in (None, "Perth"):
        assert Vote().decide(question, statements, draft).answer == "Canberra"


def test_leading_questions_do_not_change_the_votes_of_those_that_answered_before() -> None:
    question = "What is the capital of Australia?"
    statements = episode(
        [("x", question, "Sydney"), ("abcde", question, "Canberra")],
        [("abcde", "Is Sydney the capital of Australia?", "No")],
    )
    assert Vote().decide(question, statements, None).answer == "Canberra"


def test_an_aside_whose_answer_is_the_lie_is_no_vote_for_the_lie() -> None:
    question = "What is the capital of Australia?"
    statements = episode(
        [("x", question, "Sydney"), ("abcde", question, "Canberra")],
        [("abcde", "Where is the Opera House?", "Sydney")],
    )
    assert Vote().decide(question, statements, "Sydney").answer == "Canberra"


@pytest.mark.parametrize("text", ["Paris " * 40_000, "(" * 100_000, "The answer is " * 10_000])
def test_replies_of_any_length_are_judged(text: str) -> None:
    statements = episode([("ab", "Capital?", text)], [("a", "Is Paris in France?", text)])
    assert Relevance("What is the capital of France?", statements, None).deciding()
