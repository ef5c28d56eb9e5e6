"""IFEval: does an answer follow the instructions in its prompt that a program can verify?

The 25 kinds of instructions, their ids and their arguments are those of "Instruction-Following Evaluation for Large Language
Models" (Zhou et al., 2023, arXiv 2311.07911), the meaning is that of its reference program (google-research,
`instruction_following_eval`). A question holds them in its metadata, as in the public data set:

    {"instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
     "kwargs": [{}, {"relation": "at least", "num_words": 300}]}

*Strict*: the answer as it is. *Loose*: an instruction is followed if it is by the answer, or by the answer without its first line,
its last line, both, its asterisks, or any of these together. A blank answer follows nothing.

Where this differs from the reference:

- Sentences are counted by rules instead of a model that has to be downloaded (`sentences.py`).
- Languages are detected by py3langid (extra `ifeval`) instead of langdetect: the same text gives always the same language, and English in capitals
  is English. A text without letters is in any language, as there.
- Keywords are texts and not regular expressions; those of the data set are plain words.
- A missing, unknown or impossible argument is an error and not a random choice.

Not covered: the instructions that the reference program holds and its data set does not (rephrasing, key sentences, ...).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from router_r1 import config
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_reward.metrics.ifeval.rules import INSTRUCTIONS, Instruction

# A threshold beyond this is out of reach of any answer.
_MOST = 10_000


def followed(answer: str, metadata: Mapping[str, Any], *, loose: bool = False) -> list[bool]:
    """Which instructions an answer follows, in the order of `instruction_id_list`.

    Raises:
        DataError: an unknown instruction, or one with missing, unknown or impossible arguments.
        MissingDependencyError: a language has to be detected, and py3langid is not installed.
    """
    instructions = read_instructions(metadata)
    texts = [text for text in (_variants(answer) if loose else [answer]) if text.strip()]
    return [any(map(instruction.follows, texts)) for instruction in instructions]


def follows_all(answer: str, gold: str, question: Question | None = None) -> float:
    """1 if the answer follows all instructions of the question strictly. The gold answer does not matter.

    Raises:
        DataError: no question to read the instructions from; or see `followed`.
        MissingDependencyError: see `followed`.
    """
    if question is None:
        raise DataError(
            "the metric 'ifeval' reads the instructions from the question's metadata, and there is no question; pass it"
        )
    return float(all(followed(answer, question.metadata)))


def breaking(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Two answers of which one breaks any set of instructions that can be broken: one says too little, the other too much.

    Raises:
        DataError: as `followed`.
    """
    texts: list[str] = []
    most = 0
    for instruction in read_instructions(metadata):
        for value in instruction.model_dump().values():
            if isinstance(value, int):
                most = max(most, value)
            else:
                texts += [value] if isinstance(value, str) else value
    too_much = f"Zz, YZX. {' '.join(texts)}\n" * (1 + min(most, _MOST))
    return "zzyzx", too_much


def read_instructions(metadata: Mapping[str, Any]) -> list[Instruction]:
    """The instructions of a question. Arguments that are null are as good as absent: some copies of the data set have all of them.

    Raises:
        DataError: names the instruction and the argument that is wrong.
    """
    ids, kwargs = metadata.get("instruction_id_list"), metadata.get("kwargs")
    if not isinstance(ids, list | tuple) or not isinstance(kwargs, list | tuple) or not ids:
        raise DataError(
            "the metric 'ifeval' needs two lists in a question's metadata, instruction_id_list and kwargs; "
            f"its keys are {', '.join(map(repr, metadata)) or 'none'}"
        )
    if len(ids) != len(kwargs):
        raise DataError(
            f"there are {len(ids)} ids in instruction_id_list, and {len(kwargs)} kwargs; give one mapping for each id"
        )
    return [_read(*pair) for pair in zip(ids, kwargs, strict=True)]


def _read(name: object, arguments: object) -> Instruction:
    kind = INSTRUCTIONS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise DataError(f"there is no instruction {name!r}; it is one of {', '.join(INSTRUCTIONS)}")
    if isinstance(arguments, Mapping):
        arguments = {key: value for key, value in arguments.items() if value is not None}
    try:
        return config.validate(kind, arguments, f"instruction {name}")
    except ConfigError as error:
        raise DataError(str(error)) from None


def _variants(answer: str) -> Iterator[str]:
    """The texts that the loose reading looks at."""
    lines = answer.split("\n")
    for text in (
        answer,
        *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])),
    ):
        yield text
        yield text.replace("*", "")
