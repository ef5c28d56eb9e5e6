"""Imitation saves a policy that loads and reads the demonstrations; names and labels are single tokens."""

import itertools

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1.data.splits import Split
from router_r1.policies import token_ids
from router_r1_envs.supervised.demonstrations import to_example
from router_r1_envs.supervised.planner_demonstrations import demonstrations


def test_names_and_labels_are_single_tokens_everywhere(recorded_world, imitation) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(imitation[0])
    for name in recorded_world.table.names:
        ids = token_ids.encode_text(tokenizer, f'<route model="{name}">question</route>')
        assert [tokenizer.decode([i]).strip() for i in ids][1] == name
        assert len(ids) == 5
        adopted = token_ids.encode_text(tokenizer, f'<answer model="{name}"></answer>')
        assert len(adopted) == 4 and ids[1] in adopted
    for label in recorded_world.answer_view.labels:
        (own,) = token_ids.encode_text(tokenizer, label)
        assert own in token_ids.encode_text(tokenizer, f"Long; answer {label}")
        assert own in token_ids.encode_text(tokenizer, f"<think>dear {label} p2</think>")


def test_the_checkpoint_loads_and_reads_demonstrations(recorded_world, planner, imitation) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder, report = imitation
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    token_ids.check_tokenizer(tokenizer, str(folder))
    assert report["demonstrations"] == 3 * len(recorded_world.levels) * len(
        recorded_world.questions(Split.TRAIN)
    )
    lengths = []
    for episode, _ in itertools.islice(demonstrations(recorded_world, planner), 20):
        example = to_example(episode, tokenizer)
        assert tokenizer.unk_token_id not in example.ids
        assert max(example.ids) < model.config.vocab_size
        lengths.append(len(example.ids))
    assert max(lengths) <= report["longest_episode"] <= model.config.max_position_embeddings
