"""A table with a planted structure, which every router must find."""

import random

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price

TOPICS = {
    "law": ("court judge contract statute appeal tort", (0.9, 0.2)),
    "maths": ("triangle integral prime matrix vector sum", (0.2, 0.9)),
}


def table_of(seed: int, count: int = 120, *, labels: bool = True) -> OutcomeTable:
    """Two topics with disjoint words. `lawyer` is good at one and cheap, `solver` at the other and expensive."""
    source = random.Random(seed)
    asked, outcomes = [], []
    for number in range(count):
        topic = ("law", "maths")[number % 2]
        words, rates = TOPICS[topic]
        text = f"About {' and '.join(source.sample(words.split(), 3))}: what of number {number}?"
        question = Question(
            id=f"{seed}-{number}",
            question=text,
            answer="1",
            metric="math",
            category=topic if labels else None,
        )
        asked.append(question)
        for name, rate in zip(("lawyer", "solver"), rates, strict=True):
            outcomes.append(
                Outcome(
                    id=question.id,
                    model=name,
                    text="1",
                    score=float(source.random() < rate),
                    input_tokens=100,
                    output_tokens=100,
                )
            )
    cards = [
        ModelCard(name=n, price=Price(input=p, output=p))
        for n, p in (("lawyer", 1), ("solver", 10))
    ]
    return OutcomeTable(cards, asked, outcomes)


@pytest.fixture(scope="session")
def topic_table():
    """`topic_table(seed, count=120, labels=True)` makes a table; equal arguments make equal tables."""
    return table_of


WORDS = [
    *" ".join(words for words, _ in TOPICS.values()).split(),
    "About",
    "and",
    "what",
    "of",
    "number",
]


def tiny_tokenizer(words):
    """Words and marks are tokens; a digit of its own is one, and unknown words are all alike."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = ["[PAD]", "[UNK]", *words, *"?:[]12345"]
    vocabulary = {word: number for number, word in enumerate(known)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Punctuation()]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", model_max_length=64
    )


SHAPE = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory):
    """The folder of an encoder with random weights, whose words are those of the topics."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizer, folder = tiny_tokenizer(WORDS), tmp_path_factory.mktemp("encoder") / "tiny"
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), num_attention_heads=2, max_position_embeddings=64, **SHAPE
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_language_model(tmp_path_factory):
    """The folder of a causal language model with random weights, whose words are those of the topics."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    words = [*WORDS, "lawyer", "solver", "clerk"]
    tokenizer, folder = tiny_tokenizer(words), tmp_path_factory.mktemp("language_model") / "tiny"
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), num_attention_heads=2, max_position_embeddings=256, **SHAPE
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
