"""What is shipped: a light import, and a wheel that holds exactly the four packages."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "verl", "vllm", "datasets", "pandas", "pyarrow", "numpy", "ray"}
PACKAGES = {"router_r1", "router_r1_reward", "router_r1_envs", "router_r1_eval"}


def python(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_core_imports_nothing_heavy() -> None:
    code = "import router_r1, sys; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = set(python(code).split())
    assert not loaded & HEAVY
    assert "openai" not in loaded, "the HTTP client is imported with the first call"


def test_importing_the_core_takes_less_than_a_second() -> None:
    # Processor time, and the best of three: what another process does on this machine is not measured.
    code = "import time; t = time.process_time(); import router_r1; print(time.process_time() - t)"
    assert min(float(python(code)) for _ in range(3)) < 1.0


def test_the_command_line_is_light_too() -> None:
    code = (
        "import sys; from router_r1 import cli; "
        "print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    assert not set(python(code).split()) & HEAVY


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_every_package_imports_without_the_extras(package: str) -> None:
    blocked = "import sys; sys.modules.update(dict.fromkeys(['torch', 'transformers', 'verl'])); "
    assert python(blocked + f"import {package}; print({package}.__name__)") == package


def test_a_local_policy_without_its_extra_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import router_r1\n"
        "try: router_r1.TransformersPolicy('x')\n"
        "except ImportError as error: print(error)"
    )
    assert "router-r1[local]" in python(code)


def test_a_command_without_its_extra_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "sys.argv = ['router-r1', 'train', 'cold-start', '--out', 'nowhere']\n"
        "from router_r1.cli import main\n"
        "main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == "router-r1: this needs torch: pip install 'router-r1[local]'\n"


@pytest.mark.parametrize(
    ("folder", "allowed"),
    [
        ("router_r1", ()),
        ("reward", ("router_r1_reward",)),
        ("envs", ("router_r1_reward", "router_r1_envs")),
    ],
)
def test_no_package_reaches_over_a_border(folder: str, allowed: tuple[str, ...]) -> None:
    borders = PACKAGES - {"router_r1", *allowed}
    for path in (ROOT / folder).rglob("*.py"):
        text = path.read_text()
        assert not [name for name in borders if f"import {name}" in text or f"from {name}" in text]


def test_the_wheel_holds_exactly_the_four_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in listed:  # a copy, so that the build leaves nothing in the checkout
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(source)],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(names)
    frame = {f"router_r1_eval/report/page.{kind}" for kind in ("html", "css", "js")}
    assert frame <= set(names), "the report's frame"
    assert any(name.endswith("/LICENSE") for name in names)
