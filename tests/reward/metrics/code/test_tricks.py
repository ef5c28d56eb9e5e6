"""Programs that try to pass tests that they do not fulfil. Every one must score 0, whatever the sandbox.

`TRICKS` maps what a program tries to the program and its tests. Each program doubles wrongly, or not at all; with a
program that doubles, the tests pass, or fail for a reason that the name tells.
"""

import pytest

from router_r1_reward.metrics.code.sandbox_runner import RunLimits, run

WRONG = "def double(x):\n    return x + 1\n"

ASSERTS = "assert double(2) == 4\nassert double(5) == 10\n"

CLOSE = "assert abs(double(2) - 4) < 1e-6\nassert abs(double(5) - 10) < 1e-6\n"

CASE = (
    "import unittest\nclass Tests(unittest.TestCase):\n"
    "    def test_two(self): self.assertEqual(double(2), 4)\n"
    "    def test_five(self): self.assertEqual(double(5), 10)\n"
)

MAIN = f"{CASE}unittest.main()\n"

STAYS = f"{CASE}unittest.main(argv=['tests'], exit=False)\n"

_CONNECTION = (
    "import gc, json, os\n"
    "ends = [o for o in gc.get_objects() if type(o).__name__ == 'Connection']\n"
)
"""Finds the program's end of the connection."""


def _home(module: str, tests: str = ASSERTS) -> tuple[str, str]:
    """The program says that a module of the library is the home of its function."""
    return (
        f"import sys, types\ndef double(x): return 0\ndouble.__module__ = {module!r}\n"
        f"m = sys.modules.setdefault({module!r}, types.ModuleType({module!r}))\nm.double = double\n",
        tests,
    )


_MORE_NAMES = (
    "old = e._operations['names']\n"
    "def zero(*_, **__): return 0\n"
    "def names(wanted):\n    found = old(wanted); more = EXTRA.split(); wanted.extend(more)\n"
    "    return {**found, **{n: zero for n in more}} if isinstance(found, dict) else found + [[n, 'value', zero] for n in more]\n"
)


def _poisoned(names: str, tests: str) -> tuple[str, str]:
    """The program supplies more names than the tests ask it for, and changes the list that they ask with."""
    return (
        f"{_CONNECTION}EXTRA = {names!r}\nfor e in ends:\n"
        + "".join(f"    {line}\n" for line in _MORE_NAMES.splitlines())
        + f"    e._operations['names'] = names\n{WRONG}",
        tests,
    )


def _raises(error: str, tests: str, head: str = "") -> tuple[str, str]:
    return f"{head}\ndef double(x): raise {error}\n", tests


def _file(name: str, text: str, tests: str) -> tuple[str, str]:
    """The program writes a file where the tests may find it."""
    return (
        "import os\n"
        f"for folder in ('.', '..', '/answer', '/tmp', '../tests'):\n"
        f"    try: open(os.path.join(folder, {name!r}), 'w').write({text!r})\n    except OSError: pass\n{WRONG}",
        tests,
    )


def _writes(messages: str, tests: str = ASSERTS) -> tuple[str, str]:
    """The program writes messages of its own to every open file, before it is asked."""
    return (
        f"import os\nfor fd in range(3, 20):\n    try: os.write(fd, {messages})\n    except OSError: pass\n{WRONG}",
        tests,
    )


