"""IFEval: does an answer follow the instructions in its prompt that a program can verify?

The 25 kinds of instructions, their ids and their arguments are those of "Instruction-Following Evaluation for Large
Language Models" (Zhou et al., 2023, arXiv 2311.07911); their meaning is that of its reference program (google-research,
`instruction_following_eval`). A question holds them in its metadata, as in the public data set:

    {"instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
     "kwargs": [{}, {"relation": "at least", "num_words": 300}]}

*Strict* reads the answer as it is. *Loose* accepts an instruction that is followed by the answer, or by the answer
without its first line, its last line, both, its asterisks, or any of these together. A blank answer follows nothing.

Differences from the reference program:

- Sentences are counted by rules instead of a model that has to be downloaded (`sentences.py`).
- Languages are detected by py3langid (extra `eval`) instead of langdetect, which is not deterministic and takes some
  English in capitals for another language. As in the reference, a text without letters is in any language.
- Keywords are texts and not regular expressions; those of the data set are plain words.
- A missing, unknown or impossible argument is an error and not replaced by a random choice.

Not covered: instructions of the reference program that its data set does not use (rephrasing, key sentences, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from router_r1 import config
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_reward.metrics.ifeval.rules import INSTRUCTIONS, Instruction

# No answer reaches a threshold beyond this.
_MAX_REPEATS = 10_000


def followed(answer: str, metadata: Mapping[str, Any], *, loose: bool = False) -> list[bool]:
    """Which instructions an answer follows, in the order of `instruction_id_list`.

    Args:
        answer: the whole reply.
        metadata: the question's, with `instruction_id_list` and `kwargs`.
        loose: forgive a first line, a last line and asterisks; see the module docstring.

    Raises:
        DataError: an instruction is unknown, or has missing, unknown or impossible arguments.
        MissingDependencyError: an instruction is about the language, and py3langid is not installed.
    """
    instructions = read_instructions(metadata)
    texts = [text for text in (_variants(answer) if loose else [answer]) if text.strip()]
    return [any(map(instruction.follows, texts)) for instruction in instructions]


def follows_all(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if the answer strictly follows all instructions of the question.

    Args:
        answer: the whole reply.
        gold: unused.
        question: its metadata hold the instructions.

    Raises:
        DataError: there is no question; or see `followed`.
        MissingDependencyError: see `followed`.
    """
    if question is None:
        raise DataError(
            "the metric 'ifeval' reads the instructions from the question's metadata, but there is no question; pass it"
        )
    return float(all(followed(answer, question.metadata)))


def wrong_answers(question: Question, gold: str) -> tuple[str, str]:
    """A reply that is too short and one that is too long: one of them breaks any instructions that can be broken.

    Args:
        question: its metadata hold the instructions.
        gold: unused.

    Raises:
        DataError: see `followed`.
    """
    texts: list[str] = []
    highest = 0
    for instruction in read_instructions(question.metadata):
        for value in instruction.model_dump().values():
            if isinstance(value, int):
                highest = max(highest, value)
            else:
                texts += [value] if isinstance(value, str) else value
    too_long = f"Zz, YZX. {' '.join(texts)}\n" * (1 + min(highest, _MAX_REPEATS))
    return "zzyzx", too_long


def read_instructions(metadata: Mapping[str, Any]) -> list[Instruction]:
    """Read the instructions of a question.

    Arguments that are null count as absent: some copies of the data set list all arguments.

    Raises:
        DataError: the lists are missing, or an instruction or an argument is wrong; names it.
    """
    ids, kwargs = metadata.get("instruction_id_list"), metadata.get("kwargs")
    if not isinstance(ids, list | tuple) or not isinstance(kwargs, list | tuple) or not ids:
        raise DataError(
            "the metric 'ifeval' needs two lists in a question's metadata, instruction_id_list and kwargs; "
            f"its keys are {', '.join(map(repr, metadata)) or 'none'}"
        )
    if len(ids) != len(kwargs):
        raise DataError(
            f"instruction_id_list has {len(ids)} ids and kwargs {len(kwargs)} mappings; give one mapping for each id"
        )
    return [_read(*pair) for pair in zip(ids, kwargs, strict=True)]


def _read(name: object, arguments: object) -> Instruction:
    kind = INSTRUCTIONS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise DataError(
            f"there is no instruction {name!r}; expected one of {', '.join(INSTRUCTIONS)}"
        )
    if isinstance(arguments, Mapping):
        arguments = {key: value for key, value in arguments.items() if value is not None}
    try:
        return config.validate(kind, arguments, f"instruction {name}")
    except ConfigError as error:
        raise DataError(str(error)) from None


def _variants(answer: str) -> Iterator[str]:
    """The variants of an answer that the loose reading accepts."""
    lines = answer.split("\n")
    for text in (
        answer,
        *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])),
    ):
        yield text
        yield text.replace("*", "")
