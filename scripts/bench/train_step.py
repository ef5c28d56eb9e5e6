"""Benchmark a training step on a CPU against the work that no trainer can avoid.

    python scripts/bench/train_step.py [--steps 8]

The step is verl's, with the launch settings of `router_r1_envs.verl_on_cpu`: GRPO, 16 prompts with 8 episodes each,
two turns per episode with an injected answer between them, a policy of 4 layers of width 128. Its cost is the CPU time,
user and system, of all processes that the run started (Ray and the transfer queue included) between the ends of two
steps.

    floor = generating the same episodes with the same sampler + one forward and backward pass over their tokens, in
            one process
    ratio = cost of a step / floor, both per token

Both are measured in the same run of this script, one after the other. The last line is a JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psutil

from router_r1_envs.verl_on_cpu import settings

PROMPTS, SIBLINGS = 16, 8
PROMPT_TOKENS, TURN_TOKENS, INJECTED_TOKENS = 45, 40, 12
VOCABULARY = 512
WARM_UP = 3  # first steps, not counted: they import and allocate

LOOP = """
import sys
sys.path.insert(0, {scripts!r})
from uuid import uuid4
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput
import train_step


class TwoTurns(AgentLoopBase):
    reusable = True

    def __init__(self, *args, tools=None, **kwargs):
        super().__init__(*args, **kwargs)

    async def run(self, sampling_params, **kwargs):
        index = int(kwargs["index"])
        session, seen = uuid4().hex, []

        async def write(ids, max_tokens):
            turn = await self.server_manager.generate(
                session, prompt_ids=ids, sampling_params=sampling_params | {{"max_tokens": max_tokens}}
            )
            seen.append(turn.extra_fields["global_steps"])
            return turn.token_ids, turn.log_probs

        prompt, response, mask, log_probs = await train_step.episode(index, write)
        return AgentLoopOutput(
            prompt_ids=prompt,
            response_ids=response,
            response_mask=mask,
            response_logprobs=log_probs,
            num_turns=2,
            metrics={{}},
            reward_score=sum(t < 256 for t in response) / len(response),
            extra_fields={{
                "min_global_steps": seen[0], "max_global_steps": seen[-1], "reward_extra_info": {{}},
            }},
        )
