"""Registries: built-ins load by themselves, installed packages add to them, and a broken package harms nothing else.

The packages here are real ones: modules with `dist-info` metadata in a temporary folder on `sys.path`.
"""

import importlib
import itertools
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from router_r1.aggregation import AGGREGATORS
from router_r1.errors import ConfigError
from router_r1.extensions import BUILT_IN, Registry
from router_r1.routers import ROUTERS

numbers = itertools.count()


def install(folder: Path, package: str, source: str, *, group: str, name: str = "entry") -> None:
    """Install a package of one module, with an entry point to it."""
    (folder / f"{package.replace('-', '_')}.py").write_text(source)
    metadata = folder / f"{package.replace('-', '_')}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {package.replace('-', '_')}\n")
    importlib.invalidate_caches()


class Things:
    """A registry of "things" whose built-ins are `alpha` and `beta`, in a package with a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.package = f"things_{next(numbers)}"
        self.group = f"router_r1.{self.package}"
        (folder / self.package).mkdir()
        self.add_built_in("__init__", '"""Things."""')
        for name in ("alpha", "beta"):
            docstring = f'"""The {name} thing.\n\n    Details."""'
            self.add_built_in(
                name,
                f"from {self.package}.registry import THINGS\n"
                f'@THINGS.register("{name}")\nclass Thing:\n    {docstring}\n',
            )
        self.add_built_in(
            "registry",
            "from router_r1.extensions import Registry\n"
            f'THINGS = Registry("thing", folder="{self.package}", group="{self.group}")\n',
        )

    def add_built_in(self, module: str, source: str) -> None:
        (self.folder / self.package / f"{module}.py").write_text(source)

    def install(self, package: str, source: str) -> None:
        """Install a package whose source may use `THINGS`."""
        head = f"from {self.package}.registry import THINGS\n"
        install(self.folder, package, head + source, group=self.group)

    @property
    def registry(self) -> Registry[type]:
        importlib.invalidate_caches()
        registry: Registry[type] = importlib.import_module(f"{self.package}.registry").THINGS
        return registry


@pytest.fixture
def things(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Things]:
    known = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    yield Things(tmp_path)
    for name in set(sys.modules) - known:
        file = getattr(sys.modules[name], "__file__", None)
        if file is not None and Path(file).is_relative_to(tmp_path):
            del sys.modules[name]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the registry logged."""
    records = [record for record in caplog.records if record.name == "router_r1.extensions"]
    assert all(record.levelno == logging.WARNING for record in records)
    return [record.getMessage() for record in records]


# --- built-ins


def test_every_module_of_the_folder_registers_itself(things: Things) -> None:
    assert set(things.registry) == {"alpha", "beta"}
    assert things.registry.find("alpha") is things.registry["alpha"]
    assert len(things.registry) == 2


def test_an_entry_has_the_first_line_of_its_docstring_and_its_owner(things: Things) -> None:
    alpha, beta = things.registry.entries()
    assert (alpha.name, alpha.summary, alpha.owner) == ("alpha", "The alpha thing.", BUILT_IN)
    assert beta.summary == "The beta thing."


def test_nothing_is_imported_before_the_first_lookup(things: Things) -> None:
    things.install("my-package", "")
    registry = things.registry
    assert not {f"{things.package}.alpha", "my_package"} & set(sys.modules)
    assert "alpha" in registry
    assert {f"{things.package}.alpha", "my_package"} <= set(sys.modules)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones(things: Things) -> None:
    with pytest.raises(
        ConfigError, match=r"^there is no thing 'gamma'; choose one of alpha, beta$"
    ):
        things.registry.find("gamma")
    with pytest.raises(KeyError):
        things.registry["gamma"]
    assert "gamma" not in things.registry


def test_a_name_belongs_to_one_value(things: Things) -> None:
    registry = things.registry
    assert registry.add("gamma", int, "A number.") is int
    registry.add("gamma", int, "A number.")
    with pytest.raises(ConfigError, match=r"'gamma' is registered already, by tests; rename"):
        registry.add("gamma", str)
    assert registry["gamma"] is int


def test_a_built_in_that_fails_to_import_fails_every_lookup(things: Things) -> None:
    things.add_built_in("broken", 'raise RuntimeError("not today")')
    registry = things.registry
    for _ in range(2):
        with pytest.raises(RuntimeError, match="not today"):
            registry.find("alpha")


def test_a_built_in_may_look_up_another_while_it_registers(things: Things) -> None:
    things.add_built_in(
        "omega",
        f"from {things.package}.registry import THINGS\n"
        'THINGS.add("omega", type("Omega", (THINGS["alpha"],), {}))\n',
    )
    assert issubclass(things.registry["omega"], things.registry["alpha"])


