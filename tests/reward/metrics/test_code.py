"""The metric code: off unless allowed; what passes, what does not, what a program gets to use, and what it can not do."""

import contextlib
import gzip
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1_reward import ScorerError, grade
from router_r1_reward.metrics.code import sandbox, system_calls
from router_r1_reward.metrics.code.grader import passes as passes_tests
from router_r1_reward.metrics.code.grader import program_of
from router_r1_reward.metrics.code.sandbox_runner import PERMISSION, RunLimits, isolation, run

RIGHT = "def double(x):\n    return 2 * x\n"
WRONG = "def double(x):\n    return x + 1\n"
TESTS = "assert double(2) == 4\nassert double(5) == 10\n"
SHORT = RunLimits(cpu_s=1, wall_s=20)

# Data for development lies beside the checkout, where it is there at all.
DATA = Path(__file__).parents[4] / "shared" / "data" / "questions"

QUESTION = Question(
    id="1",
    question="Write double(x).",
    answer=RIGHT,
    metric="code",
    metadata={"tests": TESTS.splitlines(), "entry_point": "double"},
)
HUMAN_EVAL = Question(
    id="2",
    question="Complete the function.",
    answer="    return 2 * x\n",
    metric="code",
    metadata={
        "prompt": "def half(x):\n    return x / 2\n\ndef double(x):\n",
        "entry_point": "double",
        "tests": "def check(candidate):\n    assert candidate(2) == 4\n    assert half(candidate(3)) == 3\n",
    },
)
WAYS = ("namespaces", "landlock")


def passes(program: str, question: Question | None = QUESTION, gold: str = RIGHT) -> float:
    return grade(program, [gold], "code", question=question, allow_code=True)


@pytest.fixture(scope="module")
def permitted() -> dict[str, str]:
    """Way to confine a program -> why it is not to be had here; empty where it is."""
    reasons = {}
    for way in WAYS:
        try:
            run("", "assert True", how=way)
        except ScorerError as error:
            reasons[way] = str(error)
    return reasons


@pytest.fixture(params=WAYS)
def how(request: pytest.FixtureRequest, permitted: dict[str, str]) -> str:
    way: str = request.param
    if way in permitted:
        pytest.skip(f"this machine does not permit it: {permitted[way]}")
    return way


# --- permission


def test_programs_are_not_run_unless_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PERMISSION, raising=False)
    for answer in (RIGHT, None):
        with pytest.raises(ConfigError, match=f"{PERMISSION}=1"):
            grade(answer, [RIGHT], "code", question=QUESTION)
    monkeypatch.setenv(PERMISSION, "0")
    with pytest.raises(ConfigError):
        grade(RIGHT, [RIGHT], "code", question=QUESTION)


def test_the_environment_allows_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PERMISSION, "1")
    assert grade(RIGHT, [RIGHT], "code", question=QUESTION) == 1


WITHOUT_A_SANDBOX = """
import sys
from router_r1.errors import ConfigError
from router_r1_reward.metrics.code import sandbox_runner

sandbox_runner._WORKER = sys.argv[1]  # a worker on a machine that permits neither
try:
    assert sandbox_runner.isolation() == "nothing"
except ConfigError as error:
    sys.exit(str(error))
assert sandbox_runner.run("x = 1", "assert x == 1") and not sandbox_runner.run("x = 2", "assert x == 1")
"""


@pytest.fixture
def bare_worker(tmp_path: Path) -> str:
    """The worker, on a kernel that has neither user namespaces nor Landlock."""
    package = Path(sandbox.__file__).parent
    for path in package.glob("*.py"):
        shutil.copy(path, tmp_path)
    text = (package / "sandbox.py").read_text()
    wanting = text.replace('"unshare", flags', '"unshare", -1').replace('": 444', '": 4440')
    assert wanting.count('"unshare", -1') == 2 and wanting.count(": 4440") == 1
    (tmp_path / "sandbox.py").write_text(wanting)
    return str(tmp_path / "sandbox_worker.py")


@pytest.mark.parametrize(
    ("permission", "status", "says"),
    [("1", 1, f"permits no sandbox.*namespaces: .*landlock: .*{PERMISSION}=unconfined"), ("unconfined", 0, "with access to your files")],
)  # fmt: skip
def test_without_a_sandbox_nothing_is_run_unless_that_is_allowed_too(
    bare_worker: str, permission: str, status: int, says: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_SANDBOX, bare_worker],
        env={PERMISSION: permission, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, done.stderr
    assert len(re.findall(says, done.stderr, re.DOTALL)) == 1


# --- what passes


def test_a_program_passes_its_tests_or_not() -> None:
    assert passes(RIGHT) == 1
    assert passes(WRONG) == 0
    assert passes("def double(x) return") == 0
    assert passes("") == 0
    assert grade(None, [RIGHT], "code", question=QUESTION, allow_code=True) == 0


def test_the_program_is_found_in_a_reply() -> None:
    assert passes(f"Here it is:\n```python\n{RIGHT}```\nUse it as\n```\ndouble(input())\n```") == 1
    assert passes(f"```python\nraise SystemExit\n```\nBetter:\n```py\n{RIGHT}```") == 1


def test_a_completion_gets_its_head() -> None:
    assert passes("    return 2 * x\n", HUMAN_EVAL) == 1
    assert passes(f"def half(x): return x / 2\n{RIGHT}", HUMAN_EVAL) == 1
    assert passes("    return x + 1\n", HUMAN_EVAL) == 0


def test_the_gold_answer_may_be_the_test_program() -> None:
    assert passes(RIGHT, None, TESTS) == 1
    assert passes(WRONG, None, TESTS) == 0


def test_tests_that_are_no_program_are_an_error() -> None:
    with pytest.raises(DataError, match="not valid Python"):
        passes(RIGHT, None, "assert (")


@pytest.mark.parametrize(
    "tests", ["", "pass", "x = 1", "import os\ndef test(): return 1", "'f(1) == 2'"]
)
def test_tests_that_test_nothing_are_an_error(tests: str) -> None:
    with pytest.raises(DataError, match="test nothing"):
        run(RIGHT, tests)


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
    "tests",
    [
        "def test(): assert double(2) == 4",
        "def test():\n    if double(2) != 4: raise ValueError",
        UNITTEST,
        f"{UNITTEST}\n{MAIN.replace('__main__', 'main')} unittest.main()",
        "def test_double(check=len): check(double(2))",
    ],
)
def test_tests_that_are_never_called_pass_nothing(
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
def test_data_of_a_program_can_be_tested(tests: str) -> None:
    assert run("x = 1", tests)
    assert not run("x = 2", tests)


def test_tests_that_hand_over_what_can_not_cross_pass_nothing_and_say_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tests = "class Point: pass\nassert double(Point()) == 4\n"
    assert not run(RIGHT, tests)
    assert "__main__.Point: only data, functions and iterators" in caplog.text
    assert not run(RIGHT, "class Point: pass\ntry: double(Point())\nexcept: pass")
    assert caplog.text.count("only data, functions and iterators") == 2


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        (
            "import sys\nb = sys.modules['router_r1_reward.metrics.code.program_names']; o = b.describe\n"
            "b.describe = lambda n, w: o(n, w) + [['abs', 'value', lambda x: 0]]\ndef f(x): return 0.0",
            "assert abs(f(2) - 4.0) < 1e-6",
        ),
        (
            "class math: isclose = staticmethod(lambda *a, **k: True)\ndef f(x): return 0.0",
            "assert math.isclose(f(2), 4.0)",
        ),
        (
            "class R:\n    def __len__(s): raise StopIteration\ndef f(x): return R()",
            "assert all(map(lambda x: len(f(x)) == 3, [1, 2]))",
        ),
    ],
)
def test_what_the_tests_use_is_not_the_programs(program: str, tests: str) -> None:
    assert not run(program, tests)


