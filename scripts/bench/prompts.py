"""Measure prompts: how well do language models follow them that were never trained to route?

Every policy plays the same questions under every prompt. By policy and prompt the table shows the shares of episodes
whose first turn

    clean         has no problem at all
    well-formed   was carried out (untidy turns are; docs/protocol.md lists the problems)
    sensible      was carried out, and asks something of the question: no placeholder, no copy of what the prompt
                  shows, no query without a word of the question

and of those that in the end

    copied        carried out a turn that is not sensible (less is better)
    valid         ended with an answer of the policy
    correct       are right, as the question's metric grades them

The candidates are stand-ins by default: they reply with the gold answer as often as their skill says, if asked
something sensible. So `correct` says whether the policy uses replies, not what the questions cost. `--pool` asks real
candidates.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from prompts_bench.openings import OPENINGS
from prompts_bench.playing import Setting, play
from prompts_bench.tables import figures, show
from router_r1 import ModelPool, config
from router_r1.agent_file import AgentFile
from router_r1.concurrency import for_each
from router_r1.data.questions import Question, read_questions
from router_r1.episode import Limits, StopReason
from router_r1.errors import PolicyError, RouterR1Error, one_line
from router_r1.model_cards import CallLimits
from router_r1.policies.base import Policy
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.policies.transformers_policy import TransformersPolicy
from router_r1.progress import show_progress
from router_r1.prompts import PROMPT_VERSION, PROMPTS, PromptBuilder

Job = tuple[Policy, str, Question, int]
SLOW = CallLimits(attempt_timeout_s=1800, deadline_s=3600, max_concurrency=64)
"""Limits for a server of one's own, which may be slow and is not paid by the call."""

EXAMPLES = f"""\
policies
  NAME=URL      an OpenAI-compatible server (llama.cpp, Ollama, vLLM, ...); NAME=URL#MODEL if it serves several
  FOLDER        a checkpoint in the Hugging Face format, on this machine
  AGENT.yaml    the policy of an agent file, with its settings

prompts
  shipped       {", ".join(PROMPTS)} (version {PROMPT_VERSION})
  tried before  {", ".join(OPENINGS)}; prompts_bench/openings.py says what they are

examples
  python scripts/bench/prompts.py gsm8k.jsonl humaneval.jsonl mmlu.jsonl --out prompts.jsonl \\
      --policy small=http://127.0.0.1:8080/v1 --prompt full --prompt version-1
      20 questions of each file, whole episodes; the same command again goes on where it stopped
  python scripts/bench/prompts.py gsm8k.jsonl --first-turn --each 10 --out first.jsonl --policy my_checkpoint
      only the first turns, which needs no candidates: for a quick look
  python scripts/bench/prompts.py gsm8k.jsonl --pool pool.yaml --max-routes 1 --policy agent.yaml --out real.jsonl
      real candidates, one route a turn
"""


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/bench/prompts.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
    )
    add = made.add_argument
    add("files", nargs="+", type=Path, help="question files")
    add("--policy", action="append", required=True, help="see below; can be given several times")
    add(
        "--prompt",
        action="append",
        choices=[*PROMPTS, *OPENINGS],
        help="can be given several times (full)",
    )
    add("--out", type=Path, required=True, help="file of episodes, one JSON object a line")
    add("--each", type=_count, default=20, help="questions from each file (%(default)s)")
    add("--seed", type=int, default=0, help="of the choice of questions and the replies")
    add("--seeds", type=_count, default=1, help="episodes a question (%(default)s)")
    add("--pool", type=Path, help="a pool file with real candidates instead of the stand-ins")
    add("--first-turn", action="store_true", help="end every episode after its first turn")
    add("--max-routes", type=_count, default=4, help="limit of an episode (%(default)s)")
    add("--max-rounds", type=_count, default=4, help="limit of an episode (%(default)s)")
    add("--max-turn-tokens", type=_count, default=512, help="limit of a turn (%(default)s)")
    add("--concurrency", type=_count, default=4, help="episodes at once, a policy (%(default)s)")
    add("--temperature", type=float, default=0.0, help="of policies by URL or folder (0: greedy)")
    add("--native", action="store_true", help="policies by URL write one continuing turn")
    add("--allow-code", action="store_true", help="grade programs by running them")
    return made


def choose(files: Sequence[Path], each: int, seed: int) -> list[Question]:
    """The same questions for the same seed: `each` from every file."""
    chosen: list[Question] = []
    for path in files:
        questions = read_questions(path)
        random.Random(seed).shuffle(questions)
        chosen += questions[:each]
    return chosen


