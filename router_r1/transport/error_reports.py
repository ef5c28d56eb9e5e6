"""Reads what a server says of an error, wherever it says it, and decides what kind of failure that is.

One rule for all: an error inside HTTP 200, in a stream or in a choice is treated as the HTTP status that its code, or
else its wording, stands for. The codes and wordings are in `dialects/errors.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from router_r1.transport.attempt_result import RETRIABLE
from router_r1.transport.dialects import errors as dialect
from router_r1.transport.messages import FailureKind

_MAX_WORDS = 4000
"""Characters of an error in which wordings are looked for."""
_MAX_DEPTH = 8
_MAX_ITEMS = 20
_PUNCTUATION = re.compile(r"[^0-9a-z]")


@dataclass(frozen=True)
class ErrorReport:
    """What a server says of an error."""

    status: int | None
    """The HTTP status that the report itself names or stands for; None if it does not say."""
    codes: tuple[str, ...]
    """Names of the error, in lower case without punctuation."""
    message: str
    """For people: what the server says, or else the code; empty if there is neither."""
    words: str
    """All text of the report in lower case, in which wordings are looked for."""


def read_error(value: object) -> ErrorReport:
    """Read an error report: text, an object with any of the usual fields, or a list of them.

    Args:
        value: JSON data; text that is JSON itself, as gateways pass it on, is read too.
    """
    fields = list(_fields(value, 0))
    numbers: list[int] = []
    codes: list[str] = []
    words: list[str] = []
    for key, field in fields:
        if key == "base_resp":
            numbers.append(int(field))
        elif key in dialect.CODE_KEYS and field.strip().isdecimal():
            number = int(field) if len(field) < 9 else 0
            if 400 <= number <= 599:
                numbers.append(number)
            codes.append(field.strip())
        elif key in dialect.CODE_KEYS and len(field) <= 80:
            codes.append(_PUNCTUATION.sub("", field.lower()))
        if not field.strip().isdecimal():
            words.append(field)
    text = "\n".join(words)[:_MAX_WORDS].lower()
    known = [code for code in codes if code in dialect.STATUS_OF_CODE]
    specific = [dialect.STATUS_OF_CODE[code] for code in known if code not in dialect.GROUPS]
    general = [dialect.STATUS_OF_CODE[code] for code in known]
    said = [*numbers[:1], *specific[:1], *_statuses_in_words(text), *general[:1]]
    return ErrorReport(said[0] if said else None, tuple(codes), _message(fields), text)


def find_error(
    data: Mapping[str, object], choice: Mapping[str, object] | None, *, alone: bool
) -> ErrorReport | None:
    """The error inside a reply or an event of a stream; None if there is none.

    Args:
        data: the JSON object of the reply or the event.
        choice: its first choice, if it has one.
        alone: whether an object without choices is a whole reply; in a stream it may be a sign of life.
    """
    base = data.get("base_resp")  # MiniMax; 0 means that all went well
    failed = isinstance(base, dict) and base.get("status_code")
    if (
        failed
        or data.get("error")
        or data.get("errors")
        or (choice is None and _is_report(data, alone))
    ):
        report = read_error({k: v for k, v in data.items() if k not in dialect.NOT_ERROR_KEYS})
    elif choice is not None and choice.get("error"):
        report = read_error(choice["error"])
    else:
        return None
    return report if report.message or report.status is not None else None


def _is_report(data: Mapping[str, object], alone: bool) -> bool:
    """Whether a reply without choices reports an error although it has no `error`."""
    if "error" in (data.get("object"), data.get("type")):
        return True
    fields = {str(key).lower(): value for key, value in data.items()}
    told = dialect.REPORT_KEYS & fields.keys()
    if alone:
        return bool(told) or read_error(data).status is not None
    codes = {str(fields[key]).lower() for key in dialect.EVENT_CODE_KEYS & fields.keys()}
    has_text = any(isinstance(fields[key], str) for key in told)
    return "detail" in told or (has_text and bool(codes - dialect.GOOD_CODES))


def classify_report(report: ErrorReport, status: int | None = None) -> tuple[FailureKind, bool]:
    """The kind of failure, and whether another attempt may cure it.

    Args:
        report: what the server said.
        status: the status of HTTP, if it was an error; otherwise that of the report counts.
    """
    codes, words = set(report.codes), report.words
    status = status or report.status
    if status is None:
        status = next((s for word, s in dialect.STATUS_OF_WORDING if word in words), 500)
    if status not in (401, 402, 404) and _is_overflow(codes, words, status):
        return FailureKind.CONTEXT_OVERFLOW, False
    if status not in (401, 402, 404, 429) and (
        codes & dialect.FILTER_CODES or any(word in words for word in dialect.FILTER_WORDINGS)
    ):
        return FailureKind.CONTENT_FILTER, False
    kind = kind_of_status(status)
    if codes & dialect.QUOTA_CODES:
        return kind, False
    exhausted = any(word in words for word in dialect.QUOTA_WORDINGS)
    if (exhausted or dialect.QUOTA_RULE.search(words)) and not dialect.RETRY_TIME.search(words):
        return kind, False
    return kind, kind in RETRIABLE


def kind_of_status(status: int) -> FailureKind:
    """The kind of failure that a status of HTTP means by itself."""
    if status == 429:
        return FailureKind.RATE_LIMITED
    if status >= 500 or status in (408, 409, 425):
        return FailureKind.SERVER_ERROR
    if status in (401, 403):
        return FailureKind.UNAUTHORIZED
    return FailureKind.BAD_REQUEST


def _is_overflow(codes: set[str], words: str, status: int) -> bool:
    if codes & dialect.OVERFLOW_CODES or any(word in words for word in dialect.ALWAYS_OVERFLOW):
        return True
    if status in (403, 429) or dialect.NOT_OVERFLOW.search(words):
        return False
    return any(word in words for word in dialect.OVERFLOW_WORDINGS) or bool(
        dialect.OVERFLOW_RULE.search(words)
    )


def _fields(value: object, depth: int, key: str = "") -> Iterator[tuple[str, str]]:
    """Keys, in lower case, and text of all values that are text or numbers; those of the outermost object first."""
    if isinstance(value, str):
        yield key, value
        if value.lstrip()[:1] in ("{", "[") and len(value) <= 10 * _MAX_WORDS:
            try:
                inner = json.loads(value)
            except (ValueError, RecursionError):
                return
            if isinstance(inner, (dict, list)):
                yield from _fields(inner, depth + 1, key)
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) < 10**9:
            yield key, str(value)
    elif depth >= _MAX_DEPTH:
        return
    elif isinstance(value, list):
        for item in value[:_MAX_ITEMS]:
            yield from _fields(item, depth + 1, key)
    elif isinstance(value, dict):
        if key == "base_resp" and type(code := value.get("status_code")) is int:
            yield "base_resp", str(dialect.MINIMAX_STATUS.get(code, 500))
        items = list(value.items())[:_MAX_ITEMS]
        for nested in (False, True):
            for name, item in items:
                name = str(name).lower()
                if isinstance(item, (dict, list)) is nested and name not in ("input", "param"):
                    yield from _fields(item, depth + 1, name)


def _statuses_in_words(words: str) -> list[int]:
    match = dialect.STATUS_IN_WORDS.search(words)
    return [int(match[1] or match[2])] if match else []


def _message(fields: list[tuple[str, str]]) -> str:
    """The message for people: the field of the most telling name, and what a gateway passes on; or else the code."""
    told = [(key, text) for key, text in fields if text.strip() and not text.strip().isdecimal()]
    names = (*dialect.MESSAGE_KEYS, "")
    message = next((text for name in names for key, text in told if key == name), "")
    passed_on = next((text for key, text in told if key == "raw" and text != message), "")
    code = next((text for key, text in fields if key in dialect.CODE_KEYS), "")
    return ": ".join(part for part in (message, passed_on) if part) or code
