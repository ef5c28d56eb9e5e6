"""RouteLLM's evaluations of Mixtral-8x7B and GPT-4-1106 on GSM8K and MMLU.

The source is `gsm8k_responses.csv` (texts and flags), or a CSV of flags for each MMLU subject, `mmlu_SUBJECT.csv`, in a
folder or a `.tar.gz`. A flag says whether an answer is right.

GSM8K is graded again from the texts, because the flags take the last run of digits for the answer: "$20.00" is 0 to
them. Grading needs the gold answers, which any file of questions with `question` and `answer` has, such as GSM8K's
own `test.jsonl`. GPT-4 scores .857 by the flags, .889 by the last number with its decimals, and .939 by the metric
`math`, which does not take "$18 every day for 5 days" for 5.

MMLU has flags only: no texts, gold answers or output tokens. GPT-4's 3 % on high_school_mathematics, an artefact of the
answer format, are kept, and `table check` reports them.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

from router_r1.data.json_lines import located_json_lines
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.errors import ConfigError, DataError, one_line
from router_r1.files import MOST_BYTES
from router_r1_eval.source_files import parse_csv, read_csv
from router_r1_eval.tables.importers.base import IMPORTERS, Import, Importer, ImportOptions
from router_r1_eval.tables.importers.cards import card, cards
from router_r1_eval.tables.importers.rows import (
    NOT_PUBLISHED,
    RECORDED,
    estimated_tokens,
    missing_texts,
    needed_text,
    number,
    outcome,
    question,
    require,
    require_keys,
    same_question,
)
from router_r1_reward import grade
from router_r1_reward.metrics.maths.final_number import final_number

EXPECTED = (
    "gsm8k_responses.csv of https://github.com/lm-sys/RouteLLM/tree/main/routellm/evals/gsm8k, or the mmlu_*.csv of "
    "routellm/evals/mmlu/responses"
)
_PROMPT, _RESPONSE = "prompt", "_response"
_KNOWN = {
    c.name: c
    for c in (
        card("mistralai/Mixtral-8x7B-Instruct-v0.1", 0.6, 0.6, "8x7B mixture of experts."),
        card("gpt-4-1106-preview", 10.0, 30.0, "Large general model by OpenAI."),
    )
}


def read(source: Path, options: ImportOptions) -> Import:
    """The GSM8K table or the MMLU table, whichever the source holds."""
    if source.is_dir():
        found = sorted([*source.glob("*.csv"), *source.glob("*.csv.gz")])
        subjects = {p.name.split(".")[0]: p for p in found if p.name.startswith("mmlu_")}
        if subjects:
            rows = {name: read_csv(path, [_PROMPT]) for name, path in subjects.items()}
            return _mmlu(rows, source, options)
        require(len(found) == 1, f"{source}: expected {EXPECTED}; found {[p.name for p in found]}")
        source = found[0]
    if source.name.endswith((".tar.gz", ".tgz", ".tar")):
        return _mmlu(_unpacked(source), source, options)
    return _gsm8k(read_csv(source, [_PROMPT]), source, options)


def _models(row: dict[str, str], where: str) -> list[str]:
    names = [key for key in row if key != _PROMPT and not key.endswith(_RESPONSE)]
    require(bool(names), f"{where}: has no column of a model beside {_PROMPT!r}")
    return names


def _gsm8k(rows: list[dict[str, str]], source: Path, options: ImportOptions) -> Import:
    require(bool(rows), f"{source}: holds no rows")
    names = _models(rows[0], str(source))
    if options.gold is None and not options.as_published:
        raise ConfigError(
            f"{source}: its flags are wrong where an answer has decimals, and grading again needs the gold answers; pass "
            f"--gold FILE (GSM8K's test.jsonl), or --as-published to keep the flags"
        )
    gold = _gold(options.gold) if options.gold else {}
    questions, outcomes = [], []
    gained = lost = 0
    for place, row in enumerate(rows, 2):
        where = f"{source}: row {place}"
        text = row[_PROMPT]
        answer = gold.get(same_question(text))
        require(
            answer is not None or not gold,
            f"{where}: {options.gold} has no gold answer to {text[:60]!r}",
        )
        asked = question(
            where,
            id=f"gsm8k-test-{place - 1:04d}",
            question=text,
            answer=answer or NOT_PUBLISHED,
            metric="math" if answer else RECORDED,
            category="gsm8k",
        )
        questions.append(asked)
        for name in names:
            response = require_keys(row, [name + _RESPONSE], where)[name + _RESPONSE]
            score = flag = number(row[name], where, f"the flag of {name}")
            if not options.as_published:
                score = grade(response, (str(answer),), asked.metric)
            gained += score > flag
            lost += score < flag
            outcomes.append(
                outcome(
                    where,
                    id=asked.id,
                    model=name,
                    text=response,
                    answer=final_number(response),
                    score=score,
                    input_tokens=estimated_tokens(text),
                    output_tokens=estimated_tokens(response),
                    estimated=True,
                )
            )
    table = OutcomeTable(cards(names, _KNOWN, options), questions, outcomes, source=str(source))
    graded = (
        "scores are the published flags, which are wrong where an answer has decimals"
        if options.as_published
        else f"graded again: {gained} answers are right that the flags call wrong, and {lost} the reverse"
    )
    notes = (graded, "tokens are estimated as characters / 4", *missing_texts(outcomes))
    return Import({"": table}, notes)


def _gold(path: Path) -> dict[str, str]:
    """Question -> gold answer."""
    found = {}
    for where, row in located_json_lines(path):
        row = require_keys(row, ("question", "answer"), where)
        answer = final_number(needed_text(row["answer"], where, "the gold answer"))
        require(answer is not None, f"{where}: the gold answer holds no number")
        found[same_question(needed_text(row["question"], where, "the question"))] = str(answer)
    return found


def _mmlu(
    subjects: dict[str, list[dict[str, str]]], source: Path, options: ImportOptions
) -> Import:
    questions = []
    outcomes: list[Outcome] = []
    for subject, rows in subjects.items():
        category = subject.removeprefix("mmlu_")
        for place, row in enumerate(rows, 2):
            where = f"{source}: {subject}.csv: row {place}"
            asked = question(
                where,
                id=f"{category}-{place - 1:04d}",
                question=row[_PROMPT],
                answer=NOT_PUBLISHED,
                metric=RECORDED,
                category=category,
            )
            questions.append(asked)
            outcomes += (
                outcome(
                    where,
                    id=asked.id,
                    model=name,
                    text="",
                    answer=None,
                    score=number(row[name], where, f"the flag of {name}"),
                    input_tokens=estimated_tokens(row[_PROMPT]),
                    output_tokens=0,
                    estimated=True,
                )
                for name in _models(row, where)
            )
    names = dict.fromkeys(one.model for one in outcomes)
    table = OutcomeTable(cards(names, _KNOWN, options), questions, outcomes, source=str(source))
    return Import(
        {"": table},
        (
            "flags only: no texts, gold answers or output tokens; input tokens are estimated as characters / 4",
            "costs are those of the prompts alone; compare these two models by their share of calls",
        ),
    )


def _unpacked(source: Path) -> dict[str, list[dict[str, str]]]:
    """Name of the file without suffix -> its rows."""
    found = {}
    try:
        with tarfile.open(source) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                name = Path(member.name).name
                if not (member.isfile() and name.startswith("mmlu_") and name.endswith(".csv")):
                    continue
                content = archive.extractfile(member)
                raw = content.read(MOST_BYTES + 1) if content else b""
                require(len(raw) <= MOST_BYTES, f"{source}: {name} is too large")
                text = raw.decode("utf-8-sig")
                found[name.removesuffix(".csv")] = parse_csv(text, f"{source}: {name}", [_PROMPT])
    except (OSError, EOFError, tarfile.TarError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(f"{source}: cannot be read: {one_line(error)}") from error
    require(bool(found), f"{source}: holds no mmlu_*.csv; expected {EXPECTED}")
    return found


IMPORTERS.add(
    "routellm",
    Importer(read, EXPECTED),
    "lm-sys/RouteLLM: evaluations on GSM8K (regraded) and MMLU",
)
