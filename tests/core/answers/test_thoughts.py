"""Thoughts are no part of a reply, whatever marks them; a mention of a mark is no mark."""

import time

import pytest

from router_r1.answers import extract_answer, without_thoughts


@pytest.mark.parametrize(
    "reply",
    [
        "<think>The answer is Rome?</think>\nParis",
        "<think>\nRome\n</think>\n\nParis",
        "<THINK>Rome</THINK>Paris",
        '<think effort="low">Rome</think>Paris',
        "< think >Rome< / think >Paris",
        "<thinking>Rome</thinking>Paris",
        "<thought>Rome</thought>Paris",
        "<Thought>Rome</Thought>Paris",
        "<reasoning>Rome</reasoning>Paris",
        "<reflection>Rome</reflection>Paris",
        "<scratchpad>Rome</scratchpad>Paris",
        "<analysis>Rome</analysis>Paris",
        "<inner_monologue>Rome</inner_monologue>Paris",
        "<chain_of_thought>Rome</chain_of_thought>Paris",
        "<antThinking>Rome</antThinking>Paris",
        "<seed:think>Rome</seed:think>Paris",
        "<mm:think>Rome</mm:think>Paris",
        "[THINK]Rome[/THINK]Paris",
        "◁think▷Rome◁/think▷Paris",
        "<|begin_of_thought|>Rome<|end_of_thought|><|begin_of_solution|>Paris<|end_of_solution|>",
        "<|START_THINKING|>Rome<|END_THINKING|><|START_RESPONSE|>Paris<|END_RESPONSE|>",
        "<unused94>thought\nRome<unused95>Paris",
        "<|channel>thought\nRome<channel|>Paris",
        "<|channel|>analysis<|message|>Rome<|end|><|start|>assistant<|channel|>final<|message|>Paris<|return|>",
        "<|channel|>analysis<|message|>Rome<|end|><|start|>assistant<|channel|>commentary to=x<|message|>Lyon<|call|>"
        "<|start|>assistant<|channel|>final<|message|>Paris",
        "analysisThe user asks. Rome?assistantfinalParis",
        "Rome is large, but</think>Paris",  # the template opened the thought
        "<think>Rome</think>Lyon?</think>Paris",
        "<think>Rome <think>Lyon</think> Nice</think>Paris",
        "<think>They want <think> tags. Rome?</think>Paris",
        "<think>I must write <think>, then think. Rome?</think>Paris",
        "<think>I close with `</think>`. Rome?</think>Paris",
        "<think>I print '</think>' at the end. Rome?</think>Paris",
        "<think>Rome</think><think>Lyon</think>Paris",
        "<think>Rome</think>Paris<think>Lyon</think>",
        "<think>Rome</think>Paris</think>",
        "<think></think>Paris",
        "Paris<think>Rome",
    ],
)
def test_thoughts_are_left_out(reply: str) -> None:
    assert without_thoughts(reply).strip() == "Paris"
    assert extract_answer(reply) == "Paris"


@pytest.mark.parametrize(
    "reply",
    [
        "<think>Paris",
        "<think>Is it Paris? <think>Paris",
        "Paris</think>",
        "[THINK]The answer is Paris.",
        "<|channel|>analysis<|message|>The answer is Paris.",
        "<think>The answer is Paris.</think>",
    ],
)
def test_a_reply_that_ends_in_a_thought_states_nothing(reply: str) -> None:
    assert extract_answer(reply) is None


@pytest.mark.parametrize(
    "reply",
    [
        "The `<think>` tag opens a thought. The answer is Paris.",
        'The tag "<think>" opens it. The answer is Paris.',
        "Write <think> tags first. The answer is Paris.",
        "x = re.sub(r'<think>.*?</think>', '', x)",
        "s.split('</think>')[-1]",
        'return text.rpartition("</think>")[2]',
        "html = '<output>' + x + '</output>'",
        'if token in ("<|end|>", "<|return|>"): stop("<response>")',
        "    return x[0] < 1  # the indentation stays\n",
        "a < b and [THINKER] or <thinker>",
        "if x < think and y > 2: pass",
        "analysis of the final",
        "",
    ],
)
def test_a_mention_is_no_thought(reply: str) -> None:
    assert without_thoughts(reply) == reply


def test_the_indentation_of_what_is_left_is_kept() -> None:
    assert without_thoughts("<think>x</think>\n\n    return 1\n") == "    return 1"


@pytest.mark.parametrize(
    "piece",
    [
        "<think>",
        "</think>",
        "<",
        "[THINK]",
        "`<think>",
        "'<think>'",
        '"',
        "<|channel|>final<|message|>",
        "<|end|>",
        "'<output>'",
        "<think ",
        "< / ",
    ],
)
def test_hostile_replies_take_linear_time(piece: str) -> None:
    began = time.process_time()
    without_thoughts("x" + piece * (100_000 // len(piece)) + "y")
    assert time.process_time() - began < 10
