"""Trains a checkpoint on the best answers of other models: the model level of fusion (arXiv:2507.10540).

    python -m router_r1_envs.supervised.answer_tuning MODEL --data runs/fusion/data --out runs/fusion/model epochs=1

DATA is a folder of `scripts/data/fusion_sft.py`: `train.jsonl` is learned, and the loss on `validation.jsonl`, which is
never learned from nor tested on, is measured before and after. The trainer, precision, adapters and resuming are those of
`router-r1 train imitate`; only the tokens of the answer are learned. OUT becomes a checkpoint that every loader reads, with
`answers.json`. It is a candidate, not a policy: serve it, and name it in a pool file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1 import config, terminal
from router_r1.data.json_lines import located_json_lines
from router_r1.errors import ConfigError, DataError, RouterR1Error
from router_r1.files import write_json
from router_r1.policies import token_ids
from router_r1.transport.messages import Message
from router_r1_envs.supervised.demonstrations import Example
from router_r1_envs.supervised.tuning_config import TuningConfig

REPORT = "answers.json"
_LONG = "longer than max_tokens"


@dataclass(frozen=True)
class ChatAnswer:
    """One answer to learn."""

    messages: tuple[Message, ...]
    """What is read; the last is the user's."""
    answer: str


def read_answers(path: Path) -> list[ChatAnswer]:
    """The conversations of a chat file: `{"messages": [..., {"role": "assistant", "content": "..."}]}` on each line.

    Raises:
        DataError: the file cannot be read, is empty, or a line is no such conversation; names file and line.
    """
    found = []
    for where, row in located_json_lines(path):
        messages = row.get("messages") if isinstance(row, dict) else None
        if not isinstance(messages, list) or len(messages) < 2:
            raise DataError(f"{where}: expected `messages` with a question and an answer")
        for message in messages:
            if not isinstance(message, dict) or not isinstance(message.get("content"), str):
                raise DataError(f"{where}: expected messages with `role` and a text as `content`")
        if messages[-1].get("role") != "assistant" or not messages[-1]["content"].strip():
            raise DataError(f"{where}: the last message must be an answer of the assistant")
        found.append(ChatAnswer(tuple(messages[:-1]), messages[-1]["content"]))
    if not found:
        raise DataError(f"{path}: holds no answers")
    return found


def to_example(given: ChatAnswer, tokenizer: Any) -> Example:
    """The token ids: the question as the chat template renders it, and the answer up to the end of the turn, learned."""
    opening = token_ids.opening_ids(tokenizer, given.messages)
    turn = (*given.messages, {"role": "assistant", "content": given.answer})
    whole = list(tokenizer.apply_chat_template(list(turn), return_dict=False))
    answer = whole[len(opening) :]
    if (
        whole[: len(opening)] != opening or not answer
    ):  # a template that renders old turns otherwise
        answer = [*token_ids.encode_text(tokenizer, given.answer), tokenizer.eos_token_id]
    ends = {tokenizer.eos_token_id, *tokenizer.all_special_ids}
    if not ends & set(answer):  # a template without an end of the turn
        answer.append(tokenizer.eos_token_id)
    while answer[-1] not in ends:
        answer.pop()  # a line end after the turn, which nobody generates
    return Example(opening + answer, [0] * len(opening) + [1] * len(answer))


def to_examples(
    answers: Iterable[ChatAnswer], tokenizer: Any, most: int, left_out: Counter[str]
) -> list[Example]:
    """The examples of at most `most` tokens; longer ones are counted, and never cut."""
    found = []
    for given in answers:
        example = to_example(given, tokenizer)
        if len(example.ids) > most:
            left_out[_LONG] += 1
        else:
            found.append(example)
    return found


def mean_loss(checkpoint: str, examples: Sequence[Example]) -> float:
    """Mean negative log-likelihood of a learned token, in nats."""
    import torch

    from router_r1.policies.checkpoint import load_checkpoint

    _, model = load_checkpoint(checkpoint, dtype="float32")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device).eval()
    total, tokens = 0.0, 0
    with torch.no_grad():
        for example in examples:
            ids = torch.tensor([example.ids], device=device)
            learned = torch.tensor(example.mask[1:], device=device).bool()
            logs = torch.log_softmax(model(input_ids=ids).logits[0, :-1].float(), -1)
            chosen = logs.gather(1, ids[0, 1:, None])[:, 0]
            total -= float(chosen[learned].sum())
            tokens += int(learned.sum())
    return total / max(1, tokens)


