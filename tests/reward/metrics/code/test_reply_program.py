"""The program in a reply: fences of every kind, code without a fence, several blocks. Replies as models write them."""

import textwrap
import threading
import time
from typing import Any

import pytest

from router_r1_reward.metrics.code.grader import program_of
from router_r1_reward.metrics.code.reply_blocks import blocks_of

ADD = "def add(a, b):\n    return a + b\n"

WRONG = "def add(a, b):\n    return a - b\n"

FENCED = f"```python\n{ADD}```"

TESTS = "assert add(2, 3) == 5"


def quoted(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}" for line in text.splitlines(keepends=True))


def works(reply: str, tests: str = TESTS, metadata: dict[str, Any] | None = None) -> bool:
    """Whether the program in a reply fulfils the tests. The replies are those of this file, so they run here."""
    names: dict[str, Any] = {"__name__": "__answer__"}
    try:
        exec(compile(program_of(reply, metadata or {}, tests), "program", "exec"), names)
        exec(tests, names)
    except Exception:
        return False
    return True


# --- fences

FENCES = {
    "backticks": f"```python\n{ADD}```",
    "no language": f"```\n{ADD}```",
    "tildes": f"~~~python\n{ADD}~~~",
    "four backticks": f"````python\n{ADD}````",
    "seven tildes": f"~~~~~~~\n{ADD}~~~~~~~",
    "closed by a longer fence": f"```python\n{ADD}`````",
    "python3": f"```python3\n{ADD}```",
    "py": f"```py\n{ADD}```",
    "PYTHON": f"```PYTHON\n{ADD}```",
    "Python 3": f"```Python 3\n{ADD}```",
    "a space before the language": f"``` python\n{ADD}```",
    "{.python}": f"```{{.python}}\n{ADD}```",
    "{.python .numberLines}": f"~~~ {{.python .numberLines startFrom=1}}\n{ADD}~~~",
    "{python}": f"```{{python}}\n{ADD}```",
    "a title": f"```python title='add.py'\n{ADD}```",
    "a file name": f"```python:src/add.py\n{ADD}```",
    "lines to highlight": f"```py {{1,3}}\n{ADD}```",
    "never closed": f"Here:\n```python\n{ADD}",
    "never closed, no last newline": f"```python\n{ADD.rstrip()}",
    "closed by a shorter fence": f"````python\n{ADD}\n```",
    "an indented fence": textwrap.indent(f"```python\n{ADD}```", "   "),
    "a fence indented by four": textwrap.indent(f"```python\n{ADD}```", "    "),
    "a fence indented by a tab": textwrap.indent(f"```python\n{ADD}```", "\t"),
    "code indented less than its fence": f"  ```python\n{ADD}  ```",
    "code indented more than its fence": f"```python\n{textwrap.indent(ADD, '    ')}```",
    "in a list": f"- Solution:\n\n{textwrap.indent(FENCED, '  ')}",
    "opens with the item of a list": f"- ```python\n{textwrap.indent(ADD, '  ')}  ```",
    "in a numbered list": f"1. Solution:\n\n{textwrap.indent(FENCED, '   ')}\n2. Done.",
    "opens with a numbered item": f"10) ```python\n{textwrap.indent(ADD, '    ')}    ```",
    "in a list of lists": f"- a\n  * b\n\n{textwrap.indent(FENCED, '    ')}",
    "in a list, the code is not indented": f"1. So:\n   ```python\n{ADD}   ```",
    "in a quotation": quoted(f"```python\n{ADD}```"),
    "in a quotation without spaces": quoted(f"```python\n{ADD}```", ">"),
    "in a quotation in a quotation": quoted(f"```python\n{ADD}```", "> > "),
    "in a list in a quotation": quoted(f"- So:\n\n{textwrap.indent(FENCED, '  ')}"),
    "a quotation never closed": quoted(f"```python\n{ADD}"),
    "in a docstring": "```python\ndef add(a, b):\n    '''Adds.\n\n    ```\n    add(1, 2)\n    ```\n    '''\n    return a + b\n```",
    "in a docstring, not indented": "```python\ndef add(a, b):\n  '''Adds.\n```\nadd(1, 2)\n```\n  '''\n  return a + b\n```\nDone.",
    "in a docstring, with a language": "```python\ndef add(a, b):\n  '''Adds.\n  ```python\n  add(1, 2)\n  ```\n  '''\n  return a + b\n```",
    "in a string": "```python\nFENCE = '```'\ndef add(a, b):\n    return a + b\n```",
    "tildes around backticks": f"~~~python\n'''\n```\n'''\n{ADD}~~~",
    "after prose on the same line": f"Sure! Here it is: ```python\n{ADD}```",
    "after prose on the same line, no language": f"Here it is: ```\n{ADD}```",
    "closes after the code on the same line": f"```python\n{ADD.rstrip()}```",
    "one line in backticks": "The answer is `add = lambda a, b: a + b`.",
    "one line in three backticks": "Use ```add = lambda a, b: a + b```",
    "Windows line ends": f"```python\n{ADD}```".replace("\n", "\r\n"),
    "old Macintosh line ends": f"```python\n{ADD}```".replace("\n", "\r"),
    "blanks after the fences": f"```python  \n{ADD}```  \nDone.",
    "an interactive session": "```pycon\n>>> def add(a, b):\n...     return a + b\n...\n>>> add(2, 3)\n5\n```",
    "an interactive session, no language": "```\n>>> def add(a, b):\n...     return a + b\n>>> add(2, 3)\n5\n```",
    "another language by mistake": f"```javascript\n{ADD}```",
    "text": f"```text\n{ADD}```",
    "plaintext": f"```plaintext\n{ADD}```",
    "HTML": f"<pre><code>\n{ADD}</code></pre>",
    "tags": f"[PYTHON]\n{ADD}[/PYTHON]",
    "blanks that do not break": f"```python\n{ADD}```".replace("    ", "\xa0" * 4),
    "typographic quotation marks": "```python\ndef add(a, b):\n    “Adds.”\n    return a + b\n```",
    "a mark of the byte order": f"\ufeff```python\n{ADD}```",
}  # fmt: skip


