"""What other libraries make of replies: a worker for the interpreter that has them installed.

    VENV/bin/python scripts/bench/answer_readers_bench/peers.py [PEER TO LEAVE OUT ...] < lines.jsonl

Reads lines of the corpus from standard input, each with `id`, `answer`, `gold`, `metric` and perhaps `choices`. Writes
JSON Lines to standard output, where everything that a library prints goes to standard error:

- `{"peer", "setting", "version", "metric", "id", "accepted"}`: whether it takes the reply for the gold answer;
- `{..., "code"}` instead of `accepted` for the metric `code`: the program that it finds in the reply;
- `{"peer", "setting", "version", "metric", "skipped"}`: why the setting could not be set up here.

A setting is a documented way to use the library. An exception on one line counts as "not accepted". Two kindnesses:
LaTeX without dollar signs gets them, as these libraries expect it, and where lm-eval's tasks stop the model at a text
such as `Question:`, the reply is cut there. Imports nothing of this project, so it runs where that is not installed.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from types import SimpleNamespace
from typing import Any, NamedTuple

Line = dict[str, Any]
Reader = Callable[[Line], object]
"""Line -> whether the reply is accepted, or, for the metric `code`, the program."""


class Setting(NamedTuple):
    """A documented way to use a library."""

    peer: str
    """The name of its package."""
    name: str
    metric: str
    build: Callable[[], Reader]
    """Imports the library."""


def delimited(text: str) -> str:
    """The text, with dollar signs around it if it is LaTeX or a formula without any delimiter."""
    if re.search(r"\$|\\\(|\\\[|\\boxed", text) or len(text.split()) > 12 or "####" in text:
        return text
    return f"${text}$" if re.search(r"\\[a-zA-Z]", text) else text


def gold_formula(text: str) -> str:
    """A gold answer of mathematics in dollar signs."""
    return text if "$" in text else f"${text}$"


def letters(line: Line) -> str:
    """The letters of the options of a line."""
    return "ABCDEFGHIJ"[: len(line["choices"])]


# math-verify


def _math_verify() -> Reader:
    library = importlib.import_module("math_verify")

    def read(line: Line) -> bool:
        gold, answer = gold_formula(line["gold"]), delimited(line["answer"])
        return bool(library.verify(library.parse(gold), library.parse(answer)))

    return read


# lm-eval: the filters and the normalisation of its tasks

_STOPS = ("Question:", "</s>", "<|im_end|>", "Q:")


def _cut(answer: str, stops: Sequence[str]) -> str:
    """The answer up to the first stop text that does not open it."""
    places = [place for stop in stops if (place := answer.find(stop)) > 0]
    return answer[: min(places)] if places else answer


def _exact(found: str, gold: str, ignored: Sequence[str], punctuation: bool) -> bool:
    """Exact match as lm-eval's metric has it, with its option `ignore_case`."""

    def plain(text: str) -> str:
        for pattern in ignored:
            text = re.sub(pattern, "", text)
        text = text.lower()
        return re.sub(r"[^\w\s]", "", text) if punctuation else text

    return plain(found) == plain(gold)


def _lm_eval_gsm8k(pattern: str, select: int) -> Callable[[], Reader]:
    def build() -> Reader:
        regex = importlib.import_module("lm_eval.filters.extraction").RegexFilter(
            regex_pattern=pattern, group_select=select
        )

        def read(line: Line) -> bool:
            (found,) = regex.apply([[_cut(line["answer"], _STOPS)]], [{}])
            return _exact(found[0], line["gold"], (",", r"\$", r"(?s).*#### ", r"\.$"), False)

        return read

    return build


def _lm_eval_minerva() -> Reader:
    utils = importlib.import_module("lm_eval.tasks.minerva_math.utils")

    def read(line: Line) -> bool:
        answer = _cut(line["answer"], ("Problem:",))
        if "The final answer is" in answer:
            found = utils.get_unnormalized_answer(answer)
        elif (box := utils.last_boxed_only_string(answer)) is not None:
            found = utils.remove_boxed(box)
        else:
            found = answer
        normal = utils.normalize_final_answer
        return bool(utils.is_equiv(normal(found), normal(line["gold"])))

    return read


