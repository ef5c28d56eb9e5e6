"""A policy small enough to train on two CPU cores: a Llama model of under a million parameters, and its tokenizer.

The words of a world are tokens; everything else is spelt in syllables and characters, so that the policy copies an
unseen name piece by piece instead of memorising names. Every protocol tag is a single ordinary token; a special token
would be dropped when a turn is decoded. Model and tokenizer are saved in the Hugging Face format, which every
checkpoint loader reads.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from router_r1 import prompts
from router_r1_envs.worlds.generated_world.relations import CONSONANTS, SYLLABLES, VOWELS

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

PAD, END, USER, ASSISTANT = "<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"
ROUTE = '<route model="'
ADOPT = '<answer model="'
# Attributes are split where a value begins, so that names, prices and texts have the same tokens everywhere.
TAGS = (
    "<think>",
    "</think>",
    ROUTE,
    "</route>",
    "<answer>",
    "</answer>",
    '<information model="',
    '<information notice="',
    "</information>",
    '" notice="',
    '" cost="',
    '" left="',
    '" worth="',
    '">',
    ADOPT,
    '" reply="',
)
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    f"{{{{ '{USER}' if message.role == 'user' else '{ASSISTANT}' }}}}{{{{ message.content }}}}"
    "{% endfor %}"
    f"{{% if add_generation_prompt %}}{{{{ '{ASSISTANT}' }}}}{{% endif %}}"
)
_TAG = re.compile("<[^<>]*>")
_WORD = re.compile(r"[^\s<>\"]+")
_NAME = re.compile(r'model="([^"\s]+)"')
_SPACE = "\u2581"  # a space inside a token


def make_tokenizer(
    texts: Iterable[str],
    *,
    min_count: int = 20,
    known: Iterable[str] = (),
) -> PreTrainedTokenizerFast:
    """Make a unigram tokenizer for a world.

    Args:
        texts: transcripts and prompts; words that occur at least `min_count` times become tokens.
        min_count: rarer words, such as names of entities, are spelt in pieces.
        known: words that become tokens however rare they are.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    # Names of candidates in attributes count as words; prices do not.
    counts = Counter(
        word
        for text in texts
        for word in (*_WORD.findall(_TAG.sub(" ", text)), *_NAME.findall(text))
    )
    words = {w for w, n in counts.items() if n >= min_count and any(c.isalpha() for c in w)}
    words = words.union(_WORD.findall(prompts.LAST_ROUND), known)
    letters = string.ascii_letters + string.digits
    unknown = "<|unk|>"
    # Scores are log-probabilities: words win over syllables, syllables over characters.
    pieces: dict[str, float] = {unknown: -50.0, f"{_SPACE}\n": -1.0}
    for word in sorted(words):
        pieces.setdefault(_SPACE + word, -1.0)
    for zeros in range(8):
        pieces.setdefault(f"{_SPACE}$0." + "0" * zeros, -1.0)
    for syllable in (*SYLLABLES, *(v + c for c in CONSONANTS for v in VOWELS)):
        pieces.setdefault(syllable, -2.0)
        pieces.setdefault(_SPACE + syllable, -2.0)
    for character in (_SPACE, *letters, *string.punctuation, "\n", "…"):
        pieces.setdefault(character, -4.0)
    for character in (*string.ascii_lowercase, *string.punctuation):
        pieces.setdefault(_SPACE + character, -4.5)

    tokenizer = Tokenizer(models.Unigram(list(pieces.items()), unk_id=0))
    # Each text between two tags begins with a space, so that a word is the same token everywhere.
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(
        replacement=_SPACE, prepend_scheme="always", split=True
    )
    tokenizer.decoder = decoders.Metaspace(replacement=_SPACE, prepend_scheme="never")
    tokenizer.add_special_tokens([PAD, END, USER, ASSISTANT])
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=unknown,
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
    )


def make_model(
    tokenizer: Any,
    *,
    hidden: int = 128,
    layers: int = 4,
    heads: int = 4,
    context: int = 512,
    seed: int = 0,
) -> LlamaForCausalLM:
    """Make a model with random weights for a tokenizer.

    Args:
        tokenizer: the policy's; its size, padded to a multiple of 64, is the model's vocabulary size.
        hidden: width of the model; the MLP has three times as many units.
        layers: number of layers.
        heads: number of query heads; half as many key heads.
        context: maximum number of tokens in an episode.
        seed: seed of the weights.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=-(-len(tokenizer) // 64) * 64,
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads // 2,
        max_position_embeddings=context,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        attention_bias=True,
    )
    torch.manual_seed(seed)
    return LlamaForCausalLM(config)


def save_policy(model: Any, tokenizer: Any, folder: str | Path) -> None:
    """Save a checkpoint in the Hugging Face format.

    Args:
        model: a transformers model.
        tokenizer: its tokenizer.
        folder: where to save it; created if it does not exist.
    """
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
