"""`select`: one response, word for word."""

from collections.abc import Callable

from router_r1 import Result, testing

Ask = Callable[..., tuple[Result, testing.ScriptedPool]]
Turns = Callable[..., list[str]]

LIE = "The answer is Sydney."


def test_select_returns_a_response_word_for_word(ask: Ask) -> None:
    long = "It was chosen in 1908 as a compromise. The answer is Canberra."
    result, _ = ask({"a": long, "b": LIE, "c": "Canberra"}, "select")
    assert result.answer == long


def test_among_free_texts_the_most_central_is_selected(ask: Ask, no_answer: Turns) -> None:
    scripts: dict[str, testing.Script] = {
        "odd": "Bananas are berries in the botanical sense, while strawberries are not berries at all.",
        "b": "The reef lies off the coast of Queensland and is the largest living structure in the world.",
        "c": "Off the coast of Queensland lies the reef, which is the largest living structure on earth.",
    }
    result, _ = ask(scripts, "select", turns=no_answer(*scripts))
    assert result.answer in (scripts["b"], scripts["c"])
