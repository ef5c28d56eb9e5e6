"""Runs in the sandbox: what counts as passed, limits on time, and which sandbox is chosen on which machine."""

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from router_r1.errors import DataError
from router_r1_reward.metrics.code import sandbox
from router_r1_reward.metrics.code.sandbox_runner import PERMISSION, RunLimits, run

RIGHT = "def double(x):\n    return 2 * x\n"

WRONG = "def double(x):\n    return x + 1\n"


# --- what counts as passed

MAIN = "if __name__ == '__main__':"

UNITTEST = "import unittest\nclass Tests(unittest.TestCase):\n    def test(self): self.assertEqual(double(2), 4)\n"


@pytest.mark.parametrize(
    "tests",
    [
        f"{MAIN}\n    assert double(2) == 4",
        f"def main():\n    assert double(2) == 4\n{MAIN} main()",
        f"{UNITTEST}{MAIN} unittest.main()",
        f"{UNITTEST}unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(Tests)).wasSuccessful() or exit(1)",
        "if double(2) != 4: raise ValueError",
        "assert double(2) == 4\nexit()",
        "import sys\ndef main():\n    assert double(2) == 4\n    return 0\nsys.exit(main())",
        "def main():\n    assert double(2) == 4\nraise SystemExit(main())",
    ],
)
def test_tests_run_as_the_main_module(tests: str, how: str) -> None:
    assert run(RIGHT, tests, how=how)
    assert not run(WRONG, tests, how=how)
    assert not run("def double(x): raise SystemExit(0)", tests, how=how)
    assert not run(
        "def double(x):\n    class Leave(SystemExit): pass\n    raise Leave", tests, how=how
    )


@pytest.mark.parametrize(
    "tests", ["", "pass", "x = 1", "import os\ndef test(): return 1", "'f(1) == 2'"]
)
def test_tests_that_test_nothing_raise(tests: str) -> None:
    with pytest.raises(DataError, match="test nothing"):
        run(RIGHT, tests)


@pytest.mark.parametrize(
    "tests",
    [
        "def test(): assert double(2) == 4",
        "def test():\n    if double(2) != 4: raise ValueError",
        UNITTEST,
        f"{UNITTEST}\n{MAIN.replace('__main__', 'main')} unittest.main()",
        "def test_double(check=len): check(double(2))",
    ],
)
def test_tests_that_are_never_called_fail_with_a_warning(
    tests: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert not run(RIGHT, tests)
    assert "should call what they define" in caplog.text


@pytest.mark.parametrize(
    "tests",
    [
        "assert x == 1",
        "if x != 1: raise ValueError",
        "def check(a, b):\n    if a != b:\n        print(a)\n        raise ValueError\ncheck(x, 1)",
        "import unittest\nunittest.TestCase().assertEqual(x, 1)",
    ],
)
def test_the_data_of_a_program_can_be_tested(tests: str) -> None:
    assert run("x = 1", tests)
    assert not run("x = 2", tests)


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        ("import time\ndef f(): time.sleep(60)", "try: f()\nexcept: pass\nx = 1\nassert x"),
        ("x = 1", "import time\nfor _ in range(3):\n    try: time.sleep(0.4)\n    except BaseException: pass\nassert x"),
        ("x = 1", "y = x\nwhile y:\n    try:\n        while y: y = -y\n    except: pass\nassert y"),
    ],
)  # fmt: skip
def test_no_except_clause_of_the_tests_outlasts_the_time_limit(
    program: str, tests: str, how: str
) -> None:
    began = time.monotonic()
    assert not run(program, tests, RunLimits(wall_s=1), how=how)
    assert time.monotonic() - began < 5


# --- machines

WITHOUT_A_SANDBOX = """
import sys
from router_r1.errors import ConfigError
from router_r1_reward.metrics.code import sandbox_runner

sandbox_runner._WORKER = sys.argv[1]  # the worker of a machine that permits no sandbox
try:
    assert sandbox_runner.isolation() == "nothing"
except ConfigError as error:
    sys.exit(str(error))
assert sandbox_runner.run("x = 1", "assert x == 1") and not sandbox_runner.run("x = 2", "assert x == 1")
"""


@pytest.fixture
def bare_worker(tmp_path: Path) -> str:
    """A worker that finds neither user namespaces nor Landlock, as on a kernel without them."""
    package = Path(sandbox.__file__).parent
    for path in package.glob("*.py"):
        shutil.copy(path, tmp_path)
    text = (package / "sandbox.py").read_text()
    wanting = text.replace('"unshare", flags', '"unshare", -1').replace('": 444', '": 4440')
    assert wanting.count('"unshare", -1') == 2 and wanting.count(": 4440") == 1
    (tmp_path / "sandbox.py").write_text(wanting)
    return str(tmp_path / "sandbox_worker.py")


