"""The CPU sampler generates what the model alone would generate, whatever the batch, and leaves no request waiting.

The tests compare tiny models with random weights with plain `transformers`. They need neither verl nor Ray.
"""

import random
import time
from concurrent.futures import CancelledError, Future
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from router_r1_envs.cpu_inference.generation_request import (  # noqa: E402
    GeneratedTurn,
    SamplingParams,
)
from router_r1_envs.cpu_inference.sampler import Sampler  # noqa: E402

VOCABULARY = 96
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "bos_token_id": None,
    "eos_token_id": None,
    "pad_token_id": None,
    "initializer_range": 0.3,  # far from uniform, so that a wrong key changes the output
}


class Letters:
    """A tokenizer with one character per token, two for ids from 90 on, and none for id 95."""

    eos_token_id = None

    def decode(self, ids: list[int], **options: Any) -> str:
        return "".join(self.text(i) for i in ids)

    @staticmethod
    def text(token: int) -> str:
        return (
            "" if token == 95 else "d>" if token == 90 else "en" if token > 90 else chr(33 + token)
        )


def qwen(seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    return transformers.Qwen2ForCausalLM(transformers.Qwen2Config(**SIZES | changes)).eval()


def llama(seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SIZES | changes)).eval()


@pytest.fixture
def sampler():
    """A function that makes samplers; they are closed after the test."""
    made = []

    def make(model: Any = None, tokenizer: Any = None, **options: Any) -> Sampler:
        made.append(Sampler(model or qwen(), tokenizer, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


def prompts(count: int, seed: int = 0, longest: int = 40) -> list[list[int]]:
    numbers = random.Random(seed)
    return [
        [numbers.randrange(VOCABULARY) for _ in range(numbers.randint(1, longest))]
        for _ in range(count)
    ]


def wait(futures: list[Future[GeneratedTurn]]) -> list[GeneratedTurn]:
    return [future.result(timeout=60) for future in futures]


def greedy(model: Any, prompt: list[int], tokens: int) -> list[int]:
    """What transformers generates."""
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=0,
        )
    return output[0, len(prompt) :].tolist()


def scores(model: Any, prompt: list[int], written: list[int], temperature: float) -> Any:
    """Log-probs of generated tokens from one full forward pass."""
    with torch.inference_mode():
        logits = model(torch.tensor([prompt + written])).logits[0, len(prompt) - 1 : -1]
    return torch.log_softmax(logits / temperature, -1).gather(1, torch.tensor(written)[:, None])[
        :, 0
    ]


@pytest.mark.parametrize("make", [qwen, llama])
def test_greedy_turns_of_a_batch_equal_those_of_transformers(make, sampler):
    asked = prompts(12)
    served = sampler(make())
    turns = wait([served.submit(p, SamplingParams(15, temperature=0)) for p in asked])
    plain = make()
    assert [t.token_ids for t in turns] == [greedy(plain, p, 15) for p in asked]
    assert {t.finish_reason for t in turns} == {"length"}


@pytest.mark.parametrize("temperature", [1.0, 0.6, 0.0])
def test_log_probs_equal_those_of_a_full_pass_at_the_sampling_temperature(temperature, sampler):
    asked = prompts(6)
    served = sampler()
    turns = wait([served.submit(p, SamplingParams(12, temperature=temperature)) for p in asked])
    plain = qwen()
    for prompt, turn in zip(asked, turns, strict=True):
        expected = scores(plain, prompt, turn.token_ids, temperature or 1.0)
        assert torch.allclose(torch.tensor(turn.log_probs), expected, atol=1e-5)


def test_draws_follow_the_distribution_of_the_model(sampler):
    served = sampler()
    turns = wait([served.submit([1, 2, 3], SamplingParams(1)) for _ in range(4000)])
    with torch.inference_mode():
        expected = qwen()(torch.tensor([[1, 2, 3]])).logits[0, -1].softmax(-1)
    seen = (
        torch.bincount(torch.tensor([t.token_ids[0] for t in turns]), minlength=VOCABULARY) / 4000
    )
    assert (seen - expected).abs().max() < 4 * (0.25 / 4000) ** 0.5


def test_top_k_and_top_p_exclude_tokens_without_changing_log_probs(sampler):
    served = sampler()
    with torch.inference_mode():
        log_probs = qwen()(torch.tensor([[1, 2, 3]])).logits[0, -1].log_softmax(-1)
    ordered, order = log_probs.exp().sort(descending=True)
    nucleus = int((ordered.cumsum(0) < 0.5).sum()) + 1
    for limits, kept in (({"top_k": 3}, 3), ({"top_p": 0.5}, nucleus)):
        turns = wait([served.submit([1, 2, 3], SamplingParams(1, **limits)) for _ in range(300)])
        assert {t.token_ids[0] for t in turns} <= set(order[:kept].tolist())
        assert len({t.token_ids[0] for t in turns}) > 1
        for turn in turns:
            assert turn.log_probs[0] == pytest.approx(float(log_probs[turn.token_ids[0]]), abs=1e-5)


def test_staggered_requests_get_the_turns_they_would_get_alone(sampler):
    asked = prompts(20, longest=60)
    served = sampler(max_rows=6, prefill_tokens=64, gather_s=0.0)
    futures = []
    for number, prompt in enumerate(asked):
        futures.append(served.submit(prompt, SamplingParams(5 + number, temperature=0)))
        time.sleep(0.003)
    plain = qwen()
    for number, turn in enumerate(wait(futures)):
        assert turn.token_ids == greedy(plain, asked[number], 5 + number)


def test_a_prompt_longer_than_one_pass_is_fed_in_several(sampler):
    prompt = prompts(1, longest=1)[0] * 150
    turn = (
        sampler(prefill_tokens=32)
        .submit(prompt, SamplingParams(8, temperature=0))
        .result(timeout=60)
    )
    assert turn.token_ids == greedy(qwen(), prompt, 8)


def test_a_seed_gives_the_same_turn_whatever_else_is_in_the_batch(sampler):
    wanted = SamplingParams(20, seed=7)
    alone = sampler().submit([5, 6, 7], wanted).result(timeout=60)
    served = sampler(seed=3)
    crowd = [served.submit(p, SamplingParams(20)) for p in prompts(9)]
    assert served.submit([5, 6, 7], wanted).result(timeout=60).token_ids == alone.token_ids
    assert len({tuple(t.token_ids) for t in wait(crowd)}) == 9


def test_equal_prompts_share_their_keys_and_draw_different_turns(sampler):
    served = sampler(gather_s=0.2)
    turns = wait([served.submit([9, 8, 7, 6], SamplingParams(10), f"{n}") for n in range(6)])
    assert len({tuple(t.token_ids) for t in turns}) > 1
    plain = qwen()
    for turn in turns:
        expected = scores(plain, [9, 8, 7, 6], turn.token_ids, 1.0)
        assert torch.allclose(torch.tensor(turn.log_probs), expected, atol=1e-5)


def test_the_next_turn_of_a_session_feeds_only_what_was_added(sampler):
    served, plain = sampler(), qwen()
    asked = prompts(8)
    for _ in range(3):
        turns = wait(
            [
                served.submit(p, SamplingParams(6, temperature=0), f"{n}")
                for n, p in enumerate(asked)
            ]
        )
        for prompt, turn in zip(asked, turns, strict=True):
            assert turn.token_ids == greedy(plain, prompt, 6)
        before = [len(p) + 5 for p in asked]
        asked = [p + t.token_ids + [3, 1, 2] for p, t in zip(asked, turns, strict=True)]
    turns = wait([served.submit(p, SamplingParams(1), f"{n}") for n, p in enumerate(asked)])
    assert [t.cached_tokens for t in turns] == before


def test_a_session_with_a_changed_prompt_keeps_the_common_prefix(sampler):
    served = sampler()
    served.submit([1, 2, 3, 4, 5, 6], SamplingParams(4, temperature=0), "a").result(timeout=60)
    turn = served.submit([1, 2, 3, 9, 9], SamplingParams(4, temperature=0), "a").result(timeout=60)
    assert turn.cached_tokens == 3
    assert turn.token_ids == greedy(qwen(), [1, 2, 3, 9, 9], 4)


def test_the_least_recently_used_session_is_evicted_first(sampler):
    served = sampler(max_rows=3)
    for session in ("a", "b", "c", "a", "d"):
        served.submit([1, 2, 3, 4], SamplingParams(2), session).result(timeout=60)
    reused = {
        s: served.submit([1, 2, 3, 4, 5], SamplingParams(1), s).result(60).cached_tokens
        for s in "acd"
    }
    assert reused == {"a": 4, "c": 4, "d": 4}
    assert served.submit([1, 2, 3, 4, 5], SamplingParams(1), "b").result(60).cached_tokens == 0


def test_the_token_that_ends_a_turn_is_part_of_the_turn(sampler):
    plain = greedy(qwen(), [1, 2, 3], 12)
    end = plain[4]
    cut = plain[: plain.index(end) + 1]
    by_request = SamplingParams(12, temperature=0, stop_token_ids=frozenset({end}))
    turn = sampler().submit([1, 2, 3], by_request).result(timeout=60)
    assert (turn.token_ids, turn.finish_reason) == (cut, "stop")
    model = qwen()
    model.generation_config.eos_token_id = [end]
    turn = sampler(model).submit([1, 2, 3], SamplingParams(12, temperature=0)).result(timeout=60)
    assert (turn.token_ids, turn.finish_reason) == (cut, "stop")


def test_a_turn_ends_at_the_token_that_completes_a_stop_string(sampler):
    tokenizer = Letters()
    plain = greedy(qwen(), [4, 4, 4], 60)
    served = sampler(tokenizer=tokenizer)
    for first in range(0, 50, 3):
        for length in (1, 2, 3, 5):
            stop = tokenizer.decode(plain[first : first + length])
            if not stop:
                continue
            ended = next(n for n in range(61) if stop in tokenizer.decode(plain[:n]))
            sampling = SamplingParams(60, temperature=0, stop=("\u00e9never", stop))
            turn = served.submit([4, 4, 4], sampling).result(timeout=60)
            assert turn.token_ids == plain[:ended]


def test_a_stop_string_may_end_inside_a_token_and_span_tokens_without_text(sampler):
    served = sampler(tokenizer=Letters())
    finder = served._stop_strings_for(("<end",))
    assert finder is not None
    ids = [ord("<") - 33, 95, 91, 95, 90]
    assert [finder.completed(ids[:n]) for n in range(1, 6)] == [False, False, False, False, True]


def test_new_weights_wait_for_running_requests_and_serve_later_ones(sampler):
    served = sampler()
    served.load(qwen().state_dict(), version=1)
    early = [served.submit(p, SamplingParams(100, temperature=0), "s") for p in prompts(3)]
    while not all(f.running() for f in early):
        time.sleep(0.001)
    served.load(qwen(seed=1).state_dict(), version=2)
    late = [served.submit(p, SamplingParams(20, temperature=0), "s") for p in prompts(3)]
    for model, futures, tokens, version in ((qwen(), early, 100, 1), (qwen(1), late, 20, 2)):
        for prompt, turn in zip(prompts(3), wait(futures), strict=True):
            assert turn.version == version
            assert turn.token_ids == greedy(model, prompt, tokens)
            assert turn.cached_tokens == 0


def test_weights_that_do_not_fit_are_rejected_and_change_nothing(sampler):
    served = sampler()
    other = qwen(seed=1).state_dict()
    name = "model.norm.weight"
    with pytest.raises(ValueError, match=r"missing model\.norm\.weight"):
        served.load({k: v for k, v in other.items() if k != name})
    with pytest.raises(ValueError, match=r"unknown model\.other"):
        served.load(other | {"model.other": other[name]})
    with pytest.raises(ValueError, match=r"model.norm.weight is \(2,\), not \(32,\)"):
        served.load(other | {name: torch.zeros(2)})
    turn = served.submit([1, 2], SamplingParams(5, temperature=0)).result(timeout=60)
    assert turn.token_ids == greedy(qwen(), [1, 2], 5)


@pytest.mark.parametrize("left_out", ["lm_head.weight", "model.embed_tokens.weight", None])
def test_a_tied_head_may_be_given_under_either_name_or_both(left_out, sampler):
    served = sampler(qwen(tie_word_embeddings=True))
    state = qwen(seed=1, tie_word_embeddings=True).state_dict()
    served.load({k: v for k, v in state.items() if k != left_out})
    turn = served.submit([1, 2], SamplingParams(5, temperature=0)).result(timeout=60)
    assert turn.token_ids == greedy(qwen(1, tie_word_embeddings=True), [1, 2], 5)


def test_aborted_turns_return_the_tokens_they_have(sampler):
    served = sampler(max_rows=2)
    futures = [served.submit(p, SamplingParams(200), f"{n}") for n, p in enumerate(prompts(5))]
    while not futures[1].running():
        time.sleep(0.001)
    assert served.abort() == 5
    turns = wait(futures)
    assert {t.finish_reason for t in turns} == {"aborted"}
    assert [len(t.token_ids) > 0 for t in turns] == [True, True, False, False, False]
    assert served.submit([1], SamplingParams(3)).result(timeout=60).finish_reason == "length"


def test_a_cancelled_request_is_not_generated(sampler):
    served = sampler(max_rows=1)
    first = served.submit([1], SamplingParams(100))
    second, third = served.submit([2], SamplingParams(5)), served.submit([3], SamplingParams(5))
    assert second.cancel()
    wait([first, third])
    with pytest.raises(CancelledError):
        second.result()


def test_an_error_of_the_model_fails_waiting_and_later_requests(sampler):
    model = qwen()
    served = sampler(model, max_rows=2)
    calls = []

    def break_down(*_: Any) -> None:
        calls.append(1)
        if len(calls) == 5:
            raise MemoryError("no room for the activations")

    model.model.norm.register_forward_hook(break_down)
    futures = [served.submit(p, SamplingParams(50)) for p in prompts(6)]
    for future in futures:
        with pytest.raises(RuntimeError, match="no room for the activations"):
            future.result(timeout=60)
    with pytest.raises(RuntimeError, match="no room for the activations"):
        served.submit([1], SamplingParams(1))
    with pytest.raises(RuntimeError, match="no room for the activations"):
        served.load(qwen().state_dict())


def test_an_error_during_admission_fails_requests_without_a_row_too(sampler, monkeypatch):
    served = sampler(gather_s=0.5)

    def reserve(*_: Any) -> None:
        raise MemoryError("no room for the keys")

    monkeypatch.setattr(served._batch._cache, "reserve", reserve)
    futures = [served.submit(p, SamplingParams(5)) for p in prompts(4)]
    for future in futures:
        with pytest.raises(RuntimeError, match="no room for the keys"):
            future.result(timeout=60)


def test_closing_fails_unfinished_requests(sampler):
    served = sampler()
    future = served.submit([1], SamplingParams(250))
    served.close()
    with pytest.raises(RuntimeError, match="closed"):
        future.result(timeout=60)
    with pytest.raises(RuntimeError, match="closed"):
        served.submit([1], SamplingParams(1))


def test_invalid_requests_are_rejected_at_once(sampler):
    served = sampler()
    for prompt in ([], [VOCABULARY], [-1]):
        with pytest.raises(ValueError, match="expected a prompt of ids"):
            served.submit(prompt, SamplingParams(1))
    with pytest.raises(ValueError, match="do not fit into the model's 256"):
        served.submit([1] * 200, SamplingParams(57))
    with pytest.raises(ValueError, match="need a tokenizer"):
        served.submit([1], SamplingParams(1, stop=("x",)))
    for wrong in ({"max_tokens": 0}, {"temperature": -1.0}, {"top_p": 0.0}):
        with pytest.raises(ValueError, match="expected max_tokens of 1 or more"):
            SamplingParams(**{"max_tokens": 1} | wrong)


def test_a_model_with_sliding_windows_is_rejected():
    sliding = qwen(use_sliding_window=True, sliding_window=16, max_window_layers=1)
    with pytest.raises(ValueError, match=r"full attention in every layer.*use vLLM"):
        Sampler(sliding)
    mistral = transformers.MistralForCausalLM(
        transformers.MistralConfig(**SIZES | {"sliding_window": 16})
    )
    with pytest.raises(ValueError, match="a window of 16"):
        Sampler(mistral)
