"""Make an outcome table of six models on the 1,319 GSM8K test questions from two public sets of recorded answers.

    RouteLLM (Apache-2.0)              gsm8k_responses.csv[.gz]             Mixtral-8x7B, GPT-4-1106
    openai/grade-school-math (MIT)     example_model_solutions.jsonl[.gz]   four older solvers

    python scripts/data/gsm8k_pool.py --routellm FILE --solutions FILE --out DIR

Scores are computed from the texts, because RouteLLM's labels take the last run of digits for the answer (0 for
"$20.00", 16 for "$64 for the 16 glasses"). `router_r1_reward.metrics.maths.final_number` finds the number that a text
ends in.

Tokens are estimated as characters / 4. Prices are plausible list prices for hosted models of these sizes, not invoices
(see `MODELS`; `--price` changes them). The two verification solvers draw many solutions (100 in their paper) and return
the one that a verifier ranks highest. All of these count as output (`--verification-samples`); the verifier's own work
does not.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from router_r1.data.json_lines import read_json_lines
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import DataError
from router_r1.model_cards import ModelCard
from router_r1.token_prices import Price
from router_r1_eval.tables.importers.rows import estimated_tokens
from router_r1_reward.metrics.maths.final_number import final_number


@dataclass(frozen=True)
class Model:
    """A model of the pool, and the column with its answers."""

    name: str
    column: str
    description: str
    price: Price
    verified: bool = False


_HOSTED = date(2024, 3, 1)
MODELS = (
    Model(
        "gpt3-6b",
        "6b_finetuning",
        "6B model of 2021, fine-tuned on school mathematics.",
        Price(input=0.20, output=0.20, as_of=_HOSTED),
    ),
    Model(
        "gpt3-6b-verified",
        "6b_verification",
        "The 6B model; a verifier chooses among many solutions.",
        Price(input=0.20, output=0.20, as_of=_HOSTED),
        verified=True,
    ),
    Model(
        "gpt3-175b",
        "175b_finetuning",
        "175B model of 2021, fine-tuned on school mathematics.",
        Price(input=1.80, output=1.80, as_of=_HOSTED),
    ),
    Model(
        "gpt3-175b-verified",
        "175b_verification",
        "The 175B model; a verifier chooses among many solutions.",
        Price(input=1.80, output=1.80, as_of=_HOSTED),
        verified=True,
    ),
    Model(
        "mixtral-8x7b-instruct",
        "mistralai/Mixtral-8x7B-Instruct-v0.1",
        "8x7B mixture-of-experts instruct model by Mistral.",
        Price(input=0.60, output=0.60, as_of=_HOSTED),
    ),
    Model(
        "gpt-4-1106-preview",
        "gpt-4-1106-preview",
        "Large general model by OpenAI.",
        Price(input=10.0, output=30.0, as_of=date(2023, 11, 6)),
    ),
)


def read_routellm(path: Path) -> dict[str, dict[str, str]]:
    """The texts of RouteLLM's file: {question: {column: text}}."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = csv.DictReader(io.StringIO(raw.decode("utf-8")))
    texts: dict[str, dict[str, str]] = {}
    for row in rows:
        found = {name.removesuffix("_response"): text for name, text in row.items()}
        texts[_key(row["prompt"])] = found
    return texts


def _key(question: str) -> str:
    """A question without differences in spaces, which the two files have."""
    return " ".join(question.split())


def build(
    routellm: Path, solutions: Path, models: Sequence[Model], verification_samples: int
) -> OutcomeTable:
    """Join the two files into a table.

    Args:
        routellm: gsm8k_responses.csv[.gz].
        solutions: example_model_solutions.jsonl[.gz]; sets the order of the questions.
        models: the models, with the column of each.
        verification_samples: solutions that a verified model draws per question.

    Raises:
        DataError: the files hold different questions, or a gold answer has no number.
    """
    chat = read_routellm(routellm)
    questions: list[Question] = []
    outcomes: list[Outcome] = []
    for number, row in read_json_lines(solutions):
        text = row["question"]
        if _key(text) not in chat:
            raise DataError(f"{solutions}:{number}: this question is not in {routellm}")
        gold = final_number(row["ground_truth"])
        if gold is None:
            raise DataError(f"{solutions}:{number}: the gold answer holds no number")
        key = f"gsm8k-test-{number:04d}"
        questions.append(
            Question(id=key, question=text, answer=gold, metric="math", category="gsm8k")
        )
        for model in models:
            response = (
                row[model.column]["solution"]
                if model.column in row
                else chat[_key(text)][model.column]
            )
            answer = final_number(response)
            samples = verification_samples if model.verified else 1
            outcomes.append(
                Outcome(
                    id=key,
                    model=model.name,
                    text=response,
                    answer=answer,
                    score=float(answer == gold),
                    input_tokens=estimated_tokens(text),
                    output_tokens=estimated_tokens(response) * samples,
                    estimated=True,
                )
            )
    if len(questions) != len(chat):
        raise DataError(f"{routellm} has {len(chat)} questions, {solutions} {len(questions)}")
    cards = [ModelCard(name=m.name, description=m.description, price=m.price) for m in models]
    return OutcomeTable(cards, questions, outcomes, source="gsm8k pool")


def priced(models: Sequence[Model], changes: Sequence[str]) -> list[Model]:
    """The models with new prices, given as `NAME=INPUT,OUTPUT`. Raises `SystemExit` for a wrong assignment."""
    prices: dict[str, Price] = {}
    for change in changes:
        name, _, rates = change.rpartition("=")
        try:
            read, written = (float(rate) for rate in rates.split(","))
            prices[name] = Price(input=read, output=written)
        except ValueError:
            raise SystemExit(
                f"--price {change}: expected NAME=INPUT,OUTPUT in dollars per million tokens"
            ) from None
    if unknown := set(prices) - {m.name for m in models}:
        raise SystemExit(
            f"--price: no model {unknown.pop()!r}; there are {', '.join(m.name for m in models)}"
        )
    return [
        Model(m.name, m.column, m.description, prices.get(m.name, m.price), m.verified)
        for m in models
    ]


def main() -> None:
    """Join the files, save the table, and print each model's accuracy and cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--routellm", type=Path, required=True, help="gsm8k_responses.csv[.gz]")
    parser.add_argument(
        "--solutions", type=Path, required=True, help="example_model_solutions.jsonl[.gz]"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the table")
    parser.add_argument("--price", action="append", default=[], metavar="NAME=INPUT,OUTPUT")
    parser.add_argument("--verification-samples", type=int, default=100)
    options = parser.parse_args()
    if options.verification_samples < 1:
        parser.error("--verification-samples must be 1 or more")
    models = priced(MODELS, options.price)
    table = build(options.routellm, options.solutions, models, options.verification_samples)
    table.save(options.out)
    right, dollars = Counter[str](), Counter[str]()
    for outcome in table:
        right[outcome.model] += int(outcome.score)
        dollars[outcome.model] += table.cost_usd(outcome)  # type: ignore[assignment]
    n = len(table.questions)
    for name in table.names:
        print(f"{name:24s} accuracy {right[name] / n:.4f}   ${dollars[name] / n:.6f} per question")
    print(f"wrote {n} questions x {len(table.names)} models to {options.out}")


if __name__ == "__main__":
    main()
