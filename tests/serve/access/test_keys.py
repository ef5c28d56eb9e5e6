"""API keys: what the file holds, who finds what, what other processes see, and the `keys` commands."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from router_r1.errors import ConfigError, RouterR1Error
from router_r1.serve.access.errors import StoreUnavailableError
from router_r1.serve.access.key_commands import register
from router_r1.serve.access.keys import KeyLimits, KeyStore, default_path

LIMITS = KeyLimits(
    requests_per_minute=60, tokens_per_minute=10_000, budget_usd=5.0, budget_period="day"
)
PROGRAM = (
    "from router_r1 import cli; from router_r1.serve.access import key_commands; "
    "key_commands.register(cli.app); cli.main()"
)


def run(*arguments: str, keys: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`router-r1 ARGUMENTS` as a process, with `keys` as $ROUTER_R1_KEYS."""
    env = os.environ | ({} if keys is None else {"ROUTER_R1_KEYS": str(keys)})
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=False)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`router-r1 keys ARGUMENTS` within this process, with `keys.db` in `tmp_path`; returns typer's result."""
    monkeypatch.setenv("ROUTER_R1_KEYS", str(tmp_path / "keys.db"))
    app = typer.Typer()
    register(app)
    return lambda *arguments: CliRunner().invoke(app, ["keys", *arguments])


def within_2_s(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + 2.0
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


def test_a_secret_finds_its_key_and_no_other_text_does(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.db")
    app, batch = store.add("app", LIMITS), store.add("batch", KeyLimits(models=("small",)))
    found = store.find(app)
    assert found is not None
    assert (found.name, found.limits) == ("app", LIMITS)
    assert store.find(batch) == store.all()[1]
    for wrong in ("", app[:-1], app + "x", app.swapcase(), "rr1-", "é\ud800"):
        assert store.find(wrong) is None


def test_the_files_hold_no_secret_and_are_their_owners_alone(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "new" / "keys.db")
    secret = store.add("app", LIMITS)
    assert len(secret) >= 4 + 43  # 256 bits in base 64
    files = list((tmp_path / "new").iterdir())
    assert len(files) == 3  # the database, its write-ahead log and that log's index
    for file in files:
        assert file.stat().st_mode & 0o777 == 0o600
        assert secret.encode() not in file.read_bytes()
        assert secret.removeprefix("rr1-").encode() not in file.read_bytes()
    store.close()
    assert b"app" in (tmp_path / "new" / "keys.db").read_bytes()


def test_a_name_has_one_valid_key_and_may_be_given_again_once_revoked(tmp_path: Path) -> None:
    store = KeyStore(tmp_path / "keys.db")
    first = store.add("app", LIMITS)
    with pytest.raises(ConfigError, match="has a valid key; revoke it first"):
        store.add("app", LIMITS)
    assert store.revoke("app") is True
    assert store.revoke("app") is False
    assert store.find(first) is None
    second = store.add("app", KeyLimits())
    assert store.find(first) is None
    assert store.find(second) is not None
    assert [(key.name, key.revoked_at is None) for key in store.all()] == [
        ("app", False),
        ("app", True),
    ]
    with pytest.raises(ConfigError, match="no key is named 'other'"):
        store.revoke("other")


@pytest.mark.parametrize("name", ["", "a b", "-x", "a:b", "a\n", "x" * 65])
def test_names_are_plain_words(tmp_path: Path, name: str) -> None:
    store = KeyStore(tmp_path / "keys.db")
    with pytest.raises(ConfigError, match="expected a name of 1 to 64 letters"):
        store.add(name, LIMITS)
    assert store.all() == ()


def test_what_another_process_does_holds_within_two_seconds(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    store = KeyStore(path)
    secret = store.add("app", LIMITS)
    assert store.find(secret) is not None
    assert run("keys", "revoke", "app", keys=path).returncode == 0
    assert within_2_s(lambda: store.find(secret) is None)
    new = run("keys", "add", "app", keys=path).stdout.strip()
    assert within_2_s(lambda: store.find(new) is not None)


@pytest.mark.parametrize("replaced", [False, True], ids=["gone", "replaced"])
def test_a_file_that_is_gone_or_replaced_lets_nobody_in(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "keys.db"
    store = KeyStore(path)
    secret = store.add("app", LIMITS)
    if replaced:
        (tmp_path / "other.db").write_bytes(b"")
        (tmp_path / "other.db").replace(path)
    else:
        path.unlink()

    def refused() -> bool:
        try:
            store.find(secret)
        except StoreUnavailableError:
            return True
        return False

    assert within_2_s(refused)


def test_a_file_of_another_kind_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE mine (x)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailableError, match="of another kind"):
        KeyStore(path)
    assert path.read_bytes() == before
    with pytest.raises(StoreUnavailableError, match="no such file"):
        KeyStore(tmp_path / "missing.db", create=False)
    with pytest.raises(StoreUnavailableError, match="Is a directory"):
        KeyStore(tmp_path)


def test_two_processes_may_create_the_file_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from router_r1.serve.access.keys import *; input(); "
        "KeyStore(sys.argv[1]).add(sys.argv[2], KeyLimits())"
    )
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / "keys.db"), name], stdin=subprocess.PIPE
        )
        for name in ("a", "b", "c")
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write(b"go\n")
        maker.stdin.flush()
    for maker in makers:
        maker.communicate(timeout=30)
        assert maker.returncode == 0
    assert {key.name for key in KeyStore(tmp_path / "keys.db").all()} == {"a", "b", "c"}


