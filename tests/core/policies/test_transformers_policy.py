"""`TransformersPolicy` on a tiny checkpoint: batching, token ids, stop strings, cancellation, whole episodes."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from router_r1 import (
    Episode,
    Ledger,
    Limits,
    ModelCard,
    Price,
    Response,
    RouterAgent,
    TransformersPolicy,
)
from router_r1.episode import Origin
from router_r1.ledger import Role
from router_r1.pool import Account
from router_r1.protocol import stop_strings
from router_r1.testing import ScriptedPool

CARDS = (ModelCard(name="a", price=Price(input=1, output=1)),)


def episode(question: str = "What?", **limits: Any) -> Episode:
    settings = {"max_turn_tokens": 24} | limits
    return Episode(
        question, CARDS, Limits(**settings), prompt=lambda q, *_: ({"role": "user", "content": q},)
    )


async def write_all(
    policy: TransformersPolicy, episodes: list[Episode]
) -> tuple[list[Any], Ledger]:
    ledger = Ledger()
    turns = await asyncio.gather(
        *(policy.write_turn(e, Account(ledger, e.id, 1, Role.POLICY)) for e in episodes)
    )
    return list(turns), ledger


async def test_turns_are_generated_and_booked(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32", price=Price(input=1, output=1))
    (turn,), ledger = await write_all(policy, [episode()])
    await policy.aclose()
    assert turn.token_ids and turn.tokens == len(turn.token_ids) <= 24
    (row,) = ledger
    assert row.usage.completion == len(turn.token_ids) and row.usage.prompt > 0
    assert (row.model, row.role, row.source, row.billed) == ("tiny", Role.POLICY, "local", False)
    assert (
        row.cost_usd
        == turn.cost_usd
        == pytest.approx((row.usage.prompt + row.usage.completion) / 1e6)
    )


async def test_batching_does_not_change_what_is_generated(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32")
    questions = ["What?", "A much longer question, so that prompts differ in length.", "Why?"]
    together, _ = await write_all(policy, [episode(q) for q in questions])
    alone = [(await write_all(policy, [episode(q)]))[0][0] for q in questions]
    await policy.aclose()
    assert [turn.token_ids for turn in together] == [turn.token_ids for turn in alone]


async def test_turns_beyond_the_batch_size_are_generated_too(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32", max_batch=3)
    turns, ledger = await write_all(policy, [episode(f"Question {n}?") for n in range(8)])
    await policy.aclose()
    assert len(turns) == len(ledger) == 8


async def test_every_turn_of_a_batch_respects_its_own_token_limit(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32")
    turns, _ = await write_all(policy, [episode(max_turn_tokens=5), episode(max_turn_tokens=11)])
    await policy.aclose()
    assert [turn.tokens for turn in turns] == [5, 11]


def test_the_prompt_contains_the_ids_that_the_policy_generated(
    checkpoint: Path,
) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32")
    run = episode(max_routes=1)
    opening = policy.prompt_ids(run)
    # Ids that the encoder would not choose for this text: every byte of the tags on its own.
    text = '<think>t</think><route model="a">q</route>'
    bytewise = [policy._tokenizer.convert_tokens_to_ids(c) for c in text]
    assert bytewise != policy._tokenizer.encode(text)
    run.step(text, token_ids=bytewise)
    run.observe([Response(text="It is 4. <|im_end|>", cost_usd=0.0)])
    ids = policy.prompt_ids(run)
    environment = next(s for s in run.segments if s.origin is Origin.ENVIRONMENT).text
    assert ids[: len(opening)] == opening
    assert ids[len(opening) : len(opening) + len(bytewise)] == bytewise
    assert policy._tokenizer.decode(ids[len(opening) + len(bytewise) :]) == environment
    assert policy._tokenizer.eos_token_id not in ids[len(opening) :]


@pytest.mark.parametrize("stop", ["</route>", "</answer>"])
def test_generation_ends_at_a_stop_string_and_keeps_it(checkpoint: Path, stop: str) -> None:
    """With given tokens, because a random model would hardly ever write a tag."""
    policy = TransformersPolicy(checkpoint, dtype="float32")
    encode = policy._tokenizer.encode
    row = encode(f"<think>hm{stop}") + encode("and more text")
    from router_r1.policies.batch_worker import PendingTurn

    item = PendingTurn([1], 100, stop_strings(1), Future())
    kept = policy._trim(row, item)
    assert policy._decode(kept) == f"<think>hm{stop}"
    end = [policy._tokenizer.eos_token_id]
    assert policy._trim(encode("a") + end + encode("b"), item) == encode("a") + end
    # In a batch, padding follows, and some checkpoints pad with an end-of-turn token.
    assert policy._trim(encode(f"<think>hm{stop}") + end + end, item) == kept


ROUTE = '<think>hm</think><route model="a">2+2</route>'
ANSWER = "<think>so</think><answer>4</answer>"


@pytest.fixture(scope="module")
def overfitted(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny checkpoint, trained until it repeats one episode; it has not learned to stop after a turn."""
    import torch
    import transformers

    policy = TransformersPolicy(checkpoint, dtype="float32")
    run = episode(max_routes=1, max_turn_tokens=100)
    sequence, labels_so_far = policy.prompt_ids(run), []
    for turn in (ROUTE, ANSWER):
        known = len(sequence)
        run.step(turn, token_ids=policy._tokenizer.encode(turn))
        ids = policy.prompt_ids(run)
        labels_so_far += [-100] * (known - len(labels_so_far)) + ids[known:]
        if not run.done:
            run.observe([Response(text="It is 4.", cost_usd=5e-6)])
        sequence = policy.prompt_ids(run)
    model = policy._model.train()
    inputs, labels = torch.tensor([sequence]), torch.tensor([labels_so_far])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(300):
        loss = model(input_ids=inputs, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < 0.005:
            break
    assert loss.item() < 0.02, "the episode was not learned"
    path = tmp_path_factory.mktemp("checkpoint") / "overfitted"
    model.save_pretrained(path)
    transformers.AutoTokenizer.from_pretrained(checkpoint).save_pretrained(path)
    return path


async def test_a_checkpoint_drives_whole_episodes_through_the_agent(overfitted: Path) -> None:
    policy = TransformersPolicy(overfitted, dtype="float32")
    pool = ScriptedPool({"a": "It is 4."})

    async def drive() -> Episode:
        from router_r1 import roll_out

        run = episode(max_routes=1, max_turn_tokens=100)
        await roll_out(run, policy, pool, Ledger())
        return run

    runs = await asyncio.gather(*(drive() for _ in range(4)))
    await policy.aclose()
    for run in runs:
        assert [record.turn.text for record in run.turns] == [ROUTE, ANSWER]
        assert run.answer == "4" and run.rounds == 1
        assert run.turns[0].token_ids == tuple(policy._tokenizer.encode(ROUTE))


async def test_a_cancelled_turn_does_not_delay_the_others(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32", gather_s=0.05)
    account = Account(Ledger())
    abandoned = asyncio.ensure_future(policy.write_turn(episode(), account))
    other = asyncio.ensure_future(policy.write_turn(episode("Why?"), account))
    await asyncio.sleep(0)
    abandoned.cancel()
    assert (await other).token_ids
    await policy.aclose()


class Broken:
    """A model that fails in the worker thread."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def generate(self, **_: Any) -> None:
        raise self.error


async def write_on(policy: TransformersPolicy, model: Broken) -> tuple[list[Any], Ledger]:
    policy._model = model
    ledger = Ledger()
    results = await asyncio.wait_for(
        asyncio.gather(
            *(policy.write_turn(episode(q), Account(ledger)) for q in ("One?", "Two?")),
            return_exceptions=True,
        ),
        timeout=20,
    )
    await policy.aclose()
    return results, ledger


async def test_running_out_of_memory_is_a_failed_turn(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32")
    results, ledger = await write_on(policy, Broken(RuntimeError("out of memory")))
    assert [turn.failure.kind for turn in results] == ["server_error"] * 2
    assert "out of memory" in results[0].failure.detail
    assert [row.outcome for row in ledger] == ["server_error"] * 2


async def test_an_unexpected_error_reaches_every_turn_of_the_batch(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32")
    results, ledger = await write_on(policy, Broken(TypeError("a bug")))
    assert all(isinstance(result, TypeError) for result in results)
    assert len(ledger) == 2


async def test_an_episode_longer_than_the_context_is_a_failed_turn(
    checkpoint: Path,
) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32")
    turn = await policy.write_turn(episode("x" * 5000), Account(Ledger()))
    assert turn.failure is not None and turn.failure.kind == "context_overflow"
    assert "4096" in turn.failure.detail
    await policy.aclose()


async def test_a_cancelled_turn_is_booked(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32", gather_s=0.2)
    ledger = Ledger()
    turn = asyncio.ensure_future(policy.write_turn(episode(), Account(ledger)))
    await asyncio.sleep(0.05)
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    assert [row.outcome for row in ledger] == ["cancelled"]
    await policy.aclose()


def test_one_policy_serves_several_threads_and_agents_one_after_the_other(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32")
    written: list[Any] = []

    def write() -> None:
        written.append(asyncio.run(policy.write_turn(episode(), Account(Ledger()))))

    threads = [threading.Thread(target=write, daemon=True) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(written) == 3
    for _ in range(2):
        with RouterAgent(policy=policy, pool=ScriptedPool({"a": "4"}), max_rounds=0) as agent:
            assert agent.ask("What?").ledger


async def test_closing_leaves_no_turn_waiting(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32", gather_s=5.0)
    turn = asyncio.ensure_future(policy.write_turn(episode(), Account(Ledger())))
    await asyncio.sleep(0.05)
    await policy.aclose()
    await asyncio.wait([turn], timeout=10)
    assert turn.done()


async def test_a_policy_closed_during_a_turn_can_be_used_again(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32", gather_s=0.0)
    long = episode(max_turn_tokens=3000)
    turn = asyncio.ensure_future(policy.write_turn(long, Account(Ledger())))
    await asyncio.sleep(0.2)
    await asyncio.wait_for(policy.aclose(), 30)
    await asyncio.wait([turn], timeout=30)
    assert "closed in the middle" in turn.result().failure.detail
    written, _ = await write_all(policy, [episode()])
    assert written[0].token_ids
    await asyncio.wait_for(policy.aclose(), 30)


async def test_many_cancelled_turns_leave_the_worker_alive(checkpoint: Path) -> None:
    policy = TransformersPolicy(checkpoint, dtype="float32", max_batch=1, gather_s=0.0)
    busy = asyncio.ensure_future(policy.write_turn(episode(), Account(Ledger())))
    await asyncio.sleep(0)
    abandoned = [
        asyncio.ensure_future(policy.write_turn(episode(), Account(Ledger()))) for _ in range(1500)
    ]
    await asyncio.sleep(0)
    for turn in abandoned:
        turn.cancel()
    await asyncio.gather(busy, *abandoned, return_exceptions=True)
    (written,), _ = await asyncio.wait_for(write_all(policy, [episode()]), 60)
    assert written.token_ids
    await policy.aclose()


def test_a_program_that_exits_during_a_turn_exits_cleanly(checkpoint: Path) -> None:
    code = f"""
import asyncio
from router_r1.pool import Account
from router_r1 import Episode, Ledger, Limits, ModelCard, Price, TransformersPolicy
policy = TransformersPolicy({str(checkpoint)!r}, dtype="float32")
limits = Limits(max_turn_tokens=3000)
episode = Episode("What?", [ModelCard(name="a", price=Price(input=0, output=0))], limits)
async def main():
    asyncio.ensure_future(policy.write_turn(episode, Account(Ledger())))
    await asyncio.sleep(0.5)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
