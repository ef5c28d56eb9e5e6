"""Shapes of models: the parameters that follow from them are the published ones, and those that transformers builds."""

import json

import pytest

from router_r1.errors import ConfigError
from router_r1_envs.verl_training.model_shapes import SHAPES, shape_of

# As published: numbers of elements in the safetensors files of each model.
PUBLISHED = {
    "Qwen/Qwen2.5-0.5B-Instruct": 494_032_768,
    "Qwen/Qwen2.5-1.5B-Instruct": 1_543_714_304,
    "Qwen/Qwen2.5-3B-Instruct": 3_085_938_688,
    "Qwen/Qwen2.5-7B-Instruct": 7_615_616_512,
    "Qwen/Qwen3-0.6B": 596_049_920,
    "Qwen/Qwen3-4B": 4_022_468_096,
    "Qwen/Qwen3-8B": 8_190_735_360,
    "meta-llama/Llama-3.2-1B-Instruct": 1_235_814_400,
    "meta-llama/Llama-3.2-3B-Instruct": 3_212_749_824,
    "meta-llama/Llama-3.1-8B-Instruct": 8_030_261_248,
    "HuggingFaceTB/SmolLM2-135M-Instruct": 134_515_008,
}


@pytest.mark.parametrize(("name", "parameters"), PUBLISHED.items())
def test_a_shape_has_the_published_number_of_parameters(name, parameters):
    shape = shape_of(name)
    assert shape is not None and shape.parameters == parameters


def test_the_size_in_a_name_is_about_the_number_of_parameters():
    for name, shape in SHAPES.items():
        size = name.rsplit("-", 1)[1]
        billions = float(size[:-1]) / (1000 if size.endswith("M") else 1)
        assert shape.parameters / 1e9 == pytest.approx(billions, rel=0.25), name


def test_a_folder_is_read_and_agrees_with_transformers(tmp_path):
    transformers = pytest.importorskip("transformers")
    torch = pytest.importorskip("torch")
    sizes = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 3, "vocab_size": 500}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32}
    for kind in (transformers.Qwen2Config, transformers.Qwen3Config, transformers.LlamaConfig):
        for tied in (True, False):
            given = {
                k: v for k, v in sizes.items() if k != "head_dim" or kind.model_type != "qwen2"
            }
            config = kind(**given, tie_word_embeddings=tied)
            config.save_pretrained(tmp_path)
            with torch.device("meta"):
                model = transformers.AutoModelForCausalLM.from_config(config)
            shape = shape_of(str(tmp_path))
            assert shape is not None and shape.parameters == model.num_parameters()


def test_an_unknown_name_has_no_shape_and_another_file_is_an_error(tmp_path):
    assert shape_of("somebody/something-13B") is None
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5", "d_model": 512}))
    with pytest.raises(ConfigError, match="not the configuration of a decoder-only model"):
        shape_of(str(tmp_path))
