"""`router-r1` as a process, and packages that extend it."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Program = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[[str, str, Mapping[str, str]], None]

MAIN = "from router_r1.cli import main; main()"


@pytest.fixture
def program() -> Program:
    """Run `router-r1 ARGUMENTS` as a process; `env` is added to the environment, `stdin` is what it reads."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "POOL_KEY"}
        return subprocess.run(
            [sys.executable, "-c", MAIN, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            env={**environment, **(env or {})},
            check=False,
        )

    return run


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a package of one module: its name, the module's source, entry points by group (`name = module:object`).

    This process and the processes it starts see the package until the test ends.
    """
    site = tmp_path / "site"

    def add(package: str, source: str, points: Mapping[str, str]) -> None:
        site.mkdir(exist_ok=True)
        (site / f"{package}.py").write_text(source)
        metadata = site / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n"
        )
        declared = "".join(f"[{group}]\n{point}\n" for group, point in points.items())
        (metadata / "entry_points.txt").write_text(declared)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")

    return add
