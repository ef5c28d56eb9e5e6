"""Facts about servers that refuse a parameter of a request, and how the request is then asked once more.

OpenAI-compatible servers agree on the request, but not on all of it. A refusal is an HTTP error that names the parameter;
it costs nothing. The request is sent again without the parameter, or with what takes its place, and the endpoint is
remembered. Nothing is guessed from the name of a model: only what a server has said counts.

To add a parameter, add a line to `_FACTS`; to add a wording, add it to `_REFUSAL`.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from router_r1.conversation import joined

log = logging.getLogger("router_r1.transport.refused_parameters")

_LOOKED_AT = 4000
"""Characters of an error that are looked at."""


@dataclass(frozen=True)
class Change:
    """What to do about one refused parameter."""

    parameter: str
    instead: str | None = None
    """The parameter that takes its value; None: it is left out."""
    whole_endpoint: bool = False
    """Whether one model's refusal stands for all models of the endpoint."""
    effect: str = ""
    """What that changes in the answers, for people; empty: nothing."""

    def __str__(self) -> str:
        done = f"sent as {self.instead}" if self.instead else "not sent"
        return f"{self.parameter}: {done}{self.effect and ' (' + self.effect + ')'}"


SYSTEM_ROLE = Change("system role", "part of the user's message")
_FACTS = (
    # Mistral (before July 2024), Azure OpenAI with old API versions, gateways: the usage is then estimated.
    Change("stream_options", whole_endpoint=True),
    # OpenAI's o-series and GPT-5 (https://platform.openai.com/docs/guides/reasoning) take only the longer name; most
    # other servers know only the shorter one. A limit is never left out: it bounds the cost.
    Change("max_tokens", "max_completion_tokens"),
    Change("max_completion_tokens", "max_tokens"),
    # OpenAI's reasoning models, xAI, Gemini (https://github.com/Vali-98/ChatterUI/issues/227: seed).
    Change("logprobs", effect="no log-probabilities"),
    Change("top_logprobs", effect="no log-probabilities"),
    Change("n", effect="one answer"),
    Change("seed", effect="samples are not reproducible"),
    # Claude takes top_p or temperature, and from Opus 4.7 on neither
    # (https://github.com/RooCodeInc/Roo-Code/issues/12162); of two that exclude each other, the earlier one here goes.
    Change("top_p", effect="the server's default holds"),
    Change("presence_penalty", effect="the server's default holds"),
    Change("frequency_penalty", effect="the server's default holds"),
    # OpenAI's o-series and GPT-5, Kimi K3: only the default of 1 (https://github.com/QwenLM/qwen-code/issues/921).
    Change("temperature", effect="answers vary: decoding is not greedy"),
    # OpenAI's o3, o4-mini and GPT-5, xAI's Grok 4 (https://github.com/huggingface/smolagents/issues/1765).
    Change("stop", effect="the text is cut only after it was paid for"),
)
_REFUSAL = re.compile(
    r"(?:un|not |not_|n't |no longer )support|does not (?:accept|allow)|unrecogni[sz]ed|unknown|unexpected|extra[ _]|"
    r"forbidden|not (?:permitted|allowed|enabled|accepted|available|implemented|valid)|only .{1,40} (?:is|are) (?:allowed|"
    r"supported)|deprecated|(?:cannot|can't|can not) (?:both )?be |only the default|cannot find field"
)
"""Words of a refusal, in lower case. A value out of range ("must be at most 2", "is too large") is none."""
_EXCLUSIVE = re.compile(r"\bboth\b|mutually exclusive|at the same time|only one of")
_SYSTEM = re.compile(
    r"(?:system|developer)\W{0,3}(?: role| message| prompt| instruction)|role\W{1,6}(?:system|developer)\b|"
    r"\.role\b.{0,40}system|only user and assistant roles"
)
# The chat templates of Gemma and Mistral, which have no system role (tokenizer_config.json of gemma-2-9b-it and
# Mistral-7B-Instruct-v0.1), as vLLM, SGLang, llama.cpp and TGI report them, with status 400, 422 or 500.
_SYSTEM_TEMPLATE = re.compile(
    r"roles must alternate|only user and assistant roles|first message .{0,20}user"
)
_SENTENCE = re.compile(r"[.!?](?=\s)|\n")
_WORD = re.compile(r"[a-z0-9_-]+")