@pytest.mark.parametrize(
    ("permission", "status", "message"),
    [("1", 1, f"permits no sandbox.*namespaces: .*landlock: .*{PERMISSION}=unconfined"), ("unconfined", 0, "with access to your files")],
)  # fmt: skip
def test_without_a_sandbox_programs_run_only_if_the_environment_permits_it(
    bare_worker: str, permission: str, status: int, message: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_SANDBOX, bare_worker],
        env={PERMISSION: permission, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    assert len(re.findall(message, done.stderr, re.DOTALL)) == 1


MACHINES = {
    # expected sandbox -> the command that simulates such a machine: a user namespace that permits no other, with the
    # capabilities of root or without any
    "namespaces": "",
    "landlock": "setpriv --bounding-set=-all --inh-caps=-all",
}


@pytest.mark.parametrize("expected", MACHINES)
def test_the_best_sandbox_of_the_machine_is_chosen(
    expected: str, unavailable: dict[str, str]
) -> None:
    if expected in unavailable:
        pytest.skip(unavailable[expected])
    inner = f'echo 0 > /proc/sys/user/max_user_namespaces && exec {MACHINES[expected]} "$@"'
    machine = ["unshare", "--user", "--map-root-user", "sh", "-c", inner, "sh"]
    try:
        subprocess.run([*machine, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine cannot simulate such a machine")
    code = (
        "from router_r1_reward.metrics.code.sandbox_runner import isolation, run\n"
        f"assert isolation() == isolation() == {expected!r}\n"
        "assert run('x = 1', 'assert x == 1') and not run('x = 1', 'assert x == 2')\n"
    )
    done = subprocess.run(
        [*machine, sys.executable, "-c", code],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("programs run under Landlock") == (expected == "landlock")


@pytest.mark.skipif(shutil.which("unshare") is None, reason="`unshare`, which makes an ordinary user, is not installed")  # fmt: skip
def test_an_ordinary_user_needs_no_privilege(how: str) -> None:
    ordinary = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*ordinary, "true"], capture_output=True).returncode:
        pytest.skip("user namespaces are not permitted here")
    opens = f"open({__file__!r})"
    code = (
        "import os\n"
        "from router_r1_reward.metrics.code.sandbox_runner import run\n"
        "assert os.getuid() == 1000\n"
        f"assert run('x = 1', 'assert x == 1', how={how!r}) and not run('x = 1', 'assert x == 2', how={how!r})\n"
        f"assert not run({opens!r}, 'assert True', how={how!r})\n"
        f"assert not run('import os; os.fork()', 'assert True', how={how!r})\n"
        f"assert not run('import socket; socket.socket()', 'assert True', how={how!r})\n"
    )
    done = subprocess.run(
        [*ordinary, sys.executable, "-c", code],
        env={"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_folders_without_permissions_are_removed(
    unavailable: dict[str, str], tmp_path: Path
) -> None:
    if "landlock" in unavailable:
        pytest.skip(unavailable["landlock"])
    ordinary = ["unshare", "--user", "--map-user=1000"]
    if subprocess.run([*ordinary, "true"], capture_output=True).returncode:
        pytest.skip("user namespaces are not permitted here")
    outside, runs = tmp_path / "outside", tmp_path / "runs"
    outside.mkdir(mode=0o500)
    runs.mkdir()
    program = (
        f"import os\nos.umask(0)\nos.mkdir('d', 0o300)\nos.mkdir('d/e', 0o300)\nos.symlink({str(outside)!r}, 'd/link')\n"
        "os.close(os.open('d/e/f', os.O_CREAT, 0))\nos.mkdir('d/e/none', 0)\nos.mkdir('empty', 0)\nx = 1"
    )
    code = (
        "import shutil, tempfile\n"
        "from router_r1_reward.metrics.code.sandbox_runner import run\n"
        f"tempfile.tempdir = {str(runs)!r}\n"
        f"assert run({program!r}, 'assert x == 1', how='landlock')\n"
        "shutil.which = lambda name: None\n"
        f"assert run({program!r}, 'assert x == 1', how='landlock')\n"
    )
    done = subprocess.run(
        [*ordinary, sys.executable, "-c", code],
        env={"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert list(runs.iterdir()) == []
    assert stat.S_IMODE(outside.stat().st_mode) == 0o500
