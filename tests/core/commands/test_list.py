"""`router-r1 list`: what is registered, extensions included."""

import json
import subprocess
from collections.abc import Callable

import pytest

Program = Callable[..., "subprocess.CompletedProcess[str]"]
Install = Callable[..., None]

ROUTER = """
from router_r1.routers.base import ROUTERS, Router

@ROUTERS.register("nearest")
class NearestRouter(Router):
    "The one nearest question."
"""


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("routers", "knn"),
        ("aggregators", "vote"),
        ("metrics", "em"),
        ("worlds", "generated"),
        ("benchmarks", "gpqa"),
        ("importers", "routerbench"),
    ],
)
def test_every_registry_can_be_listed(program: Program, kind: str, name: str) -> None:
    done = program("list", kind)
    assert done.returncode == 0 and done.stderr == ""
    (line,) = [line for line in done.stdout.splitlines() if line.split()[0] == name]
    summary, _, owner = line.removeprefix(name).strip().rpartition("  ")
    assert summary and owner == "[router-r1]"


def test_without_an_argument_it_says_what_can_be_listed(program: Program) -> None:
    kinds = {"routers", "metrics", "benchmarks", "worlds", "aggregators", "importers"}
    assert set(program("list").stdout.splitlines()) >= kinds
    assert set(json.loads(program("list", "--json").stdout)) >= kinds


def test_as_json_it_gives_name_summary_and_owner(program: Program) -> None:
    listed = json.loads(program("list", "routers", "--json").stdout)
    assert all(set(entry) == {"name", "summary", "owner"} for entry in listed)
    assert all(entry["summary"] for entry in listed)
    assert {"knn", "kmeans", "linear", "label"} <= {entry["name"] for entry in listed}


def test_an_extension_is_listed_with_the_package_that_brings_it(
    program: Program, install: Install
) -> None:
    install("acme", ROUTER, {"router_r1.routers": "nearest = acme"})
    done = program("list", "routers")
    assert done.returncode == 0 and done.stderr == ""
    last = done.stdout.splitlines()[-1]
    assert last.split()[0] == "nearest"
    assert last.endswith("The one nearest question.  [acme]")


def test_a_broken_extension_is_one_line_and_the_others_are_listed(
    program: Program, install: Install
) -> None:
    install("acme", "import not_installed_at_all", {"router_r1.routers": "nearest = acme"})
    done = program("list", "routers")
    assert done.returncode == 0
    assert "knn" in done.stdout and "nearest" not in done.stdout
    assert done.stderr.count("\n") == 1 and "package acme is left out" in done.stderr


def test_an_unknown_kind_is_one_line_that_names_the_kinds(program: Program) -> None:
    done = program("list", "judges")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "'judges'" in done.stderr and "metrics, routers" in done.stderr


def test_a_registry_of_another_package_is_listed_too(program: Program, install: Install) -> None:
    source = (
        "from router_r1.extensions import Registry\n"
        "JUDGES = Registry('judge', folder='json', group='acme.judges')\n"
        "JUDGES.add('stern', object(), 'knows no mercy')\n"
    )
    install("acme", source, {"router_r1.registries": "judges = acme:JUDGES"})
    assert "judges" in program("list").stdout.splitlines()
    assert "knows no mercy" in program("list", "judges").stdout


def test_what_is_not_a_registry_is_named_with_its_package(
    program: Program, install: Install
) -> None:
    install("acme", "JUDGES = {}", {"router_r1.registries": "judges = acme:JUDGES"})
    done = program("list", "judges")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "dict, not a Registry" in done.stderr and "acme" in done.stderr
