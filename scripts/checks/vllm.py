"""Plays the same episodes through a vLLM server and through the checkpoint it serves, and compares them token by token.

    python scripts/checks/vllm.py --config agent.yaml --policy runs/quickstart/policy

The agent file names the server (`mode: native`) and a pool that `router-r1 world serve generated` wrote. The other side
is `TransformersPolicy` with the served checkpoint, in float32 and greedy, with the world's candidates in this process.

For each episode the script compares the token ids and the text of every turn, the overhang beyond its stop string, the
observations, stop reason and answer, the tokens of the policy and the candidates, and the cost. A second round uses
stop strings that end inside a token; with the small policy's tokenizer those of the protocol never do.

Two float32 programs may round differently: episodes that diverge where the logits of the two best tokens are within
1e-4 are counted as ties. Any other difference is an error, and so are log-probs that differ from the checkpoint's by
more than 1e-3.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_r1 import config
from router_r1.agent_file import AgentFile
from router_r1.data.questions import Question
from router_r1.data.splits import Split
from router_r1.episode import Episode, Limits
from router_r1.ledger import Ledger, Role
from router_r1.policies import token_ids
from router_r1.policies.base import Policy
from router_r1.policies.transformers_policy import TransformersPolicy
from router_r1.pool import ModelPool
from router_r1.rollout import roll_out
from router_r1_envs.worlds.generated_world.world import GeneratedWorld

TIE = 1e-4
"""Largest difference of two logits whose order may depend on rounding."""
FAR = 1e-3
"""Largest difference of log-probs."""


class StoppedInside(Episode):
    """An episode whose turns stop inside a token, at text that the small policy is likely to write."""

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """One of four choices, by the question."""
        choices = (("eed",), ("</thi",), ("odel",), ("pel", "rithme", "act", "oute"))
        return choices[len(self.question) % len(choices)]


@dataclass(frozen=True)
class Played:
    """An episode and its ledger."""

    episode: Episode
    ledger: Ledger

    @property
    def turns(self) -> list[tuple[int, ...]]:
        """The token ids of the policy's turns."""
        return [turn.token_ids or () for turn in self.episode.turns]

    @property
    def facts(self) -> dict[str, Any]:
        """What must be equal, by name; token ids first, because the rest follows from them."""
        turns = self.episode.turns
        used = {role: [e.usage for e in self.ledger if e.role is role] for role in Role}
        return {
            "token ids": self.turns,
            "text and stop string": [turn.turn.text for turn in turns],
            "overhang": [turn.overhang for turn in turns],
            "observations": [turn.observation for turn in turns],
            "stop reason": (self.episode.stop_reason, self.episode.stop_detail),
            "answer": self.episode.answer,
            "tokens of the policy": [(u.prompt, u.completion) for u in used[Role.POLICY]],
            "tokens of the candidates": used[Role.CANDIDATE],
            "dollars": self.ledger.cost_usd(Role.CANDIDATE),
        }


class Checkpoint:
    """The model itself: its logits of an episode's tokens explain differences."""

    def __init__(self, folder: Path) -> None:
        import transformers

        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32")
        self._model.eval()

    def logits(self, played: Played) -> tuple[Any, Any, list[float]]:
        """For every token of the policy: the logits before it, its id, and the reported log-prob."""
        import torch

        def encode(text: str) -> list[int]:
            return token_ids.encode_text(self.tokenizer, text)

        opening = token_ids.opening_ids(self.tokenizer, played.episode.opening)
        rest = token_ids.continuation_tokens(played.episode, encode)
        ids = torch.tensor(opening + rest.ids)
        at = [len(opening) + i for i, mine in enumerate(rest.mask) if mine]
        with torch.inference_mode():
            before = self._model(ids[None]).logits[0, [i - 1 for i in at]]
        return before, ids[at], [rest.logprobs[i - len(opening)] for i in at]

    def log_prob_error(self, played: Played) -> float:
        """Largest difference of the reported log-probs from the checkpoint's."""
        before, ids, reported = self.logits(played)
        own = before.log_softmax(-1).gather(-1, ids[:, None])[:, 0]
        return float((own - own.new_tensor(reported)).abs().max())

    def margin(self, played: Played, number: int) -> float:
        """Difference of the two best logits at the policy's token `number`."""
        best = self.logits(played)[0][number].topk(2).values
        return float(best[0] - best[1])


def first_difference(
    one: Sequence[tuple[int, ...]], other: Sequence[tuple[int, ...]]
) -> int | None:
    """The number of the first token that differs; None if none does, or if one turn only stopped earlier."""
    number = 0
    for mine, theirs in zip(one, other, strict=False):
        for a, b in zip(mine, theirs, strict=False):
            if a != b:
                return number
            number += 1
        if len(mine) != len(theirs):
            return None
    return None


