"""Training on the best answers: what is learned of a conversation, and a whole run on a tiny checkpoint."""

import json
from collections import Counter

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from router_r1.data.json_lines import write_json_lines  # noqa: E402
from router_r1.errors import ConfigError, DataError  # noqa: E402
from router_r1.policies.checkpoint import load_checkpoint  # noqa: E402
from router_r1_envs.supervised.answer_tuning import (  # noqa: E402
    main,
    read_answers,
    to_example,
    to_examples,
    tune_on_answers,
)
from router_r1_envs.supervised.small_policy import make_model, save_policy  # noqa: E402
from router_r1_envs.supervised.tuning_config import TuningConfig  # noqa: E402


def chat(question: str, answer: str) -> dict:
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


@pytest.fixture(scope="module")
def checkpoint(tokenizer, tmp_path_factory):
    """A checkpoint of one layer with random weights."""
    folder = tmp_path_factory.mktemp("answers") / "tiny"
    save_policy(make_model(tokenizer, hidden=32, layers=1, heads=2, seed=3), tokenizer, folder)
    return folder


@pytest.fixture
def data(tmp_path):
    write_json_lines(
        tmp_path / "train.jsonl", [chat(f"What is {n}?", f"It is {n}.") for n in range(24)]
    )
    write_json_lines(tmp_path / "validation.jsonl", [chat("What is 31?", "It is 31.")])
    return tmp_path


def test_the_answer_and_the_end_of_its_turn_are_learned_and_nothing_else(checkpoint, data) -> None:
    tokenizer = load_checkpoint(checkpoint).tokenizer
    example = to_example(read_answers(data / "train.jsonl")[7], tokenizer)
    learned = [token for token, mask in zip(example.ids, example.mask, strict=True) if mask]
    assert tokenizer.decode(learned, skip_special_tokens=True).strip() == "It is 7."
    assert learned[-1] in {tokenizer.eos_token_id, *tokenizer.all_special_ids}
    before = [token for token, mask in zip(example.ids, example.mask, strict=True) if not mask]
    assert "What is 7?" in tokenizer.decode(before)


def test_an_answer_that_is_too_long_is_counted_and_never_cut(checkpoint, data) -> None:
    tokenizer, left_out = load_checkpoint(checkpoint).tokenizer, Counter()
    assert to_examples(read_answers(data / "train.jsonl"), tokenizer, 3, left_out) == []
    assert left_out == {"longer than max_tokens": 24}


def test_a_run_lowers_the_validation_loss_and_is_done_once(checkpoint, data, tmp_path) -> None:
    settings = TuningConfig(batch_size=8, micro_batch=4, epochs=6, learning_rate=1e-2)
    report = tune_on_answers(str(checkpoint), data, tmp_path / "out", settings)
    assert report["examples"] == 24
    validation = report["validation"]
    assert validation["loss_after"] < validation["loss_before"] - 0.5
    load_checkpoint(tmp_path / "out")
    again = tune_on_answers(str(checkpoint), data, tmp_path / "out", settings)
    assert again == json.loads((tmp_path / "out" / "answers.json").read_text())
    with pytest.raises(ConfigError, match="another setting"):
        tune_on_answers(str(checkpoint), data, tmp_path / "out", TuningConfig())
    with pytest.raises(ConfigError, match="is the checkpoint"):
        tune_on_answers(str(checkpoint), data, checkpoint, settings)


def test_a_file_that_holds_no_conversations_is_an_error_with_its_line(tmp_path) -> None:
    file = tmp_path / "train.jsonl"
    good = chat("a", "b")
    for row, message in (
        ({"text": "a"}, "expected `messages`"),
        ({"messages": good["messages"][:1] * 2}, "must be an answer"),
        (chat("a", " "), "must be an answer"),
        ({"messages": [1, 2]}, "a text as `content`"),
    ):
        write_json_lines(file, [good, row])
        with pytest.raises(DataError, match=rf"train.jsonl:2: .*{message}"):
            read_answers(file)
    file.write_text("")
    with pytest.raises(DataError, match="holds no answers"):
        read_answers(file)


def test_the_command_takes_settings_after_its_options(data, tmp_path, monkeypatch) -> None:
    given = ["answer_tuning", "none", "--data", str(data), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", [*given, "micro_batch=3", "batch_size=4"])
    with pytest.raises(SystemExit, match="micro_batch is 3 and batch_size 4; it must divide that"):
        main()
