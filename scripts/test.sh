#!/usr/bin/env bash
# Runs all checks that a change must pass: format, lint, syntax of the shell scripts, types, tests. Creates its virtual
# environment first. Needs Python 3.11 or 3.12, git and pip; no key and no GPU; downloads nothing but packages.
#
#   bash scripts/test.sh                              everything
#   WORKERS=4 bash scripts/test.sh                    in four processes instead of two; a process takes up to 4 GB
#   SKIP_VLLM=1 bash scripts/test.sh                  without the comparison with vLLM, whose environment takes 3 GB
#   bash scripts/test.sh tests/core/test_episode.py   some tests; all arguments go to pytest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${VENV:-.venv}
export VENV
# More threads compete for the cores of a small machine and slow each other down.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
SKIP_VLLM=${SKIP_VLLM:-0}
WORKERS=${WORKERS:-2}
say() { printf '\n== %s\n' "$*"; }

bash scripts/env.sh
bin=$VENV/bin
if [ $# -gt 0 ]; then exec "$bin/python" -m pytest "$@"; fi

say "format and lint"
"$bin/ruff" format --check .
"$bin/ruff" check .
find scripts recipes -name '*.sh' -print0 | xargs -0 -n 1 bash -n
if [ -e .ci/run ]; then bash -n .ci/run; fi

say "types"
"$bin/mypy"

say "tests, the files shared among $WORKERS processes"
reports=$(mktemp -d)
trap 'rm -rf "$reports"' EXIT
run() { "$bin/python" -m pytest -q --durations=5 -o junit_family=xunit1 --junitxml="$reports/$1.xml" "${@:2}"; }
run most -n "$WORKERS" --dist loadfile --ignore tests/train

say "training runs, one after the other: each starts a Ray cluster"
run train tests/train

say "every test file ran a test"
"$bin/python" - "$reports"/*.xml <<'PY'
import collections, pathlib, sys, xml.etree.ElementTree as ET

# The reasons why tests of a file were skipped; None for a test that ran (as a test with an expected failure did).
reasons = collections.defaultdict(set)
for case in (case for report in sys.argv[1:] for case in ET.parse(report).iter("testcase")):
    skipped = case.find("skipped")
    ran = skipped is None or skipped.get("type") == "pytest.xfail"
    reasons[case.get("file")].add(None if ran else skipped.get("message", ""))
files = sorted(str(path) for path in pathlib.Path("tests").rglob("test_*.py"))
idle = [f for f in files if not reasons[f] or reasons[f] & {"", "unconditional skip"} and None not in reasons[f]]
if idle:
    sys.exit("no test ran in: " + ", ".join(idle))
for file in files:
    if None not in reasons[file]:
        print(f"skipped: {file}: {'; '.join(sorted(reasons[file]))}")
print(f"{sum(None in reasons[f] for f in files)} of {len(files)} test files ran")
PY

say "a real vLLM (scripts/checks/vllm.sh)"
status=0
if [ "$SKIP_VLLM" != 0 ]; then status=75; else OUT=runs/test_vllm bash scripts/checks/vllm.sh || status=$?; fi
if [ "$status" = 75 ]; then echo "not run: scripts/checks/vllm.sh"; else exit "$status"; fi