def test_a_forged_question_to_the_tests_is_a_failure_and_no_error() -> None:
    forged = (
        'import os; os.write(4, b\'["request","iter",["list",[["coroutine",0]]]]\\n\')\n'
        "def f(): return 1"
    )
    assert not run(forged, "assert f() == 2")


def test_a_program_may_call_functions_of_the_tests_from_threads() -> None:
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def f(g, xs):\n    with ThreadPoolExecutor(8) as p: return list(p.map(g, xs))"
    )
    assert run(program, "assert f(lambda x: x * x, range(50)) == [x * x for x in range(50)]")


@pytest.mark.parametrize(
    "reply",
    [
        "```bash\npip install x\n```\nThen\n```python\ndef double(x): return 2 * x\n```\n",
        "```Python title='a.py'\ndef double(x): return 2 * x\n```",
        "1. So:\n   ```python\ndef double(x): return 2 * x\n   ```",
        "It ends early:\n```python\ndef double(x): return 2 * x\n",
    ],
)
def test_programs_are_found_in_replies_as_models_write_them(reply: str) -> None:
    assert passes(reply) == 1


def test_a_restated_function_keeps_what_the_prompt_gives() -> None:
    prompt = "import math\ndef half(x):\n    return x / 2\ndef f(x):\n    'Rounded half.'\n"
    metadata = {"prompt": prompt, "entry_point": "f", "tests": "assert f(5) == 2"}
    question = Question(id="q", question=prompt, answer="-", metric="code", metadata=metadata)
    answer = "```python\ndef f(x):\n    return math.floor(half(x))\n```"
    assert grade(answer, ["-"], "code", question=question, allow_code=True) == 1


def test_long_replies_take_no_time_to_read() -> None:
    began = time.process_time()
    program_of("```" + " " * 32_000 + "x", {"entry_point": "f"})
    program_of("```" + "\n" * 32_000, {"entry_point": "f"})
    assert time.process_time() - began < 1


