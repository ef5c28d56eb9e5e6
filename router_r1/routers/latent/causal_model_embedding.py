"""Vectors of a causal language model: the mean of its last hidden states over the tokens of the text."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import Any, Self

from router_r1.errors import ConfigError, shown_name
from router_r1.routers.embedding.cache import through_cache
from router_r1.routers.embedding.sentence_model import _identity
from router_r1.routers.libraries import Arrays, Floats, need, np, torch

log = logging.getLogger("router_r1.routers")
_MOST_TOKENS = 512


class CausalModelEmbedding:
    """Vectors of a model that is loaded when the first text is not in the cache."""

    def __init__(self, name: str) -> None:
        """
        Args:
            name: a folder with a model that transformers can read, or its name on the hub.
        """
        self._name = name

    def fit(self, texts: Sequence[str]) -> tuple[Self, Floats]:
        """The texts' vectors; nothing is learned from them."""
        return self, self(texts)

    def __call__(self, texts: Sequence[str]) -> Floats:
        """[n, d] vectors of length 1. The rest of a text after 512 tokens is not read; the log says how often.

        Raises:
            ConfigError: the model cannot be loaded.
            MissingDependencyError: torch or transformers is not installed.
        """
        return through_cache(f"causal\0{_identity(self._name)}", texts, self._encode)

    def arrays(self) -> Arrays:
        """Empty: the model is found by its name."""
        return {}

    def restore(self, arrays: Arrays) -> None:
        """Nothing to restore."""

    def _encode(self, texts: Sequence[str]) -> Floats:
        tokenizer, model = _load(self._name)
        most = min(_MOST_TOKENS, getattr(model.config, "max_position_embeddings", _MOST_TOKENS))
        rows, cut = [], 0
        for (
            text
        ) in texts:  # one by one: no padding, so that a vector does not depend on its neighbours
            tokens = tokenizer(text)["input_ids"] or [model.config.eos_token_id or 0]
            cut += len(tokens) > most
            with torch.no_grad():
                states = model(input_ids=torch.tensor([tokens[:most]])).last_hidden_state[0]
            mean = states.double().mean(0)
            rows.append((mean / mean.norm().clamp(min=1e-12)).numpy())
        if cut:
            log.warning(
                "%s: %d of %d texts have more than %d tokens, and their rest is not read",
                self._name,
                cut,
                len(texts),
                most,
            )
        return np.array(rows)


@functools.lru_cache(maxsize=1)
def _load(name: str) -> tuple[Any, Any]:
    library = need("transformers", "local")
    try:
        tokenizer = library.AutoTokenizer.from_pretrained(name)
        return tokenizer, library.AutoModel.from_pretrained(name).float().eval()
    except Exception as error:  # the library raises many kinds for what is no model
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"backbone {shown_name(name)!r}: cannot be loaded ({type(error).__name__}: {reason}); "
            f"expected the folder or hub name of a causal language model"
        ) from error
