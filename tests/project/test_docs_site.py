"""The documentation as a whole: the site builds without a warning, and every command line in it exists as written."""

import importlib
import importlib.util
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main

from router_r1 import cli

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "recipes/README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"(?:^    .*\n?)+", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
SHELL = ("", "sh", "bash", "text")
ASSIGNMENT = re.compile(r"[A-Z][A-Z0-9_]*=\S*")
SCRIPT = re.compile(r"\.(sh|py)$")


def commands_in(page: Path) -> list[tuple[list[str], bool]]:
    """Each command line of a page as words, without leading VAR=value; and whether it is a whole line of a code block."""
    text = page.read_text()
    fenced = [found[2] for found in FENCE.finditer(text) if found[1] in SHELL]
    rest = FENCE.sub("", text)
    blocks = fenced + INDENTED.findall(rest)
    lines = [(line, True) for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += [(code, False) for code in INLINE.findall(INDENTED.sub("", rest))]
    found = []
    for line, whole in lines:
        # Explanations stand after two or more spaces, or after a hash.
        command = re.split(r"  +(?=[#A-Za-z.])|\s#\s", line.strip())[0]
        try:
            words = shlex.split(command)
        except ValueError:
            continue  # no command line: prose, or a formula with an apostrophe
        while words and ASSIGNMENT.fullmatch(words[0]):
            words = words[1:]
        if words:
            found.append((words, whole))
    return found


def lines_of(*programs: str) -> list[Any]:
    """The command lines of these programs in all pages, as parameters; each distinct one once a page."""
    found = {}
    for page in PAGES:
        for words, whole in commands_in(page):
            if words[0] in programs and len(words) > 1:
                name = f"{page.stem}: {' '.join(words)}"
                found[name] = pytest.param(words[1:], whole, id=name)
    return list(found.values())


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    """Every command of `router-r1`, those of the other packages included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    added = typer.Typer()
    for target in project["entry-points"]["router_r1.commands"].values():
        module, _, function = target.partition(":")
        getattr(importlib.import_module(module), function)(added)
    core: Any = typer.main.get_command(cli.app)
    others: Any = typer.main.get_command(added)
    return {**core.commands, **others.commands}


@pytest.mark.parametrize(("words", "whole"), lines_of("router-r1"))
def test_router_r1_command_lines_parse(
    commands: dict[str, Any], words: list[str], whole: bool
) -> None:
    first, *rest = words
    if first.startswith("--"):
        return
    assert first in commands, f"no such command; there are {', '.join(sorted(commands))}"
    command: Any = commands[first]
    while isinstance(getattr(command, "commands", None), dict) and rest:
        if rest[0] == "...":
            return
        for name in rest[0].split("|"):  # `router-r1 train prepare|cold-start`: each of them
            assert name in command.commands, f"{command.name} has {', '.join(command.commands)}"
        command, rest = command.commands[rest[0].split("|")[0]], rest[1:]
    for word in rest:
        if word.startswith("--") and len(word) > 2:
            options = [name for p in command.params for name in (*p.opts, *p.secondary_opts)]
            assert word.partition("=")[0] in options, f"{command.name} has {', '.join(options)}"
    if whole and rest and "..." not in rest and "<" not in rest:
        # Parses and converts as a run would, and runs nothing.
        command.make_context(command.name, list(rest))


@pytest.mark.parametrize(("words", "whole"), lines_of("bash", "python", "python3"))
def test_scripts_and_modules_in_command_lines_exist(words: list[str], whole: bool) -> None:
    if words[0] == "-m":
        assert importlib.util.find_spec(words[1]) is not None
        return
    if SCRIPT.search(words[0]):
        assert (ROOT / words[0]).is_file()
    for word in words[1:]:
        if word.startswith("tests/"):
            assert (ROOT / word).exists()


def test_command_lines_are_found() -> None:
    shown = {" ".join(words[:2]) for page in PAGES for words, _ in commands_in(page)}
    assert {"bash scripts/quickstart.sh", "bash scripts/test.sh", "router-r1 ask"} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_paths_of_the_repository_exist(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    path = r"((?:router_r1|reward|envs|eval|scripts|recipes|tests|docs)/[\w./-]+)"
    found = re.findall(rf"`{path}`", text)
    found += re.findall(rf"^ +{path}(?:  |$)", text, re.MULTILINE)  # diagrams of the tree
    assert [path for path in found if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_of_prose_are_at_most_120_characters(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    long = [
        line
        for line in text.splitlines()
        if len(line) > 120
        and not line.startswith(("|", "    ", "![", "<!--"))
        # A link or a command that cannot be broken may stand over the edge.
        and " " in line[:120].strip()[10:]
    ]
    assert long == []


def test_tables_of_fields_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts/docs/field_tables.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    for package in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(package, reason="the site needs the extra `docs`: bash scripts/docs.sh")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("index.html", "contributing.html", "reference/agent.html"):
        assert (tmp_path / name).is_file()
    assert "RouterAgent" in (tmp_path / "reference" / "agent.html").read_text()
    assert (tmp_path / "search" / "search_index.json").is_file()