def make_policy(text: str, options: argparse.Namespace) -> Policy:
    """The policy that an argument names; see `EXAMPLES`."""
    name, equals, url = text.partition("=")
    if equals and url.startswith("http"):
        url, _, model = url.partition("#")
        return OpenAIPolicy(
            url,
            model or name,
            name=name,
            mode="native" if options.native else "chat",
            temperature=options.temperature,
            limits=SLOW,
            source=text,
        )
    if text.endswith((".yaml", ".yml")):
        return config.load(AgentFile, text, ()).policy.build(Path(text))
    return TransformersPolicy(text, temperature=options.temperature)


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["policy"], row["prompt"], row["question"], row["seed"]


def read_rows(path: Path, setting: dict[str, Any]) -> list[dict[str, Any]]:
    """The episodes of earlier runs. Exits if they were played under other settings."""
    rows = (
        [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []
    )
    for row in rows:
        if row["setting"] != setting:
            sys.exit(
                f"{path}: holds episodes of the setting {row['setting']}, this run has {setting}; give another --out"
            )
    return rows


async def play_all(
    jobs: Sequence[Job],
    prompts: dict[str, PromptBuilder],
    setting: Setting,
    concurrency: int,
    keep: Any,
) -> None:
    """Play every job, the policies beside each other."""
    by_policy: dict[int, list[Job]] = {}
    for job in jobs:
        by_policy.setdefault(id(job[0]), []).append(job)

    async def one(job: Job) -> None:
        policy, name, question, seed = job
        row = await play(policy, name, prompts[name], question, seed, setting)
        if row.stop_reason == StopReason.POLICY_FAILED:
            raise PolicyError(f"{row.stop_detail}; the same command goes on from here")
        keep(row)

    async def all_of(found: list[Job]) -> None:
        try:
            await for_each(found, one, concurrency=concurrency)
        finally:
            await found[0][0].aclose()

    await asyncio.gather(*map(all_of, by_policy.values()))
    if setting.pool is not None:
        await setting.pool.aclose()


@contextlib.contextmanager
def _appended(
    path: Path, setting: dict[str, Any], rows: list[dict[str, Any]], total: int
) -> Iterator[Any]:
    """A function that keeps an episode in the file and shows progress."""
    with (
        path.open("a", encoding="utf-8") as file,
        show_progress("playing", total, show_cost=False) as step,
    ):

        def keep(row: Any) -> None:
            rows.append({**row.to_dict(), "setting": setting})
            file.write(json.dumps(rows[-1], ensure_ascii=False) + "\n")
            file.flush()
            step(0.0)

        yield keep


def main() -> None:
    """Play what is missing, print the table, and print the figures as JSON on the last line."""
    options = parser().parse_args()
    names = options.prompt or ["full"]
    prompts = {name: (PROMPTS | OPENINGS)[name] for name in names}
    limits = Limits(
        max_routes=options.max_routes,
        max_rounds=options.max_rounds,
        max_turn_tokens=options.max_turn_tokens,
    )
    try:
        questions = choose(options.files, options.each, options.seed)
        pool = ModelPool.from_yaml(options.pool) if options.pool else None
        policies = [make_policy(text, options) for text in options.policy]
    except RouterR1Error as error:
        sys.exit(str(error))
    setting = Setting(limits, tuple(questions), options.first_turn, pool, options.allow_code)
    described = {
        "prompt_version": PROMPT_VERSION,
        "limits": limits.model_dump(exclude_defaults=True),
        "first_turn": options.first_turn,
        "pool": pool.version if pool else "stand-in",
        "temperature": options.temperature,
        "native": options.native,
    }
    rows = read_rows(options.out, described)
    done = {_key(row) for row in rows}
    seeds = range(options.seed, options.seed + options.seeds)
    jobs = [
        (policy, name, question, seed)
        for policy in policies
        for name in prompts
        for question in questions
        for seed in seeds
        if (policy.name, name, question.id, seed) not in done
    ]
    with _appended(options.out, described, rows, len(jobs)) as keep:
        try:
            asyncio.run(play_all(jobs, prompts, setting, options.concurrency, keep))
        except RouterR1Error as error:
            sys.exit(one_line(error))
    entries = figures(rows)
    show(entries, first_turn=options.first_turn)
    print(json.dumps({"questions": len(questions), "setting": described, "results": entries}))


if __name__ == "__main__":
    main()