def difference(served: Played, local: Played, checkpoint: Checkpoint) -> tuple[bool, str] | None:
    """Whether the first difference is a tie, and its description; None for equal episodes."""
    ours, theirs = local.facts, served.facts
    name = next((name for name in ours if ours[name] != theirs[name]), None)
    if name is None:
        return None
    at = first_difference(local.turns, served.turns)
    if at is not None and (margin := checkpoint.margin(local, at)) <= TIE:
        return True, f"a tie at token {at}: the two best logits are {margin:.1e} apart"
    return False, f"{name}: vLLM {theirs[name]!r}, transformers {ours[name]!r}"


def play(
    world: GeneratedWorld,
    questions: Sequence[Question],
    kind: type[Episode],
    limits: Limits,
    policy: Policy,
    pool_for: Callable[[Question], ModelPool],
) -> tuple[list[Played], float]:
    """Play all questions at once; return the episodes and the seconds they took.

    Args:
        world: renders the prompts and lists the candidates.
        questions: one episode each.
        kind: class of the episodes.
        limits: limits of the episodes.
        policy: writes the turns; closed at the end.
        pool_for: the pool for a question; closed at the end.
    """

    async def one(question: Question) -> Played:
        prompt = world.prompt(question)
        episode = kind(question.question, world.cards, limits, prompt=prompt)
        played = Played(episode, Ledger())
        await roll_out(episode, policy, pool_for(question), played.ledger)
        return played

    async def everyone() -> list[Played]:
        try:
            return await asyncio.gather(*[one(question) for question in questions])
        finally:
            await policy.aclose()
            await pool_for(questions[0]).aclose()

    began = time.monotonic()
    return asyncio.run(everyone()), time.monotonic() - began


def speed(played: Sequence[Played], seconds: float) -> str:
    """The policy's tokens per second, in words."""
    tokens = sum(p.episode.policy_tokens for p in played)
    return f"{tokens} tokens in {seconds:.2f} s, {tokens / seconds:.0f} tokens/s"


def main() -> int:
    """Compare; the exit status is 0 if every episode is equal or a tie."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--config", type=Path, required=True, help="agent file that names the server"
    )
    parser.add_argument("--policy", type=Path, required=True, help="the checkpoint it serves")
    parser.add_argument("--episodes", type=int, default=50)
    parser.add_argument(
        "--ask", type=Path, help="output of `router-r1 ask --json` for the first question"
    )
    options = parser.parse_args()

    import torch
    import transformers

    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    content = config.load(AgentFile, options.config)
    pool = ModelPool.from_yaml(options.config.parent / content.pool)
    server = content.policy.build(options.config)
    local = TransformersPolicy(options.policy, name=server.name, dtype="float32", max_batch=64)
    checkpoint = Checkpoint(options.policy)
    world = GeneratedWorld()
    questions = world.questions(Split.TEST, options.episodes)
    failed = False
    for title, kind in {"whole episodes": Episode, "stops inside a token": StoppedInside}.items():
        limits = content.limits
        served, served_s = play(world, questions, kind, limits, server, lambda _: pool)
        played, local_s = play(world, questions, kind, limits, local, world.pool)
        found = [difference(s, p, checkpoint) for s, p in zip(served, played, strict=True)]
        wrong = [(n, what[1]) for n, what in enumerate(found) if what and not what[0]]
        ties = [(n, what[1]) for n, what in enumerate(found) if what and what[0]]
        error = max(checkpoint.log_prob_error(s) for s in served)
        overhangs = sum(bool(t.overhang) for p in played for t in p.episode.turns)
        turns = sum(len(p.turns) for p in played)
        print(
            f"{title}: {found.count(None)} of {len(found)} episodes equal, {len(ties)} diverge at a tie, "
            f"{len(wrong)} differ; {turns} turns, {overhangs} stopped inside a token; "
            f"log-probs within {error:.1e}"
        )
        print(f"  vLLM          {speed(served, served_s)}")
        print(f"  transformers  {speed(played, local_s)}")
        for number, what in ties + wrong:
            print(f"  episode {number} ({questions[number].question}): {what}")
        failed |= bool(wrong) or not error <= FAR
        if kind is StoppedInside and not overhangs:
            print(
                "  no turn stopped inside a token, so nothing was compared; train the policy longer"
            )
            failed = True
        if kind is Episode and options.ask:
            failed |= not equals_command(json.loads(options.ask.read_text()), served[0])
    return int(failed)


def equals_command(output: dict[str, Any], played: Played) -> bool:
    """Whether the output of `router-r1 ask` agrees with the first episode; prints the result."""
    ours = (played.episode.answer, played.ledger.cost_usd(), played.episode.rounds)
    theirs = (output["answer"], output["cost_usd"], output["rounds"])
    print(f"router-r1 ask: {'equal' if ours == theirs else f'{theirs} instead of {ours}'}")
    return ours == theirs


if __name__ == "__main__":
    sys.exit(main())
