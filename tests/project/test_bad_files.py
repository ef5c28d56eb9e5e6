"""Every command, with bad files, numbers and names: one line on standard error, and status 1 or 2.

Files are broken, hostile or no files at all; numbers have zeros too many; names are empty or hold control characters.

The commands run in this process; an alarm ends one that waits for a pipe or reads a device to its end.
"""

import codecs
import gzip
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from router_r1 import cli

Run = Callable[[str], tuple[int, str]]
_commands_added: list[bool] = []
"""Not empty once this process has the commands of all packages, which it must not add twice."""

POOL = "candidates: [{name: a, price: {input: 1, output: 1}}]\n"
AGENT = (
    "pool: pool.yaml\n"
    "policy: {kind: openai, base_url: 'http://127.0.0.1:9/v1', model: m, price: {input: 1, output: 1}}\n"
)
QUESTION = '{"id": "q", "question": "Q?", "answer": "A", "metric": "em"}\n'
RESPONSE = (
    '{"id": "q", "model": "a", "text": "A", "score": 1.0, "input_tokens": 1, "output_tokens": 1}\n'
)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run a command line; the exit status and what it wrote to standard error."""

    def give_up(*_: object) -> None:
        pytest.fail("the command waits or reads without end")

    def call(command: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["router-r1", *shlex.split(command)])
        capsys.readouterr()
        signal.alarm(60)
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0), capsys.readouterr().err
        finally:
            signal.alarm(0)
        return 0, capsys.readouterr().err

    if _commands_added:
        monkeypatch.setattr(cli, "_add_commands_of_other_packages", lambda: None)
    _commands_added.append(True)
    before = signal.signal(signal.SIGALRM, give_up)
    yield call
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a valid file of each kind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pool.yaml").write_text(POOL)
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "q.jsonl").write_text(QUESTION)
    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "pool.yaml").write_text(POOL)
    (tmp_path / "table" / "questions.jsonl").write_text(QUESTION)
    (tmp_path / "table" / "responses.jsonl").write_text(RESPONSE)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text('{"fixed": {"benchmark": "q"}}')
    (tmp_path / "run" / "questions.jsonl").write_text(QUESTION)
    (tmp_path / "run" / "traces.jsonl").write_text("")
    return tmp_path


# --- what a file may be instead of a file


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the name of a socket may not be long
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def content(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(gzip.compress(data) if path.name.endswith(".gz") else data)

    return write


BOMB = "\n".join(
    ["a0: &a0 [x,x,x,x,x,x,x,x,x]"]
    + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
)
BAD: dict[str, Callable[[Path], None]] = {
    "missing": lambda path: None,
    "folder": folder,
    "pipe": pipe,
    "socket": listening_socket,
    "device": endless_device,
    "link to itself": link_to_itself,
    "empty": content(b""),
    "binary": content(bytes(range(256)) * 100),
    "UTF-16": content(codecs.BOM_UTF16_LE + 'a: "é"\n'.encode("utf-16-le")),
    "Latin-1": content("a: é\n".encode("latin-1")),
    "brackets": content(b"[" * 3000 + b"\n"),
    "braces": content(b'{"a":' * 3000 + b"\n"),
    "aliases": content(BOMB.encode()),
    "a number of 400 digits": content(b'{"id": ' + b"9" * 400 + b"}\n"),
    "a number of 5,000 digits": content(b'{"id": ' + b"9" * 5000 + b"}\n"),
    "a float that overflows": content(b'{"id": 1e999, "candidates": 1e999}\n'),
    "a key twice": content(b'{"id": "a", "id": "b"}\n'),
    "half a surrogate": content(b'{"id": "\\ud800", "pool": "\\ud800"}\n'),
    "a list": content(b"[1, 2]\n"),
    "a number": content(b"7\n"),
    "null": content(b"null\n"),
    "unknown keys": content(("{" + ", ".join(f'"k{n}": {n}' for n in range(300)) + "}\n").encode()),
}
FEW = ("missing", "pipe", "binary", "a number of 400 digits")
"""Kinds for the commands whose file is read by the same code as that of another command."""
# {} is the file. The first of each reader gets every kind.
EVERY_KIND = {
    "pool check",
    "rescore settings",
    "rescore traces",
    "report",
    "table check questions",
    "import routerbench",
}
COMMANDS = {
    "ask": "ask x --config {}.yaml",
    "pool check": "pool check {}.yaml",
    "eval benchmark": "eval {}.jsonl --config agent.yaml --out o",
    "eval config": "eval q.jsonl --config {}.yaml --out o",
    "eval judge": "eval q.jsonl --config agent.yaml --out o --judge j --judge-pool {}.yaml",
    "rescore settings": "rescore run {run/run.json}",
    "rescore questions": "rescore run {run/questions.jsonl}",
    "rescore traces": "rescore run {run/traces.jsonl}",
    "report": "report run {run/results.json}",
    "tournament world": "tournament --out o --table {}.yaml",
    "tournament pool": "tournament --out o --table table {table/pool.yaml}",
    "tournament responses": "tournament --out o --table table {table/responses.jsonl}",
    "benchmark load": "benchmark load {}.jsonl o.jsonl",
    "benchmark load gz": "benchmark load {}.jsonl.gz o.jsonl",
    "reward validate": "reward validate {}.jsonl",
    "reward validate parquet": "reward validate {}.parquet",
    "table check pool": "table check table {table/pool.yaml}",
    "table check questions": "table check table {table/questions.jsonl}",
    "table check responses": "table check table {table/responses.jsonl}",
    "import routerbench": "table import routerbench {}.csv o",
    "import mmlu-pro": "table import mmlu-pro {}.zip o",
    "import mmlu-pro json": "table import mmlu-pro {}.json o",
    "import routellm": "table import routellm {}.csv o",
    "import routellm tar": "table import routellm {}.tar.gz o",
    "import llmrouter": "table import llmrouter {} o",
    "import routerarena": "table import routerarena {} o",
    "import pool": "table import routerbench x.csv o --pool {}.yaml",
    "train prepare": "train prepare {}.yaml --out o",
    "cold start": "train cold-start {}.yaml --out o",
    "imitate": "train imitate {}.yaml --out o",
    "world serve": "world serve {}.yaml",
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_bad_file_is_one_line(run: Run, place: Path, name: str) -> None:
    command = COMMANDS[name]
    where = command.partition("{")[2].partition("}")[0]
    suffix = command.partition("}")[2].partition(" ")[0]
    path = place / (where or f"bad{suffix}")
    shown = command.replace(f"{{{where}}}", "" if where else "bad")
    failed = {}
    for kind in BAD if name in EVERY_KIND else FEW:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        BAD[kind](path)
        try:
            status, error = run(shown)
        except Exception as raised:
            failed[kind] = repr(raised)[:200]
            continue
        one_line = error.endswith("\n") and error[:-1].isprintable() and len(error) < 2500
        if status not in (1, 2) or not one_line:
            failed[kind] = f"status {status}: {error[:200]}"
    assert failed == {}


@pytest.mark.parametrize("command", ["ask x --config {}", "pool check {}", "reward validate {}"])
@pytest.mark.parametrize("path", ["x" * 5000, "a\udc80b.yaml", "pool.yaml/x", "-", ""])
def test_a_name_that_no_file_has_is_one_line(
    run: Run, place: Path, command: str, path: str
) -> None:
    status, error = run(command.format(shlex.quote(path)))
    assert status == 2 and error.count("\n") == 1


def test_a_pipe_without_a_writer_is_not_waited_for(run: Run, place: Path) -> None:
    os.mkfifo(place / "traces.jsonl")
    pool = "endpoints: {here: {base_url: 'http://127.0.0.1:9/v1'}}\n" + POOL.replace(
        "{name: a,", "{name: a, endpoint: here,"
    )
    (place / "pool.yaml").write_text(pool)
    status, error = run("ask x --config agent.yaml --set traces=traces.jsonl")
    assert (status, error) == (
        2,
        "router-r1: traces.jsonl: cannot be written; choose another path\n",
    )


# --- numbers and names

EVAL = "eval q.jsonl --config agent.yaml --out o"
NUMBERS = {
    "train prepare generated --out o --train 10000000000000": "at most 10,000,000 fit into memory; ask for fewer",
    "train prepare generated --out o --validation 1000000000": "at most 10,000,000 fit into memory; ask for fewer",
    "train prepare generated --out o --train 9 --passes 10000000000000": "90,000,000,000,000 training rows",
    "train cold-start --out o --threads 100000000": "at most 4,096 help on any machine",
    "tournament --table generated --out o --limit 1000000000": "1,000,000,000 questions of generated-0",
    f"{EVAL} --samples 1000000000": "of which at most 10,000 of a question fit into a table; lower --samples",
    f"{EVAL} --concurrency 1000000000": "lower --concurrency",
}
"""A command line with a number that is a slip -> a part of the message."""


@pytest.mark.parametrize("command", NUMBERS)
def test_a_number_with_zeros_too_many_is_refused_before_anything_is_made(
    run: Run, place: Path, command: str
) -> None:
    pytest.importorskip("torch")
    before = sorted(place.iterdir())
    status, error = run(command)
    assert (status, error.count("\n")) == (2, 1) and NUMBERS[command] in error
    assert sorted(place.iterdir()) == before


def test_as_many_questions_as_there_are_may_be_wanted(run: Run, place: Path) -> None:
    assert run("benchmark load q.jsonl o.jsonl --limit 1000000000000")[0] == 0


@pytest.mark.parametrize(
    "name", ["", " ", "\t", "a ", "a\nb", "a\x1b[31m", "a\x00", "\u202ea", "\u200b"]
)
@pytest.mark.parametrize("command", [f"{EVAL} --name {{}}", "tournament --table table --out o --policy {}=agent.yaml"])  # fmt: skip
def test_a_name_in_the_results_is_one_line_of_visible_characters(
    run: Run, place: Path, command: str, name: str
) -> None:
    status, error = run(command.format(shlex.quote(name)))
    assert (status, error.count("\n")) == (2, 1) and error[:-1].isprintable()
    assert "a name must" in error
    assert not (place / "o").exists()
