"""The program of a worker of `expression_verifier.py`: reads pairs of expressions, replies whether they are equal.

One JSON object a line: `{"gold": ..., "answer": ...}` in, `{"equal": true}` or `{"unreadable": "gold"}` out. It is run
by its path, so it imports nothing of the project. Before each pair it moves the kernel's limit on its processor time;
if the pair exceeds the limit, the kernel kills the process.
"""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import re
import resource
import sys
from typing import Any

_MEMORY_BYTES = 4 * 2**30
_SQRT = re.compile(r"(?<![\\A-Za-z])sqrt\s*\(([^()]*)\)|√\s*\(?(\w+)\)?")
_PI = re.compile(r"(?<![\\A-Za-z])pi(?![A-Za-z])|π")
_DELIMITED = re.compile(r"\$|\\\(|\\\[|\\boxed")


def main() -> None:
    """Serve until standard input ends."""
    cpu_s = int(sys.argv[1])
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # output of libraries must not mix with the replies
    logging.disable(logging.CRITICAL)
    _limit(resource.RLIMIT_AS, _MEMORY_BYTES)
    math_verify = importlib.import_module("math_verify")
    _parse_in_two_stages(importlib.import_module("latex2sympy2_extended.latex2sympy2"))

    for line in sys.stdin:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        _limit(resource.RLIMIT_CPU, math.ceil(usage.ru_utime + usage.ru_stime) + cpu_s)
        pair = json.loads(line)
        gold = _parse(math_verify, pair["gold"])
        if all(
            isinstance(part, str) for part in gold
        ):  # if math-verify cannot read its input, it returns the text
            reply: dict[str, object] = {"unreadable": "gold"}
        else:
            answer = _parse(math_verify, pair["answer"])
            equal = bool(answer) and math_verify.verify(
                gold, answer, allow_set_relation_comp=True, timeout_seconds=None
            )
            reply = {"equal": bool(equal)}
        replies.write(json.dumps(reply) + "\n")


def _limit(kind: int, value: int) -> None:
    """Move the soft limit and leave the hard one."""
    hard = resource.getrlimit(kind)[1]
    soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (soft, hard))


def _parse_in_two_stages(latex2sympy: Any) -> None:
    """Parse LaTeX without full context first, and with it only if that fails: the same trees, several times as fast.

    In its mode SLL, a parser that ANTLR generates finds the tree of its default mode LL, or a syntax error; ANTLR's
    documentation of `PredictionMode` says so and recommends the two stages. The grammar ends in EOF, so a tree of only
    a part of the text is an error too.
    """
    modes = importlib.import_module("antlr4.atn.PredictionMode").PredictionMode

    class TwoStages(latex2sympy._Latex2Sympy):  # type: ignore[misc]
        def create_parser(self, text: str) -> Any:
            parser = super().create_parser(text)
            parser._interp.predictionMode = self.mode
            return parser

        def parse(self, text: str) -> Any:
            self.mode = modes.SLL
            try:
                return super().parse(text)
            except (
                Exception
            ):  # a syntax error of the library's; any other error is raised again below
                self.mode = modes.LL
                return super().parse(text)

    latex2sympy._Latex2Sympy = TwoStages


def _parse(math_verify: Any, text: str) -> Any:
    """Parse a text as one formula, in dollar signs, because without them math-verify reads only the last number."""
    text = _PI.sub(r"\\pi ", _SQRT.sub(lambda m: rf"\sqrt{{{m[1] or m[2]}}}", text)).replace(
        "**", "^"
    )
    if not _DELIMITED.search(text):
        text = f"${text}$"
    return math_verify.parse(text, parsing_timeout=None)


if __name__ == "__main__":
    main()