@pytest.mark.parametrize("name", FENCES)
def test_the_program_stands_in_a_fence(name: str) -> None:
    assert works(FENCES[name])
    assert not works(FENCES[name].replace("a + b", "a - b"))


@pytest.mark.parametrize(
    ("reply", "texts"),
    [
        ("no fence", []),
        ("``` a`b\nx", []),
        ("``\nx\n``", []),
        ("```\na\n~~~\nb\n```", ["a\n~~~\nb"]),
        ("````\n```\nx\n```\n````", ["```\nx\n```"]),
        ("```\na\n``` b\nc\n```", ["a\n``` b\nc"]),
        ("~~~ a`b\nx\n~~~", ["x"]),
        ("```\n\n\n```", ["\n"]),
        ("```\n```", [""]),
        ("```\na\n    ```\nb\n```", ["a\n    ```\nb"]),
        ("   ```\n   a\n    b\n  c\n```", ["a\n b\nc"]),
        ("> ```\n> a\n>\n> b\n> ```\nc", ["a\n\nb"]),
    ],
)
def test_blocks_are_those_of_commonmark(reply: str, texts: list[str]) -> None:
    assert [block.text for block in blocks_of(reply)] == texts


# --- without a fence

BARE = {
    "alone": ADD,
    "no last newline": ADD.rstrip(),
    "prose before": f"Here is the function:\n\n{ADD}",
    "prose directly before": f"Here is the function:\n{ADD}",
    "prose after": f"{ADD}\nThis adds both numbers.",
    "prose before and after": f"Sure!\n\n{ADD}\nThis works (it's simple): a + b.\n\nNote that it's O(1).",
    "prose with an open bracket": f"Note (see below:\n\n{ADD}\n- fast\n- simple\n",
    "a heading and a list": f"# Solution\n\n* Adds two numbers\n\n{ADD}\n## Complexity\n\n1. O(1)",
    "after a thought": f"<think>easy: def add(a, b): return a - b</think>\n{ADD}",
    "after a thought in brackets": f"[THINK]def add(a, b): return a - b[/THINK]{ADD}",
    "a thought with a fence": f"<think>\n```python\n{WRONG}```\n</think>\n{ADD}",
    "with imports": f"import math\nfrom typing import *\n\n{ADD.replace('a + b', 'math.fsum([a, b])')}\nDone.",
    "with a decorator": f"Code:\nfrom functools import lru_cache\n\n@lru_cache(\n    maxsize=None\n)\n{ADD}\nThat is all.",
    "a docstring at the margin": "So:\ndef add(a, b):\n    '''Adds.\n\nBoth are numbers.\n    '''\n    return a + b\nDone.",
    "a call over several lines": f"DATA = dict(\na=1,\nb=2,\n)\n{ADD}\nDone!",
    "several functions": "Here:\n\ndef plus(a, b):\n    return a + b\n\ndef add(a, b):\n    return plus(a, b)\n\nDone!",
    "an interactive session": ">>> def add(a, b):\n...     return a + b\n...\n>>> add(2, 3)\n5",
    "prose and an interactive session": "Try it:\n\n>>> def add(a, b):\n...     return a + b\n...\n>>> add(2, 3)\n5\n\nDone.",
    "indented below prose": f"Here it is:\n\n{textwrap.indent(ADD, '    ')}\nDone.",
    "wholly indented": textwrap.indent(ADD, "    "),
    "a lambda": "The function:\nadd = lambda a, b: a + b",
    "a condition with an alternative": "So:\ntry:\n    from nowhere import plus\nexcept ImportError:\n    plus = None\n\ndef add(a, b):\n    return plus(a, b) if plus else a + b\nDone.",
    "only a language": f"python\n{ADD}",
    "a stray fence after it": f"{ADD}```",
    "a stray fence after it, with prose": f"{ADD}```\nThis adds both numbers.",
    "tabs": ADD.replace("    ", "\t"),
    "asynchronous": "Here:\n\nasync def helper(): pass\n\n" + ADD,
    "a class": "Here:\n\nclass Adder:\n    def go(self, a, b):\n        return a + b\n\nadd = Adder().go\n\nDone.",
    "cut off in a later function": f"{ADD}\ndef more(x):\n    return (x +",
}  # fmt: skip


