"""The program in a reply: of all its code, the statements that define what the tests need.

A reply may hold drafts, usage, tests of its own, output and other languages, in several blocks or without any fence.
What counts is decided by names: the last block that defines what the tests use, with the earlier definitions that it
uses itself. Of those blocks the statements are kept that define or change a name that is needed, also through a function
of the reply (`fill_table()`); what merely runs (`print(f(2))`, assertions, `input()`, `unittest.main()`) is left out. A
call that is kept for what it may change cannot end the program: its exceptions are ignored.

Nothing is run here. The text is parsed as far as it is Python; the time is linear in its length but for a bounded
number of attempts.
"""

from __future__ import annotations

import ast
import bisect
import contextlib
import functools
import re
import textwrap
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence

from router_r1_reward.metrics.code.program_names import free_names
from router_r1_reward.metrics.code.reply_blocks import Block, blocks_of

_MOST_EXTENSIONS = 400  # attempts to read a line at the margin as a part of the statement before it
_LONGEST = 60  # lines at the margin inside one statement: a text in triple quotes, an open bracket
_MOST_BODIES = 4  # blocks that may be the body of a function
_QUIET = threading.Lock()  # the filters of warnings belong to all threads
_MOST_CLOSINGS = 8  # fences inside a text in triple quotes
_OPEN = ("was never closed", "unterminated triple-quoted")
_CONTINUES = re.compile(r"(?:else|elif|except|finally|case)\b|[\])}#]|$")
_PROMPT = re.compile(r"(?:>>>|\.\.\.)(?: |$)")
_CODE_SPAN = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]{1,2000})\1(?!`)")
_TYPOGRAPHY = {
    0xA0: " ", 0x200B: None, 0xFEFF: None, 0x201C: '"', 0x201D: '"', 0x2018: "'", 0x2019: "'",
}  # fmt: skip
_DYNAMIC = frozenset(("exec", "eval", "globals", "locals", "vars"))
_TALKS = frozenset(
    ("print", "input", "exit", "_exit", "quit", "main", "breakpoint", "abort", "testmod")
)
_SETTINGS = frozenset(("setrecursionlimit", "set_int_max_str_digits", "stack_size"))
"""Functions that change the interpreter, which every function needs."""
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class _Statement:
    """A statement at the top level of a program. What costs time is found out when it is asked for."""

    def __init__(self, node: ast.stmt) -> None:
        self.node = node
        self.imports = isinstance(node, (ast.Import, ast.ImportFrom))
        self.future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
        self.empty = _is_empty(node)
        self.loop_names, self.binds = _bound(node)
        """Names that only its loops assign; names that it defines."""

    @property
    def length(self) -> int:
        """Number of its lines."""
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1

    @functools.cached_property
    def source(self) -> str:
        """The statement as Python prints it; empty if it is too deep for that."""
        try:
            return ast.unparse(self.node)
        except (ValueError, RecursionError):
            return ""

    @property
    def guarded(self) -> str:
        """The source; if the statement is a call, with its exceptions ignored."""
        if not (
            isinstance(self.node, ast.Expr)
            and isinstance(self.node.value, ast.Call)
            and self.source
        ):
            return self.source
        if "\n" not in self.source:
            return f"try: {self.source}\nexcept BaseException: pass"
        ignored = ast.ExceptHandler(ast.Name("BaseException"), None, [ast.Pass()])
        return ast.unparse(ast.Try([self.node], [ignored], [], []))

    @functools.cached_property
    def uses(self) -> set[str]:
        """Names that it uses and does not define, in any scope."""
        try:
            used = free_names(self.source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return set()
        changed = isinstance(self.node, ast.AugAssign)
        return used - self.loop_names - (set() if changed else self.binds)

    @functools.cached_property
    def effects(self) -> tuple[set[str], set[str], set[str]]:
        """What it may change when it runs, unless it talks or exits.

        Returns:
            names whose values it changes in place (`x[0] = 1`, `x.y = 2`, `x.append(3)`), and `*` if it changes the
            interpreter; names that it passes to a function (`shuffle(x)`); names that it calls. A definition only calls
            its decorators.
        """
        if isinstance(self.node, _DEFINITIONS):
            decorators = [getattr(part, "func", part) for part in self.node.decorator_list]
            return set(), set(), {part.id for part in decorators if isinstance(part, ast.Name)}
        changed, calls = _changed_in_place(self.node)
        names = {_last_name(call.func) for call in calls}
        if names & _TALKS:
            return set(), set(), set()
        passed = {part.id for call in calls for part in call.args if isinstance(part, ast.Name)}
        called = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
        return changed | ({"*"} if names & _SETTINGS else set()), passed, called

    @functools.cached_property
    def affects(self) -> set[str]:
        """Names outside this function whose values a call of it may change."""
        parts = [part for part in ast.walk(self.node) if isinstance(part, ast.Global)]
        assigned = {name for part in parts for name in part.names}
        return assigned | (_changed_in_place(self.node)[0] & self.uses)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without warnings on the style of what is parsed, such as unknown escape sequences."""
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)
        warnings.filterwarnings("ignore", "invalid ", DeprecationWarning)
        yield


@quietly()
def find_program(
    reply: str, needs: Iterable[str], entry_point: str | None = None, given: str = ""
) -> str | None:
    """The program of a reply, or None if nothing in it defines the entry point, or any of the names if there is none.

    Args:
        reply: the reply without thoughts.
        needs: names that the tests need.
        entry_point: the name that the tests need most, if they say.
        given: statements that the program begins with.
    """
    wanted = set(needs)
    required = {entry_point} if entry_point else wanted
    wanted |= required
    reply = reply.replace("\r\n", "\n").replace("\r", "\n")
    blocks = blocks_of(reply)
    for parts in _readings(reply, blocks):
        chosen = _chosen(parts, wanted)
        if chosen is not None and required & _defined(chosen):
            return _joined(chosen, given)
    return None


def _readings(reply: str, blocks: Sequence[Block]) -> Iterator[list[list[_Statement]]]:
    """What may be the program of a reply, in parts, most likely first."""
    yield [_statements(_closed(block)) for block in blocks if not block.is_other]
    if blocks:
        yield [_statements(block.text) for block in blocks if block.is_other]
    yield [_statements(reply)]
    spans = (span[2].removeprefix("python ").strip() for span in _CODE_SPAN.finditer(reply))
    yield [_statements(span) for span in spans]


@quietly()
def complete(prompt: str, reply: str, entry_point: str) -> str | None:
    """The program that a reply makes of the prompt's last function by giving its body, or None if it gives none.

    Args:
        prompt: the head of a program; it ends after the signature or the documentation of `entry_point`.
        reply: the reply without thoughts, or with its body in a fence.
        entry_point: the function whose body is missing.
    """
    reply = reply.replace("\r\n", "\n").replace("\r", "\n")
    blocks = [block.text for block in blocks_of(reply) if not block.is_other]
    head = prompt.rstrip(" \t")
    head = head if head.endswith("\n") else f"{head}\n"
    best, size = None, 0
    for text in blocks[:_MOST_BODIES] or [reply]:
        lines = text.strip("\n").split("\n")
        indented = textwrap.indent(textwrap.dedent("\n".join(lines)), "    ")
        mended = "\n".join(
            [f"    {lines[0].lstrip()}", *lines[1:]]
        )  # its first indentation was stripped
        for body in (f"{prompt}{text}", f"{head}{text}", f"{head}{indented}", f"{head}{mended}"):
            chosen = _chosen([_statements(body)], {entry_point}) or []
            length = max((one.length for one in chosen if entry_point in one.binds and not one.empty), default=0)  # fmt: skip
            if length > size:
                best, size = _joined(chosen, ""), length
        if best is not None:
            break
    return best


# --- which blocks, which statements


def _chosen(parts: Sequence[list[_Statement]], wanted: set[str]) -> list[_Statement] | None:
    """The statements of the parts that together define what is wanted, in the order of the reply.

    The last part that defines a wanted name counts; for a name that a part uses, the last one up to that part.
    """
    coded = _defined(one for part in parts for one in part if not one.imports)
    places: dict[str, list[int]] = {}
    for number, part in enumerate(parts):
        for name in _defined(one for one in part if not (one.imports and one.binds & coded)):
            places.setdefault(name, []).append(number)
    picked: dict[int, set[str]] = {}
    for name in wanted & places.keys():
        picked.setdefault(places[name][-1], set()).add(name)
    waiting = list(picked)
    while waiting:
        user = waiting.pop()
        kept = _needed(parts[user], picked[user])
        for name in (set().union(*(one.uses for one in kept)) - _defined(kept)) & places.keys():
            found = places[name]
            number = found[max(bisect.bisect_right(found, user) - 1, 0)]
            if name not in picked.setdefault(number, set()):
                picked[number].add(name)
                waiting.append(number)
    chosen = [one for number in sorted(picked) for one in _needed(parts[number], picked[number])]
    return chosen or None


def _defined(statements: Iterable[_Statement]) -> set[str]:
    return {name for one in statements if not one.empty for name in one.binds}


def _needed(statements: Sequence[_Statement], wanted: set[str]) -> list[_Statement]:
    """The statements that define or change what is wanted, or what those use."""
    functions = {one.node.name: one for one in statements if isinstance(one.node, _DEFINITIONS[:2])}
    by_name: dict[str, list[int]] = {"*": []}
    for number, one in enumerate(statements):
        changed, passed, called = one.effects
        names = set(one.binds) if one.binds else changed | (passed - functions.keys())
        for name in (called & functions.keys()) - one.binds:
            names |= functions[name].affects
        for name in names:
            by_name.setdefault(name, []).append(number)
    names, waiting = {"*"} | wanted, ["*", *wanted]
    kept: set[int] = set()
    while waiting:
        name = waiting.pop()
        for number in by_name.get(name, ()):
            one = statements[number]
            if number not in kept and not (one.empty and name not in wanted):
                kept.add(number)
                new = one.uses - names
                names |= new
                waiting += new
    if any(statements[number].uses & _DYNAMIC for number in kept):
        return list(statements)
    return [one for number, one in enumerate(statements) if number in kept or one.future]


def _joined(statements: Sequence[_Statement], given: str) -> str:
    future = [one.source for one in statements if one.future]
    rest = [one.guarded for one in statements if not one.future]
    return "\n".join([*dict.fromkeys(future), *([given] if given else []), *rest]) + "\n"


# --- reading


def _closed(block: Block) -> str:
    """The text of a block; if it ends inside a text in triple quotes, a fence of that text ended it, so it goes on."""
    if not block.rest or not _read(block.text)[1]:
        return block.text
    text = block.text
    for following in block.rest.split("\n```", _MOST_CLOSINGS)[:_MOST_CLOSINGS]:
        text = f"{text}\n```\n{following}"
        if _read(text)[0] is not None:
            return text
    return block.text


def _statements(text: str) -> list[_Statement]:
    """The top-level statements of a text as far as it is Python."""
    text = textwrap.dedent(text.strip("\n"))
    nodes, _ = _read(text)
    if nodes is None and not text.isascii() and (plain := text.translate(_TYPOGRAPHY)) != text:
        nodes, _ = _read(plain)
        text = plain
    if nodes is None and (lines := [line[4:] for line in text.split("\n") if _PROMPT.match(line)]):
        text = "\n".join(lines)
        nodes, _ = _read(text)
    return [_Statement(node) for node in (_pieces(text) if nodes is None else nodes)]


def _pieces(text: str, nested: bool = False) -> list[ast.stmt]:
    """The statements among the lines of a text that is not Python as a whole."""
    lines = text.split("\n")
    starts = [
        number for number, line in enumerate(lines)
        if not line.startswith((" ", "\t")) and not _CONTINUES.match(line)
    ]  # fmt: skip
    starts.append(len(lines))
    found: list[ast.stmt] = []
    position, extensions = 0, _MOST_EXTENSIONS
    while position < len(starts) - 1:
        last = position + 1
        nodes, is_open = _read("\n".join(lines[starts[position] : starts[last]]))
        while nodes is None and is_open and last < len(starts) - 1 and extensions and last - position < _LONGEST:  # fmt: skip
            last, extensions = last + 1, extensions - 1
            nodes, is_open = _read("\n".join(lines[starts[position] : starts[last]]))
        if nodes is None:
            last = position + 1
            below = "\n".join(lines[starts[position] + 1 : starts[last]])
            if below.strip() and not nested:  # prose, and code that is indented below it
                below = textwrap.dedent(below)
                nodes, _ = _read(below)
                nodes = _pieces(below, nested=True) if nodes is None else nodes
        found += nodes or []
        position = last
    return found


def _read(text: str) -> tuple[list[ast.stmt] | None, bool]:
    """The statements of a text, or None if it is not Python; and whether more lines could make it so."""
    try:
        return ast.parse(text).body, False
    except SyntaxError as error:
        return None, text.startswith("@") or any(sign in str(error.msg) for sign in _OPEN)
    except (ValueError, RecursionError, MemoryError):
        return None, False


def _bound(node: ast.stmt) -> tuple[set[str], set[str]]:
    """The names that only the loops of a statement assign, and the names that it defines at the top level."""
    if isinstance(node, _DEFINITIONS):
        return set(), {node.name}
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return set(), {part.asname or part.name.split(".")[0] for part in node.names}
    if isinstance(node, ast.If) and any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(node.test)):  # fmt: skip
        return set(), set()  # never the main module
    loops: set[str] = set()
    binds: set[str] = set()
    inner: list[ast.AST] = [node]
    while inner:
        part = inner.pop()
        if isinstance(part, (ast.For, ast.AsyncFor)):
            loops.update(name.id for name in ast.walk(part.target) if isinstance(name, ast.Name))
            inner += [part.iter, *part.body, *part.orelse]
        elif isinstance(part, (*_DEFINITIONS, ast.Import, ast.ImportFrom)):
            binds |= _bound(part)[1]
        elif not isinstance(part, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):  # fmt: skip
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
                binds.add(part.id)
            inner += ast.iter_child_nodes(part)
    return loops, binds