TRICKS: dict[str, tuple[str, str]] = {
    # --- names of modules
    "home: unittest.__main__": _home("unittest.__main__"),
    "home: unittest.__main__, unittest": _home("unittest.__main__", MAIN),
    "home: this": _home("this"),
    "home: idlelib.idle": _home("idlelib.idle"),
    "home: test.__main__": _home("test.__main__"),
    "home: lib2to3.__main__": _home("lib2to3.__main__"),
    "home: json.tool": _home("json.tool"),
    "home: numpy.f2py.__main__": _home("numpy.f2py.__main__"),
    "home: ensurepip.__main__": _home("ensurepip.__main__"),
    "home: zipapp": _home("zipapp"),
    "home: unittest.mock, ANY": (
        "import unittest.mock\nANY = unittest.mock.ANY\nclass C:\n    pass\n",
        "assert ANY == 4",
    ),
    "home: operator": (
        "import operator, sys\ndouble = operator.not_\ndef f(x): return 0",
        "assert double(f(1))\nassert f(2) == 4",
    ),
    "a library's function under the wanted name": (
        "from math import isclose\nimport math\ndouble = lambda x: math\n",
        ASSERTS,
    ),
    "a class in another module's place": (
        "import sys, collections\nclass Counter:\n    def __init__(self, *_): pass\n    def __eq__(self, other): return True\n"
        "collections.Counter = Counter\nCounter.__module__ = 'collections'\ndef double(x): return 0\n",
        "assert Counter([double(2)]) == Counter([4])",
    ),
    "its own isclose": (f"def isclose(*_, **__): return True\n{WRONG}", "assert isclose(double(2), 4)"),
    "its own deepcopy": (
        f"class All:\n    def __eq__(self, other): return True\ndef deepcopy(x): return All()\n{WRONG}",
        "xs = [1]\nassert deepcopy(double(2)) == deepcopy(4)",
    ),
    "its own math": (f"class math: isclose = staticmethod(lambda *_: True)\n{WRONG}", "assert math.isclose(double(2), 4)"),
    "its own np": (f"class np:\n    allclose = staticmethod(lambda *_: True)\n{WRONG}", "assert np.allclose(double(2), 4)"),
    "its own unittest": (
        f"class unittest:\n    class TestCase: pass\n    main = staticmethod(lambda: None)\n{WRONG}",
        MAIN,
    ),
    "its own pytest": (f"class pytest:\n    approx = lambda x: x\n{WRONG}", "assert double(2) == pytest.approx(4)"),
    "its own abs": (f"def abs(x): return 0\n{WRONG}", CLOSE),
    "its own exit": (f"def exit(*_): pass\ndef quit(*_): pass\n{WRONG}", f"{ASSERTS}exit(0)"),
    "its own AssertionError": (
        f"class AssertionError(Exception):\n    def __init__(self, *_): raise SystemExit(0)\n{WRONG}",
        "if double(2) != 4: raise AssertionError",
    ),
    "its own __name__": (f"__name__ = '__main__'\n__file__ = __spec__ = None\n{WRONG}", MAIN),
    "more names than it is asked for: abs": _poisoned("abs", CLOSE),
    "more names than it is asked for: any": _poisoned("any", "assert not any(double(x) != 2 * x for x in (2, 5))"),
    "more names than it is asked for: isinstance": _poisoned("bool __test_runs__ AssertionError Exception", ASSERTS),
    "more names than it is asked for: unittest": _poisoned("unittest sys", MAIN),
    # --- files
    "a file: test_a.py, discovered": _file("test_a.py", "raise SystemExit(0)", f"import unittest\nassert callable(double)\nunittest.main(module=None, argv=['x', 'discover'])\n{ASSERTS}"),
    "a file: sitecustomize.py": _file("sitecustomize.py", "raise SystemExit(0)", f"import sys\nsys.path.insert(0, '')\nimport sitecustomize\n{ASSERTS}"),
    "a file: json.py": _file("json.py", "raise SystemExit(0)", f"import sys\nsys.path.insert(0, '.')\nsys.modules.pop('json', None)\nimport json\n{ASSERTS}"),
    "a file: random.py, imported by name": _file("solution.py", "def double(x): raise SystemExit(0)", f"import sys, os\nsys.path.insert(0, os.getcwd())\nfrom solution import double\n{ASSERTS}"),
    "a file: expected.txt": _file("expected.txt", "3", "assert double(2) == int(open('expected.txt').read())"),
    "a file: expected.txt in the temporary folder": _file("expected.txt", "3", "import tempfile\nassert double(2) == int(open(tempfile.gettempdir() + '/expected.txt').read())"),
    "a file: compiled": _file("double.pyc", "", f"import sys\nsys.path.insert(0, '.')\nimport double as d\n{ASSERTS}"),
    # --- ends
    "exit(0) of the program is the end of unittest": _raises("SystemExit(0)", MAIN),
    "exit(0) under an except clause": _raises("SystemExit(0)", "try:\n    ok = double(2) == 4\nexcept SystemExit:\n    raise\nassert ok"),
    "exit(0) in a callback": ("def apply(f): raise SystemExit(0)\n", "assert apply(lambda x: x + 1) == 4"),
    "exit(0) from iteration": ("class It:\n    def __iter__(self): raise SystemExit(0)\ndef double(x): return It()\n", "assert list(double(2)) == [4]"),
    "exit(0) from len": ("class It:\n    def __len__(self): raise SystemExit(0)\ndef double(x): return It()\n", "assert len(double(2)) == 4"),
    "exit(0) from str": ("class It:\n    def __str__(self): raise SystemExit(0)\ndef double(x): return It()\n", "assert str(double(2)) == '4'"),
    "exit(0) from an attribute": ("class It:\n    def __getattr__(self, n): raise SystemExit(0)\ndef double(x): return It()\n", "assert double(2).value == 4"),
    "exit(0) of a derived class": _raises("Leave(0)", ASSERTS, "class Leave(SystemExit): pass"),
    "exit(0) of the library, by an argument": (
        "def double(x): return ['--help']\n",
        "import argparse\nassert argparse.ArgumentParser().parse_args(double(2)) == 4",
    ),
    "an interrupt": _raises("KeyboardInterrupt", MAIN),
    "the end of a generator": _raises("GeneratorExit", "def run():\n    yield double(2) == 4\nassert all(run())"),
    "a skipped test": _raises("unittest.SkipTest('x')", MAIN, "import unittest"),
    "an expected failure": _raises("_ExpectedFailure", MAIN, "from unittest.case import _Outcome\nclass _ExpectedFailure(Exception): pass"),
    "failures of unittest that does not exit": (WRONG, STAYS),
    "errors of unittest that does not exit": _raises("ValueError", STAYS),
    "failures of a runner whose result is dropped": (
        WRONG,
        f"{CASE}suite = unittest.defaultTestLoader.loadTestsFromTestCase(Tests)\nunittest.TextTestRunner().run(suite)\n",
    ),
    "a failure of a subtest that does not exit": (
        WRONG,
        "import unittest\nclass Tests(unittest.TestCase):\n    def test(self):\n        for x in (1, 2):\n            with self.subTest(x): self.assertEqual(double(x), 2 * x)\nunittest.main(exit=False)",
    ),
    "stops iteration": _raises("StopIteration", "assert [double(x) for x in (2, 5)] == [4, 10]\n"),
    "stops iteration in map": _raises("StopIteration", "assert all(map(lambda x: double(x) == 2 * x, (2, 5)))"),
    "stops asynchronous iteration": _raises("StopAsyncIteration", "assert all(map(lambda x: double(x) == 2 * x, (2, 5)))"),
    "stops iteration, derived": _raises("Stop", "assert all(map(lambda x: double(x) == 2 * x, (2, 5)))", "class Stop(StopIteration): pass"),
    "ends when called": ("import os\ndef double(x): os._exit(0)\n", f"try:\n    assert double(2) == 4\nexcept BaseException: pass\n{ASSERTS}"),
    "closes its files": (f"import os\nos.closerange(0, 100)\n{WRONG}", "try:\n    assert double(2) == 4\nexcept BaseException: pass"),
    # --- values that lie
    "an object equal to everything": ("class All:\n    __hash__ = None\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\ndef double(x): return All()\n", ASSERTS),
    "an object equal to everything, in lists": ("class All:\n    def __eq__(self, other): return True\ndef double(x): return [All(), (All(),), {1: All()}]\n", "assert double(2) == [4, (4,), {1: 4}]"),
    "an object that copies what it is compared with": ("class Copy:\n    def __eq__(self, other): self.__dict__.update(v=other); return True\n    def __getattr__(self, n): return lambda *a: a\ndef double(x): return Copy()\n", ASSERTS),
    "an object that says it is an int": ("class I:\n    __class__ = int\n    def __eq__(self, o): return True\n    def __int__(self): return 4\n    __index__ = __int__\ndef double(x): return I()\n", ASSERTS),
    "an object that says it is an int, in unittest": ("class I:\n    __class__ = int\n    def __eq__(self, o): return True\ndef double(x): return I()\n", MAIN),
    "an int that subtracts to 0": ("class I(int):\n    def __sub__(self, o): return 0\n    __rsub__ = __sub__\n    def __abs__(self): return 0\n    def __round__(self, *_): return 4\ndef double(x): return I()\n", CLOSE),
    "a float that is close": ("class F(float):\n    def __sub__(self, o): return 0.0\n    __rsub__ = __sub__\n    def __float__(self): return 4.0\n    def __round__(self, n=0): return 4.0\ndef double(x): return F()\n", "assert round(double(2), 2) == 4.0\nassert abs(4 - double(2)) < 1"),
    "an int that lies about bool": ("class I(int):\n    def __bool__(self): return True\n    def __eq__(self, o): return True\n    __lt__ = __gt__ = __le__ = __ge__ = __eq__\ndef double(x): return I()\n", "assert double(2) > 3"),
    "a text with another equality": ("class S(str):\n    def __eq__(self, o): return True\n    def __hash__(self): return hash('4')\ndef double(x): return S('a')\n", "assert double(2) in {'4', '5'} or double(2) == '4'"),
    "a text that starts with everything": ("class S(str):\n    def __contains__(self, o): return True\n    def __radd__(self, o): return '44'\n    def __add__(self, o): return '44'\ndef double(x): return S('a')\n", "assert '4' in double(2)"),
    "a list with another equality": ("class L(list):\n    def __eq__(self, o): return True\n    def __len__(self): return 1\n    def __contains__(self, o): return True\ndef double(x): return L()\n", "assert 4 in double(2)\n"),
    "a list that asks what it contains": ("class L(list):\n    def __contains__(self, o): self.append(o); return True\n    def index(self, o): self.append(o); return 0\ndef double(x): return L()\n", "assert 4 in double(2)"),
    "a dict that has every key": ("class D(dict):\n    def __contains__(self, o): return True\n    def __eq__(self, o): return True\ndef double(x): return D()\n", "assert double(2) == {2: 4} or 2 in double(2)"),
    "a tuple with named fields that lie": ("import collections\nclass P(collections.namedtuple('P', 'x')):\n    def __eq__(self, o): return True\ndef double(x): return P(1)\n", "assert double(2) == (4,)"),
    "a named tuple whose fields are operators": ("import collections\nclass T(tuple):\n    _fields = ('__eq__',)\n    def __eq__(self, o): return True\ndef double(x): return T((True,))\n", "assert double(2) == (4,)"),
    "a set that contains everything": ("class S(set):\n    def __contains__(self, o): return True\n    def __ge__(self, o): return True\n    __eq__ = issuperset = __ge__\ndef double(x): return S()\n", "assert double(2) >= {4} or double(2) == {4}"),
    "a class equal to everything": ("class M(type):\n    def __eq__(c, o): return True\n    __hash__ = type.__hash__\nclass C(metaclass=M): pass\ndef double(x): return C\n", ASSERTS),
    "a class named int": ("class M(type):\n    def __eq__(c, o): return True\n    def __instancecheck__(c, o): return True\n    __hash__ = type.__hash__\nclass int(metaclass=M): pass\ndef double(x): return int\n", "assert double(2) == 4 or isinstance(4, double(1))"),
    "NotImplemented": ("def double(x): return NotImplemented\n", ASSERTS),
    "not a number": ("def double(x): return float('nan')\n", CLOSE),
    "a decimal that is close": ("import decimal\nclass D(decimal.Decimal):\n    def __sub__(s, o): return D(0)\n    def __eq__(s, o): return True\ndef double(x): return D(1)\n", ASSERTS),
    "a fraction that is close": ("import fractions\nclass F(fractions.Fraction):\n    def __sub__(s, o): return F(0)\n    __rsub__ = __sub__\n    def __eq__(s, o): return True\ndef double(x): return F(1)\n", CLOSE),
    "a date that lies": ("import datetime\nclass D(datetime.date):\n    def __eq__(s, o): return True\ndef double(x): return D(2000, 1, 1)\n", "import datetime\nassert double(2) == datetime.date(2020, 1, 1)"),
    "a mock": ("from unittest.mock import ANY, MagicMock\ndef double(x): return ANY if x == 2 else MagicMock(__eq__=lambda *_: True)\n", ASSERTS),
    "an array of objects equal to everything": ("import numpy as np\nclass All:\n    def __eq__(s, o): return True\ndef double(x): return np.array([All()], dtype=object)\n", "import numpy as np\nassert (double(2) == np.array([4])).all()"),
    "a derived array": ("import numpy as np\nclass A(np.ndarray):\n    def __eq__(s, o): return np.array([True])\n    def __array_ufunc__(s, *a, **k): return np.array([True])\ndef double(x): return np.array([1]).view(A)\n", "import numpy as np\nassert (double(2) == np.array([4])).all()"),
    "an array by protocol": ("import numpy as np\nclass A:\n    def __array__(s, *a, **k): return np.array([4])\n    __array_priority__ = 99\n    def __array_ufunc__(s, *a, **k): return np.array([True])\n    def __array_function__(s, *a, **k): return True\n    def __eq__(s, o): return np.array([True])\ndef double(x): return A()\n", "import numpy as np\nassert np.array_equal(double(2), np.array([4])) or (np.array([4]) == double(2)).all()"),
    "a format that tells": ("class S:\n    def __format__(self, spec): return '4'\n    def __eq__(s, o): return True\ndef double(x): return S()\n", "assert double(2) == f'{4}'"),
    "reflected operators": ("class R:\n    def __rsub__(s, o): return 0\n    __radd__ = __rmul__ = __rpow__ = __rmod__ = __rtruediv__ = __rand__ = __ror__ = __rsub__\ndef double(x): return R()\n", "assert abs(4 - double(2)) < 1"),
    "a length that says 4": ("class L:\n    def __len__(s): return 4\n    def __eq__(s, o): return len(s) == o\ndef double(x): return L()\n", ASSERTS),
    "a hash of the expected": ("class H:\n    def __hash__(s): return hash(4)\n    def __eq__(s, o): return True\ndef double(x): return H()\n", "assert double(2) in {4: 1} or {4: 1}.get(double(2)) == 1"),
    "an item of itself": ("class It:\n    def __getitem__(s, i): return s\n    def __iter__(s): return iter([s])\n    def __eq__(s, o): return True\ndef double(x): return It()\n", "assert double(2)[0] == 4 or list(double(2)) == [4]"),
    # --- length and items
    **{
        f"{kind} that has no items but a length, {order}": (
            f"class L({kind}):\n    def __len__(s): return 1\n    def __iter__(s): return iter(())\n    def __eq__(s, o): return True\ndef double(x): return L()\n",
            tests,
        )
        for kind in ("object", "list", "set", "tuple", "dict", "str")
        for order, tests in {
            "zipped": "r = double(2)\nassert len(r) == 1\nfor a, b in zip(r, [4]): assert a == b",
            "zipped the other way": "r = double(2)\nassert len(r) == 1\nfor a, b in zip([4], r): assert a == b",
            "its length afterwards": "r = double(2)\nassert all(a == b for a, b in zip(r, [4]))\nassert len(r) == 1",
            "counted": "r = double(2)\nassert len(r) == 1\nfor i, a in enumerate(r): assert a == [4][i]",
        }.items()
    },
    "a list with a length of its own": ("class L(list):\n    def __len__(s): return 1\ndef double(x): return L()\n", "r = double(2)\nassert len(r) == 1\nfor a, b in zip(r, [4]): assert a == b"),
    "an iterator with a length": ("class L:\n    def __len__(s): return 1\n    def __iter__(s): return s\n    def __next__(s): raise StopIteration\ndef double(x): return L()\n", "r = double(2)\nassert len(r) == 1\nfor a, b in zip(r, [4]): assert a == b"),
    "a length that shrinks": ("class L:\n    n = 2\n    def __len__(s): s.n -= 1; return s.n\ndef double(x): return L()\n", "r = double(2)\nassert len(r) == 1\nfor i in range(len(r)): assert r[i] == 4"),
    **{
        f"{kind} that learns from the methods of sets": (
            f"class S({kind}):\n    def difference(s, o): s.seen = list(o); return set()\n    issubset = issuperset = symmetric_difference = difference\n"
            "    def __iter__(s): return iter(s.seen)\n    def __eq__(s, o): return True\n    __hash__ = None\ndef double(x): return S()\n",
            "import unittest\nunittest.TestCase().assertSetEqual(double(2), {4})",
        )
        for kind in ("object", "set", "list", "dict")
    },
    # --- products, classes and copies
    **{
        f"an object that is 1 once it is multiplied, {use}": (
            "class I:\n    def __mul__(s, o): return s\n    __rmul__ = __radd__ = __mul__\n    def __float__(s): return 1.0\n    def __len__(s): return 1\n"
            "    def __abs__(s): return 0\n    __int__ = __len__\n    def __getitem__(s, i): return [1.0][i]\n    def __neg__(s): return -1\n    def __eq__(s, o): return True\ndef double(x): return I()\n",
            tests,
        )
        for use, tests in {
            "isclose": "import math\nassert math.isclose(double(2) * 0.25, 1)",
            "isclose, the number first": "import math\nassert math.isclose(0.25 * double(2), 1)",
            "isclose, twice": "import math\nassert math.isclose(0.5 * (double(2) * 0.5), 1)",
            "isclose, a sum": "import math\nassert math.isclose(sum([double(2) * 0.25]), 1)",
            "numpy": "import numpy as np\nassert np.isclose(double(2) * 0.25, 1)",
            "numpy, items": "import numpy as np\nassert np.allclose(np.array(double(2) * 0.25, dtype=float), 1)",
            "equal": "assert double(2) * 0.25 == 1 or 1 == 0.25 * double(2)",
            "equal, items": "assert list(double(2) * 0.25) == [1] or (double(2) * 0.25)[0] == 1",
            "near": "assert abs(double(2) * 0.25 - 1) < 1e-6",
            "near 0": "assert abs(double(2) * 0.25) < 1e-6",
            "its opposite": "assert -(double(2) * 0.25) == -1",
            "whole": "assert int(double(2) * 0.25) == 1",
            "true": "assert double(2) * 0.25",
            "almost equal": "import unittest\nunittest.TestCase().assertAlmostEqual(double(2) * 0.25, 1)",
            "printed": "assert '%d' % (double(2) * 0.25) == '1' or f'{double(2) * 0.25:.1f}' == '1.0'",
        }.items()
    },
    "a product that is a number": ("class I:\n    def __mul__(s, o): return 8 if o == 2 else 1\n    __rmul__ = __mul__\ndef double(x): return I()\n", "assert 2 * double(2) == 8"),
    "a product that is a list": ("class L(list): pass\nclass I:\n    def __mul__(s, o): return L([8])\n    __rmul__ = __mul__\ndef double(x): return I()\n", "assert 2 * double(2) == [8]"),
    "a multiplied int": ("class I(int):\n    def __mul__(s, o): return I(8)\n    __rmul__ = __mul__\ndef double(x): return I(0)\n", "assert double(2) * 2 == 8 and 2 * double(2) == 8"),
    "an object whose class is int": (f"{_CONNECTION}for e in ends: e._operations['class'] = lambda _: int\nclass I:\n    def __eq__(s, o): return True\ndef double(x): return I()\n", "r = double(2)\nassert type(r) is int or r.__class__ is int or type(r) == int"),
    "a class that says it is a subclass of int": ("class M(type):\n    def __subclasscheck__(c, o): return True\n    def __eq__(c, o): return True\n    __hash__ = type.__hash__\nclass double(metaclass=M):\n    def __init__(s, x): pass\n", "assert issubclass(double, int) or issubclass(int, double) or type(double(2)) == int"),
    "a copy that is a number": ("class I:\n    def __deepcopy__(s, memo): return 4\n    __copy__ = lambda s: 4\ndef double(x): return I()\n", "import copy\nassert copy.deepcopy(double(2)) == 4 or copy.copy(double(2)) == 4"),
    "its own type": (f"def type(x): return int\n{WRONG}", "assert type(double(2)) is int and double(2) == 4"),
    "a named tuple as function": ("import collections\ndouble = collections.namedtuple('double', 'x')\n", ASSERTS),
    "messages: more defaults than fields": _writes("b'[\"value\", [\"named class\", \"P\", [\"x\"], [1, 2, 3]], null, []]\\n' * 50"),
    "messages: a class of named tuples whose fields are operators": _writes("b'[\"value\", [\"named class\", \"P\", [\"__eq__\"], []], null, []]\\n' * 50"),
    # --- the program as a module
    "its own abs, imported": (f"def abs(x): return 0\n{WRONG}", f"from solution import double\n{CLOSE}"),
    "its own abs, with all names": (f"def abs(x): return 0\n{WRONG}", f"from solution import *\n{CLOSE}"),
    "its own abs, of a module": (f"def abs(x): return 0\n{WRONG}", f"import solution\n{CLOSE.replace('double', 'solution.double')}"),
    "its own library that is not installed": (f"class approximately:\n    approx = staticmethod(lambda x: double(2))\n{WRONG}", "from approximately import approx\nassert double(2) == approx(4)"),
    "a file: solution.py": _file("solution.py", "raise SystemExit(0)", f"import sys\nsys.path.insert(0, '')\nfrom solution import double\n{ASSERTS}"),
    # --- context managers
    "a context manager that ignores failures": ("class C:\n    value = 0\n    def __enter__(s): return s\n    def __exit__(s, *_): return True\ndef double(x): return C()\n", "with double(2) as c: assert c.value == 4"),
    "a context manager that ignores failures of unittest": ("import contextlib\ndef double(x): return contextlib.suppress(BaseException)\n", "import unittest\nwith double(2) as c: unittest.TestCase().assertEqual(c, 4)"),
    "a context manager that ignores an exit": ("import contextlib\ndef double(x): return contextlib.suppress(BaseException)\n", "import sys\nwith double(2) as c:\n    if c != 4: sys.exit(1)\nsys.exit(2)"),
    # --- what the tests' process sends
    "its argument is what is expected": ("seen = []\nclass A:\n    def __eq__(s, o): seen.append(o); return True\n    def __lt__(s, o): seen.append(o); return True\n    __gt__ = __sub__ = __eq__\ndef double(x): return seen[-1] if seen else A()\n", f"try: double(2) == 4\nexcept Exception: pass\n{ASSERTS}"),
    "a constant of a callback": ("def double(x): return double(x)\n", ASSERTS),
    # --- the connection
    "messages: old values": _writes("b'[\"value\", null, null]\\n' * 50"),
    "messages: all true": _writes("b'[\"value\", true, null]\\n' * 50"),
    "messages: raised": _writes("b'[\"raised\", [\"SystemExit\"], [\"list\", [0]]]\\n' * 50"),
    "messages: requests": _writes("b'[\"request\", \"call\", [\"list\", [[\"yours\", 0], [\"list\", []], [\"dict\", []]]]]\\n' * 50"),
    "messages: yours": _writes("b'[\"value\", [\"yours\", 0], null]\\n' * 50"),
    "messages: a deep list": _writes("b'[' * 60000"),
    "messages: no line": _writes("b'x' * 60000"),
    "messages: null": _writes("b'null\\n{}\\n[]\\n0\\n'"),
    "the verdict to every file": _writes("b'ready\\npassed\\n'"),
    "the verdict to the terminal": (f"import os\nfor p in ('/dev/stdout', '/dev/fd/1', '/proc/self/fd/1', '/proc/1/fd/1'):\n    try: open(p, 'w').write('passed\\n')\n    except OSError: pass\n{WRONG}", ASSERTS),
    "its own answer to every request": (f"{_CONNECTION}for e in ends:\n    e._respond = lambda m, e=e: e._send('value', True, None)\n{WRONG}", ASSERTS),
    "its own encoding": (f"{_CONNECTION}for e in ends:\n    e._encode = lambda v: ['class', 'exit']\n{WRONG}", ASSERTS),
    "classes of Python by name": (f"{_CONNECTION}for e in ends:\n    e._encode = lambda v: ['class', 'object']\n{WRONG}", ASSERTS),
    "changes the arguments of other operations": (f"{_CONNECTION}for e in ends:\n    e._respond = lambda m, e=e: e._send('value', ['dict', []], ['list', [['list', ['double', 'abs', 'AssertionError']]]])\n{WRONG}", CLOSE),
    "patches the worker": ("import sys\nfor m in list(sys.modules.values()):\n    for n in ('_judge', 'resolve', 'names_for', 'encode', 'decode', '_replace', 'run'):\n        if hasattr(m, n): setattr(m, n, lambda *_, **__: 'passed')\n" + WRONG, ASSERTS),
    "fills the memory of the tests' process": ("def double(x):\n    return ['x' * 1000] * 10**6\n", f"try: double(2)\nexcept BaseException: pass\n{ASSERTS}"),
    "a reply that never ends": ("def double(x):\n    n = 0\n    while True:\n        yield n\n        n += 1\n", "assert list(double(2)) == [4]"),
    "a list that contains itself": ("def double(x):\n    xs = []\n    xs.append(xs)\n    return xs\n", ASSERTS),
    "a very deep list": ("def double(x):\n    xs = []\n    for _ in range(10**5): xs = [xs]\n    return xs\n", ASSERTS),
    "calls back without end": ("def double(x, g=None):\n    while True: g(x)\n", "assert double(2, lambda x: x) == 4"),
    "calls back deeper and deeper": ("def double(x, g=None): return g(g)\n", "def g(h): return double(2, h)\nassert double(2, g) == 4"),
    "calls a function of the tests too early": (f"{WRONG}\ndef keep(g):\n    for _ in range(3):\n        try: g(SystemExit)\n        except BaseException: pass\n", "def check(f=None):\n    if f is SystemExit: raise SystemExit(0)\n    return f\nkeep(check)\n" + ASSERTS),
    "messages: contents of objects that were never sent": _writes("b'[\"value\", 4, null, [[0, [\"list\", [4]]]]]\\n' * 50"),
    "messages: values with contents": _writes("b'[\"value\", 4, null, []]\\n' * 2"),
    "messages: an object with operators of its own": _writes("b'[\"value\", [\"data\", 0, 1, \"int\", [\"eq\", \"__eq__\", \"bool\"]], null, []]\\n' * 50"),
    "messages: an object of a class that is none": _writes("b'[\"value\", [\"data\", 0, [\"class\", \"object\"], \"int\", []], null, []]\\n' * 50"),
    "messages: classes outside the table": _writes("b'[\"value\", [\"class\", \"SystemExit\"], null, []]\\n' * 50"),
    "messages: modules": _writes("b'[\"value\", [\"module\", \"this\"], null, []]\\n' * 50"),
    "messages: an array of objects": _writes("b'[\"value\", [\"ndarray\", \"|O\", [\"list\", [1]], [\"list\", [[\"mine\", 0]]]], null, []]\\n' * 50"),
    "messages: exceptions that end": _writes("b'[\"raised\", [\"SystemExit\"], [\"list\", [0]], []]\\n' * 50"),
    "messages: exceptions that end a generator": _writes("b'[\"raised\", [\"GeneratorExit\"], [\"list\", []], []]\\n' * 50", "def run():\n    yield double(2) == 4\nassert all(run())"),
    "messages: requests, with contents": _writes("b'[\"request\", \"call\", [\"list\", [[\"yours\", -1], [\"list\", [0]], [\"dict\", []]]], []]\\n' * 50", "import sys\nassert double(sys.exit) == 4"),
    "calls a function of Python that the tests pass": ("def double(f): return f(0)\n", "import sys\nassert double(sys.exit) == 4"),
    "changes what it is compared with": ("def double(xs):\n    xs[:] = [0]\n    return [0]\n", "want = [4]\nassert double([2]) == want\nassert want == [4]"),
    "a list that changes between two looks": ("class L(list):\n    def __len__(s): s[:] = [4]; return 1\ndef double(x): return L([0])\n", "r = double(2)\nassert r == [4] and len(r) == 1"),
    "a list that learns by what is put in": ("class L(list):\n    def __iadd__(s, o): s[:] = o; return s\n    def __eq__(s, o): return True\ndef double(x): return L()\n", "r = double(2)\nassert [4] == r"),
    "a dict with a factory of the tests": ("import collections\ndef double(x): return collections.defaultdict(lambda: 4)\n", "assert double(2) == {2: 4}"),
    "a factory that ends": ("import collections\ndef double(x): return collections.defaultdict(SystemExit, {})\n", ASSERTS),
    "a thread that answers": (f"{_CONNECTION}import threading\ndef answer():\n    while True:\n        for e in ends:\n            try: os.write(4, b'[\"value\", 4, null]\\n')\n            except OSError: return\nthreading.Thread(target=answer, daemon=True).start()\ndef double(x): return 0\n", ASSERTS),
    # --- the other process
    "interrupts the parent": (f"import os, signal\nfor s in (2, 10, 14, 15):\n    for p in (os.getppid(), 0, -1, 1):\n        try: os.kill(p, s) if p != 1 or os.getpid() != 1 else None\n        except OSError: pass\n{WRONG}", ASSERTS),
    "overflows its stack": ("import sys\nsys.setrecursionlimit(10**9)\ndef double(x): return double(x)\n", ASSERTS),
    "reads the tests from its parent": ("import os, re\ntext = ''\nfor p in (os.getpid(), os.getppid(), 1, 2):\n    for f in ('cmdline', 'environ', 'mem', 'fd/0', 'fd/3', 'maps'):\n        try: text += open(f'/proc/{p}/{f}', errors='replace').read(10**6)\n        except OSError: pass\nknown = dict(re.findall(r'double.(\\d+). == (\\d+)', text))\ndef double(x): return int(known[str(x)])\n", ASSERTS),
    "reads the tests from its frames": ("import sys, re, gc\ndef double(x):\n    text, f = '', sys._getframe()\n    while f: text += repr(f.f_locals) + repr(f.f_code.co_consts); f = f.f_back\n    text += ' '.join(o for o in gc.get_objects() if isinstance(o, str))\n    return int(dict(re.findall(r'double.(\\d+). == (\\d+)', text))[str(x)])\n", ASSERTS),
    "traces": (f"import sys\nsys.settrace(lambda *a: exec('raise SystemExit(0)'))\nsys.setprofile(lambda *a: None)\n{WRONG}", ASSERTS),
    "at exit": (f"import atexit, os\natexit.register(lambda: os.write(4, b'[\"value\", 4, null]\\n'))\n{WRONG}", ASSERTS),
    'a docstring that tests run': ("def double(x):\n    '''>>> 1\n    1\n    '''\n    return 0\n", 'import doctest\nassert double.__doc__\ndoctest.run_docstring_examples(double, globals())\nassert double(2)==4'),
    'annotations that tests evaluate': ("def double(x: 'exit(0)') -> 'exit(0)': return 0\n", 'import typing\ntry: typing.get_type_hints(double)\nexcept Exception: pass\nassert double(2)==4'),
    'a value that is pickled': ('class P:\n    def __reduce__(s): return (exit,(0,))\ndef double(x): return P()\n', 'import pickle, copy\ntry: pickle.loads(pickle.dumps(double(1)))\nexcept Exception: pass\nassert double(2)==4'),
    'the module that it names, imported by the tests': ("import sys\ndef double(x): return 0\ndouble.__module__='this'\n", "import inspect, importlib\nm=double.__module__\nimportlib.import_module(m) if m!='x' else 0\nassert double(2)==4"),
    'a float equal to everything': ('class A(float):\n    def __eq__(s,o): return True\ndef double(x): return A(0)\n', 'import math\nassert math.isclose(double(2),4)'),
    "a float that is close to all of numpy's": ('class A(float):\n    def __sub__(s,o): return 0.0\ndef double(x): return A(0)\n', 'import numpy as np\nassert np.isclose(double(2),4)'),
    'items that hash alike': ('class A:\n    def __hash__(s): return hash(4)\n    def __eq__(s,o): return True\ndef double(x): return [A()]\n', 'import unittest\nunittest.TestCase().assertCountEqual(double(2),[4])'),
    'a class of everything': ('class M(type):\n    def __instancecheck__(c,o): return True\nclass double(metaclass=M):\n    def __init__(s,x): pass\n    def __eq__(s,o): return True\n', 'import unittest\nt=unittest.TestCase()\nt.assertIsInstance(double(2),double)\nt.assertEqual(double(2),4)'),
    'an object above everything': ('class A:\n    def __lt__(s,o): return True\n    __gt__=__lt__\n    def __eq__(s,o): return True\ndef double(x): return A()\n', 'assert max(double(2),4)==4 and sorted([double(2),4])'),
    'a text that joins otherwise': ("class S(str):\n    def __str__(s): return '4'\n    def __eq__(s,o): return True\n    def __iter__(s): return iter('4')\ndef double(x): return S('0')\n", "assert double(2)=='4' or ''.join([double(2)])=='4'"),
    'bytes equal to everything': ("class B(bytearray):\n    def __eq__(s,o): return True\ndef double(x): return B(b'')\n", "assert double(2)==b'4' or b'4'==double(2)"),
    'a key that hashes like the wanted one': ("class K(str):\n    def __hash__(s): return hash('4')\n    def __eq__(s,o): return True\ndef double(x): return {K('z'): 4}\n", "assert double(2)['4']==4"),
    'a list that iterates otherwise': ('class L(list):\n    def __len__(s): return 3\n    def __iter__(s): return iter([1,2,3])\n    def __getitem__(s,i): return [1,2,3][i]\ndef double(x): return L()\n', 'assert double(2)==[1,2,3]'),
    'an interrupt that stops unittest': ('def double(x): raise KeyboardInterrupt\n', 'import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(double(2),4)\ntry: unittest.main()\nexcept BaseException: pass'),
    'an interrupt that stops a runner': ('def double(x): raise KeyboardInterrupt\n', 'import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(double(2),4)\nr=unittest.main(exit=False).result if 0 else None\ntry: unittest.TextTestRunner().run(unittest.defaultTestLoader.loadTestsFromTestCase(T))\nexcept KeyboardInterrupt: pass'),
    'a cancelled task': ('import asyncio\nasync def double(x): raise asyncio.CancelledError\n', 'import asyncio\nasync def main():\n    t=asyncio.ensure_future(double(2)); await asyncio.wait([t]); assert t.result()==4\nasyncio.run(main())'),
}  # fmt: skip
"""What a program tries -> the program and its tests."""