def _lm_eval_options(pattern: str, select: int, by_text: bool) -> Callable[[], Reader]:
    def build() -> Reader:
        filters = importlib.import_module("lm_eval.filters.extraction")
        # for every reply it lists the punctuation of all of Unicode; the corpus has none beyond the first plane
        filters.sys = SimpleNamespace(maxunicode=0xFFFF)  # type: ignore[attr-defined]
        kwargs: dict[str, Any] = {"regex_pattern": pattern, "group_select": select}
        if by_text:
            regex = filters.MultiChoiceRegexFilter(
                ignore_case=True, ignore_punctuation=True, **kwargs
            )
        else:
            regex = filters.RegexFilter(**kwargs)

        def read(line: Line) -> bool:
            (found,) = regex.apply([[_cut(line["answer"], _STOPS)]], [line])
            return _exact(found[0], line["gold"], (), True)

        return read

    return build


# lighteval: the extractive match


def _lighteval(metric: str) -> Callable[[], Reader]:
    def build() -> Reader:
        match = importlib.import_module("lighteval.metrics.dynamic_metrics")
        configs = importlib.import_module("lighteval.metrics.utils.extractive_match_utils")
        doc_type = importlib.import_module("lighteval.tasks.requests").Doc
        response_type = importlib.import_module("lighteval.models.model_output").ModelResponse
        if metric == "choice":
            targets: tuple[Any, ...] = (
                configs.IndicesExtractionConfig(prefix_for_extraction="NativeLetters"),
            )
            grader = match.MultilingualExtractiveMatchMetric(
                gold_extraction_target=targets, pred_extraction_target=targets, precision=6
            )
        else:
            targets = (configs.ExprExtractionConfig(), configs.LatexExtractionConfig())
            grader = match.MultilingualExtractiveMatchMetric(
                gold_extraction_target=targets, pred_extraction_target=targets, precision=5
            )

        def read(line: Line) -> bool:
            if metric == "choice":
                options, answer = list(letters(line)), line["answer"]
                gold = options.index(line["gold"])
            else:
                options, answer, gold = (
                    [gold_formula(line["gold"])],
                    delimited(line["answer"]),
                    0,
                )
            doc = doc_type(query="", choices=options, gold_index=gold)
            return bool(grader.compute(doc, response_type(text=[answer])) == 1)

        return read

    return build


# OpenCompass


def _opencompass_options(name: str) -> Callable[[], Reader]:
    def build() -> Reader:
        module = importlib.import_module("opencompass.utils.text_postprocessors")
        find = getattr(module, name)
        thoughts = module.extract_non_reasoning_content
        return lambda line: find(thoughts(line["answer"]), letters(line)) == line["gold"]

    return build


def _opencompass_math() -> Reader:
    thoughts = importlib.import_module(
        "opencompass.utils.text_postprocessors"
    ).extract_non_reasoning_content
    module = importlib.import_module("opencompass.datasets.math")
    evaluator = module.MATHEvaluator(version="v2")

    def read(line: Line) -> bool:
        found = module.math_postprocess_v2(thoughts(line["answer"]))
        return bool(evaluator.score([found], [line["gold"]])["accuracy"] == 100)

    return read


def _opencompass_verify() -> Reader:
    thoughts = importlib.import_module(
        "opencompass.utils.text_postprocessors"
    ).extract_non_reasoning_content
    evaluator = importlib.import_module("opencompass.evaluator").MATHVerifyEvaluator()

    def read(line: Line) -> bool:
        answer, gold = delimited(thoughts(line["answer"])), line["gold"].strip("$")
        return bool(evaluator.score([answer], [gold])["accuracy"] == 100)

    return read


def _opencompass_gsm8k() -> Reader:
    thoughts = importlib.import_module(
        "opencompass.utils.text_postprocessors"
    ).extract_non_reasoning_content
    module = importlib.import_module("opencompass.datasets.gsm8k")
    evaluator = module.Gsm8kEvaluator()

    def read(line: Line) -> bool:
        found = module.gsm8k_postprocess(thoughts(line["answer"]))
        return bool(evaluator.score([found], [line["gold"]])["accuracy"] == 100)

    return read


def _opencompass_code() -> Reader:
    module = importlib.import_module("opencompass.datasets.humaneval")
    return lambda line: module.humaneval_postprocess_v2(line["answer"])


# inspect_ai


def _inspect_options() -> Reader:
    parse = importlib.import_module("inspect_ai.solver._multiple_choice").parse_answers

    def read(line: Line) -> bool:
        state = SimpleNamespace(
            output=SimpleNamespace(completion=line["answer"]), choices=line["choices"]
        )
        return bool(parse(state, False) == {line["gold"]})

    return read


def _inspect(name: str, **arguments: object) -> Callable[[], Reader]:
    def build() -> Reader:
        module = importlib.import_module("inspect_ai.scorer")
        model = importlib.import_module("inspect_ai.model")
        scorer = getattr(module, name)(**arguments)

        def read(line: Line) -> bool:
            output = model.ModelOutput.from_content("model", line["answer"])
            score = asyncio.run(scorer(SimpleNamespace(output=output), module.Target(line["gold"])))
            return score is not None and score.value in ("C", 1, 1.0)

        return read

    return build


