"""Embeddings: vectors of length 1 from texts, from a fitted map, a sentence model or an endpoint, kept on disk by content."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from router_r1 import routers
from router_r1.errors import ConfigError, EmbeddingError, MissingDependencyError
from router_r1.routers.embedding import make_embedding
from router_r1.routers.embedding.cache import through_cache
from router_r1.testing import LoopbackServer, Served

TEXTS = ["a court of law", "an integral", "a judge in court", "the sum of a matrix"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setenv("ROUTER_R1_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_tfidf_vectors_have_length_1_and_like_texts_are_near() -> None:
    embed, vectors = make_embedding("tfidf").fit(TEXTS)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[0] @ vectors[2] > 0.3 > vectors[0] @ vectors[1]
    assert embed(TEXTS) == pytest.approx(vectors, abs=1e-6)
    assert np.array_equal(embed(["?!"]), np.zeros((1, vectors.shape[1])))


def test_tfidf_is_restored_from_its_arrays() -> None:
    embed, _ = make_embedding("tfidf").fit(TEXTS)
    again = make_embedding("tfidf")
    with pytest.raises(ConfigError, match="is not fitted"):
        again(TEXTS)
    again.restore(embed.arrays())
    assert np.array_equal(again(["the court"]), embed(["the court"]))


def test_texts_without_words_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="no training question has a word"):
        make_embedding("tfidf").fit(["!", "?"])


def embeddings_server(asked: list[list[str]]) -> LoopbackServer:
    """Vectors of length 2 that state the text's length, listed in the opposite order."""

    def reply(exchange) -> Served:
        texts = exchange.body["input"]
        asked.append(texts)
        data = [
            {"object": "embedding", "index": n, "embedding": [1.0, float(len(text))]}
            for n, text in enumerate(texts)
        ]
        return Served({"object": "list", "model": exchange.body["model"], "data": data[::-1]})

    return LoopbackServer(reply)


def test_an_endpoint_is_asked_once_for_each_text() -> None:
    asked: list[list[str]] = []
    with embeddings_server(asked) as server:
        name = f"{server.base_url}#bge-m3"
        _, vectors = make_embedding(name).fit(TEXTS)
        expected = np.array([[1.0, len(text)] for text in TEXTS])
        assert vectors == pytest.approx(
            expected / np.linalg.norm(expected, axis=1)[:, None], abs=1e-6
        )
        again = make_embedding(name)([TEXTS[1], "new", TEXTS[1], "new"])
        assert asked == [TEXTS, ["new"]]
        assert again[0] == pytest.approx(vectors[1])
        assert np.array_equal(again[1], again[3])
        make_embedding(f"{server.base_url}#other")(TEXTS[:1])
        assert asked[-1] == TEXTS[:1], "another model's vectors are not taken"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"object": "list", "data": []}, "no vector of one length"),
        ({"object": "list", "data": [{"index": 0, "embedding": [0.0, 0.0]}]}, "is zero"),
        ({"error": {"message": "no such model"}}, "no such model"),
    ],
)
def test_a_bad_reply_of_an_endpoint_is_an_error_and_is_not_kept(body, message, cache) -> None:
    status = 404 if "error" in body else 200
    with LoopbackServer(lambda _: Served(body, status=status)) as server:
        embed = make_embedding(f"{server.base_url}#m")
        for _ in range(2):
            with pytest.raises(EmbeddingError, match=message):
                embed(["a text"])


def test_an_address_needs_a_model() -> None:
    with pytest.raises(ConfigError, match="expected URL#MODEL"):
        make_embedding("http://127.0.0.1:1/v1")


def test_a_damaged_cache_is_not_used_and_said(cache, caplog) -> None:
    cache.mkdir()
    (cache / "embeddings.db").write_bytes(
        b"not a database, but long enough to be taken for one" * 50
    )
    vectors = through_cache("m", ["ab", "c"], lambda t: np.array([[len(x), 1.0] for x in t]))
    assert vectors.tolist() == [[2, 1], [1, 1]]
    assert "vectors are not kept" in caplog.text


def test_what_was_embedded_before_an_interruption_is_kept(cache) -> None:
    def fails_late(texts):
        if "text 400" in texts:
            raise KeyboardInterrupt
        return np.ones((len(texts), 2))

    with pytest.raises(KeyboardInterrupt):
        through_cache("m", [f"text {n}" for n in range(500)], fails_late)
    with sqlite3.connect(cache / "embeddings.db") as kept:
        assert kept.execute("SELECT count(*) FROM vectors").fetchone() == (256,)


@pytest.fixture(scope="module")
def sentence_model(tmp_path_factory) -> str:
    """A folder with a sentence model of random weights that reads 16 tokens."""
    pytest.importorskip("sentence_transformers")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("sentence")
    words = sorted({word for text in TEXTS for word in text.split()})
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words]))
    BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=16).save_pretrained(
        folder / "bert"
    )
    config = BertConfig(
        vocab_size=4 + len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    BertModel(config).save_pretrained(folder / "bert")
    layers = Transformer(str(folder / "bert"), max_seq_length=16)
    SentenceTransformer(modules=[layers, Pooling(16)], device="cpu").save(str(folder / "model"))
    return str(folder / "model")


def test_a_sentence_model_embeds_and_says_what_it_did_not_read(sentence_model, caplog) -> None:
    embed, vectors = make_embedding(sentence_model).fit([*TEXTS, "court " * 40])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert "reads 16 tokens: 1 of 5 texts are longer" in caplog.text
    assert embed.arrays() == {}


def test_a_router_can_read_the_vectors_of_a_sentence_model(
    sentence_model, topic_table, tmp_path
) -> None:
    questions = topic_table(1).questions
    fitted = routers.from_text(f"linear:embedding={sentence_model}").fit(topic_table(0))
    fitted.save(tmp_path / "saved")
    loaded = routers.load(tmp_path / "saved")
    assert np.array_equal(loaded.scores(questions), fitted.scores(questions))


def test_the_extra_is_named_where_the_library_is_missing(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'router-r1\[embeddings\]'"):
        make_embedding("some/model")(["a text"])


def test_a_model_whose_vectors_have_another_length_now_is_an_error() -> None:
    through_cache("m", ["a"], lambda texts: np.ones((len(texts), 3)))
    with pytest.raises(EmbeddingError, match="the model has changed: remove"):
        through_cache("m", ["a", "b"], lambda texts: np.ones((len(texts), 4)))


def test_several_threads_may_embed_at_once(sentence_model) -> None:
    embed = make_embedding(sentence_model)
    texts = [[f"court number {n} of thread {t}" for n in range(8)] for t in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(embed, texts))
    assert all(vectors.shape == (8, 16) for vectors in found)


def test_what_is_no_model_is_an_error(tmp_path) -> None:
    pytest.importorskip("sentence_transformers")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="cannot be loaded"):
        make_embedding(str(tmp_path / "empty"))(["a text"])