LIMITS = RunLimits(cpu_s=2, wall_s=6)


@pytest.mark.parametrize("name", TRICKS)
def test_a_trick_scores_nothing(name: str, how: str) -> None:
    program, tests = TRICKS[name]
    assert not run(program, tests, LIMITS, how=how)


RIGHT = "def double(x):\n    return 2 * x\n"


@pytest.mark.parametrize("tests", [ASSERTS, CLOSE, MAIN, STAYS, f"{ASSERTS}exit(0)", f"import sys\n{ASSERTS}sys.exit()", f"{ASSERTS}raise SystemExit"])  # fmt: skip
def test_the_tests_of_the_tricks_pass_with_a_right_program(tests: str, how: str) -> None:
    assert run(RIGHT, tests, how=how)


def test_a_program_may_exit_where_tests_expect_it(how: str) -> None:
    program = "import sys\ndef stop(): sys.exit(3)\n"
    case = "import unittest\nclass Tests(unittest.TestCase):\n    def test(self):\n        with self.assertRaises(SystemExit) as e: stop()\n        self.assertEqual(e.exception.code, 3)\nunittest.main()"
    assert run(program, case, how=how)
    assert run(
        program, "try: stop()\nexcept SystemExit as e: code = e.code\nassert code == 3", how=how
    )
    assert not run(program, "try: stop()\nexcept SystemExit as e: code = e.code\nassert code == 0", how=how)  # fmt: skip


def test_tests_have_a_folder_of_their_own(how: str) -> None:
    program = "import os\nopen('mine', 'w').write('x')\ndef seen(): return sorted(os.listdir())\n"
    tests = "import os\nopen('theirs', 'w').write('x')\nassert os.listdir() == ['theirs'] and seen() == ['mine']"
    assert run(program, tests, how=how)


def test_a_program_does_not_see_the_folder_of_the_tests(how: str) -> None:
    program = (
        "import os\ndef seen():\n    found = []\n    for folder in ('..', '../tests', '/answer', '/tmp', '/'):\n"
        "        try: found += [os.path.join(folder, n) for n in os.listdir(folder) if n == 'theirs']\n        except OSError: pass\n    return found\n"
        "def reads(path):\n    try: return open(path).read()\n    except OSError: return ''\n"
    )
    tests = "import os\nopen('theirs', 'w').write('x')\nassert seen() == [] and reads(os.path.abspath('theirs')) == '' and reads('../tests/theirs') == ''"
    assert run(program, tests, how=how)