"""


async def episode(index: int, write: Any) -> tuple[list[int], list[int], list[int], list[float]]:
    """Write two turns with an injected answer between them; the same prompt and answer for the same index.

    Args:
        index: the number of the prompt.
        write: `(prompt ids, max tokens) -> (token ids, log-probabilities)`, async.

    Returns:
        Prompt ids, and for each response token its id, its mask (1: written by the policy) and its log-probability.
    """
    numbers = random.Random(index)
    prompt = [numbers.randrange(3, VOCABULARY) for _ in range(PROMPT_TOKENS)]
    injected = [numbers.randrange(3, VOCABULARY) for _ in range(INJECTED_TOKENS)]
    first, first_log_probs = await write(prompt, TURN_TOKENS)
    second, second_log_probs = await write(prompt + first + injected, TURN_TOKENS)
    response = first + injected + second
    mask = [1] * len(first) + [0] * INJECTED_TOKENS + [1] * len(second)
    return prompt, response, mask, first_log_probs + [0.0] * INJECTED_TOKENS + second_log_probs


def make_model(folder: Path) -> None:
    """Save a policy with random weights, its tokenizer and a parquet file of training rows."""
    import pandas
    import torch
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = {"<end>": 0, "<pad>": 1, "\n": 2} | {f"w{n}": n for n in range(3, VOCABULARY)}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(models.WordLevel(words, "<pad>")),
        eos_token="<end>",
        pad_token="<pad>",
        chat_template="{% for m in messages %}{{ m.content }}{% endfor %}",
    )
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=344,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    rows = [
        {
            "data_source": "bench",
            "prompt": [{"role": "user", "content": "w3"}],
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {"index": n},
        }
        for n in range(256)
    ]
    pandas.DataFrame(rows).to_parquet(folder / "rows.parquet")


def recipe(folder: Path, steps: int) -> list[str]:
    """The overrides of the measured run, beside the launch settings."""
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    values = {
        "data.train_files": folder / "rows.parquet",
        "data.val_files": folder / "rows.parquet",
        "data.train_batch_size": PROMPTS,
        "data.max_prompt_length": PROMPT_TOKENS,
        "data.max_response_length": 2 * TURN_TOKENS + INJECTED_TOKENS,
        "data.return_raw_chat": True,
        "data.filter_overlong_prompts": False,
        "algorithm.adv_estimator": "grpo",
        "actor_rollout_ref.model.path": folder / "model",
        f"{actor}.optim.lr": 1e-4,
        f"{actor}.ppo_mini_batch_size": PROMPTS,
        f"{actor}.ppo_micro_batch_size_per_gpu": PROMPTS * SIBLINGS,
        f"{rollout}.log_prob_micro_batch_size_per_gpu": PROMPTS * SIBLINGS,
        f"{rollout}.n": SIBLINGS,
        f"{rollout}.agent.default_agent_loop": "two_turns",
        f"{rollout}.agent.agent_loop_config_path": folder / "loops.yaml",
        "reward.num_workers": 0,
        "trainer.total_training_steps": steps,
        "trainer.total_epochs": 1000,
        "trainer.val_before_train": False,
        "trainer.test_freq": -1,
        "trainer.save_freq": -1,
        "trainer.resume_mode": "disable",
        "trainer.logger": "[file]",
        "+ray_kwargs.ray_init._temp_dir": folder / "ray",
    }
    return [f"{key}={value}" for key, value in values.items()]


def measure_steps(folder: Path, steps: int, extra: list[str]) -> dict[str, Any]:
    """Train, and measure the mean step after the warm-up.

    Args:
        folder: holds model and rows; the run writes here.
        steps: the number of measured steps.
        extra: more overrides for verl.

    Raises:
        SystemExit: the run ended early, or two steps were too close to tell apart.
    """
    scripts = str(Path(__file__).parent)
    (folder / "two_turns.py").write_text(LOOP.format(scripts=scripts))
    (folder / "loops.yaml").write_text("- name: two_turns\n  _target_: two_turns.TwoTurns\n")
    log = folder / "log.jsonl"
    environment = os.environ | settings.environment() | {"HF_HUB_OFFLINE": "1"}
    environment |= {"PYTHONPATH": str(folder), "VERL_FILE_LOGGER_PATH": str(log)}
    command = [sys.executable, "-m", "verl.trainer.main_ppo"]
    command += settings.overrides(reuse_log_probs=True) + recipe(folder, WARM_UP + steps + 1)
    with (folder / "output.txt").open("w") as output:
        run = psutil.Popen(
            command + extra, cwd=folder, env=environment, stdout=output, stderr=output
        )
    tree: dict[int, Any] = {run.pid: run}
    marks: list[tuple[float, dict[str, float]]] = []
    entries: list[dict[str, float]] = []
    try:
        while len(entries) < WARM_UP + steps:
            if run.poll() is not None:
                raise SystemExit((folder / "output.txt").read_text()[-3000:])
            time.sleep(0.02)
            lines = log.read_text().splitlines() if log.exists() else []
            if len(lines) > len(entries):
                entries = [json.loads(line)["data"] for line in lines]
                tree |= {p.pid: p for p in run.children(recursive=True)}
                marks.append((time.monotonic(), _cpu_seconds(tree)))
                if len(marks) < len(entries):
                    raise SystemExit(
                        "train_step.py: two steps ended within 20 ms; they cannot be measured apart"
                    )
    finally:
        tree |= {p.pid: p for p in run.children(recursive=True)} if run.is_running() else {}
        for process in tree.values():
            if process.is_running():
                process.kill()
        psutil.wait_procs(tree.values(), timeout=30)
    (began, before), (ended, after) = marks[WARM_UP - 1], marks[-1]
    counted = entries[WARM_UP:]
    parts = {name: (seconds - before[name]) / steps for name, seconds in after.items()}
    timed = {k: v for k, v in counted[-1].items() if k.startswith("timing_s/")}
    return {
        "cpu_s": sum(parts.values()),
        "wall_s": (ended - began) / steps,
        "tokens": sum(e["perf/total_num_tokens"] for e in counted) / steps,
        "parts": dict(sorted(parts.items(), key=lambda item: -item[1])),
        "timed": timed,
    }


def _cpu_seconds(tree: dict[int, Any]) -> dict[str, float]:
    """CPU seconds so far, by kind of process."""
    seconds: dict[str, float] = defaultdict(float)
    for process in tree.values():
        try:
            times, command = process.cpu_times(), process.cmdline()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
        name = command[0] if command else process.name()
        if name.startswith("ray::"):
            name = name.split(".")[0].split("(")[0]
        else:
            name = Path(name).name + " " + " ".join(command[1:3])[-40:]
        seconds[name] += times.user + times.system
    return seconds


def measure_floor(folder: Path, repeats: int) -> dict[str, float]:
    """Mean CPU seconds of generation and of a forward and backward pass, and tokens, for the episodes of one step."""
    import torch
    from transformers import AutoModelForCausalLM

    from router_r1_envs.cpu_inference.generation_request import SamplingParams
    from router_r1_envs.cpu_inference.sampler import Sampler

    torch.set_num_threads(1)
    load = AutoModelForCausalLM.from_pretrained
    sampler = Sampler(load(folder / "model", dtype=torch.float32))
    model = load(folder / "model", dtype=torch.float32, attn_implementation="sdpa")

    async def one(index: int, name: str) -> tuple[list[int], list[int], list[int], list[float]]:
        async def write(ids: list[int], max_tokens: int) -> tuple[list[int], list[float]]:
            turn = await asyncio.wrap_future(sampler.submit(ids, SamplingParams(max_tokens), name))
            return turn.token_ids, turn.log_probs

        return await episode(index, write)

    async def all_of_a_step() -> list[Any]:
        names = [(n // SIBLINGS, f"{n}") for n in range(PROMPTS * SIBLINGS)]
        return await asyncio.gather(*(one(*name) for name in names))

    seconds = dict.fromkeys(("generation_s", "forward_backward_s", "tokens"), 0.0)
    for repeat in range(-1, repeats):
        began = time.process_time()
        episodes = asyncio.run(all_of_a_step())
        generated = time.process_time()
        width = max(len(p) + len(r) for p, r, *_ in episodes)
        ids = torch.tensor([p + r + [1] * (width - len(p) - len(r)) for p, r, *_ in episodes])
        targets = torch.tensor(
            [[-100] * len(p) + [t if m else -100 for t, m in zip(r, mask, strict=True)]
             + [-100] * (width - len(p) - len(r)) for p, r, mask, _ in episodes]
        )  # fmt: skip
        model(input_ids=ids, attention_mask=(ids != 1).long(), labels=targets).loss.backward()
        model.zero_grad()
        if repeat >= 0:
            seconds["generation_s"] += (generated - began) / repeats
            seconds["forward_backward_s"] += (time.process_time() - generated) / repeats
            seconds["tokens"] += sum(len(p) + len(r) for p, r, *_ in episodes) / repeats
    sampler.close()
    return seconds


def main() -> None:
    """Measure, print a table, and print one JSON object on the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--steps", type=int, default=8, help="measured steps")
    parser.add_argument("overrides", nargs="*", help="more overrides for verl")
    options = parser.parse_args()
    for name, value in settings.environment().items():
        os.environ.setdefault(name, value)
    folder = Path(tempfile.mkdtemp(prefix="r1-"))
    try:
        make_model(folder)
        floor = measure_floor(folder, max(2, options.steps // 2))
        step = measure_steps(folder, options.steps, options.overrides)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    per_floor = (floor["generation_s"] + floor["forward_backward_s"]) / floor["tokens"]
    per_step = step["cpu_s"] / step["tokens"]
    print(f"{PROMPTS * SIBLINGS} episodes of two turns; CPU seconds, process tree")
    print(
        f"  generation                    {floor['generation_s']:7.2f}  {floor['tokens']:.0f} tokens"
    )
    print(f"  one forward and backward pass {floor['forward_backward_s']:7.2f}")
    print(f"  a step of the trainer         {step['cpu_s']:7.2f}  {step['tokens']:.0f} tokens")
    for name, seconds in step["parts"].items():
        if seconds >= 0.005:
            print(f"    {seconds:6.3f}  {name}")
    print("  wall seconds of a step: " + f"{step['wall_s']:.2f}; of the last one by phase:")
    for name, seconds in step["timed"].items():
        print(f"    {seconds:6.3f}  {name.removeprefix('timing_s/')}")
    print(json.dumps({"cpu_ratio": round(per_step / per_floor, 2), "step": step, "floor": floor}))


if __name__ == "__main__":
    main()