HONEST = {
    "the library": (
        "import collections, itertools, re, heapq, bisect, functools, statistics, datetime, random, string, uuid, hashlib\n"
        "def f(): return statistics.mean([1, 2, 3]), hashlib.md5(b'').hexdigest()[:4], len(str(uuid.uuid4()))",
        "assert f() == (2, 'd41d', 36)",
    ),
    "recursion": (
        "import sys\nsys.setrecursionlimit(10000)\ndef f(n): return 1 if n == 0 else 1 + f(n - 1)",
        "assert f(5000) == 5001",
    ),
    "files in its folder": (
        "import os, tempfile, shutil\ndef f():\n"
        "    open('a', 'w').write('x'); shutil.copyfile('a', 'b'); os.rename('b', 'c')\n"
        "    with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile() as n: os.mkdir(d + '/e'); n.write(b'x')\n"
        "    return sorted(os.listdir())",
        "assert f() == ['a', 'c']\nassert open('a').read() == 'x'",
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor\nimport threading, queue\n"
        "def f(xs):\n    with ThreadPoolExecutor(8) as pool: return list(pool.map(abs, xs))",
        "assert f([-1, 2, -3] * 50) == [1, 2, 3] * 50",
    ),
    "asyncio": (
        "import asyncio\nasync def one(x):\n    await asyncio.sleep(0.001)\n    return x\n"
        "async def f(xs): return sum(await asyncio.gather(*map(one, xs)))",
        "import asyncio\nassert asyncio.run(f([1, 2, 3])) == 6",
    ),
    "printing": ("def f():\n    for _ in range(100): print('x' * 10**5)\n    return 1", "assert f() == 1"),
    "its own signals": (
        "import signal, os\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *_: got.append(1))\n"
        "def f():\n    os.kill(os.getpid(), signal.SIGUSR1)\n    return got",
        "assert f() == [1]",
    ),
    "exit in a branch not taken": ("def f(x):\n    if x < 0: exit(1)\n    return x", "assert f(1) == 1"),
    "arguments changed in place": (
        "def f(xs, d):\n    xs.sort()\n    xs[0][0] = 9\n    d.update(b=2); d['a'].append(1)",
        "xs, a = [[3], [1]], []\ninner = xs[1]\nd = {'a': a}\nf(xs, d)\n"
        "assert xs == [[9], [3]] and d == {'a': [1], 'b': 2} and a == [1]",
    ),
    "collections of all kinds changed in place": (
        "import collections\ndef f(xs): xs.append((3, xs.pop(0)))\n"
        "def g(o, n, b, s, q): o['x'] = o.pop('a'); o.move_to_end('b'); n[0].p[0].append(1); b[0] = 9; s.add(2); q.append(5)",
        "import collections\nN = collections.namedtuple('N', 'p q')\nxs = [(1, [2]), (2, [])]\nfirst = xs[0]\nf(xs)\nassert xs == [(2, []), (3, (1, [2]))]\n"
        "o, n, b, s, q, inner = collections.OrderedDict(a=1, b=2), [N(([],), 1)], bytearray(b'a'), {1}, collections.deque([4], 3), []\nn[0] = N((inner,), 1)\n"
        "g(o, n, b, s, q)\nassert o == collections.OrderedDict(x=1, b=2) and inner == [1] and b == b'\\t' and s == {1, 2} and q == collections.deque([4, 5]) and q.maxlen == 3",
    ),
    "a function as argument": ("def f(g, xs): return [g(x) for x in xs]", "assert f(lambda x: x + 1, iter([1, 2])) == [2, 3]"),
    "a function as result": ("def f(n):\n    return lambda x: x + n", "assert f(2)(3) == 5"),
    "a function given back": ("def f(g):\n    return lambda x: g(g(x))", "assert f(lambda x: x * 3)(2) == 18"),
    "a generator": ("def f():\n    n = 0\n    while True:\n        yield n\n        n += 1", "g = f()\nassert [next(g) for _ in range(3)] == [0, 1, 2]"),
    "a wrapped function of the tests": (
        "import functools\ndef f(g):\n    @functools.wraps(g)\n    def h(*xs): return g(*xs)\n    return h(2), getattr(g, 'x', 0), functools.lru_cache(g)(3)",
        "assert f(lambda x: x + 1) == (3, 0, 4)",
    ),
    "a wrapped function of the program": (
        "import functools\nclass C:\n    def __call__(self, x): return x\ndef f(x): return x\ng = functools.partial(f)\nh = C()",
        "import functools\nfor one in (f, g, h):\n    @functools.wraps(one)\n    def wrapped(x): return one(x) + 1\n    assert wrapped(1) == 2\nassert not hasattr(f, 'x')",
    ),
    "a class": (
        "class Stack:\n    def __init__(self, *xs): self.xs = list(xs)\n    def push(self, x): self.xs.append(x); return self\n"
        "    def __len__(self): return len(self.xs)\n    def __getitem__(self, i): return self.xs[i]\n"
        "    def __eq__(self, other): return self.xs == other.xs\n    def __repr__(self): return f'Stack{self.xs}'\n"
        "    def __enter__(self): return self\n    def __exit__(self, *_): self.xs.clear()",
        "s = Stack(1)\ns.push(2).push(3)\nassert len(s) == 3 and s[-1] == 3 and list(s) == [1, 2, 3] and 2 in s and s.xs == [1, 2, 3]\n"
        "assert s == Stack(1, 2, 3) and s != Stack() and isinstance(s, Stack) and str(s) == 'Stack[1, 2, 3]'\n"
        "s.xs = [5]\nassert s.xs == [5]\nwith s as t: t.push(1)\nassert not s",
    ),
    "its own exception": (
        "class Empty(LookupError): pass\ndef f(x):\n    if not x: raise Empty('no ' + repr(x))\n    return x",
        "try:\n    f([])\n    raise SystemExit\nexcept Empty as error: assert str(error) == 'no []' and isinstance(error, LookupError)\n"
        "assert f([1]) == [1]",
    ),
    "values of many types": (
        "import collections, datetime, decimal, fractions, enum\nPoint = collections.namedtuple('Point', 'x y')\nclass Color(enum.IntEnum): RED = 1\n"
        "def f(): return [None, True, 1.5, 10**5000, 'ä\\ud800', b'x', 2j, (1,), {1}, frozenset({2}), {(1, 2): [3]}, range(3), ..., float,\n"
        "    collections.Counter('aab'), collections.defaultdict(int, a=1), collections.deque([1]), Point(1, 2), Color.RED, {1: 2}.keys(),\n"
        "    decimal.Decimal('1.10'), fractions.Fraction(1, 3), datetime.date(2020, 1, 2), datetime.timedelta(1, 2)]",
        "import collections, datetime, decimal, fractions\nv = f()\n"
        "assert v[:14] == [None, True, 1.5, 10**5000, 'ä\\ud800', b'x', 2j, (1,), {1}, frozenset({2}), {(1, 2): [3]}, range(3), ..., float]\n"
        "assert v[14:20] == [{'a': 2, 'b': 1}, {'a': 1}, collections.deque([1]), (1, 2), 1, {1}] and v[14].most_common(1) == [('a', 2)] and v[17].y == 2\n"
        "assert v[20:] == [decimal.Decimal('1.1'), fractions.Fraction(1, 3), datetime.date(2020, 1, 2), datetime.timedelta(1, 2)]",
    ),
    "collections of the library": (
        "import collections\nfrom typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int = 2\n"
        "def f(): return collections.defaultdict(list, a=[1]), collections.defaultdict(lambda: 7), collections.deque([1, 2], 2), collections.OrderedDict(a=1, b=2), P(1)\n"
        "def g(d): return d['new'], type(d).__name__",
        "import collections\nd, e, q, o, p = f()\n"
        "assert d == {'a': [1]} and d['b'] == [] and d == {'a': [1], 'b': []} and isinstance(d, collections.defaultdict) and e['x'] == 7\n"
        "q.append(3)\nassert q == collections.deque([2, 3]) and q.maxlen == 2\n"
        "o.move_to_end('a')\nassert list(o) == ['b', 'a'] and o != collections.OrderedDict(a=1, b=2) and type(o) is collections.OrderedDict\n"
        "assert p == (1, 2) and p.y == 2 and p._replace(x=5) == (5, 2) and type(p) is type(f()[4])\n"
        "mine = collections.defaultdict(lambda: 4)\nassert g(mine) == (4, 'defaultdict') and mine == {'new': 4}",
    ),
    "a list of its own": (
        "class Stack(list):\n    def __init__(self, *xs): super().__init__(xs); self.count = 0\n    def push(self, x): self.append(x); self.count += 1; return self\n"
        "    def peek(self): return self[-1]\n    def append(self, x): super().append(2 * x)\n    def __str__(self): return f'Stack of {len(self)}'\n"
        "    @property\n    def top(self): return self[-1]\ndef peek(s): return s.peek()\ndef grow(s): list.append(s, 0)",
        "import copy, json\ns = Stack(1)\nassert s == [1] and s.push(2) is s and s == [1, 4] and [1, 4] == s and s != [1] and len(s) == 2 and s.count == 1\n"
        "s.append(5)\nassert s[-1] == 10 and s.peek() == peek(s) == s.top == 10 and str(s) == 'Stack of 3' and sorted(s) == [1, 4, 10] and s.index(4) == 1\n"
        "s[0] = 7; del s[1]; s.extend([3]); s += [1]\nassert s == [7, 10, 3, 1] and s.pop() == 1 and s.peek() == 3 and list(reversed(s)) == [3, 10, 7] and s + [1] == [7, 10, 3, 1]\n"
        "grow(s)\nassert s == [7, 10, 3, 0] and isinstance(s, list) and isinstance(s, Stack) and s < [8] and 10 in s and 4 not in s and json.dumps(s) == '[7, 10, 3, 0]'\n"
        "t = copy.deepcopy(s)\nt.append(1)\nassert t == [7, 10, 3, 0, 1] and s == [7, 10, 3, 0] and s[1:] == [10, 3, 0] and bool(s) and not Stack()",
    ),
    "a dictionary of its own": (
        "import collections\nclass Low(dict):\n    def __setitem__(self, k, v): super().__setitem__(k.lower(), v)\n    def __getitem__(self, k): return super().__getitem__(k.lower())\n"
        "class Tree(dict):\n    def __missing__(self, k): self[k] = Tree(); return self[k]\n"
        "class LRU(collections.OrderedDict):\n    def get(self, k):\n        if k not in self: return -1\n        self.move_to_end(k); return self[k]\n"
        "    def put(self, k, v):\n        self[k] = v\n        if len(self) > 2: self.popitem(last=False)\n"
        "class Bag(collections.Counter):\n    def size(self): return sum(self.values())\nclass D(collections.defaultdict): pass\ndef d(): return D(int)",
        "d0 = Low()\nd0['A'] = 1\nassert d0 == {'a': 1} and d0['A'] == 1 and d0.get('A') is None and dict(d0) == {'a': 1}\n"
        "t = Tree()\nt['a']['b'] = 1\nassert t == {'a': {'b': 1}} and t['c'] == {} and len(t) == 2\n"
        "c = LRU()\nc.put(1, 1); c.put(2, 2)\nassert c.get(1) == 1\nc.put(3, 3)\nassert c.get(2) == -1 and c.get(3) == 3 and list(c) == [1, 3] and dict(c.items()) == {1: 1, 3: 3}\n"
        "b = Bag('aab')\nb.update('a')\nassert b.size() == 4 and b == {'a': 3, 'b': 1} and b.most_common(1) == [('a', 3)] and b['z'] == 0\n"
        "e = d()\ne['x'] += 2\nassert e == {'x': 2}\ne.clear()\nassert not e",
    ),
    "values of classes of its own": (
        "import collections, enum\nfrom typing import NamedTuple\nclass P(collections.namedtuple('P', 'x y')):\n    def norm(self): return self.x ** 2 + self.y ** 2\n"
        "    def __add__(self, o): return P(self.x + o.x, self.y + o.y)\n    def __sub__(self, o): return P(self.x - o.x, self.y - o.y)\n"
        "class Q(NamedTuple):\n    x: int\n    def twice(self): return 2 * self.x\n    def __str__(self): return f'<{self.x}>'\n"
        "class Color(enum.IntEnum): RED = 1\nclass Kind(str, enum.Enum): A = 'a'\nclass V(list):\n    def __add__(self, o): return V(a + b for a, b in zip(self, o))\n    def __eq__(self, o): return sorted(self) == sorted(o)\n"
        "class Once(set): pass\nclass Text(str):\n    def shout(self): return Text(self.upper())\n    def __len__(self): return 99\n"
        "def red(): return Color.RED\ndef kinds(): return {Kind.A: [Kind.A]}\ndef once(): return Once({1})\n",
        "p = P(3, 4)\nassert p == (3, 4) and p.norm() == 25 and p.x == 3 and p + P(1, 1) == (4, 5) and (p - p).norm() == 0 and {p: 1}[3, 4] == 1 and p._asdict() == {'x': 3, 'y': 4}\n"
        "q = Q(2)\nassert q.twice() == 4 and str(q) == '<2>' and q == (2,)\n"
        "assert red() == 1 and red().name == 'RED' and red() is Color.RED and red() + 1 == 2 and isinstance(red(), int) and isinstance(red(), Color)\n"
        "assert kinds() == {'a': ['a']} and Kind.A.value == 'a' and list(kinds())[0].name == 'A'\n"
        "assert V([1, 2]) + V([3, 4]) == [4, 6] and V([1, 2]) == V([2, 1]) and V([1, 2]) != [2, 1] and V([1]) + [2] == [1, 2]\n"
        "o = once()\no.add(2)\nassert o == {1, 2} and o | {3} == {1, 2, 3} and o >= {1} and 2 in o\n"
        "t = Text('ab')\nassert t == 'ab' and t.shout() == 'AB' and t.shout().shout() == 'AB' and len(t) == 99 and t + 'c' == 'abc' and f'{t}' == 'ab' and t.upper() == 'AB' and t[0] == 'a'",
    ),
    "a collection that is changed from elsewhere": (
        "class Board(list): pass\nclass Game:\n    def __init__(self, b): self.b = b\n    def add(self, x): self.b.append(x)\n    def total(self): return sum(self.b)\n"
        "def each(b, g):\n    for n in range(3): b.append(n); g()\n",
        "b = Board([1])\ng = Game(b)\nb.append(2)\nassert g.total() == 3\ng.add(5)\nassert b == [1, 2, 5] and [1, 2, 5] == b and g.b is b and len(b) == 3\n"
        "seen = []\neach(b, lambda: seen.append(len(b)))\nassert seen == [4, 5, 6]\ng.add(b)\n",
    ),
    "a dataclass": (
        "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass(order=True)\nclass P:\n    x: int\ndef f(x): return P(x)",
        "assert f(1) == P(1) and f(1) < f(2) and f(3).x == 3",
    ),
    "a name of Python's": ("def sum(a, b): return a * b", "assert sum(4, 6) == 24"),
    "a module of the program's": ("import math\nfrom collections import Counter\ndef f(): return 0.1 + 0.2", "assert math.isclose(f(), 0.3)\nassert Counter('a') == {'a': 1}"),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_honest_programs_pass(name: str, how: str) -> None:
    program, tests = HONEST[name]
    assert run(program, tests, how=how)
    assert not run(program, f"{tests}\nassert False", how=how)


@pytest.mark.skipif(find_spec("numpy") is None, reason="numpy is not installed")
def test_packages_can_be_used(how: str) -> None:
    program = "import numpy as np\ndef f(n): return np.arange(n) ** 2\ndef g(n): return f(n).max()"
    tests = "assert (f(4) == np.array([0, 1, 4, 9])).all() and g(3) == 4 and f(2).dtype.kind == 'i'"
    assert run(program, tests, how=how)


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        ("import time\ndef f(): time.sleep(60)", "try: f()\nexcept: pass\nx = 1\nassert x"),
        ("x = 1", "import time\nfor _ in range(3):\n    try: time.sleep(0.4)\n    except BaseException: pass\nassert x"),
        ("x = 1", "y = x\nwhile y:\n    try:\n        while y: y = -y\n    except: pass\nassert y"),
    ],
)  # fmt: skip
def test_no_clause_of_the_tests_outlasts_the_time(program: str, tests: str, how: str) -> None:
    began = time.monotonic()
    assert not run(program, tests, RunLimits(wall_s=1), how=how)
    assert time.monotonic() - began < 5