def _last_name(function: ast.expr) -> str:
    """`f` of `f` and of `x.y.f`."""
    return str(getattr(function, "attr", getattr(function, "id", "")))


def _changed_in_place(node: ast.stmt) -> tuple[set[str], list[ast.Call]]:
    """Names whose items or attributes a statement assigns or deletes, or whose methods it calls; and all its calls."""
    found: set[str] = set()
    calls: list[ast.Call] = []
    for part in ast.walk(node):
        target: ast.AST | None = None
        if isinstance(part, ast.Call):
            calls.append(part)
            target = part.func if isinstance(part.func, ast.Attribute) else None
        elif isinstance(part, (ast.Attribute, ast.Subscript)) and not isinstance(part.ctx, ast.Load):  # fmt: skip
            target = part
        while isinstance(target, (ast.Attribute, ast.Subscript)):
            target = target.value
        if isinstance(target, ast.Name):
            found.add(target.id)
    return found, calls


def _is_empty(node: ast.stmt) -> bool:
    """Whether a function has no body but documentation, `pass`, `...` or `raise NotImplementedError`."""
    if not isinstance(node, _DEFINITIONS[:2]):
        return False
    return all(
        isinstance(part, ast.Pass)
        or (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
        or (isinstance(part, ast.Raise) and part.exc is not None and "NotImplemented" in ast.dump(part.exc))
        for part in node.body
    )  # fmt: skip