def test_a_model_list_permits_only_its_models() -> None:
    assert KeyLimits().allows("anything")
    some = KeyLimits(models=("small", "large"))
    assert some.allows("small")
    assert not some.allows("Small")


def test_the_default_file_is_the_environments_or_in_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("ROUTER_R1_KEYS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_path() == tmp_path / "router-r1" / "keys.db"
    monkeypatch.setenv("ROUTER_R1_KEYS", str(tmp_path / "mine.db"))
    assert default_path() == tmp_path / "mine.db"


def test_add_prints_the_secret_alone_so_that_a_shell_can_keep_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    options = ["--requests-per-minute", "60", "--tokens-per-minute", "9000", "--budget-usd", "2.5"]
    options += ["--period", "day", "--models", "small, large"]
    done = run("keys", "add", "app", *options, "--file", str(path))
    assert done.returncode == 0, done.stderr
    secret = done.stdout.removesuffix("\n")
    assert "\n" not in secret
    assert secret not in done.stderr
    assert "not shown again" in done.stderr
    found = KeyStore(path).find(secret)
    assert found is not None
    assert found.limits == KeyLimits(
        requests_per_minute=60,
        tokens_per_minute=9000,
        budget_usd=2.5,
        budget_period="day",
        models=("small", "large"),
    )


def test_list_shows_every_key_and_no_secret(tmp_path: Path, keys: Callable[..., Any]) -> None:
    store = KeyStore(tmp_path / "keys.db")
    secrets = [store.add("app", LIMITS), store.add("old", KeyLimits())]
    store.revoke("old")
    table = keys("list").stdout
    for shown in ("app", "10,000", "$5.00 per day", "old", "all"):
        assert shown in table
    done = keys("list", "--json")
    listed = json.loads(done.stdout)
    assert [(key["name"], key["revoked_at"] is None) for key in listed] == [
        ("app", True),
        ("old", False),
    ]
    assert KeyLimits.model_validate_json(json.dumps(listed[0]["limits"])) == LIMITS
    for secret in secrets:
        assert secret not in table + done.stdout


def test_revoking_twice_succeeds_and_says_so(tmp_path: Path, keys: Callable[..., Any]) -> None:
    KeyStore(tmp_path / "keys.db").add("app", LIMITS)
    first, second = (keys("revoke", "app") for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "is revoked" in first.stderr
    assert "had been revoked before" in second.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["add", "app", "--period", "week"], "budget_period"),
        (["add", "app", "--budget-usd", "-1"], "budget_usd"),
        (["add", "app", "--requests-per-minute", "0"], "requests_per_minute"),
        (["add", "app", "--models", "a,,b"], "--models"),
        (["list"], "no such file"),
        (["revoke", "app"], "no such file"),
    ],
)
def test_invalid_input_is_an_error_of_the_package_and_makes_no_file(
    tmp_path: Path, keys: Callable[..., Any], arguments: list[str], problem: str
) -> None:
    done = keys(*arguments)
    assert done.stdout == ""
    assert isinstance(done.exception, RouterR1Error)
    assert problem in str(done.exception)
    assert not (tmp_path / "keys.db").exists()


def test_an_error_is_one_line_and_exit_status_2(tmp_path: Path) -> None:
    done = run("keys", "list", keys=tmp_path / "keys.db")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "router-r1 keys add" in done.stderr


def test_the_commands_are_light_to_import() -> None:
    code = (
        "import sys, router_r1.serve.access.key_commands; "
        "print({'redis', 'starlette', 'router_r1.serve.access.keys'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "set()\n"
