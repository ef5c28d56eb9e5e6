"""`router-r1 pool check` as a person runs it."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from router_r1.testing import Exchange, LoopbackServer, Served

KEY = "a-very-secret-value"

Program = Callable[..., "subprocess.CompletedProcess[str]"]


def test_pool_check_validates_without_a_key_or_a_call(
    program: Program, files: Path, server: LoopbackServer
) -> None:
    done = program("pool", "check", str(files / "pool.yaml"))
    assert done.returncode == 0, done.stderr
    assert "org/small:free" in done.stdout and "$2.00" in done.stdout
    assert not server.exchanges


def test_pool_check_live_measures_each_candidate(program: Program, files: Path) -> None:
    done = program("pool", "check", str(files / "pool.yaml"), "--live", env={"POOL_KEY": KEY})
    assert done.returncode == 0, done.stderr
    assert "first token" in done.stdout and " ms" in done.stdout and "$0.000016" in done.stdout
    assert KEY not in done.stdout + done.stderr


def test_pool_check_live_needs_the_key(program: Program, files: Path) -> None:
    done = program("pool", "check", str(files / "pool.yaml"), "--live")
    assert done.returncode == 2 and "POOL_KEY is not set" in done.stderr


def test_pool_check_live_says_what_is_down_and_exits_with_1(
    program: Program, tmp_path: Path
) -> None:
    with LoopbackServer(lambda _: Served({"error": {"message": "boom"}}, status=400)) as server:
        (tmp_path / "pool.yaml").write_text(
            f"endpoints: {{e: {{base_url: '{server.base_url}'}}}}\n"
            "candidates: [{name: down, endpoint: e, price: {input: 1, output: 1}}]\n"
        )
        done = program("pool", "check", str(tmp_path / "pool.yaml"), "--live")
    assert done.returncode == 1
    assert "bad_request" in done.stdout and "1 of 1 failed: down" in done.stderr


def test_pool_check_names_what_is_wrong(program: Program, tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text("candidates: []\n")
    done = program("pool", "check", str(tmp_path / "pool.yaml"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "pool is empty" in done.stderr


def test_pool_find_writes_a_pool_that_pool_check_accepts(program: Program, tmp_path: Path) -> None:
    def handle(_: Exchange) -> Served:
        return Served({"data": [{"id": "small-1b-instruct"}, {"id": "large-9b"}]})

    out = tmp_path / "new" / "pool.yaml"
    with LoopbackServer(handle) as server:
        command = ["pool", "find", "--server", f"here={server.base_url}", "--out", str(out)]
        done = program(*command, "--price", "large-9b=1,2")
        again = program(*command)
    assert done.returncode == 0, done.stderr
    assert "small-1b" in done.stdout and "$0.02" in done.stdout and "$2.00" in done.stdout
    assert program("pool", "check", str(out)).returncode == 0
    assert again.returncode == 2 and f"{out} exists" in again.stderr, "a file of the user is kept"


def test_pool_find_says_where_it_looked(program: Program) -> None:
    done = program("pool", "find", "--server", "here=127.0.0.1:9")
    assert done.returncode == 2
    assert "here at http://127.0.0.1:9/v1 (nothing listens there)" in done.stderr
