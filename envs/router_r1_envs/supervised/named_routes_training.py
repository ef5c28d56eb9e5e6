"""Trains a checkpoint to choose named routes, in two stages: examples first (SFT), then preferences (DPO), with TRL.

    OUT/examples.jsonl, held_out.jsonl   what is learned, and what is asked afterwards
    OUT/sft/                             the checkpoint after the examples
    OUT/pairs.jsonl                      what it should prefer: the right reply, or what it wrote itself
    OUT/dpo/                             the checkpoint after the preferences
    OUT/report.json                      losses and held-out figures of each stage

The trainers, precision, adapters and resuming are those of `train imitate` and `train dpo`. In a pair, the worse reply
is the one that the checkpoint wrote after the first stage where that was wrong, and else that of another route, drawn.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from router_r1 import terminal
from router_r1.config import RandomSeed, StrictModel
from router_r1.conversation import Conversation
from router_r1.data.json_lines import write_json_lines
from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError
from router_r1.files import write_json
from router_r1.policies import token_ids
from router_r1.routers.named_routes import OTHER, Decision, RoutesFile, route_messages, written
from router_r1.routers.named_routes.router import write_trained
from router_r1.transport.messages import Message
from router_r1_envs.seeded_random import seeded_random
from router_r1_envs.supervised.demonstrations import Example
from router_r1_envs.supervised.named_routes_examples import (
    Examples,
    RoutedQuestion,
    divide,
    write_examples,
)
from router_r1_envs.supervised.named_routes_held_out import (
    decisions_of,
    held_out_figures,
    in_words,
)
from router_r1_envs.supervised.tuning_config import Count, PreferenceConfig, TuningConfig

REPORT = "report.json"


class NamedRoutesConfig(StrictModel):
    """Which examples are learned."""

    seed: RandomSeed = 0
    """Seed of the split, and of the routes that worse replies name."""
    max_examples: Count = 400
    """Most training examples; of more, this many are drawn."""
    held_out: Annotated[int, Field(ge=0)] = 200
    """Questions that are held out, and asked after each stage."""
    max_pairs: Annotated[int, Field(ge=0)] = 400
    """Most pairs of the second stage, wrong replies of the first stage first; 0: no second stage."""


@dataclass(frozen=True)
class NamedRoutesRun:
    """One training."""

    model: str
    """Folder of the checkpoint, or its name on the hub."""
    routes: RoutesFile
    out: Path
    source: str
    """What the examples were made from: identifies them in the setting of the folder."""
    table: OutcomeTable | None = None
    """Replies of the candidates, for what the chosen ones scored and cost on held-out questions."""


def train_named_routes(
    run: NamedRoutesRun,
    make_examples: Callable[[], Examples],
    settings: NamedRoutesConfig,
    sft: TuningConfig,
    dpo: PreferenceConfig,
    *,
    before: bool = False,
) -> dict[str, Any]:
    """Carry out both stages, and write the report. Started again with the same settings, it continues.

    Args:
        run: what is trained, and where.
        make_examples: makes the examples.
        settings: which are learned.
        sft: of the first stage.
        dpo: of the second stage.
        before: also ask the checkpoint as it was.

    Returns:
        The report.

    Raises:
        ConfigError: the folder belongs to another setting, an example is longer than `max_tokens` allows, ...
    """
    from router_r1_envs.supervised import checkpoint_imitation, preference_training
    from router_r1_envs.supervised.checkpoint_tuning import check_method, load_tokenizer
    from router_r1_envs.supervised.progress import show_stages
    from router_r1_envs.supervised.tuning_run import SETTING, pin

    for stage in (sft, dpo):
        check_method(stage)
    if Path(run.model).resolve() in (run.out.resolve(), (run.out / "sft").resolve()):
        raise ConfigError(f"{run.out}: is the checkpoint that is trained; choose another --out")
    pin(
        run.out / SETTING,
        {
            "model": run.model,
            "examples": run.source,
            "routes": run.routes.model_dump(mode="json"),
            "settings": settings.model_dump(mode="json"),
            "sft": sft.model_dump(mode="json"),
            "dpo": dpo.model_dump(mode="json"),
        },
    )
    report_file = run.out / REPORT
    if report_file.exists():
        terminal.echo(f"{run.out}: is finished", err=True)
        finished: dict[str, Any] = json.loads(report_file.read_text())
        return finished
    made = make_examples()
    learned, asked = divide(made.rows, settings.held_out, settings.max_examples, settings.seed)
    write_examples(run.out / "examples.jsonl", learned)
    write_examples(run.out / "held_out.jsonl", asked)
    tokenizer = load_tokenizer(run.model)
    long = Counter[str]()
    examples = [
        e
        for row in learned
        if (
            e := to_example(
                run.routes, row.question, written(row.route), tokenizer, sft.max_tokens, long
            )
        )
    ]
    if not examples:
        raise ConfigError(
            f"there is nothing to learn from: all {len(learned)} examples have more than {sft.max_tokens} tokens; "
            f"lower window_tokens in the routes file, or raise max_tokens"
        )
    report: dict[str, Any] = {
        "made": made.made,
        "examples": len(examples),
        "mean_tokens": round(sum(len(e.ids) for e in examples) / len(examples)),
        "left_out": dict(long),
        "routes": dict(Counter(row.route for row in learned)),
        "stages": {},
    }
    terminal.echo(f"{len(examples)} examples, {len(asked)} held out; {report['routes']}", err=True)
    common = Counter(row.route for row in learned).most_common(1)[0][0]

    def measure(stage: str, checkpoint: str | Path) -> None:
        if asked:
            figures = held_out_figures(run.routes, checkpoint, asked, common, run.table)
            report["stages"].setdefault(stage, {})["held_out"] = figures
            terminal.echo(f"{stage}: {in_words(figures)}", err=True)

    def run_stage(name: str, train: Callable[[Path, Any], Any]) -> Path:
        folder, began = run.out / name, time.monotonic()
        done = folder / "losses.json"  # written last
        if not done.exists():
            with show_stages() as show:
                found = train(folder, show)
            write_trained(run.routes, folder)
            write_json(done, {"losses": found, "seconds": round(time.monotonic() - began, 1)})
        report["stages"][name] = json.loads(done.read_text())
        measure(name, folder)
        return folder

    if before:
        measure("before", run.model)
    folder = run_stage(
        "sft",
        lambda out, show: checkpoint_imitation.train_on_examples(
            run.model, examples, sft, out, show
        ),
    )
    if settings.max_pairs:
        # Errors are the best pairs, so more questions are asked than pairs are wanted.
        tried = learned[: 2 * settings.max_pairs]
        own = decisions_of(folder, run.routes, [row.question for row in tried])
        chosen = preferences(tried, own, run.routes, settings)
        write_json_lines(
            run.out / "pairs.jsonl",
            ({"question": q, "better": b, "worse": w} for q, b, w in chosen),
        )
        pairs = [
            (better, worse)
            for question, good, bad in chosen
            if (better := to_example(run.routes, question, good, tokenizer, dpo.max_tokens, long))
            and (worse := to_example(run.routes, question, bad, tokenizer, dpo.max_tokens, long))
        ]
        report["pairs"] = {
            "all": len(pairs),
            "of_own_errors": sum(bool(is_wrong(r, d)) for r, d in zip(tried, own, strict=True)),
        }
        if pairs:
            folder = run_stage(
                "dpo",
                lambda out, show: preference_training.train_on_pairs(
                    str(run.out / "sft"), pairs, dpo, out, show
                )["loss"],
            )
    report["checkpoint"] = str(folder)
    report["left_out"] = dict(long)
    write_json(report_file, report)
    return report


def to_example(
    routes: RoutesFile,
    question: str,
    reply: str,
    tokenizer: Any,
    max_tokens: int,
    left_out: Counter[str],
) -> Example | None:
    """The token ids of a prompt and a reply, of which the reply and its end are learned.

    None, and counted, if it is longer than `max_tokens`.
    """
    messages = route_messages(routes, Conversation.read([{"role": "user", "content": question}]))
    opening = token_ids.opening_ids(tokenizer, messages)
    answer = [*token_ids.encode_text(tokenizer, reply), end_id(tokenizer)]
    if len(opening) + len(answer) > max_tokens:
        left_out["longer than max_tokens"] += 1
        return None
    return Example(opening + answer, [0] * len(opening) + [1] * len(answer))


def end_id(tokenizer: Any) -> int:
    """The token with which the chat template ends a reply; the tokenizer's end of text where that cannot be seen."""
    asked: Message = {"role": "user", "content": "a"}
    reply: Message = {"role": "assistant", "content": "b"}
    start = token_ids.opening_ids(tokenizer, (asked,)) + token_ids.encode_text(tokenizer, "b")
    whole = list(tokenizer.apply_chat_template([asked, reply], return_dict=False))
    if len(whole) > len(start) and whole[: len(start)] == start:
        return int(whole[len(start)])
    return int(tokenizer.eos_token_id)


def is_wrong(row: RoutedQuestion, decision: Decision) -> bool:
    """Whether a decision is worse than the label of an example: unreadable, or one of the worse routes."""
    if decision.problem:
        return True
    route = decision.route or OTHER
    return route != row.route and (row.worse is None or route in row.worse)


def preferences(
    rows: Sequence[RoutedQuestion],
    decisions: Sequence[Decision],
    routes: RoutesFile,
    settings: NamedRoutesConfig,
) -> list[tuple[str, str, str]]:
    """(question, better reply, worse reply): first where the checkpoint was wrong, then with a worse route that is drawn.

    An example without a worse route, because all candidates did equally well, makes no pair.
    """
    wrong, drawn = [], []
    for number, (row, decision) in enumerate(zip(rows, decisions, strict=True)):
        better = written(row.route)
        if is_wrong(row, decision) and decision.reply.strip():
            wrong.append((row.question, better, decision.reply.strip()))
            continue
        others = routes.names if row.worse is None else row.worse
        others = tuple(name for name in others if name != row.route)
        if others:
            worse = seeded_random("worse route", settings.seed, number).choice(others)
            drawn.append((row.question, better, written(worse)))
    return (wrong + drawn)[: settings.max_pairs]
