"""Router-R1's dialect, and the policies that its authors released in it (arXiv 2506.09033, ulab-uiuc/Router-R1).

    <think> ... </think>
    <search> NAME:query </search>
    <information>reply</information>            written by the environment
    <answer> ... </answer>

`protocol.parse_turn` reads such turns everywhere. With `prompt: router_r1` the environment writes like this, too: the
opening is `search_messages`, one user message with rules, candidates and question, in the order of the release and in
words of this project; blocks hold a reply and nothing else; and the limits are `LIMITS`, unless others are given. A
policy named in `RELEASED` gets this prompt by its name.

The policy sees no price, no budget and no value of an answer: what cost matters has been trained into it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from router_r1.protocol import escape

if TYPE_CHECKING:
    from router_r1.model_cards import ModelCard
    from router_r1.prompts import PromptContext
    from router_r1.transport.messages import Message

NAME = "router_r1"
"""The name of this dialect's prompt."""
RELEASED = frozenset(
    f"ulab-ai/Router-R1-{base}{alpha}"
    for base in ("Qwen2.5-3B-Instruct", "Llama-3.2-3B-Instruct")
    for alpha in ("", "-Alpha0.9")
)
"""The released weights, by their names on the Hugging Face hub."""
LIMITS: Mapping[str, Any] = {
    "max_rounds": 4,
    "max_routes": 1,
    "max_malformed": 4,
    "max_turn_tokens": 1024,
    "max_policy_tokens": 5 * 1024,
    "max_information_chars": 2400,
    "plain_information": True,
}
"""Fields of `Limits` that differ or must not change. The release: four turns and one that must answer, 1,024 tokens each;
600 tokens of a reply, which are about 2,400 characters. A malformed turn is one of its four, here it is counted apart."""


def with_dialect(settings: Any) -> Any:
    """Settings with `prompt` and `limits` of which those that follow from this dialect are filled in.

    Args:
        settings: the mapping that a file or a caller gives, before it is validated. Given values are kept. Anything
            that is no mapping is returned as it is, for the validation to refuse.
    """
    if not isinstance(settings, Mapping):
        return settings
    policy = settings.get("policy")
    if isinstance(policy, Mapping) and RELEASED & {
        str(policy.get("model")),
        str(policy.get("path")),
    }:
        settings = {"prompt": NAME, **settings}
    limits = settings.get("limits", {})
    if settings.get("prompt") != NAME or not isinstance(limits, Mapping):
        return settings
    return {**settings, "limits": {**LIMITS, **limits}}


def search_messages(
    question: str, cards: Sequence[ModelCard], context: PromptContext
) -> tuple[Message, ...]:
    """Build the opening of this dialect: one user message, because a policy has been trained without a system message.

    Args:
        question: the episode's question.
        cards: names and descriptions are stated, prices are not.
        context: not stated.
    """
    names = ", ".join(card.name for card in cards)
    pool = "\n\n".join(f"{card.name}:\n{_described(card)}" for card in cards)
    text = f"""\
Answer the question at the end. You may consult other language models before you do.

- Begin with your reasoning in <think> ... </think>, and reason there again whenever new information has come.
- If some knowledge is missing, ask one model: <search> NAME:QUERY </search>. NAME is one of [{names}], spelled exactly \
so. QUERY is a concrete question of your own that helps to answer the one below: no description of a model, and not the \
words NAME and QUERY.
- Before you ask, say inside <think> ... </think> what is missing, and which of the models described below is the best to \
ask.
- The reply comes between <information> and </information>.
- Try different models, to find out what each is good at, and ask more than once if that tells you more. Keep to a single \
one only if its replies are the most useful every time.

Models

{pool}

Once nothing is missing, write the final answer alone in <answer> ... </answer>, without an explanation, for example \
<answer> Lisbon </answer>.

Question: {escape(question)}
"""
    return ({"role": "user", "content": text},)


def _described(card: ModelCard) -> str:
    """The description in one line."""
    return escape(" ".join(card.description.split()))