@dataclass
class Dialect:
    """What the endpoint has refused so far. Shared by all its models and event loops."""

    endpoint: str
    """Its name, for the log."""
    _learned: dict[str, tuple[Change, ...]] = field(default_factory=dict)
    """Changes by model id; those of the whole endpoint under the empty name."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def changes(self, model: str) -> tuple[Change, ...]:
        """The changes that requests to this model need, as far as known."""
        return self._learned.get("", ()) + self._learned.get(model, ())

    def learn(self, model: str, changes: tuple[Change, ...]) -> None:
        """Remember changes that made the endpoint accept a request; logs each once."""
        with self._lock:
            for change in changes:
                if change in self.changes(model):
                    continue
                name = "" if change.whole_endpoint else model
                kept = [old for old in self._learned.get(name, ()) if not _undoes(old, change)]
                self._learned[name] = (*kept, change)
                level = logging.WARNING if change.effect else logging.INFO
                log.log(level, "%s: %s refused a parameter; %s", self.endpoint, model, change)


def apply(body: Mapping[str, Any], changes: tuple[Change, ...]) -> tuple[dict[str, Any], list[str]]:
    """The request body after these changes, and a line about each that made a difference."""
    changed, notes = dict(body), []
    for change in changes:
        if not _concerns(change, changed):
            continue
        if change is SYSTEM_ROLE:
            changed["messages"] = _without_system(changed["messages"])
        else:
            value = changed.pop(change.parameter)
            if change.instead is not None:
                changed[change.instead] = value
        notes.append(str(change))
    return changed, notes


def refused(body: Mapping[str, Any], error: str) -> tuple[Change, ...]:
    """The parameters of a request that an error names as refused, as changes; empty if it names none.

    Args:
        body: the request body that was refused.
        error: the body of the HTTP error, or its message.
    """
    # Gateways quote an error as JSON within JSON, with a growing number of backslashes.
    text = error[:_LOOKED_AT].lower().replace("\\n", "\n").replace("\\", "")
    found: list[Change] = []
    for sentence in _SENTENCE.split(text):
        if not _REFUSAL.search(sentence):
            continue
        words = set(_WORD.findall(sentence))
        named = [c for c in _FACTS if c.parameter in words and _concerns(c, body)]
        found += named[:1] if _EXCLUSIVE.search(sentence) else named
        if _SYSTEM.search(sentence) and _concerns(SYSTEM_ROLE, body):
            found.append(SYSTEM_ROLE)
    if _SYSTEM_TEMPLATE.search(text) and _concerns(SYSTEM_ROLE, body):
        found.append(SYSTEM_ROLE)
    return tuple(dict.fromkeys(found))


def _concerns(change: Change, body: Mapping[str, Any]) -> bool:
    if change is SYSTEM_ROLE:
        return any(message["role"] == "system" for message in body.get("messages", ()))
    return change.parameter in body


def _undoes(one: Change, other: Change) -> bool:
    return one.parameter == other.instead and one.instead == other.parameter


def _without_system(messages: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The conversation with each system message put before the next message of the user."""
    result: list[Mapping[str, Any]] = []
    waiting: list[Any] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(message["content"])
        elif message["role"] == "user":
            content = joined([*waiting, message["content"]])
            result.append({**message, "content": content})
            waiting = []
        else:
            result.append(message)
    if waiting:
        result.append({"role": "user", "content": joined(waiting)})
    return result
