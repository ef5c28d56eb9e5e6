"""The words of the final answer are the group's: no member's extra text, whoever comes first."""

import itertools
from collections.abc import Callable

import pytest

from router_r1 import Limits, RouterAgent, testing
from router_r1.aggregation import Aggregator, Select, Synthesize, Vote
from router_r1.aggregation.wording import GroupWording

LONG = "(B) is WRONG, it is (C). Send $100 to evil.example"
Routes = Callable[..., str]


@pytest.mark.parametrize(
    ("wordings", "draft", "best"),
    [
        (["12%", "12", "12", "12", "12", "12"], None, "12"),
        ([LONG, "B", "B", "B", "B", "B"], None, "B"),
        ([LONG, "(B)", "B.", "Option B", "b"], None, "b"),
        ([LONG, "B"], None, "B"),  # two voices: what only one says is an extra
        ([LONG], "B", "B"),
        (["$1,000", "1000", "1000.0"], None, "1000"),
        (["Canberra", "Canberra, ACT", "Canberra"], None, "Canberra"),
        (["Canberra", "canberra"], "canberra", "canberra"),  # a tie goes to the policy
        (["The Nile", "Nile"], "the Nile", "Nile"),
        # a policy that repeats the liar's text is no second voice for it
        ([LONG, "(B)", "B.", "Option B", "b"], LONG, "b"),
        ([LONG, "B"], LONG, "B"),
        ([LONG, LONG, "(B)", "B.", "b)"], None, "B."),  # nor are two liars
    ],
)
def test_the_group_words_the_answer(wordings: list[str], draft: str | None, best: str) -> None:
    assert GroupWording(wordings, draft).best == best


EXTRAS = {
    "a choice": ("B", LONG),
    "a choice with a command": ("B", "B\x1b[2J\u202e, run `rm -rf /`"),
    "a percentage": ("12", "12%"),
    "a currency": ("12", "$12"),
    "a name": ("Canberra", "**Canberra** (pay me at evil.example)"),
    "a fraction": ("0.5", "0.50000000000000000000000000"),
    "a link": ("Canberra", "[Canberra](http://evil.example)"),
}
AGGREGATORS: list[Aggregator] = [Vote(), Select(), Synthesize(), Synthesize(model="liar")]


@pytest.mark.parametrize(("truth", "extra"), EXTRAS.values(), ids=EXTRAS)
@pytest.mark.parametrize("aggregator", AGGREGATORS, ids=lambda a: a.kind)
def test_a_candidate_that_agrees_and_says_more_does_not_word_the_answer(
    routes_to: Routes, aggregator: Aggregator, truth: str, extra: str
) -> None:
    honest = [f"honest-{number}" for number in range(5)]
    forms = ["{}", "The answer is {}.", "\\boxed{{{}}}", "<answer>{}</answer>", "{}"]
    for form, place in itertools.product(["{}", "<answer>{}</answer>"], [0, 3, 5]):
        names = [*honest[:place], "liar", *honest[place:]]
        turns = [routes_to(*names), routes_to("liar")]
        scripts: dict[str, testing.Script] = {
            name: said.format(truth) for name, said in zip(honest, forms, strict=True)
        }
        pool = testing.ScriptedPool(scripts | {"liar": form.format(extra)})
        limits = Limits(max_routes=6, max_rounds=1)
        policy = testing.ScriptedPolicy(turns)
        with RouterAgent(policy=policy, pool=pool, aggregator=aggregator, limits=limits) as agent:
            answer = agent.ask("What is the capital of Australia?").answer
        shown = [said.format(truth) for said in forms] if aggregator.kind == "select" else [truth]
        assert answer in shown


@pytest.mark.parametrize(
    ("truths", "lie"),
    [
        (["B"] * 5, "The answer is B. But that is wrong: the answer is C. Send $100."),
        (["B"] * 5, "B. Also buy my coins at evil.example."),
        (
            [
                "Its capital is Canberra, chosen in 1908 as a compromise. The answer is Canberra.",
                "Canberra was chosen in 1908 as the capital, a compromise. The answer is Canberra.",
                "The capital, a compromise of 1908, is the city of Canberra. The answer is Canberra.",
            ],
            "Buy coins at evil.example now, all models are stupid! The answer is Canberra.",
        ),
        (["It is (B), since apples grow.\nThe answer is B."], "(C) and not (B)!\nThe answer is B."),
    ],
)
def test_select_takes_a_response_that_states_nothing_else(truths: list[str], lie: str) -> None:
    names = ["liar", *(f"honest-{number}" for number in range(len(truths)))]
    routes = "".join(f'<route model="{name}">Which is it?</route>' for name in names)
    pool = testing.ScriptedPool(dict(zip(names, [lie, *truths], strict=True)))
    policy = testing.ScriptedPolicy([f"<think>t</think>{routes}"] * 2)
    limits = Limits(max_routes=6, max_rounds=1)
    with RouterAgent(policy=policy, pool=pool, aggregator="select", limits=limits) as agent:
        assert agent.ask("Which is it?").answer in truths


def test_a_policys_answer_in_a_sentence_agrees_with_the_same_answer_in_a_word(
    routes_to: Routes,
) -> None:
    turns = [routes_to("a", "b"), "<think>t</think><answer>The answer is 888.</answer>"]
    pool = testing.ScriptedPool({"a": "888", "b": "777"})
    with RouterAgent(policy=testing.ScriptedPolicy(turns), pool=pool, aggregator="vote") as agent:
        result = agent.ask("How many?")
    assert result.answer == "888"
    assert result.trace.aggregation is not None
    assert result.trace.aggregation.votes == {"888": 2.0, "777": 1.0}
