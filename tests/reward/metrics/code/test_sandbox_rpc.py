"""The RPC between tests and program: honest programs of many kinds pass, programs that cheat do not."""

from importlib.util import find_spec

import pytest

from router_r1_reward.metrics.code.sandbox_runner import RunLimits, run

RIGHT = "def double(x):\n    return 2 * x\n"

WRONG = "def double(x):\n    return x + 1\n"

TESTS = "assert double(2) == 4\nassert double(5) == 10\n"

SHORT = RunLimits(cpu_s=1, wall_s=20)


# --- honest programs

HONEST = {
    "the standard library": (
        "import collections, itertools, re, heapq, bisect, functools, statistics, datetime, random, string, uuid, hashlib\n"
        "def f(): return statistics.mean([1, 2, 3]), hashlib.md5(b'').hexdigest()[:4], len(str(uuid.uuid4()))",
        "assert f() == (2, 'd41d', 36)",
    ),
    "recursion": (
        "import sys\nsys.setrecursionlimit(10000)\ndef f(n): return 1 if n == 0 else 1 + f(n - 1)",
        "assert f(5000) == 5001",
    ),
    "files in the folder": (
        "import os, tempfile, shutil\ndef f():\n"
        "    open('a', 'w').write('x'); shutil.copyfile('a', 'b'); os.rename('b', 'c')\n"
        "    with tempfile.TemporaryDirectory() as d, tempfile.NamedTemporaryFile() as n: os.mkdir(d + '/e'); n.write(b'x')\n"
        "    return sorted(os.listdir())",
        "import os\nassert f() == ['a', 'c'] and os.listdir() == []",
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
    "signals to itself": (
        "import signal, os\ngot = []\nsignal.signal(signal.SIGUSR1, lambda *_: got.append(1))\n"
        "def f():\n    os.kill(os.getpid(), signal.SIGUSR1)\n    return got",
        "assert f() == [1]",
    ),
    "context managers that ignore an error": (
        "import contextlib\nclass Ignores:\n    def __init__(s, kind): s.kind = kind\n    def __enter__(s): return s\n"
        "    def __exit__(s, kind, error, trace): return kind is not None and issubclass(kind, s.kind)\n"
        "@contextlib.contextmanager\ndef ignores(*kinds):\n    try: yield\n    except kinds: pass",
        "with Ignores(ValueError): int('x')\nwith ignores(KeyError, ZeroDivisionError): 1 / 0\ntry:\n"
        "    with Ignores(ValueError): {}[1]\n    raise RuntimeError\nexcept KeyError: pass\n"
        "with ignores(UnicodeDecodeError): b'\\xff'.decode()\nassert True",
    ),
    "lengths and loops": (
        "class Queue:\n    def __init__(s, xs): s.xs = list(xs)\n    def __len__(s): return len(s.xs)\n"
        "    def __iter__(s):\n        while s.xs: yield s.xs.pop(0)\n    def put(s, x): s.xs.append(x)\n"
        "class Bag:\n    def __init__(s, xs): s.xs = list(xs)\n    def __len__(s): return len(s.xs)\n    def __iter__(s): return iter(s.xs)\n"
        "class Twice(list):\n    def __iter__(s):\n        for x in list.__iter__(s): yield x; yield x\ndef fill(q, xs): q.xs += xs",
        "q = Queue([1, 2])\nassert len(q) == 2 and list(q) == [1, 2] and len(q) == 0 and list(q) == []\nq.put(3)\nassert len(q) == 1\n"
        "q.put(4)\nfill(q, [5])\nassert len(q) == 3 and next(iter(q)) == 3 and len(q) == 2\n"
        "b = Bag('ab')\nassert len(b) == 2 and [(x, y) for x in b for y in b] == [(x, y) for x in 'ab' for y in 'ab'] and len(b) == 2\n"
        "b.xs = []\nassert len(b) == 0\nfor x in b: assert False\nassert list(Twice([1])) == [1, 1] and len(Twice([1])) == 1",
    ),
    "sets of its own": (
        "class Tags:\n    def __init__(s, xs): s.xs = set(xs)\n    def __iter__(s): return iter(s.xs)\n"
        "    def issubset(s, o): return s.xs <= set(o)\n    def difference(s, o): return Tags(s.xs - set(o))\nclass Words(set): pass",
        "assert Tags('ab').issubset({'a', 'b'}) and not Tags('ab').issubset({'a'}) and Tags('a').issubset(Tags('ab'))\n"
        "assert set(Tags('ab').difference(Tags('a'))) == {'b'} and set(Tags('ab').difference('a')) == {'b'}\n"
        "assert Words('ab').difference('a') == {'b'} and Words('a').issubset(['a', 'b']) and Words('a').isdisjoint('b')",
    ),
    "numbers of its own": (
        "class V:\n    def __init__(s, x): s.x = x\n    def __abs__(s): return abs(s.x)\n    def __neg__(s): return V(-s.x)\n"
        "    def __pos__(s): return s\n    def __invert__(s): return V(~s.x)\n    def __int__(s): return s.x\n    def __float__(s): return float(s.x)",
        "v = V(-3)\nassert abs(v) == 3 and (-v).x == 3 and (+v).x == -3 and (~v).x == 2 and int(v) == -3 and float(v) == -3.0",
    ),
    "products with numbers": (
        "class V:\n    def __init__(s, x, y): s.x, s.y = x, y\n    def __mul__(s, k): return V(s.x * k, s.y * k)\n    __rmul__ = __mul__\n"
        "    def __add__(s, o): return V(s.x + o.x, s.y + o.y)\n    def __radd__(s, o): return s if o == 0 else s + o\n"
        "    def __eq__(s, o): return (s.x, s.y) == (o.x, o.y)\n    def __repr__(s): return f'V({s.x}, {s.y})'\n    def norm(s): return s.x + s.y",
        "import unittest\nassert 3 * V(1, 2) == V(3, 6) == V(1, 2) * 3 and 2 * V(1, 2) * 1.5 + V(0, 1) == V(3, 7) and (2 * V(1, 2)).x == 2\n"
        "v = V(1, 2)\nv *= 2\nassert v.norm() == 6 and str(2 * v) == 'V(4, 8)' and v != 2 * v and sum([v, v, v]) == 3 * v\n"
        "unittest.TestCase().assertEqual(2 * v, V(4, 8))",
    ),
    "the class of an object": (
        "import abc, enum\nclass Shape(abc.ABC): pass\nclass Square(Shape): pass\nclass Stack(list): pass\nclass Bad(ValueError): pass\n"
        "class Color(enum.Enum): RED = 1\ndef square(): return Square()\ndef bad(): return Bad(1)",
        "s = square()\nassert type(s) is Square and s.__class__ is type(Square()) and type(s) is not Shape and type(s).__name__ == s.__class__.__name__ == 'Square'\n"
        "assert isinstance(s, (int, Shape)) and issubclass(type(s), Shape) and not issubclass(Shape, Square) and issubclass(Bad, ValueError) and type(type(s)()) == Square\n"
        "assert type(Stack()) is Stack and type(bad()) is Bad and type(Color.RED) is Color and type(s) not in (list, int, Stack) and type(1) is int and (1).__class__ is int\n"
        "def kind(type, x): return type(x)\nassert kind(str, 1) == '1' and type('T', (), {})().__class__.__name__ == 'T'",
    ),
    "classes of named tuples": (
        "import collections\nfrom typing import NamedTuple\nP = collections.namedtuple('P', 'x y')\nclass Q(NamedTuple):\n    x: int\n    y: int = 2\n"
        "def p(): return P(1, 2)\ndef q(): return Q(1)\ndef is_p(x): return isinstance(x, P) and not isinstance(x, Q)\ndef twice(t, of): return of(2 * t.x, t.y) if type(t) is of else None",
        "import collections\nassert isinstance(p(), P) and type(q()) is Q and type(p()) is not Q and Q(1) == q() == (1, 2) and Q._fields == P._fields and Q._field_defaults == {'y': 2}\n"
        "assert is_p(P(3, 4)) and is_p(p()) and is_p([p()][0]) and not is_p(q()) and twice(Q(5), Q) == (10, 2)\n"
        "Mine = collections.namedtuple('Mine', 'x y')\nassert type(twice(Mine(1, 2), Mine)) is Mine",
    ),
    "copies of an object": (
        "class Board:\n    def __init__(s): s.rows = [[0], [0]]\n    def __eq__(s, o): return s.rows == o.rows\ndef play(b): b.rows[0][0] = 1",
        "import copy\nb = Board()\ndeep, flat, boards = copy.deepcopy(b), copy.copy(b), copy.deepcopy({'b': [b]})\nplay(b)\n"
        "assert deep == boards['b'][0] == Board() != b and flat == b and flat is not b and type(deep) is Board",
    ),
    "the program as a module": (
        "import math\ndef f(x): return math.sqrt(x)\nclass Solution:\n    def twice(s, x): return 2 * x\ndef sum(a, b): return 10 * a + b",
        "from solution import f, Solution as S, sum as joined\nimport main, solution as s\ntry:\n    from solution import missing\nexcept ImportError: missing = None\n"
        "assert abs(f(4) - 2) < 1e-9 and S().twice(2) == main.Solution().twice(2) == 4 and s.f is f and joined(1, 2) == 12 == s.sum(1, 2) and sum([1, 2]) == 3\n"
        "def test():\n    from submission import f as g\n    assert g(9) == 3\ntest()\nassert missing is None",
    ),
    "all names of the program": ("def f(x): return 2 * x", "from solution import *\nassert f(2) == 4"),
    "threads of the tests": (
        "import threading\nclass Count:\n    def __init__(s): s.n, s.lock = 0, threading.Lock()\n"
        "    def add(s):\n        with s.lock: s.n += 1\ndef f(x): return x + 1",
        "from concurrent.futures import ThreadPoolExecutor\nimport threading\nc = Count()\n"
        "ts = [threading.Thread(target=lambda: [c.add() for _ in range(20)]) for _ in range(4)]\n"
        "[t.start() for t in ts]\n[t.join() for t in ts]\nassert c.n == 80\n"
        "with ThreadPoolExecutor(4) as pool: assert list(pool.map(f, range(9))) == list(range(1, 10))",
    ),
    "exit in a branch that is not taken": ("def f(x):\n    if x < 0: exit(1)\n    return x", "assert f(1) == 1"),
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
    "a function of a function of the tests": ("def f(g):\n    return lambda x: g(g(x))", "assert f(lambda x: x * 3)(2) == 18"),
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
    "an exception class": (
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
    "a class derived from list": (
        "class Stack(list):\n    def __init__(self, *xs): super().__init__(xs); self.count = 0\n    def push(self, x): self.append(x); self.count += 1; return self\n"
        "    def peek(self): return self[-1]\n    def append(self, x): super().append(2 * x)\n    def __str__(self): return f'Stack of {len(self)}'\n"
        "    @property\n    def top(self): return self[-1]\ndef peek(s): return s.peek()\ndef grow(s): list.append(s, 0)",
        "import copy, json\ns = Stack(1)\nassert s == [1] and s.push(2) is s and s == [1, 4] and [1, 4] == s and s != [1] and len(s) == 2 and s.count == 1\n"
        "s.append(5)\nassert s[-1] == 10 and s.peek() == peek(s) == s.top == 10 and str(s) == 'Stack of 3' and sorted(s) == [1, 4, 10] and s.index(4) == 1\n"
        "s[0] = 7; del s[1]; s.extend([3]); s += [1]\nassert s == [7, 10, 3, 1] and s.pop() == 1 and s.peek() == 3 and list(reversed(s)) == [3, 10, 7] and s + [1] == [7, 10, 3, 1]\n"
        "grow(s)\nassert s == [7, 10, 3, 0] and isinstance(s, list) and isinstance(s, Stack) and s < [8] and 10 in s and 4 not in s and json.dumps(s) == '[7, 10, 3, 0]'\n"
        "t = copy.deepcopy(s)\nt.append(1)\nassert t == [7, 10, 3, 0, 1] and s == [7, 10, 3, 0] and s[1:] == [10, 3, 0] and bool(s) and not Stack()",
    ),
    "classes derived from dict": (
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
    "values of derived classes": (
        "import collections, enum\nfrom typing import NamedTuple\nclass P(collections.namedtuple('P', 'x y')):\n    def norm(self): return self.x ** 2 + self.y ** 2\n"
        "    def __add__(self, o): return P(self.x + o.x, self.y + o.y)\n    def __sub__(self, o): return P(self.x - o.x, self.y - o.y)\n"
        "class Q(NamedTuple):\n    x: int\n    def twice(self): return 2 * self.x\n    def __str__(self): return f'<{self.x}>'\n"
        "class Color(enum.IntEnum): RED = 1\nclass Kind(str, enum.Enum): A = 'a'\nclass V(list):\n    def __add__(self, o): return V(a + b for a, b in zip(self, o))\n    def __eq__(self, o): return sorted(self) == sorted(o)\n"
        "class Once(set): pass\nclass Text(str):\n    def shout(self): return Text(self.upper())\n"
        "def red(): return Color.RED\ndef kinds(): return {Kind.A: [Kind.A]}\ndef once(): return Once({1})\n",
        "p = P(3, 4)\nassert p == (3, 4) and p.norm() == 25 and p.x == 3 and p + P(1, 1) == (4, 5) and (p - p).norm() == 0 and {p: 1}[3, 4] == 1 and p._asdict() == {'x': 3, 'y': 4}\n"
        "q = Q(2)\nassert q.twice() == 4 and str(q) == '<2>' and q == (2,)\n"
        "assert red() == 1 and red().name == 'RED' and red() is Color.RED and red() + 1 == 2 and isinstance(red(), int) and isinstance(red(), Color)\n"
        "assert kinds() == {'a': ['a']} and Kind.A.value == 'a' and list(kinds())[0].name == 'A'\n"
        "assert V([1, 2]) + V([3, 4]) == [4, 6] and V([1, 2]) == V([2, 1]) and V([1, 2]) != [2, 1] and V([1]) + [2] == [1, 2]\n"
        "o = once()\no.add(2)\nassert o == {1, 2} and o | {3} == {1, 2, 3} and o >= {1} and 2 in o\n"
        "t = Text('ab')\nassert t == 'ab' and t.shout() == 'AB' and t.shout().shout() == 'AB' and len(t) == 2 and t + 'c' == 'abc' and f'{t}' == 'ab' and t.upper() == 'AB' and t[0] == 'a'",
    ),
    "a collection that another object changes": (
        "class Board(list): pass\nclass Game:\n    def __init__(self, b): self.b = b\n    def add(self, x): self.b.append(x)\n    def total(self): return sum(self.b)\n"
        "def each(b, g):\n    for n in range(3): b.append(n); g()\n",
        "b = Board([1])\ng = Game(b)\nb.append(2)\nassert g.total() == 3\ng.add(5)\nassert b == [1, 2, 5] and [1, 2, 5] == b and g.b is b and len(b) == 3\n"
        "seen = []\neach(b, lambda: seen.append(len(b)))\nassert seen == [4, 5, 6]\ng.add(b)\n",
    ),
    "a dataclass": (
        "from __future__ import annotations\nimport dataclasses\n@dataclasses.dataclass(order=True)\nclass P:\n    x: int\ndef f(x): return P(x)",
        "assert f(1) == P(1) and f(1) < f(2) and f(3).x == 3",
    ),
    'comb': ('from math import comb\ndef f(n): return comb(n,2)\n', 'assert f(4)==comb(4,2)'),
    'datetime class': ('from datetime import datetime\ndef f(): return datetime(2020,1,2,3)\n', 'assert f()==datetime(2020,1,2,3)'),
    'datetime module': ('import datetime\ndef f(): return datetime.date(2020,1,2)\n', 'assert f()==datetime.date(2020,1,2)'),
    'datetime strptime': ("from datetime import datetime\ndef f(s): return datetime.strptime(s,'%Y')\n", "assert f('2020')==datetime.strptime('2020','%Y') "),
    'counter own': ('class Counter:\n    def __init__(s): s.n=0\n    def hit(s): s.n+=1; return s.n\n', 'c=Counter()\nc.hit()\nassert c.hit()==2'),
    'np zero dim': ("import numpy as np\ndef f(): return np.zeros((2,0)), np.array(5), np.float64(2.5), np.array([[1,2],[3,4]]), np.array(['a']), np.array([1+2j])\n", "a=f()\nassert a[0].shape==(2,0) and a[1]==5 and a[2]==2.5 and (a[3]==np.array([[1,2],[3,4]])).all() and a[4][0]=='a' and a[5][0]==1+2j"),
    'type args': ('def f(xs,t): return [x for x in xs if isinstance(x,t)]\n', "assert f([1,'a',2.0],str)==['a'] and f([1,'a'],int)==[1]"),
    'linked list': ('class Node:\n    def __init__(s,v,n=None): s.val=v; s.next=n\ndef build(xs):\n    h=None\n    for x in reversed(xs): h=Node(x,h)\n    return h\ndef rev(h):\n    p=None\n    while h: h.next,p,h=p,h,h.next\n    return p\n', 'h=rev(build([1,2,3]))\nout=[]\nwhile h: out.append(h.val); h=h.next\nassert out==[3,2,1]\nn=Node(1); n.next=Node(2)\nassert n.next.val==2 and n.next.next is None'),
    'callback sort key': ('def f(xs,key): xs.sort(key=key); return xs\n', 'xs=[3,-1,2]\nf(xs,abs)\nassert xs==[-1,2,3]\nassert f([1,2],lambda x:-x)==[2,1]'),
    'callback mutates': ('def f(g):\n    xs=[2,1]; g(xs); return xs\n', 'assert f(lambda xs: xs.sort())==[1,2]'),
    'generator send': ('def f():\n    x=yield 1\n    yield x\n', 'g=f(); next(g)\nassert g.send(5)==5'),
    'context': ('import contextlib\n@contextlib.contextmanager\ndef f():\n    yield 3\n', 'with f() as x: assert x==3'),
    'decimal': ("from decimal import Decimal\ndef f(): return Decimal('1.1')\n", "assert f()==Decimal('1.1')"),
    'enum': ('import enum\nclass C(enum.Enum):\n    A=1\ndef f(): return C.A\n', "assert f()==C.A and f() is C.A and f().value==1 and f().name=='A'"),
    'global state': ('count=0\ndef inc():\n    global count; count+=1; return count\n', 'inc(); inc()\nassert inc()==3'),
    'patched stdout none': ("def f(): print('x'); return 1\n", 'assert f()==1'),
    'exc attr': ('class E(Exception):\n    def __init__(s,c): super().__init__(c); s.code=c\ndef f(): raise E(3)\n', 'try: f(); assert False\nexcept E as e: assert e.args[0]==3'),
    'set of tuples': ('def f(): return {(1,2),(3,4)}, frozenset([1]), {1:{2:{3}}}\n', 'assert f()==({(1,2),(3,4)},frozenset([1]),{1:{2:{3}}})'),
    'matrix inplace': ('def rot(m):\n    m[:]=[list(r) for r in zip(*m[::-1])]\n', 'm=[[1,2],[3,4]]\nrot(m)\nassert m==[[3,1],[4,2]]'),
    "a built-in name": ("def sum(a, b): return a * b", "assert sum(4, 6) == 24"),
    "a module that the program imports": ("import math\nfrom collections import Counter\ndef f(): return 0.1 + 0.2", "assert math.isclose(f(), 0.3)\nassert Counter('a') == {'a': 1}"),
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


def test_a_program_can_call_functions_of_the_tests_from_threads() -> None:
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "def f(g, xs):\n    with ThreadPoolExecutor(8) as p: return list(p.map(g, xs))"
    )
    assert run(program, "assert f(lambda x: x * x, range(50)) == [x * x for x in range(50)]")


def test_passing_an_object_of_the_tests_fails_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tests = "class Point: pass\nassert double(Point()) == 4\n"
    assert not run(RIGHT, tests)
    assert "__main__.Point: only data, functions and iterators" in caplog.text
    assert not run(RIGHT, "class Point: pass\ntry: double(Point())\nexcept: pass")
    assert caplog.text.count("only data, functions and iterators") == 2


# --- programs that cheat: each would pass if the tests believed it

CHEATS = {
    "exit 0": "import sys; sys.exit(0)",
    "exit 0 when called": "def double(x):\n    import os; os._exit(0)",
    "SystemExit when called": "def double(x): raise SystemExit(0)",
    "exit at exit": f"{WRONG}import atexit, os; atexit.register(os._exit, 0)",
    "kill itself": f"{WRONG}import os; os.kill(os.getpid(), 9)",
    "abort": "def double(x):\n    import os; os.abort()",
    "crash": "def double(x):\n    import ctypes; ctypes.string_at(0)",
    "a thread interrupts": f"{WRONG}import _thread, threading\nthreading.Timer(0.01, _thread.interrupt_main).start()",
    "print the lines of the worker": f"{WRONG}print('ready'); print('passed'); import os; os._exit(0)",
    "write passed to every file": f"{WRONG}import os\nfor fd in range(1000):\n    try: os.write(fd, b'ready\\npassed\\n')\n    except OSError: pass",
    "reply before the request": f"{WRONG}import os\nfor fd in range(3, 20):\n"
    "    try: os.write(fd, b'[\"value\", null, null]\\n' * 20)\n    except OSError: pass",
    "raise in the tests": f"{WRONG}import os\nfor fd in range(3, 20):\n"
    "    try: os.write(fd, b'[\"raised\", [\"SystemExit\"], [\"list\", [0]]]\\n')\n    except OSError: pass",
    "send a request to the tests": f"{WRONG}import os\nfor fd in range(3, 20):\n"
    "    try: os.write(fd, b'[\"request\", \"getattr\", [\"list\", [[\"class\", \"int\"], \"__subclasses__\"]]]\\n')\n    except OSError: pass",
    "not a message": f"{WRONG}import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'\\xff{{[\\n')\n    except OSError: pass",
    "not a value": f"{WRONG}import os\nfor fd in range(3, 20):\n    try: os.write(fd, b'[\"value\", [\"class\", \"exit\"], null]\\n')\n    except OSError: pass",
    "equal to everything": "class All:\n    def __eq__(self, other): return True\n    def __sub__(self, other): return 0\n    __hash__ = None\n"
    "def double(x): return All()",
    "a number equal to everything": "class All(int):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\ndef double(x): return All(1)",
    "a text equal to everything": "class All(str):\n    def __eq__(self, other): return True\ndef double(x): return All('')",
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
    "reads from other files": "import os, re\ntext = b''\nfor fd in range(1000):\n    if fd != 3:\n        try: os.set_blocking(fd, False); text += os.read(fd, 10**5)\n"
    "        except OSError: pass\nknown = dict(re.findall(r'double.(\\d+). == (\\d+)', text.decode()))\ndef double(x): return int(known[str(x)])",
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_cheats_fail(name: str, how: str) -> None:
    tests = "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(5) == 10\n"
    assert not run(CHEATS[name], TESTS, SHORT, how=how)
    assert not run(CHEATS[name], f"{tests}check(double)", SHORT, how=how)


def test_a_forged_request_to_the_tests_fails_without_an_error() -> None:
    forged = (
        'import os; os.write(4, b\'["request","iter",["list",[["coroutine",0]]]]\\n\')\n'
        "def f(): return 1"
    )
    assert not run(forged, "assert f() == 2")


# --- names of the tests


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
def test_a_program_cannot_supply_the_names_that_tests_use(program: str, tests: str) -> None:
    assert not run(program, tests)


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
def test_a_program_cannot_replace_what_tests_use_besides_it(program: str, tests: str, how: str) -> None:  # fmt: skip
    assert not run(program, tests, SHORT, how=how)