@pytest.mark.parametrize("name", BARE)
def test_the_program_stands_without_a_fence(name: str) -> None:
    assert works(BARE[name])


# --- several blocks


def block(*texts: str, language: str = "python") -> str:
    return "\n\nThen:\n\n".join(f"```{language}\n{text.rstrip()}\n```" for text in texts)


SEVERAL = {
    "a draft and the final one": block(WRONG, ADD),
    "two drafts": block(WRONG, "def add(a, b):\n    return 0", ADD),
    "usage first": block("print(add(1, 2))", ADD),
    "usage last": block(ADD, "print(add(1, 2))"),
    "usage that reads": block(ADD, "a = int(input())\nb = int(input())\nprint(add(a, b))"),
    "usage that imports the program": block(ADD, "from solution import add\nprint(add(1, 2))"),
    "usage that fails": block(ADD, "result = add('a', 1)\nassert result == 5"),
    "a helper before": block("def plus(a, b):\n    return a + b", "def add(a, b):\n    return plus(a, b)"),
    "a helper after": block("def add(a, b):\n    return plus(a, b)", "def plus(a, b):\n    return a + b"),
    "helpers of helpers": block("ZERO = 0", "def zero():\n    return ZERO", "def plus(a, b):\n    return a + b + zero()", "def add(a, b): return plus(a, b)"),
    "imports in a block of their own": block("import operator as op", "def add(a, b):\n    return op.add(a, b)"),
    "a constant in a block of its own": block("UNIT = 1", "def add(a, b):\n    return (a + b) * UNIT"),
    "a draft with the helper": block(f"def plus(a, b):\n    return a + b\n\n{WRONG}", "def add(a, b):\n    return plus(a, b)"),
    "a helper that is mended later": block("def plus(a, b):\n    return a - b", "def plus(a, b):\n    return a + b", "def add(a, b):\n    return plus(a, b)"),
    "two whole versions": block("def plus(a, b): return a - b\ndef add(a, b): return plus(a, b)", "def plus(a, b): return a + b\ndef add(a, b): return plus(a, b)"),
    "the signature again, at the end": block(ADD, "def add(a, b):\n    ..."),
    "the signature with documentation": block(ADD, "def add(a: int, b: int) -> int:\n    '''Adds.'''\n    pass"),
    "a stub to fill in": block(ADD, "def add(a, b):\n    raise NotImplementedError"),
    "the last block is cut off": f"{block(ADD)}\n\nBetter:\n```python\ndef add(a, b):\n    return (a +",
    "the last block is not Python": block(ADD, "def add(a, b) return a + b"),
    "the last block is pseudo code": block(ADD, "function add(a, b): give a plus b", language="python"),
    "installs first": f"```bash\npip install numpy\n```\n{block(ADD)}",
    "installs last": f"{block(ADD)}\n```sh\npython add.py\n```",
    "output last": f"{block(ADD)}\n```text\n5\n```",
    "output without a language": f"{block(ADD)}\nOutput:\n```\n5\n```",
    "output like Python": f"{block(ADD)}\nOutput:\n```\nadd = 5\n```".replace("add = 5", "sum = 5"),
    "JSON last": block(ADD) + "\n```json\n{\"add\": 5}\n```",
    "another language too": block(ADD) + "\nIn JavaScript:\n```js\nfunction add(a, b) { return a + b }\n```",
    "tests in a block of their own": block(ADD, "import pytest\n\ndef test_add():\n    assert add(1, 1) == 3"),
    "fences of two kinds": f"```python\n{WRONG}```\nor\n~~~python\n{ADD}~~~",
    "the final one without a fence": f"```python\nprint(1)\n```\n\n{ADD}",
    "the same block twice": block(ADD, ADD),
    "blocks in a list": "1. First:\n   ```python\n   import operator\n   ```\n2. Then:\n   ```python\n   def add(a, b):\n       return operator.add(a, b)\n   ```",
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_of_several_blocks_the_program_is_what_defines_what_the_tests_need(name: str) -> None:
    assert works(SEVERAL[name])


def test_tests_may_need_several_names_of_several_blocks() -> None:
    tests = "s = Stack()\npush_all(s, [1, 2])\nassert s.items == [1, 2] and size(s) == LIMIT"
    stack = "class Stack:\n    def __init__(self):\n        self.items = []"
    push = "def push_all(stack, xs):\n    stack.items.extend(xs)"
    size = "def size(stack: 'Stack') -> int:\n    return len(stack.items)\nLIMIT = 2"
    assert works(block(stack, push, size), tests)
    assert works(block(size, push, stack), tests)
    assert works(block(f"{stack}\n{push}", "class Stack: pass", size, stack), tests)
    assert not works(block(stack, push), tests)


# --- what merely runs

RUNS = {
    "usage": f"{ADD}print(add(1, 2))",
    "input": f"a = int(input())\nb = int(input())\n{ADD}print(add(a, b))",
    "a main function": f"{ADD}def main():\n    print(add(*map(int, input().split())))\nmain()",
    "a main guard": f"{ADD}if __name__ == '__main__':\n    import nowhere\n    print(add(*map(int, input().split())))",
    "assertions that are wrong": f"{ADD}assert add(1, 1) == 3, 'oh'\n",
    "unittest": f"import unittest\n{ADD}class T(unittest.TestCase):\n    def test(self): self.assertEqual(add(1, 1), 3)\nunittest.main()",
    "doctest": f"import doctest\n{ADD}doctest.testmod()",
    "pytest, which is not installed": f"import pytest_of_nowhere as pytest\n{ADD}@pytest.mark.x\ndef test_add(): pass",
    "a loop of examples": f"{ADD}for a, b in [(1, 2), ('x', 1)]:\n    print(add(a, b))",
    "a loop that reads": f"{ADD}while True:\n    print(add(int(input()), 1))",
    "exits": f"import sys\n{ADD}sys.exit(main())".replace("main()", "add(1, 1)"),
    "a table that is filled": "table = {}\nfor i in range(10):\n    for j in range(10):\n        table[i, j] = i + j\ndef add(a, b):\n    return table[a, b]\nprint(table)",
    "a list that is filled by a method": "import sys\nsys.setrecursionlimit(5000)\nsteps = []\nsteps.append(1)\ndef add(a, b):\n    return a if b == 0 else add(a, b - 1) + steps[0] + 0 * len(sys.argv)",
    "an attribute that is set": "def add(a, b):\n    return a + b + add.zero\nadd.zero = 0\nprint('x')",
    "a method that is added": "class Adder:\n    pass\ndef go(self, a, b): return a + b\nAdder.go = go\ndef add(a, b): return Adder().go(a, b)",
    "a name that is bound twice": "def add(a, b):\n    return a + b\nadd = (lambda f: lambda a, b: f(a, b))(add)",
    "a counter": "n = 0\nn += 1\ndef add(a, b):\n    return a + b + n - 1",
    "a name used through globals()": "def plus(a, b): return a + b\ndef add(a, b): return globals()['plus'](a, b)",
    "from __future__": f"from __future__ import annotations\nprint(1)\n{ADD.replace('a, b', 'a: Nowhere, b')}",
    "a import that may be missing": "try:\n    import nowhere\nexcept ImportError:\n    nowhere = None\ndef add(a, b):\n    return a + b if nowhere is None else 0",
    "everything from a module": "from math import *\ndef add(a, b):\n    return int(fsum([a, b]))",
    "a dataclass": "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef add(a, b):\n    return P(a).x + P(b).x",
    "a type alias": "from typing import Union\nNumber = Union[int, float]\ndef add(a: Number, b: Number) -> Number:\n    return a + b",
    "a deleted name": "x = 1\ndel x\n" + ADD,
    "a table that a function fills": "table = []\ndef fill(n):\n    for i in range(n):\n        table.append(i)\nfill(20)\ndef add(a, b):\n    return table[a + b]",
    "a table that a function makes": "table = None\ndef fill():\n    global table\n    table = list(range(20))\nfill()\ndef add(a, b):\n    return table[a + b]",
    "a table that a function fills and says so": "table = []\ndef fill(n):\n    table.extend(range(n))\n    return len(table)\nsize = fill(20)\ndef add(a, b):\n    return table[a + b]",
    "a list that is passed to a function": "import heapq\nones = [2, 1, 3]\nheapq.heapify(ones)\ndef add(a, b):\n    return a + b * ones[0]",
    "a method that is set by name": "class Adder:\n    pass\nsetattr(Adder, 'go', lambda self, a, b: a + b)\ndef add(a, b): return Adder().go(a, b)",
    "a register of functions": "known = {}\ndef register(f):\n    known[f.__name__] = f\n    return f\n@register\ndef plus(a, b): return a + b\ndef add(a, b): return known['plus'](a, b)",
    "a limit of the interpreter": "import sys\nsys.setrecursionlimit(9000)\ndef down(n): return 0 if n == 0 else down(n - 1)\ndef add(a, b): return a + b + down(5000)",
    "a call that fails after it filled a table": "table = []\ndef fill(n):\n    table.extend(range(n))\n    int(input())\nfill(20)\ndef add(a, b):\n    return table[a + b]",
    "tests that run and exit": f"import sys\nresults = []\n{ADD}def check(f):\n    results.append(f(1, 1) == 3)\n    sys.exit(1)\ncheck(add)",
    "an overloaded function": "from typing import overload\n@overload\ndef add(a: int, b: int) -> int: ...\n@overload\ndef add(a: str, b: str) -> str: ...\ndef add(a, b):\n    return a + b",
}  # fmt: skip


@pytest.mark.parametrize("name", RUNS)
def test_what_merely_runs_is_left_out(name: str) -> None:
    assert works(block(RUNS[name]))
    assert works(f"Here:\n\n{RUNS[name]}\n")


# --- replies that continue a prompt

PROMPT = "import math\n\ndef half(x):\n    return x / 2\n\ndef add(a, b):\n    '''Adds.\n\n    >>> add(1, 2)\n    3\n    '''\n"

BODY = "    total = a\n\n    for _ in range(b):\n        total += 1\n    return total\n"

CONTINUED = {
    "the body": BODY,
    "the body, its first indentation stripped": BODY.strip(),
    "the body, not indented": textwrap.dedent(BODY),
    "the body in a fence": f"```python\n{BODY}```",
    "the body in a fence, not indented": f"```\n{textwrap.dedent(BODY)}```",
    "the body, then prose": f"{BODY}\nThis adds both numbers.",
    "the body, then more code": f"{BODY}\n\ndef main():\n    print(add(1, 2))\n\nmain()\nassert add(1, 1) == 3\n",
    "the body, then usage that is cut off": f"{BODY}\n\nprint(add(1,",
    "the body after a thought": f"<think>Count up.</think>\n{BODY}",
    "the body uses the prompt": "    return int(half(a + b) * 2) + math.floor(0)\n",
    "the body has brackets": "    return [a + b][0]",
    "the body has brackets and was stripped": "c = [a][0]\n    return c + b",
    "a body of one line, stripped": "return a + b",
    "the function again": f"```python\n{ADD}```",
    "the function again, with the prompt's": "def add(a, b):\n    return int(half(a + b) * 2) + math.floor(0)\n",
    "the whole prompt again": f"{PROMPT}{BODY}",
    "the whole prompt again in a fence": f"Sure:\n```python\n{PROMPT}{BODY}```\nDone.",
    "annotations of the future": f"from __future__ import annotations\n{ADD.replace('b)', 'b: Nowhere)')}",
}  # fmt: skip


def test_a_prompt_may_end_in_statements_of_the_body() -> None:
    prompt = "def add(a, b):\n    import math\n    'Adds.'\n"
    metadata = {"prompt": prompt, "entry_point": "add", "tests": TESTS}
    for reply in (
        "    return math.floor(a + b)",
        "return math.floor(a + b)",
        "c = a\n    return c + b",
    ):
        assert works(reply, TESTS, metadata)


@pytest.mark.parametrize("name", CONTINUED)
def test_a_reply_may_continue_the_prompt(name: str) -> None:
    assert works(CONTINUED[name], TESTS, {"prompt": PROMPT, "entry_point": "add", "tests": TESTS})


# --- nothing to find


@pytest.mark.parametrize(
    ("reply", "program"),
    [
        ("", ""),
        ("I do not know.", "I do not know."),
        ("<think>def add(a, b): return a + b", ""),
        (f"<think>\n```python\n{ADD}```\n</think>", ""),
        ("```python\ndef other(): pass\n```", "def other(): pass"),
        ("```bash\nls\n```", "```bash\nls\n```"),
    ],
)
def test_without_the_wanted_function_the_text_is_the_program(reply: str, program: str) -> None:
    assert program_of(reply, {}, TESTS) == program


def test_names_of_the_library_are_not_what_tests_need() -> None:
    tests = "import math\nassert math.isclose(add(2, 3), Decimal(5)) and isinstance(add(1, 1), int)"
    assert "Decimal" not in program_of(block("Decimal = int", ADD), {}, tests)


def test_a_program_may_be_named_like_a_function_of_python() -> None:
    assert works(block("def sum(a, b): return 0", "def sum(a, b):\n    return a * b"), "assert sum(4, 6) == 24")  # fmt: skip


# --- time

LONG = {
    "backticks": "`" * 100_000,
    "fences": "```\n" * 25_000,
    "fences with code": "```python\nx = 1\n```\n" * 5_000,
    "fences that open strings": "```python\nx = '''\n```\n" * 5_000,
    "a fence and blanks": "```" + " " * 100_000 + "x",
    "a fence in prose and blanks": "a ```" + " " * 100_000 + "n",
    "quotation marks": ">" * 100_000,
    "quotations": "> a\n" * 25_000,
    "lists": "- " * 50_000,
    "lists of digits": "1. " * 33_000,
    "lines of prose": "This is a line (of prose.\n" * 4_000,
    "lines of open brackets": "x = (\n" * 16_000,
    "lines of open strings": "'''\nx\n" * 14_000 + "'''",
    "decorators": "@a\n" * 33_000,
    "names": "add\n" * 25_000,
    "definitions": "def add(a, b): return a + b\n" * 3_500,
    "chains of definitions": "".join(f"def f{n}(): return f{n + 1}()\n" for n in range(3_000)) + "add = f0",
    "brackets": "(" * 100_000,
    "unary operators": "-" * 100_000 + "1",
    "binary operators": "+".join("a" * 50_000),
    "attributes": "a" + ".a" * 50_000,
    "calls": "a" + "()" * 50_000,
    "powers": "a" + "**a" * 33_000,
    "conditions": "".join(f"{' ' * n}if a:\n" for n in range(440)),
    "alternatives": "if a: b\n" + "elif a: b\n" * 10_000,
    "lambdas": "lambda: " * 12_500 + "1",
    "strings with fields": "f'" + "{a}" * 10_000 + "'",
    "nested strings with fields": "f'{" * 30_000,
    "null characters": "\0" * 100_000,
    "code spans": "`a` " * 25_000,
    "prompts": ">>> a(\n" * 14_000,
    "not Latin": "é(\n" * 33_000,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_long_replies_take_little_time_and_raise_nothing(name: str) -> None:
    def measure() -> None:  # threads have smaller stacks
        program_of(LONG[name][:100_000], {"entry_point": "add", "prompt": PROMPT}, TESTS)
        program_of(f"{ADD}\n{LONG[name][:100_000]}", {}, TESTS)
        done.append(True)

    done: list[bool] = []
    began = time.process_time()
    thread = threading.Thread(target=measure)
    thread.start()
    thread.join()
    assert done and time.process_time() - began < 20
