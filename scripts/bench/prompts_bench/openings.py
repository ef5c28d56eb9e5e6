"""Full prompts that were tried beside the shipped one, kept so that the comparison can be repeated.

version-1     the full prompt until version 1: the form with words as placeholders, information blocks shown
form-after    version 1, and the form once more after the question
example       the shipped prompt without the form after the question
no-example    the shipped prompt without its worked example
dialogue      the example as messages that went before
"""

from __future__ import annotations

from collections.abc import Sequence

from router_r1.model_cards import ModelCard
from router_r1.prompts import PromptBuilder, PromptContext, describe, policy_messages, usd
from router_r1.protocol import escape
from router_r1.transport.messages import Message

_FORM = """\
Write one turn now, in this form and with nothing outside the tags:
<think>...</think>
<route model="NAME">...</route>
or
<think>...</think>
<answer>...</answer>"""


def _version_1(
    question: str, cards: Sequence[ModelCard], context: PromptContext
) -> tuple[Message, ...]:
    routes = (
        "at most one route in a turn"
        if context.max_routes == 1
        else f"up to {context.max_routes} routes in a turn; they run at the same time"
    )
    budget = (
        ""
        if context.budget_usd is None
        else (
            f"\n- You may spend {usd(context.budget_usd)} in all. Each information block states the cost of the call "
            f"and what is left. A call whose price could exceed what is left is refused."
        )
    )
    worth = (
        ""
        if context.worth_usd is None
        else f"\n- A right answer is worth {usd(context.worth_usd)}. A call that adds less than it costs is a loss."
    )
    pool = "\n".join(describe(card) for card in cards)
    system = f"""\
You answer a question with the help of other language models. You decide what to ask whom, read what comes back, and \
answer. Each turn is written in exactly this form, with nothing outside the tags:

<think>what you know, what is missing, who could tell you and at what price</think>
<route model="NAME">a self-contained question for that model</route>

or, when you are sure enough:

<think>why this is the answer</think>
<answer>the answer only</answer>

Replies arrive as <information> blocks, which only the environment writes; after your routes, stop and wait for them.

Rules
- NAME is one of the names below, spelled exactly so.
- A model sees only the text of its route, not this conversation and not the question.
- Break a question into parts when one part needs the answer of another. There may be {routes}.
- There are {context.max_rounds} rounds of routing; then you must answer.
- Replies can be wrong. Compare, ask again elsewhere when it matters, and spend no more than the answer is worth.\
{budget}{worth}
- The answer is as short as it can be: a name, a number, a letter, or the requested text.

Models
{pool}"""
    return _messages(system, f"Question: {escape(question)}")


def _form_after(
    question: str, cards: Sequence[ModelCard], context: PromptContext
) -> tuple[Message, ...]:
    system, user = _version_1(question, cards, context)
    return _messages(system["content"], f"{user['content']}\n\n{_FORM}")


def _example(
    question: str, cards: Sequence[ModelCard], context: PromptContext
) -> tuple[Message, ...]:
    system, _ = policy_messages(question, cards, context)
    return _messages(system["content"], f"Question: {escape(question)}")


def _no_example(
    question: str, cards: Sequence[ModelCard], context: PromptContext
) -> tuple[Message, ...]:
    system, user = policy_messages(question, cards, context)
    start, end = "\n\nFor example", "\n\nRules"
    before, _, rest = system["content"].partition(start)
    return _messages(before + end + rest.partition(end)[2], user["content"])


def _dialogue(
    question: str, cards: Sequence[ModelCard], context: PromptContext
) -> tuple[Message, ...]:
    system, user = _no_example(question, cards, context)
    form = user["content"].partition("\n\n")[2]
    cheapest = min(cards, key=lambda card: card.max_output_tokens * card.price.output)
    asked = "The moon Oru is 640 km wide, and the moon Besk is 65 km narrower. How wide is Besk?"
    return (
        system,
        {"role": "user", "content": f"Question: {asked}\n\n{form}"},
        {
            "role": "assistant",
            "content": "<think>A short sum. A cheap model can do it.</think>\n"
            f'<route model="{cheapest.name}">{asked}</route>',
        },
        {
            "role": "user",
            "content": f'<information model="{cheapest.name}" cost="$0.00002">Besk is 575 km wide.</information>',
        },
        {
            "role": "assistant",
            "content": "<think>640 - 65 = 575, so the reply is right.</think>\n<answer>575 km</answer>",
        },
        user,
    )


def _messages(system: str, user: str) -> tuple[Message, ...]:
    return ({"role": "system", "content": system}, {"role": "user", "content": user})


OPENINGS: dict[str, PromptBuilder] = {
    "version-1": _version_1,
    "form-after": _form_after,
    "example": _example,
    "no-example": _no_example,
    "dialogue": _dialogue,
}
"""Name -> prompt."""
