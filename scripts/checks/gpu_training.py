"""Two steps of GRPO with a policy of 0.5B parameters, the full prompt and long responses, and what they use.

    python scripts/checks/gpu_training.py                    random weights of the shape of Qwen2.5-0.5B
    python scripts/checks/gpu_training.py --model FOLDER     a real checkpoint on this machine
    python scripts/checks/gpu_training.py --cpu              a tiny model on the CPU, to check this script

Runs recipes/train.sh twice, with one route in a turn and with two, and downloads nothing. Random weights get a
byte-level tokenizer that is made here and the vocabulary of the real model; their logits are scaled, so that sampled
tokens have probabilities that can differ. They write no valid turn: every turn is as long as the limits allow.

Reports peak memory, seconds by phase, tokens a second, and the share of the GPU's peak that the update reaches. Fails
if a run fails, or if sampler and trainer disagree: `training/rollout_probs_diff_mean` must be below 0.01.
scripts/checks/gpu.sh runs this script; it takes about eight minutes on one GPU.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from router_r1_envs.verl_training.training_log import read_metrics

ROOT = Path(__file__).parents[2]
MOST_DIFFERENT = 0.01
"""Mean difference of a token's probability between sampler and trainer."""
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_SHOWN = {
    "training/rollout_probs_diff_mean": "difference of probabilities",
    "rollout_corr/training_log_ppl": "logarithm of the perplexity",
    "perf/max_memory_allocated_gb": "peak memory, GiB",
    "perf/max_memory_reserved_gb": "peak memory reserved, GiB",
    "perf/throughput": "tokens a second on a GPU",
    "perf/mfu/actor": "share of the GPU's peak, update",
    "response_length/mean": "tokens of a response",
    "episode/valid": "valid episodes",
}


def main() -> None:
    """Make the policy, run both settings, print the report; exit with an error if a check fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, help="a checkpoint folder, instead of random weights")
    parser.add_argument("--cpu", action="store_true", help="a tiny model on the CPU")
    parser.add_argument("--out", type=Path, help="where the runs write; by default a new folder")
    parser.add_argument("--routes", type=int, nargs="+", default=[1, 2], help="routes in a turn")
    options = parser.parse_args()
    out = options.out or Path(tempfile.mkdtemp(prefix="r1-"))
    model = options.model or make_policy(out / "model", tiny=options.cpu)
    failed = []
    for routes in options.routes:
        name = f"{routes} route{'s' if routes > 1 else ''}"
        metrics = train(out / f"routes-{routes}", model, routes, cpu=options.cpu)
        if metrics is None:
            failed.append(f"{name}: the run failed, see {out}/routes-{routes}/train.log")
            continue
        print(f"\n{name} in a turn, step 2")
        for key, value in shown(metrics).items():
            print(f"  {key:34} {value:.4g}")
        different = metrics.get("training/rollout_probs_diff_mean")
        if different is None or not different < MOST_DIFFERENT:
            failed.append(
                f"{name}: rollout_probs_diff_mean is {different}, expected below {MOST_DIFFERENT}"
            )
    if failed:
        sys.exit("gpu_training: " + "; ".join(failed))


def make_policy(folder: Path, *, tiny: bool) -> Path:
    """Write a policy with random weights and a tokenizer made from this repository's texts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=4096,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=["<|pad|>", "<|im_start|>", "<|im_end|>"],
        show_progress=False,
    )
    bpe.train_from_iterator(_texts(), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<|pad|>",
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
        chat_template=_TEMPLATE,
    )
    sizes = {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "vocab_size": 151936,
    }
    heads = {"num_attention_heads": 14, "num_key_value_heads": 2}
    if tiny:
        sizes = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
        sizes |= {"vocab_size": len(tokenizer)}
        heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            **sizes,
            **heads,
            max_position_embeddings=32768,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    # Logits with a standard deviation of 2.5. Small embeddings, because otherwise every token predicts itself.
    small = 0.001
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(small / model.config.initializer_range)
        model.model.norm.weight.fill_(2.5 / (small * sizes["hidden_size"] ** 0.5))
        # Ids beyond the tokenizer's cannot be decoded.
        model.model.embed_tokens.weight[len(tokenizer) :] = 0
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _texts() -> Iterable[str]:
    for file in sorted((ROOT / "docs").glob("*.md")):
        yield file.read_text()


def train(out: Path, model: Path, routes: int, *, cpu: bool) -> dict[str, Any] | None:
    """Run two steps; returns the metrics of the second, or None if the run failed."""
    out.mkdir(parents=True, exist_ok=True)
    world = out / "world.yaml"
    world.write_text(
        f"{{kind: generated, prompt: full, max_routes: {routes}, budgets_usd: [0.01]}}\n"
    )
    variables = {
        "STACK": "gpu", "MODEL": str(model), "WORLD": str(world), "OUT": str(out), "INSTALL": "0", "STEPS": "2",
        "BATCH": "8", "MINI": "4", "GROUP": "4", "TRAIN_QUESTIONS": "32", "VAL_QUESTIONS": "2", "TEST_EVERY": "2",
        "LOGGER": "file", "QUIET": "1", "KL": "0.001", "PROMPT": "3072", "TEMPERATURE": "1.0",
    }  # fmt: skip
    extra = []
    if cpu:
        variables |= {
            "STACK": "cpu", "BATCH": "2", "MINI": "1", "GROUP": "2", "MICRO": "2", "RESPONSE": "700", "TRAIN_QUESTIONS": "4",
            "VAL_QUESTIONS": "1",
        }  # fmt: skip
        # The kernels and batches of a GPU, and log-probs that are recomputed, so that the two can be compared.
        actor = "actor_rollout_ref"
        extra = [
            f"{actor}.model.use_fused_kernels=True",
            f"{actor}.model.use_remove_padding=True",
            f"{actor}.actor.use_dynamic_bsz=True",
            f"{actor}.actor.ppo_max_token_len_per_gpu=8192",
            "algorithm.rollout_correction.rollout_is=token",
            "algorithm.rollout_correction.bypass_mode=False",
        ]
    venv = Path(sys.executable).parents[1]
    command = ["bash", str(ROOT / "recipes" / "train.sh"), *extra]
    environment = {"VENV": str(venv), **os.environ, **variables}
    if subprocess.run(command, env=environment, cwd=ROOT, check=False).returncode:
        return None
    steps = dict(read_metrics(out / "metrics"))
    return steps.get(2)


def shown(metrics: dict[str, Any]) -> dict[str, float]:
    """The metrics of the report, with a name a reader understands; every phase of the step."""
    found = {text: metrics[key] for key, text in _SHOWN.items() if key in metrics}
    phases = {
        k.removeprefix("timing_s/"): v for k, v in metrics.items() if k.startswith("timing_s/")
    }
    return found | {f"seconds, {name}": value for name, value in sorted(phases.items())}


if __name__ == "__main__":
    main()