def tune_on_answers(model: str, data: Path, out: Path, settings: TuningConfig) -> dict[str, Any]:
    """Train a checkpoint on the answers of a folder; an interrupted training continues, a finished one is kept.

    Args:
        model: folder of the checkpoint, or its name on the hub.
        data: folder with `train.jsonl` and, if there are validation questions, `validation.jsonl`.
        out: folder of the result.
        settings: method, rate, batches.

    Returns:
        The report: examples, what was left out, losses of the steps, and the validation loss before and after.

    Raises:
        ConfigError: OUT belongs to another setting or is the checkpoint itself, or there is nothing to learn.
        DataError: the data cannot be read.
    """
    from router_r1_envs.supervised.checkpoint_imitation import train_on_examples
    from router_r1_envs.supervised.checkpoint_tuning import check_method, load_tokenizer
    from router_r1_envs.supervised.progress import show_stages

    check_method(settings)
    if Path(model).resolve() == out.resolve():
        raise ConfigError(f"{out}: is the checkpoint that is trained; choose another --out")
    setting = {
        "model": model,
        "data": str(data.resolve()),
        "settings": settings.model_dump(mode="json"),
    }
    if (file := out / "setting.json").exists() and json.loads(file.read_text()) != setting:
        raise ConfigError(
            f"{out}: was started with another setting, see {file}; choose another --out"
        )
    if (out / REPORT).exists():
        terminal.echo(f"{out}: is finished", err=True)
        finished: dict[str, Any] = json.loads((out / REPORT).read_text())
        return finished
    left_out: Counter[str] = Counter()
    tokenizer = load_tokenizer(model)
    most = settings.max_tokens
    examples = to_examples(read_answers(data / "train.jsonl"), tokenizer, most, left_out)
    if not examples:
        raise ConfigError(
            f"{data}: all {left_out[_LONG]} answers are longer than max_tokens={most}; raise it"
        )
    held_out = []
    if (data / "validation.jsonl").exists():
        held_out = to_examples(read_answers(data / "validation.jsonl"), tokenizer, most, Counter())
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "setting.json", setting)
    began = time.monotonic()
    before = mean_loss(model, held_out) if held_out else None
    with show_stages() as show:
        losses = train_on_examples(model, examples, settings, out, show)
    report = {
        "examples": len(examples),
        "left_out": dict(left_out),
        "losses": losses,
        "validation": {
            "examples": len(held_out),
            "loss_before": before,
            "loss_after": mean_loss(str(out), held_out) if held_out else None,
        },
        "seconds": round(time.monotonic() - began, 1),
        "setting": setting,
    }
    write_json(out / REPORT, report)
    return report


def main() -> None:
    """Read the arguments, train, say the validation loss before and after."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a folder, or a name on the hub")
    parser.add_argument("--data", type=Path, required=True, help="of scripts/data/fusion_sft.py")
    parser.add_argument("--out", type=Path, required=True, help="folder of the result")
    parser.add_argument("--threads", type=int, help="of torch")
    parser.add_argument("settings", nargs="*", metavar="NAME=VALUE", help="e.g. method=lora")
    options = parser.parse_intermixed_args()  # settings may follow the options
    try:
        settings = config.validate(TuningConfig, config.override({}, options.settings), "answers")
        from router_r1_envs.cpu_threads import use_threads

        use_threads(options.threads)
        report = tune_on_answers(options.model, options.data, options.out, settings)
    except RouterR1Error as error:
        sys.exit(f"answer_tuning: {error}")
    validation = report["validation"]
    line = f"{options.out}: {report['examples']} answers learned"
    if validation["examples"]:
        line += (
            f"; validation loss {validation['loss_before']:.3f} before, {validation['loss_after']:.3f} after "
            f"({validation['examples']} answers)"
        )
    terminal.echo(line)


if __name__ == "__main__":
    main()
