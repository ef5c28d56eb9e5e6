"""RouteLLM's evaluations of Mixtral-8x7B and GPT-4-1106: `gsm8k_responses.csv` (texts and flags), and a CSV of flags for each MMLU
subject, `mmlu_SUBJECT.csv`, in a folder or a `.tar.gz`.

GSM8K is graded again from the texts, because the flags take the last run of digits for the answer ("$20.00" is 0 to them). It needs the
gold answers: any file of questions with `question` and `answer`, such as GSM8K's own `test.jsonl`. GPT-4 has .857 by the flags, .889 by the
last number with its decimals, and .939 by the metric `math`, which does not take "$18 every day for 5 days" for 5.

MMLU is flags alone: no texts, no gold, no output tokens. GPT-4's 3 % on high_school_mathematics, an artefact of the answer's format, are kept, and
`table check` names them.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from router_r1.data.json_lines import read_json_lines
from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError, DataError
from router_r1_eval.tables.importers.base import (
    IMPORTERS,
    NOT_PUBLISHED,
    RECORDED,
    Given,
    Import,
    Importer,
    card,
    cards,
    must,
    number,
    outcome,
    parse_csv,
    question,
    read_csv,
    tokens,
    wanted,
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


def read(source: Path, given: Given) -> Import:
    """The GSM8K table, or that of MMLU, whichever the source holds."""
    if source.is_dir():
        found = sorted([*source.glob("*.csv"), *source.glob("*.csv.gz")])
        subjects = {p.name.split(".")[0]: p for p in found if p.name.startswith("mmlu_")}
        if subjects:
            return _mmlu(
                {name: read_csv(path, [_PROMPT]) for name, path in subjects.items()}, source, given
            )
        must(len(found) == 1, f"{source}: expected {EXPECTED}; found {[p.name for p in found]}")
        source = found[0]
    if source.name.endswith((".tar.gz", ".tgz", ".tar")):
        return _mmlu(_unpacked(source), source, given)
    return _gsm8k(read_csv(source, [_PROMPT]), source, given)


def _names(row: dict[str, str], where: str) -> list[str]:
    names = [key for key in row if key != _PROMPT and not key.endswith(_RESPONSE)]
    must(bool(names), f"{where}: has no column of a model beside {_PROMPT!r}")
    return names


def _gsm8k(rows: list[dict[str, str]], source: Path, given: Given) -> Import:
    must(bool(rows), f"{source}: holds no rows")
    names = _names(rows[0], str(source))
    if given.gold is None and not given.as_published:
        raise ConfigError(
            f"{source}: its flags are wrong where an answer has decimals, and grading again needs the gold answers; give "
            f"--gold FILE (GSM8K's test.jsonl), or --as-published to keep the flags"
        )
    gold = _gold(given.gold) if given.gold else {}
    questions, outcomes = [], []
    gained = lost = 0
    for place, row in enumerate(rows, 2):
        where = f"{source}: row {place}"
        text = row[_PROMPT]
        answer = gold.get(_same(text))
        must(
            answer is not None or not gold,
            f"{where}: {given.gold} has no gold answer to {text[:60]!r}",
        )
        key = f"gsm8k-test-{place - 1:04d}"
        metric = "math" if answer else RECORDED
        questions.append(
            question(
                where,
                id=key,
                question=text,
                answer=answer or NOT_PUBLISHED,
                metric=metric,
                category="gsm8k",
            )
        )
        for name in names:
            said = wanted(row, [name + _RESPONSE], where)[name + _RESPONSE]
            score = flag = number(row[name], where, f"the flag of {name}")
            found = final_number(said)
            if not given.as_published:
                score = grade(said, (str(answer),), metric)
            gained += score > flag
            lost += score < flag
            outcomes.append(
                outcome(
                    where,
                    id=key,
                    model=name,
                    text=said,
                    answer=found,
                    score=score,
                    input_tokens=tokens(text),
                    output_tokens=tokens(said),
                    estimated=True,
                )
            )
    table = OutcomeTable(cards(names, _KNOWN, given), questions, outcomes, source=str(source))
    graded = (
        "scores are the published flags, which are wrong where an answer has decimals"
        if given.as_published
        else f"graded again: {gained} answers count as right that the flags have as wrong, {lost} the other way"
    )
    return Import({"": table}, (graded, "tokens are estimated as characters / 4"))


def _gold(path: Path) -> dict[str, str]:
    found = {}
    for place, row in read_json_lines(path):
        row = wanted(row, ("question", "answer"), f"{path}:{place}")
        answer = final_number(str(row["answer"]))
        must(answer is not None, f"{path}:{place}: the gold answer holds no number")
        found[_same(str(row["question"]))] = str(answer)
    return found


def _mmlu(subjects: dict[str, list[dict[str, str]]], source: Path, given: Given) -> Import:
    questions, outcomes, names = [], [], dict[str, None]()
    for subject, rows in subjects.items():
        category = subject.removeprefix("mmlu_")
        for place, row in enumerate(rows, 2):
            where = f"{source}: {subject}.csv: row {place}"
            key = f"{category}-{place - 1:04d}"
            questions.append(
                question(
                    where,
                    id=key,
                    question=row[_PROMPT],
                    answer=NOT_PUBLISHED,
                    metric=RECORDED,
                    category=category,
                )
            )
            for name in _names(row, where):
                names[name] = None
                outcomes.append(
                    outcome(
                        where,
                        id=key,
                        model=name,
                        text="",
                        answer=None,
                        score=number(row[name], where, f"the flag of {name}"),
                        input_tokens=tokens(row[_PROMPT]),
                        output_tokens=0,
                        estimated=True,
                    )
                )
    table = OutcomeTable(cards(names, _KNOWN, given), questions, outcomes, source=str(source))
    return Import(
        {"": table},
        (
            "flags alone: no texts, gold answers or output tokens; input tokens are estimated as characters / 4",
            "so dollars are those of the prompts; compare these two models by their share of calls",
        ),
    )


def _unpacked(source: Path) -> dict[str, list[dict[str, str]]]:
    found = {}
    try:
        with tarfile.open(source) as archive:
            for member in sorted(archive.getmembers(), key=lambda m: m.name):
                name = Path(member.name).name
                if not (member.isfile() and name.startswith("mmlu_") and name.endswith(".csv")):
                    continue
                content = archive.extractfile(member)
                text = io.TextIOWrapper(content, "utf-8-sig").read() if content else ""
                found[name.removesuffix(".csv")] = parse_csv(text, f"{source}: {name}", [_PROMPT])
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise DataError(f"{source}: can not be read: {error}") from error
    must(bool(found), f"{source}: holds no mmlu_*.csv; expected {EXPECTED}")
    return found


def _same(question: str) -> str:
    return " ".join(question.split())


IMPORTERS.add(
    "routellm",
    Importer(read, EXPECTED),
    "lm-sys/RouteLLM: evaluations of GSM8K (graded anew) and MMLU",
)
