"""The folder of a run, from which it can be resumed and graded again.

    run.json          what is run: benchmark, configuration, versions; a resumed run must have the same
    questions.jsonl   the questions
    traces.jsonl      every episode, appended the moment it ends: an interrupted run loses only what was in flight

Grading adds `scores.jsonl`, `results.json`, `table/` and, with a judge, `verdicts.jsonl`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from router_r1.data.questions import Question, read_questions, write_questions
from router_r1.errors import ConfigError, DataError
from router_r1.files import read_input, write_json
from router_r1.json_text import parse_json
from router_r1.trace import Trace, read_traces
from router_r1_eval.run.jobs import Job
from router_r1_eval.run.trace_status import evidence


class RunFolder:
    """The files of a run."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.traces = self.path / "traces.jsonl"
        self.questions = self.path / "questions.jsonl"
        self.settings = self.path / "run.json"
        self.verdicts = self.path / "verdicts.jsonl"

    def begin(
        self, fixed: Mapping[str, Any], questions: Sequence[Question], *, resume: bool
    ) -> None:
        """Write settings and questions, or check that a resumed run has the same.

        Args:
            fixed: settings that a resumed run may not change. Questions, samples and models may be added.
            questions: all questions to ask.
            resume: whether the folder may hold a run.

        Raises:
            ConfigError: the folder holds a run and `resume` is false, or it holds another run.
        """
        if not self.settings.exists():
            for file in (self.traces, self.questions, self.path / "results.json"):
                if file.exists():
                    raise ConfigError(
                        f"{file} exists, but no run.json that describes it; choose another --out"
                    )
        if self.settings.exists():
            if not resume:
                raise ConfigError(
                    f"{self.path} holds a run; continue it with --resume, or choose another --out"
                )
            self._check_same_settings(fixed)
            questions = self._merged(questions)
        write_questions(self.questions, questions)
        self.write_settings({"fixed": dict(fixed)})

    def _check_same_settings(self, fixed: Mapping[str, Any]) -> None:
        began = self.read_settings()["fixed"]
        now = json.loads(json.dumps(fixed))
        changed = sorted(key for key in {*began, *now} if began.get(key) != now.get(key))
        if changed:
            raise ConfigError(
                f"{self.path} was started with another {' and '.join(changed)} (see {self.settings}); choose another --out"
            )

    def _merged(self, questions: Sequence[Question]) -> list[Question]:
        """The questions of the run and the new ones."""
        known = {q.id: q for q in read_questions(self.questions)}
        for question in questions:
            if known.setdefault(question.id, question) != question:
                raise ConfigError(
                    f"{self.path}: the question {question.id!r} has changed since this run started; make the same change in "
                    f"{self.questions} too, or choose another --out"
                )
        return list(known.values())

    def read_settings(self) -> dict[str, Any]:
        """The content of `run.json`. Raises `DataError` if there is no run."""
        try:
            found: dict[str, Any] = parse_json(read_input(self.settings))
            found["fixed"]["benchmark"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{self.settings}: expected a run, which `router-r1 eval` writes: {error}"
            ) from error
        return found

    def write_settings(self, settings: Mapping[str, Any]) -> None:
        """Update keys of `run.json` atomically; other keys stay."""
        kept = self.read_settings() if self.settings.exists() else {}
        write_json(self.settings, kept | dict(settings))

    def episodes(self) -> dict[Job, tuple[Trace, ...]]:
        """All traces of each job. The last one counts: it has the most evidence, and is the newest if several do.

        Raises:
            DataError: the traces are not those of a run.
        """
        found: dict[Job, tuple[Trace, ...]] = {}
        for trace in read_traces(self.traces) if self.traces.exists() else ():
            try:
                job = Job(trace.metadata["router"], trace.metadata["id"], trace.sample_index)
            except KeyError as error:
                raise DataError(
                    f"{self.traces}: a trace has no {error} in its metadata; it does not belong to a run"
                ) from None
            tries = found.get(job, ())
            better = not tries or evidence(trace) >= evidence(tries[-1])
            found[job] = (*tries, trace) if better else (trace, *tries)
        return found

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Lock the folder against other processes. Raises `ConfigError` if it is locked."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / "run.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(f"{self.path}: another process runs here; wait for it") from None
            yield
