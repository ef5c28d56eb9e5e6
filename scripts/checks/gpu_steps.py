"""Trains a small policy for a few steps on CUDA, and compares its log-probabilities there with those on the CPU.

    python scripts/checks/gpu_steps.py

scripts/checks/gpu.sh runs it.
"""

from __future__ import annotations

import argparse
import sys
import time

import torch

from router_r1.data.splits import Split
from router_r1_envs.supervised.demonstrations import explorations, to_example
from router_r1_envs.supervised.small_policy import make_model, make_tokenizer
from router_r1_envs.supervised.training_loop import train
from router_r1_envs.worlds.generated_world.world import GeneratedWorld

STEPS = 100


def main() -> None:
    """Train on CUDA; exit with an error if the loss does not fall or the devices disagree."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    if not torch.cuda.is_available():
        sys.exit("gpu_steps: torch finds no GPU")
    world = GeneratedWorld()
    episodes = list(explorations(world, world.questions(Split.TRAIN, 2000)))
    tokenizer = make_tokenizer(f"{e.opening[-1]['content']} {e.transcript}" for e in episodes)
    examples = [to_example(episode, tokenizer) for episode in episodes]
    model = make_model(tokenizer).to("cuda")
    losses: list[float] = []
    began = time.monotonic()
    train(model, examples, steps=STEPS, on_progress=lambda p: losses.append(p.loss))
    seconds = time.monotonic() - began
    print(f"{STEPS} steps in {seconds:.1f} s; loss {losses[0]:.3f} -> {losses[-1]:.3f}")
    ids = torch.tensor([examples[0].ids])
    with torch.inference_mode():
        there = model(input_ids=ids.to("cuda")).logits.float().log_softmax(-1).cpu()
        here = model.to("cpu")(input_ids=ids).logits.float().log_softmax(-1)
    difference = (there - here).abs().max().item()
    print(
        f"largest difference of log-probabilities between CUDA and CPU, in float32: {difference:.2e}"
    )
    if not losses[-1] < losses[0] or difference > 1e-2:
        sys.exit("gpu_steps: the loss did not fall, or the devices disagree")


if __name__ == "__main__":
    main()