def test_threads_that_look_up_at_once_all_see_the_whole_registry(things: Things) -> None:
    things.add_built_in("alpha_slow", "import time\ntime.sleep(0.2)\n")
    registry = things.registry
    seen: list[set[str]] = []
    threads = [threading.Thread(target=lambda: seen.append(set(registry))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == [{"alpha", "beta"}] * 4


@pytest.mark.parametrize(
    ("registry", "name"), [(ROUTERS, "knn"), (AGGREGATORS, "vote")], ids=["routers", "aggregators"]
)
def test_the_registries_of_the_core_have_built_ins_with_summaries(
    registry: Registry[object], name: str
) -> None:
    assert name in registry
    assert all(entry.summary for entry in registry.entries() if entry.owner == BUILT_IN)


# --- extensions


def test_an_installed_package_registers_through_its_entry_point(
    things: Things, caplog: pytest.LogCaptureFixture
) -> None:
    things.install("my-package", 'THINGS.add("gamma", int, "A number.")')
    assert things.registry["gamma"] is int
    names = [(entry.name, entry.owner) for entry in things.registry.entries()]
    assert names == [("alpha", BUILT_IN), ("beta", BUILT_IN), ("gamma", "my-package")]
    assert list(things.registry) == ["alpha", "beta", "gamma"]
    assert warnings(caplog) == []


def test_built_ins_come_first_and_extensions_follow_by_package_and_name(things: Things) -> None:
    things.install("Zebra", 'THINGS.add("a", int, "A number.")')
    things.install("ant", 'THINGS.add("z", int, ""); THINGS.add("y", int, "")')
    assert list(things.registry) == ["alpha", "beta", "y", "z", "a"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named"),
        ('raise RuntimeError("two\\n  lines")', "RuntimeError: two lines"),
        ("raise ValueError", "ValueError: ValueError"),
        ("def broken(:", "SyntaxError: "),
        (
            'THINGS.add("alpha", int)',
            "ConfigError: the thing 'alpha' is registered already, by router-r1; rename one of them",
        ),
    ],
    ids=["missing dependency", "error", "error without text", "syntax", "taken name"],
)
def test_a_broken_extension_gets_one_line_with_package_and_remedy_and_the_rest_works(
    things: Things, caplog: pytest.LogCaptureFixture, source: str, reason: str
) -> None:
    things.install("a-broken-package", source)
    things.install("my-package", 'THINGS.add("gamma", int, "A number.")')
    assert set(things.registry) == {"alpha", "beta", "gamma"}
    assert things.registry["alpha"].__doc__ is not None
    (line,) = warnings(caplog)
    assert line.startswith(
        f"the extension 'entry' of the package a-broken-package is left out: {reason}"
    )
    assert line.endswith("; update or uninstall a-broken-package")
    assert "\n" not in line


def test_the_second_of_two_extensions_with_one_name_is_left_out(
    things: Things, caplog: pytest.LogCaptureFixture
) -> None:
    things.install("first", 'THINGS.add("gamma", int, "A number.")')
    things.install("second", 'THINGS.add("gamma", str, "A text.")')
    assert things.registry["gamma"] is int
    (line,) = warnings(caplog)
    assert "package second is left out" in line and "registered already, by first" in line


def test_an_extension_that_fails_half_way_leaves_nothing_behind(
    things: Things, caplog: pytest.LogCaptureFixture
) -> None:
    things.install("half", 'THINGS.add("gamma", int)\nraise RuntimeError("half way")')
    assert set(things.registry) == {"alpha", "beta"}
    assert len(warnings(caplog)) == 1


def test_an_extension_is_reported_once_and_not_at_every_lookup(
    things: Things, caplog: pytest.LogCaptureFixture
) -> None:
    things.install("broken", 'raise RuntimeError("no")')
    for _ in range(3):
        assert len(things.registry) == 2
    assert len(warnings(caplog)) == 1


ROUTER = """
from router_r1.routers import ROUTERS, Router

@ROUTERS.register("nearest")
class NearestRouter(Router):
    '''A router of another package.'''
"""


def test_a_router_of_an_installed_package_is_found_beside_the_built_in_ones(tmp_path: Path) -> None:
    install(tmp_path, "nearest-router", ROUTER, group="router_r1.routers")
    install(tmp_path, "old-router", "import no_such_module_anywhere", group="router_r1.routers")
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    code = "from router_r1 import routers; print(*routers.names())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert {"knn", "nearest"} <= set(done.stdout.split())
    (line,) = done.stderr.splitlines()
    assert "package old-router is left out" in line


# --- what else an extension may do


def test_an_extension_that_exits_at_import_is_left_out(
    things: Things, caplog: pytest.LogCaptureFixture
) -> None:
    things.install("needs-gpu", 'import sys\nsys.exit("this thing needs a GPU")\n')
    things.install("zz-fine", '@THINGS.register("gamma")\nclass Gamma: ...\n')
    registry = things.registry
    for _ in range(2):
        assert set(registry) == {"alpha", "beta", "gamma"}
    (line,) = warnings(caplog)
    assert "needs-gpu" in line and "this thing needs a GPU" in line


def test_an_extension_that_a_broken_one_imports_stays(
    things: Things, caplog: pytest.LogCaptureFixture
) -> None:
    things.install("zz-fine", '@THINGS.register("gamma")\nclass Gamma: ...\n')
    things.install("broken", 'import zz_fine\nraise ImportError("no such library")\n')
    assert set(things.registry) == {"alpha", "beta", "gamma"}
    (line,) = warnings(caplog)
    assert "broken" in line and "no such library" in line


def test_an_extension_that_is_imported_first_has_its_owner_and_takes_no_built_in_name(
    things: Things,
) -> None:
    things.install("early", '@THINGS.register("gamma")\nclass Gamma: ...\n')
    importlib.import_module("early")
    things.install("greedy", '@THINGS.register("alpha")\nclass Alpha: ...\n')
    with pytest.raises(ConfigError, match="'alpha' is registered already, by router-r1"):
        importlib.import_module("greedy")
    owners = {entry.name: entry.owner for entry in things.registry.entries()}
    assert owners == {"alpha": BUILT_IN, "beta": BUILT_IN, "gamma": "early"}


def test_a_built_in_that_registers_and_then_fails_shows_its_cause_every_time(
    things: Things,
) -> None:
    things.add_built_in(
        "aaa",
        f"from {things.package}.registry import THINGS\n"
        '@THINGS.register("first")\nclass First: ...\nraise OSError("disk")\n',
    )
    for _ in range(2):
        with pytest.raises(OSError, match="disk"):
            things.registry.find("alpha")
