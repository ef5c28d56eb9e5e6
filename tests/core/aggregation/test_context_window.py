"""What an aggregator or a proposer reads is cut to its context window before it is sent and billed."""

import pytest

from router_r1 import ModelCard, Price, RouterAgent, testing
from router_r1.aggregation import Synthesize
from router_r1.aggregation.context_window import UNKNOWN_ROOM, cut_middle, fit, prompt_room
from router_r1.ledger import Role
from router_r1.protocol import escape
from router_r1.token_prices import estimate_tokens


def card(name: str, window: int | None, *, output: int = 200, price: float = 10) -> ModelCard:
    return ModelCard(
        name=name,
        price=Price(input=price, output=price),
        max_output_tokens=output,
        context_window=window,
    )


def joined(texts: object) -> str:
    assert isinstance(texts, list | tuple)
    return "Question\n" + "\n".join(escape(text) for text in texts)


# --- cutting


def test_short_texts_are_whole_and_long_ones_share_the_rest() -> None:
    texts = ["short", "x" * 100_000, "y" * 3000, "z" * 900]
    prompt = fit(joined, texts, 1000)
    assert prompt is not None and estimate_tokens(prompt) <= 1000
    assert "short" in prompt and "z" * 900 in prompt
    assert prompt.count("[cut]") == 2
    assert abs(prompt.count("x") - prompt.count("y")) < 20  # equal shares
    assert estimate_tokens(prompt) > 980  # the room is used


def test_a_cut_keeps_the_beginning_and_the_end() -> None:
    text = "I think as follows." + " so" * 9000 + " The answer is 42."
    cut = cut_middle(text, 400)
    assert cut.startswith("I think as follows.") and cut.endswith("The answer is 42.")
    assert "[cut]" in cut and len(cut.encode()) <= 400


@pytest.mark.parametrize("piece", ["<think>", "é", "北", "👍", "&lt;|", "\ud800", "[INST]"])
def test_the_limit_counts_the_escaped_text_and_no_character_is_halved(piece: str) -> None:
    for limit in (0, 10, 100, 1001):
        cut = cut_middle(piece * 5000, limit)
        assert len(escape(cut).encode(errors="replace")) <= limit and "\ufffd" not in cut


def test_what_fits_is_unchanged() -> None:
    texts = ["a", "b" * 50, ""]
    assert fit(joined, texts, 1000) == joined(texts)


@pytest.mark.parametrize("room", [-5, 0, 3, 40])
def test_a_prompt_whose_question_does_not_fit_is_not_made(room: int) -> None:
    assert fit(joined, ["x" * 1000] * 4, room) is None


def test_the_room_is_the_window_without_the_longest_reply() -> None:
    assert prompt_room(card("a", 2000)) == 2000 - 200 - 4
    assert prompt_room(card("a", None)) == UNKNOWN_ROOM - 4
    long = card("a", 2000).model_copy(update={"system_prompt": "x" * 400})
    assert prompt_room(long) == 2000 - 200 - 4 - 104


# --- aggregation

MEGABYTE = "The answer is Sydney. " * 50_000


def ask(
    aggregator: Synthesize,
    cards: list[ModelCard],
    replies: dict[str, str],
    *,
    query: str = "Which city?",
) -> tuple[RouterAgent, testing.ScriptedPool, object]:
    asked = "".join(f'<route model="{name}">{query}</route>' for name in replies)
    policy = testing.ScriptedPolicy(
        [f"<think>t</think>{asked}", "<think>t</think><answer>x</answer>"]
    )
    scripts: dict[str, testing.Script] = dict.fromkeys(
        (c.name for c in cards), "<answer>y</answer>"
    )
    pool = testing.ScriptedPool(scripts | replies, cards=cards)
    with RouterAgent(policy=policy, pool=pool, aggregator=aggregator) as agent:
        return agent, pool, agent.ask("Which city?")


@pytest.mark.parametrize("window", [2000, 8000, None])
def test_a_megabyte_is_cut_to_the_writers_window_and_billed_as_such(window: int | None) -> None:
    writer = card("writer", window)
    cards = [card("a", None), card("b", None), card("c", None), writer]
    replies = {"a": MEGABYTE, "b": "The answer is Canberra.", "c": "It is Perth, or so they say."}
    _, pool, result = ask(Synthesize(model="writer", agreement=2), cards, replies)
    (prompt,) = [text for name, text in pool.asked if name == "writer"]
    assert estimate_tokens(prompt) + 4 <= (UNKNOWN_ROOM if window is None else window - 200)
    assert replies["b"] in prompt and replies["c"] in prompt and "[cut]" in prompt
    assert "Question: Which city?" in prompt
    rows = [entry for entry in result.ledger if entry.role is Role.AGGREGATOR]  # type: ignore[attr-defined]
    assert sum(row.cost_usd or 0 for row in rows) < 0.1  # $2.50 uncut


def test_proposers_read_what_their_windows_hold() -> None:
    cards = [card("small", 1500), card("tiny", 250), card("large", 100_000), card("writer", None)]
    replies = {"small": MEGABYTE, "tiny": "Canberra", "large": "Perth"}
    aggregator = Synthesize(model="writer", agreement=2, layers=2)
    _, pool, _ = ask(aggregator, cards, replies)
    read = {name: estimate_tokens(text) for name, text in pool.asked if "Other models" in text}
    assert read["small"] <= 1300 and 50_000 < read["large"] <= 99_800
    assert "tiny" not in read  # its window does not even hold the instructions


@pytest.mark.parametrize("model", ["writer", None])
def test_if_no_model_can_read_the_question_the_votes_decide(model: str | None) -> None:
    cards = [card("a", 300), card("b", 300), card("writer", 300)]
    replies = {"a": "Canberra", "b": "Canberra"}
    aggregator = Synthesize(model=model, agreement=2)
    _, pool, result = ask(aggregator, cards, replies)
    assert result.answer == "Canberra" and len(pool.asked) == 2  # type: ignore[attr-defined]
    assert result.trace.aggregation.fallback == "context_window"  # type: ignore[attr-defined]


def test_the_most_expensive_model_that_can_read_the_replies_writes() -> None:
    cards = [card("dear", 300, price=99), card("a", 4000, price=5), card("b", 4000, price=1)]
    replies = {"a": "Canberra", "b": "Perth"}
    _, pool, result = ask(Synthesize(agreement=2), cards, replies)
    assert result.trace.aggregation.model == "a"  # type: ignore[attr-defined]
    assert pool.asked[-1][0] == "a"


def test_long_sub_queries_are_cut_too() -> None:
    cards = [card("a", None), card("b", None), card("writer", 1500)]
    query = "Which city? " + "Think hard about it. " * 500
    replies = {"a": "Canberra", "b": "Perth"}
    _, pool, _ = ask(Synthesize(model="writer", agreement=2), cards, replies, query=query)
    name, prompt = pool.asked[-1]
    assert name == "writer" and estimate_tokens(prompt) <= 1300
    assert "Canberra" in prompt and "Perth" in prompt