# DSPy, EvalPlus


def _dspy(name: str) -> Callable[[], Reader]:
    def build() -> Reader:
        score = getattr(importlib.import_module("dspy.evaluate.metrics"), name)
        return lambda line: score(line["answer"], line["gold"]) == 1

    return build


def _evalplus() -> Reader:
    sanitize = importlib.import_module("evalplus.sanitize").sanitize

    def read(line: Line) -> str:
        called = re.search(r"assert (?:not )?(\w+)\(", line["gold"])
        return str(sanitize(line["answer"], called[1] if called else None))

    return read


_ANSWER_IS = (
    "((?<=The answer is )(.*)(?=.)|(?<=answer is )(.*)(?=.)|(?<=The answer: )(.*)(?=.)|"
    "(?<=The final answer: )(.*)(?=.))"
)
SETTINGS = (
    Setting("math-verify", "parse, verify", "math", _math_verify),
    Setting("lm-eval", "gsm8k strict", "math", _lm_eval_gsm8k(r"#### (\-?[0-9\.\,]+)", 0)),
    Setting(
        "lm-eval",
        "gsm8k flexible",
        "math",
        _lm_eval_gsm8k(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", -1),
    ),
    Setting("lm-eval", "minerva_math", "math", _lm_eval_minerva),
    Setting("lm-eval", "mmlu strict", "choice", _lm_eval_options(_ANSWER_IS, 0, False)),
    Setting("lm-eval", "mmlu flexible", "choice", _lm_eval_options(r"(\([A-Z]\))", -1, True)),
    Setting(
        "lm-eval",
        "mmlu_pro",
        "choice",
        _lm_eval_options(r"answer is \(?([ABCDEFGHIJ])\)?", 0, False),
    ),
    Setting("lighteval", "latex, expression", "math", _lighteval("math")),
    Setting("lighteval", "indices", "choice", _lighteval("choice")),
    Setting(
        "opencompass", "first option", "choice", _opencompass_options("first_option_postprocess")
    ),
    Setting(
        "opencompass", "last option", "choice", _opencompass_options("last_option_postprocess")
    ),
    Setting("opencompass", "MATH v2", "math", _opencompass_math),
    Setting("opencompass", "MATHVerify", "math", _opencompass_verify),
    Setting("opencompass", "gsm8k", "math", _opencompass_gsm8k),
    Setting("opencompass", "humaneval v2", "code", _opencompass_code),
    Setting("inspect-ai", "multiple_choice", "choice", _inspect_options),
    Setting("inspect-ai", "answer(letter)", "choice", _inspect("answer", pattern="letter")),
    Setting("inspect-ai", "match(numeric)", "math", _inspect("match", numeric=True)),
    Setting("inspect-ai", "answer(line)", "math", _inspect("answer", pattern="line")),
    Setting("inspect-ai", "math", "math", _inspect("math")),
    Setting("inspect-ai", "answer(line)", "em", _inspect("answer", pattern="line")),
    Setting("inspect-ai", "exact", "em", _inspect("exact")),
    Setting("inspect-ai", "match(end)", "em", _inspect("match", location="end")),
    Setting("inspect-ai", "includes", "contains", _inspect("includes")),
    Setting("dspy", "em_score", "em", _dspy("em_score")),
    Setting("dspy", "f1_score", "f1", _dspy("f1_score")),
    Setting("evalplus", "sanitize", "code", _evalplus),
)


def main() -> None:
    """Score every line with every setting that this interpreter can set up."""
    results = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    lines = [json.loads(line) for line in sys.stdin]
    for setting in SETTINGS:
        if setting.peer in sys.argv[1:]:
            continue
        about = {"peer": setting.peer, "setting": setting.name, "metric": setting.metric}
        try:
            about["version"] = metadata.version(setting.peer)
            read = setting.build()
        except Exception as error:  # what the library raises is its own affair
            about["skipped"] = f"{type(error).__name__}: {error}"
            print(json.dumps(about), file=results, flush=True)
            continue
        for line in lines:
            if line["metric"] != setting.metric:
                continue
            result: dict[str, object] = {**about, "id": line["id"]}
            try:
                value = read(line)
            except Exception as error:
                print(f"{setting.peer}, {setting.name}: {error!r}", file=sys.stderr)
                value = "" if setting.metric == "code" else False
            result["code" if setting.metric == "code" else "accepted"] = value
            print(json.dumps(result), file=results, flush=True)


if __name__ == "__main__":
    main()