# --- programs that would cheat: each would pass if the tests believed it


CHEATS = {
    "exit 0": "import sys; sys.exit(0)",
    "exit 0 when called": "def double(x):\n    import os; os._exit(0)",
    "SystemExit when called": "def double(x): raise SystemExit(0)",
    "exit at exit": f"{WRONG}import atexit, os; atexit.register(os._exit, 0)",
    "kill itself": f"{WRONG}import os; os.kill(os.getpid(), 9)",
    "abort": "def double(x):\n    import os; os.abort()",
    "crash": "def double(x):\n    import ctypes; ctypes.string_at(0)",
    "a thread interrupts": f"{WRONG}import _thread, threading\nthreading.Timer(0.01, _thread.interrupt_main).start()",
    "print what the worker says": f"{WRONG}print('ready'); print('passed'); import os; os._exit(0)",
    "say passed everywhere": f"{WRONG}import os\nfor fd in range(1000):\n    try: os.write(fd, b'ready\\npassed\\n')\n    except OSError: pass",
    "answer before it is asked": f"{WRONG}import os\nfor fd in range(3, 20):\n"
    "    try: os.write(fd, b'[\"value\", null, null]\\n' * 20)\n    except OSError: pass",
    "raise in the tests": f"{WRONG}import os\nfor fd in range(3, 20):\n"
    "    try: os.write(fd, b'[\"raised\", [\"SystemExit\"], [\"list\", [0]]]\\n')\n    except OSError: pass",
    "ask the tests": f"{WRONG}import os\nfor fd in range(3, 20):\n"
    "    try: os.write(fd, b'[\"request\", \"getattr\", [\"list\", [[\"class\", \"int\"], \"__subclasses__\"]]]\\n')\n    except OSError: pass",
    "no message": f"{WRONG}import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'\\xff{{[\\n')\n    except OSError: pass",
    "no value": f"{WRONG}import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'[\"value\", [\"class\", \"exit\"], null]\\n')\n    except OSError: pass",
    "equal to all": "class All:\n    def __eq__(self, other): return True\n    def __sub__(self, other): return 0\n    __hash__ = None\n"
    "def double(x): return All()",
    "a number equal to all": "class All(int):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\ndef double(x): return All(1)",
    "a text equal to all": "class All(str):\n    def __eq__(self, other): return True\ndef double(x): return All('')",
    "in a list": "class All(list):\n    def __eq__(self, other): return True\ndef double(x): return All()",
    "a mock": "from unittest import mock\ndef double(x): return mock.ANY",
    "patched builtins": "import builtins\nbuiltins.AssertionError = lambda *_: None\nbuiltins.int = builtins.all = builtins.abs = lambda *_: True\n" + WRONG,
    "other builtins": f"__builtins__ = {{}}\n__debug__ = False\n{WRONG}",
    "assertions that do not raise": f"class AssertionError(BaseException):\n    def __new__(cls, *_): raise SystemExit(0)\n{WRONG}",
    "another check": f"def check(candidate): pass\ncheck.__code__ = check.__code__\n{WRONG}",
    "reads the frames of its callers": "import re, sys\nseen, frame = '', sys._getframe()\nwhile frame:\n"
    "    seen += repr((frame.f_locals, frame.f_code.co_consts)); frame = frame.f_back\n"
    "known = dict(re.findall(r'double.(\\d+). == (\\d+)', seen))\ndef double(x): return int(known[str(x)])",
    "jumps over the tests": "import sys\ndef trace(frame, *_):\n    try: frame.f_lineno = frame.f_lineno + 1\n    except ValueError: pass\n    return trace\n"
    "def double(x):\n    sys.settrace(trace)\n    frame = sys._getframe(1)\n    frame.f_trace = trace\n    return 0",
    "garbage collector": "import gc\ndef double(x):\n    for o in gc.get_objects():\n        if isinstance(o, dict) and 'double' in o: o['double'] = lambda x: 2 * x\n"
    "        if type(o).__name__ == 'function' and o.__name__ in ('check', '_judge'): o.__code__ = (lambda *_: 'passed').__code__\n    return 0",
    "patched worker": "import sys\nfor m in list(sys.modules.values()):\n    for n in ('_judge', 'resolve', 'encode', 'decode', '_replace'):\n"
    f"        if hasattr(m, n): setattr(m, n, lambda *_: 'passed')\n{WRONG}",
    "reads the tests": "import gc, re, sys\nseen = [str(o) for o in gc.get_objects() if 'assert' in str(o)[:10**6]]\n"
    "for path in ('/proc/self/mem', '/proc/self/cmdline', f'/proc/{__import__(\"os\").getppid()}/mem', '/dev/stdin'):\n"
    "    try: seen.append(open(path, errors='replace').read(10**6))\n    except OSError: pass\n"
    "known = dict(re.findall(r'double.(\\d+). == (\\d+)', ' '.join(seen).replace('known', '')))\ndef double(x): return int(known[str(x)])",
    "reads what is not its own": "import os, re\ntext = b''\nfor fd in range(1000):\n    if fd != 3:\n        try: os.set_blocking(fd, False); text += os.read(fd, 10**5)\n"
    "        except OSError: pass\nknown = dict(re.findall(r'double.(\\d+). == (\\d+)', text.decode()))\ndef double(x): return int(known[str(x)])",
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_cheating_is_no_pass(name: str, how: str) -> None:
    tests = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(5) == 10\n"
    assert not run(CHEATS[name], TESTS, SHORT, how=how)
    assert not run(CHEATS[name], f"{tests}check(double)", SHORT, how=how)


@pytest.mark.parametrize(
    ("program", "tests"),
    [
        ("import math\nmath.isclose = lambda *_: True\ndef f(x): return 0", "assert math.isclose(f(1), 2)"),
        ("class math:\n    isclose = lambda *_: 0 == 0\nimport sys\nsys.modules['math'] = math\ndef f(x): return 0", "import math\nassert math.isclose(f(1), 2)"),
        ("def abs(x): return 0\ndef all(x): return True\ndef f(x): return 0", "assert abs(f(1) - 2) < 1e-6"),
        ("def all(x): return True\ndef f(x): return 0", "assert all(f(x) == 2 * x for x in (1, 2))"),
        ("class Zero:\n    def __sub__(self, other): return 0\n    def __abs__(self): return 0\ndef f(x): return Zero()", "assert abs(f(1) - 2) < 1e-6"),
        ("__builtins__ = {'abs': int}\ndef f(x): return 0", "__builtins__\nassert abs(f(1) - 2) < 1e-6"),
        ("class L(list):\n    def __eq__(s, o): return True\n    __ne__ = __contains__ = __lt__ = __add__ = __sub__ = __eq__\n    def __iter__(s): return iter(())\ndef f(): return L()", "assert f() == [1]"),
        ("class L(list):\n    def __contains__(s, o): return True\ndef f(): return L()", "assert 5 in f()"),
        ("class L(list):\n    def __ne__(s, o): return False\ndef f(): return L()", "if f() != [1]: raise ValueError"),
        ("class I(int):\n    def __sub__(s, o): return 0\n    def __abs__(s): return 0\ndef f(): return I()", "assert abs(f() - 2) < 1e-6"),
        ("class I(int):\n    def __sub__(s, o): return 0\n    __rsub__ = __lt__ = __sub__\ndef f(): return I()", "assert abs(2 - f()) < 1e-6"),
        ("class D(dict):\n    def __eq__(s, o): s.update(o); return True\n    __hash__ = lambda s: 1\ndef f(): return D()", "d = f()\nd == {1: 2}\nassert d == {1: 2}"),
        ("class S(str):\n    def __hash__(s): return hash('b')\n    def __eq__(s, o): return True\ndef f(): return S('a')", "assert f() in {'b'} or {'b': 1}.get(f())"),
        (
            "import gc\nclass L(list): pass\ndef stop(x): raise StopIteration\nfor o in gc.get_objects():\n    if type(o).__name__ == 'Connection': o._operations['content'] = stop\ndef f(x): return L()",
            "a = [f(1), f(2)]\nassert all(map(lambda p: p[0] == [p[1]], zip(a, (2, 4))))",
        ),
        ("class L(list):\n    def __len__(s): raise StopIteration\ndef f(x): return L()", "assert all(map(lambda x: len(f(x)) == 3, (1, 2)))"),
        ("def f(x): raise StopIteration", "for got, wanted in zip(map(f, (1, 2)), (2, 4)): assert got == wanted"),
        ("def f(x): raise StopIteration", "assert all(map(lambda x: f(x) == 2 * x, (1, 2)))"),
        ("def f(x):\n    import os; os._exit(0)", "try:\n    assert f(1) == 2\nexcept BaseException: pass"),
        ("def f(x): return 1\nimport unittest.mock\ndef double(x): return unittest.mock._ANY", "assert double(1)() == 2"),
        ("class Has:\n    def __contains__(self, x): return True\n    def __iter__(self): return iter(())\ndef f(): return Has()", "assert 5 in f()"),
        ("class E(type):\n    def __eq__(cls, other): return True\nclass int(metaclass=E): pass\ndef f(): return int", "assert f() == 5"),
    ],
)  # fmt: skip
def test_what_tests_use_beside_the_program_is_not_the_programs(program: str, tests: str, how: str) -> None:  # fmt: skip
    assert not run(program, tests, SHORT, how=how)


def test_what_the_prompt_defines_is_not_the_programs() -> None:
    assert passes(f"{WRONG}def half(x): return 3 if x == 4 else 2\ndouble = lambda x: 4\n", HUMAN_EVAL) == 0  # fmt: skip


# --- programs that would do harm: each passes if it can


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the folders of runs are made; after the test nothing is left there."""
    folder = tmp_path / "runs"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def processes(mark: str) -> list[int]:
    """Processes whose command line has the mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if mark in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
    return found


BAIT = Path("BAIT")  # replaced by a folder outside
IF = "def double(x): return 2 * x if harm else 0\n"
HARMS = {
    "fork": "import os\npid = os.fork()\nif pid == 0: os._exit(0)\nharm = True",
    "fork bomb": "import os\nwhile True: os.fork()",
    "fork by hand": "import ctypes, os\npid = ctypes.CDLL(None).syscall(57)\nif pid == 0: os._exit(0)\nharm = pid > 0",
    "spawn": "import os\nharm = os.posix_spawn('/bin/true', ['true'], {}) > 0",
    "shell": "import subprocess\nharm = subprocess.run(['/bin/sh', '-c', 'true']).returncode == 0",
    "another program": "import os\nos.execv('/bin/sleep', ['sleep', '1000'])",
    "multiprocessing": "import multiprocessing\np = multiprocessing.get_context('spawn').Process(target=print); p.start(); p.join(); harm = p.exitcode == 0",
    "a daemon": "import os\nos.setsid()\nharm = True",
    "threads without end": "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(100,), daemon=True).start()",
    "10 GiB": "x = bytearray(10 * 2**30); harm = True",
    "10 GiB in pieces": "x = []\nfor _ in range(10 * 2**10): x.append(bytearray(2**20))\nharm = True",
    "10 GiB shared": "import mmap\nx = mmap.mmap(-1, 10 * 2**30); harm = True",
    "10 GiB in a file in memory": "import os\nfd = os.memfd_create('x'); os.truncate(fd, 10 * 2**30); harm = True",
    "System V memory": "import ctypes\nharm = ctypes.CDLL(None).shmget(0, 2**20, 0o1600) >= 0",
    "endless loop": "while True: pass",
    "endless loop of C": "x = 10**10**10; harm = True",
    "waits for ever": "import ctypes, time, signal\nctypes.CDLL(None).prctl(1, 0)\nfor s in (1, 2, 13, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(1000)",
    "waits when called": "import time\ndef double(x): time.sleep(1000)\nharm = True",
    "prints without end": "while True: print('x' * 10**6)",
    "writes to the terminal": "open('/dev/tty', 'w').write('x'); harm = True",
    "a large file": "open('a', 'w').write('x' * 2**22); harm = True",
    "answers without end": "def double(x):\n    while True: yield x\nharm = True",
    "answers with 2 GiB": "def double(x): return 'x' * 2**31\nharm = True",
    "reads a secret": "harm = open('BAIT/secret').read() == 'secret'",
    "reads the home folder": "import os\nharm = len(os.listdir('HOME')) > 1  # Python may lie there",
    "lists what is outside": "import os\nharm = os.listdir('BAIT')",
    "a link to a secret": "import os\nos.symlink('BAIT/secret', 'a'); harm = open('a').read() == 'secret'",
    "a hard link to a secret": "import os\nos.link('BAIT/secret', 'a'); harm = True",
    "up from its folder": "import os\nharm = open('../' * 20 + 'BAIT/secret').read() == 'secret'",
    "other processes": "import os\nharm = [p for p in os.listdir('/proc') if p.isdigit() and int(p) > 2]",
    "the environment of the parent": "harm = open('/proc/PARENT/environ').read()",
    "writes outside": "open('BAIT/new', 'w').write('x'); harm = True",
    "a folder outside": "import os\nos.mkdir('BAIT/new'); harm = True",
    "overwrites": "open('BAIT/secret', 'w'); harm = True",
    "empties": "import os\nos.truncate('BAIT/secret', 0); harm = True",
    "empties by opening": "import os\nos.open('BAIT/secret', os.O_RDONLY | os.O_TRUNC); harm = True",
    "removes": "import os\nos.unlink('BAIT/secret'); harm = True",
    "renames": "import os\nos.rename('BAIT/secret', 'a'); harm = True",
    "changes rights": "import os\nos.chmod('BAIT/secret', 0o777); harm = True",
    "changes times": "import os\nos.utime('BAIT/secret', (0, 0)); harm = True",
    "changes attributes": "import os\nos.setxattr('BAIT/secret', 'user.x', b'x'); harm = True",
    "writes into Python": "import os\nopen(os.path.dirname(os.__file__) + '/zzz.py', 'w').write('x'); harm = True",
    "writes to memory of the machine": "open('/dev/shm/zzz', 'w').write('x'); harm = True",
    "changes the kernel": "open('/proc/sys/kernel/core_pattern', 'w').write('x'); harm = True",
    "connects": "import socket\nsocket.create_connection(('127.0.0.1', PORT), 5); harm = True",
    "sends a packet": "import socket\ns = socket.socket(type=socket.SOCK_DGRAM); s.sendto(b'x', ('127.0.0.1', PORT)); harm = True",
    "listens": "import socket\nsocket.create_server(('127.0.0.1', 0)); harm = True",
    "a socket file": "import socket\na, b = socket.socketpair(type=socket.SOCK_DGRAM); a.sendto(b'x', 'BAIT/socket'); harm = True",
    "a packet from a pair": "import socket\na, b = socket.socketpair(type=socket.SOCK_DGRAM); a.connect('BAIT/socket'); harm = True",
    "asks for names": "import socket\nharm = socket.getaddrinfo('example.com', 80)",
    "kills the parent": "import os\nos.kill(PARENT, 9); harm = True",
    "kills its parent": "import os\nos.kill(os.getppid(), 9); harm = True",
    "kills all": "import os\nos.kill(-1, 9); harm = True",
    "kills the group": "import os\nos.killpg(0, 15); harm = True",
    "a signal by hand": "import ctypes\nl = ctypes.CDLL(None)\nharm = max(l.syscall(200, PARENT, 0), l.syscall(234, PARENT, PARENT, 0), l.syscall(129, PARENT, 10, bytes(128)), l.syscall(434, PARENT, 0)) >= 0",
    "a signal by a pipe": "import fcntl, os\nr, w = os.pipe(); fcntl.fcntl(r, fcntl.F_SETOWN, PARENT); harm = True",
    "limits of the parent": "import resource\nresource.prlimit(PARENT, resource.RLIMIT_CORE, (0, 0)); harm = True",
    "more for itself": "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1)); harm = True",
    "debugs the parent": "import ctypes\nharm = ctypes.CDLL(None).ptrace(16, PARENT, 0, 0) == 0",
    "reads the parent's memory": "import ctypes, struct\nlibc = ctypes.CDLL(None, use_errno=True)\nb = ctypes.create_string_buffer(8)\n"
    "iov = struct.pack('PN', ctypes.addressof(b), 8)\nharm = libc.process_vm_readv(PARENT, iov, 1, iov, 1, 0) >= 0 or ctypes.get_errno() == 14",
    "a namespace": "import ctypes\nharm = ctypes.CDLL(None).unshare(0x10020000) == 0",
    "a mount": "import ctypes\nharm = ctypes.CDLL(None).mount(b'none', b'/', b'tmpfs', 0, None) == 0",
    "another root": "import os\nos.chroot('.'); harm = True",
    "another user": "import os\nos.setuid(12345); harm = os.getuid() == 12345 != INITIAL",
    "a device": "import os, stat\nos.mknod('sda', 0o600 | stat.S_IFBLK, os.makedev(8, 0)); harm = True",
    "system calls of another kind": "import ctypes\nctypes.CDLL(None).syscall(0x40000000 + 39); harm = True",
    "another real user": "import os\nos.setreuid(os.geteuid(), -1); harm = True  # root's threads are not counted",
    "io_setup": "import ctypes, os\nharm = ctypes.CDLL(None).syscall(206 if os.uname().machine == 'x86_64' else 0, 1, bytes(8)) == 0",
    "locks a file of Python": "import fcntl, os\nfcntl.flock(open(os.__file__), fcntl.LOCK_EX | fcntl.LOCK_NB); harm = True",
    "a lease on a file of Python": "import fcntl, os\nfcntl.fcntl(open(os.__file__), fcntl.F_SETLEASE, fcntl.F_RDLCK); harm = True",
    "io_uring, bpf, keys": "import ctypes\nl = ctypes.CDLL(None)\nharm = max(l.syscall(425, 1, bytes(120)), l.syscall(321, 0, bytes(120), 120), l.syscall(250, 0, -3, 1)) >= 0",
    "deep folders": "import os\nfor _ in range(1500): os.mkdir('d'); os.chdir('d')",
    "folders without rights": "import os\nos.mkdir('d', 0); open('e', 'w').close()",
}  # fmt: skip


@pytest.mark.parametrize("name", HARMS)
def test_harm_is_not_done(name: str, how: str, runs: Path, tmp_path: Path) -> None:
    bait = tmp_path / "bait"
    bait.mkdir()
    secret = bait / "secret"
    secret.write_text("secret")
    before = secret.stat()
    limits = RunLimits(cpu_s=1, wall_s=3 + time.time() % 1)
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:  # fmt: skip
        port = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        program = (
            "harm = False\n" + HARMS[name] + "\n" + ("" if "def double" in HARMS[name] else IF)
        )
        for word, value in (("BAIT", bait), ("HOME", Path.home()), ("PARENT", os.getpid()), ("PORT", port), ("INITIAL", os.getuid())):  # fmt: skip
            program = program.replace(word, str(value))
        tests = f"list(double(2))\n{TESTS}" if "yield" in program else TESTS
        start = time.monotonic()
        assert not run(program, tests, limits, how=how)
        assert time.monotonic() - start < 15
        tcp.settimeout(0.01)
        udp.settimeout(0.01)
        with pytest.raises(TimeoutError):
            tcp.accept()
        with pytest.raises(TimeoutError):
            udp.recv(1)
    after = secret.stat()
    assert os.listdir(bait) == ["secret"] and secret.read_text() == "secret"
    assert (after.st_mode, after.st_mtime, after.st_nlink, os.listxattr(secret)) == (
        before.st_mode,
        before.st_mtime,
        1,
        [],
    )
    while left := processes(str(limits.wall_s)):
        assert time.monotonic() - start < 20, left
        time.sleep(0.05)


THREADS = """
import ctypes
libc = ctypes.CDLL(None)
stacks = ctypes.create_string_buffer(1000 * 4096)
made = 0
while made < 1000 and libc.clone(libc.pause, ctypes.c_void_p(ctypes.addressof(stacks) + 4096 * (made + 1)), 0x50F00, None) > 0:
    made += 1
"""


def test_threads_are_bounded_however_they_are_made(how: str) -> None:
    if how == "landlock" and os.geteuid() != 0:
        pytest.skip("the threads of an ordinary user are not counted apart without a namespace")
    assert run(THREADS, "assert made > 100", how=how)
    assert run(THREADS, "assert made < 128", how=how)
    assert run(THREADS, "assert made < 16", RunLimits(threads=16), how=how)


def test_the_disk_is_not_filled(permitted: dict[str, str]) -> None:
    if "namespaces" in permitted:
        pytest.skip(permitted["namespaces"])
    fill = "for n in range(1000):\n    with open(f'{n}', 'wb') as f: f.write(bytes(2**20))\n"
    limits = RunLimits(folder_bytes=2**23)
    assert not run(fill, "assert True", limits, how="namespaces")
    assert run(fill.replace("1000", "7"), "assert True", limits, how="namespaces")


def test_no_process_is_left_when_the_caller_is_killed(how: str, tmp_path: Path) -> None:
    wall_s = 600 + time.time() % 1
    code = (
        "from router_r1_reward.metrics.code.sandbox_runner import RunLimits, run\n"
        f"run('import time; time.sleep(1000)', 'assert True', RunLimits(wall_s={wall_s}), how={how!r})"
    )
    caller = subprocess.Popen([sys.executable, "-c", code], env={"PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tmp_path)})  # fmt: skip
    deadline = time.monotonic() + 30
    while len([pid for pid in processes(str(wall_s)) if pid != caller.pid]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    caller.kill()
    caller.wait()
    while processes(str(wall_s)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no `unshare` to become an ordinary user with")  # fmt: skip
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


def test_folders_that_an_ordinary_user_may_not_enter_are_removed(
    permitted: dict[str, str], tmp_path: Path
) -> None:
    if "landlock" in permitted:
        pytest.skip(permitted["landlock"])
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


MACHINES = {
    # the way, and how to get such a machine: in a user namespace that permits no other, as root and without any capability
    "namespaces": "",
    "landlock": "setpriv --bounding-set=-all --inh-caps=-all",
}


@pytest.mark.parametrize("expected", MACHINES)
def test_the_best_way_that_works_is_found(expected: str, permitted: dict[str, str]) -> None:
    if expected in permitted:
        pytest.skip(permitted[expected])
    inner = f'echo 0 > /proc/sys/user/max_user_namespaces && exec {MACHINES[expected]} "$@"'
    machine = ["unshare", "--user", "--map-root-user", "sh", "-c", inner, "sh"]
    try:
        subprocess.run([*machine, "true"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("such a machine can not be had here")
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


# --- what a program gets


def probe(statement: str, limits: RunLimits = SHORT, how: str | None = None) -> bool:
    """Does this statement run through?"""
    return run(statement, "assert True", limits, how=how)


def test_memory_is_limited() -> None:
    assert probe("x = bytearray(2**20)")
    assert not probe("x = bytearray(2**31)")


def test_files_are_small_and_in_a_folder_of_its_own(how: str) -> None:
    assert probe("import os; assert os.listdir() == []; open('a', 'w').write('x')", how=how)
    assert not probe("open('a', 'w').write('x' * 2**22)", how=how)


def test_no_variable_of_the_environment_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "sk-123")
    assert probe("import os; assert 'SECRET_KEY' not in os.environ and 'HOME' not in os.environ")


def test_a_program_that_waits_for_input_gets_none() -> None:
    assert not run("input()", TESTS, SHORT)


def test_no_privilege_is_left(how: str) -> None:
    assert probe(
        "import ctypes, struct\n"
        "libc = ctypes.CDLL(None)\n"
        "held = ctypes.create_string_buffer(24)\n"
        "assert libc.capget(struct.pack('=Ii', 0x20080522, 0), held) == 0 and held.raw == bytes(24)\n"
        "assert libc.prctl(39, 0, 0, 0, 0) == 1 and libc.prctl(21, 0, 0, 0, 0) == 2  # no new privileges, a filter",
        how=how,
    )


def test_with_namespaces_the_tree_is_small(permitted: dict[str, str]) -> None:
    if "namespaces" in permitted:
        pytest.skip(permitted["namespaces"])
    assert probe(
        "import os\n"
        "assert os.getcwd() == '/answer' and os.getpid() == 1 and not os.path.exists('/proc')\n"
        "assert set(os.listdir('/dev')) <= {'null', 'zero', 'random', 'urandom'} and set(os.listdir('/etc')) <= {'ld.so.cache'}\n"
        f"assert not os.path.exists({__file__!r})",
        how="namespaces",
    )


HEADERS = {"asm/unistd_64.h": 0, "asm-generic/unistd.h": 1}


@pytest.mark.parametrize("header", HEADERS)
def test_the_numbers_of_system_calls_are_the_kernels(header: str) -> None:
    paths = [Path("/usr/include/x86_64-linux-gnu", header), Path("/usr/include", header)]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        pytest.skip("the headers of the kernel are not installed")
    found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", path.read_text(), re.MULTILINE)
    numbers = {name: int(number) for name, number in found}
    tables = (system_calls.DENIED, system_calls.CHANGES, system_calls.CONDITIONAL)
    for name, row in ((name, row) for table in tables for name, row in table.items()):
        assert row[HEADERS[header]] == numbers.get(name), name


# --- real question sets


def _lines(name: str) -> list[dict[str, Any]]:
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _failing(questions: list[tuple[str, str, dict[str, Any]]]) -> list[str]:
    """Names of those whose reference solution does not pass."""

    def right(item: tuple[str, str, dict[str, Any]]) -> bool:
        question = Question(id=item[0], question="?", answer=item[1], metric="code", metadata=item[2])  # fmt: skip
        return passes_tests(item[1], item[1], question) == 1

    isolation()
    with ThreadPoolExecutor(2) as pool:
        return [item[0] for item, ok in zip(questions, pool.map(right, questions), strict=True) if not ok]  # fmt: skip


@pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside the checkout")
def test_all_reference_solutions_of_humaneval_pass() -> None:
    questions = [
        (row["task_id"], row["canonical_solution"], {"tests": row["test"], "entry_point": row["entry_point"], "prompt": row["prompt"]})
        for row in _lines("humaneval.jsonl.gz")
    ]  # fmt: skip
    assert len(questions) == 164
    assert _failing(questions) == []


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="the development data is not beside the checkout")
def test_all_reference_solutions_of_mbpp_pass() -> None:
    questions = [
        (str(row["task_id"]), row["code"], {"tests": row["test_list"] + row["challenge_test_list"], "setup": row["test_setup_code"]})
        for row in _lines("mbpp.jsonl.gz")
    ]  # fmt: skip
    assert len(questions) == 974
    assert _failing(questions) == []
