#!/usr/bin/env bash
# Runs everything that must hold before a change lands: format, lint, types, light import, wheel, tests. Makes its own
# virtual environment first. Needs Python 3.11 or 3.12, git and pip; no key, no GPU, no download but packages.
#
#   bash scripts/test.sh                          everything
#   SKIP_VLLM=1 bash scripts/test.sh              all but the comparison with a real vLLM, which needs an environment of its own (3 GB)
#   bash scripts/test.sh tests/unit/test_x.py     only these tests; any arguments go to pytest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${VENV:-.venv}
export VENV
# More threads than this spin against each other on small machines.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
SKIP_VLLM=${SKIP_VLLM:-0}
say() { printf '\n== %s\n' "$*"; }

bash scripts/env.sh
bin=$VENV/bin
if [ $# -gt 0 ]; then exec "$bin/python" -m pytest "$@"; fi

say "format and lint"
"$bin/ruff" format --check .
"$bin/ruff" check .
for script in scripts/*.sh scripts/checks/*.sh recipes/*.sh .ci/run; do
  if [ -e "$script" ]; then bash -n "$script"; fi
done

say "types"
"$bin/mypy"

say "unit and integration tests"
report=$(mktemp)
trap 'rm -f "$report"' EXIT
"$bin/python" -m pytest -q --durations=5 --junitxml="$report" -o junit_family=xunit1

say "every test file ran a test"
"$bin/python" - "$report" <<'PY'
import collections, pathlib, sys, xml.etree.ElementTree as ET

# For each file, why its tests were skipped; None for a test that ran (one that is expected to fail did run).
why = collections.defaultdict(set)
for case in ET.parse(sys.argv[1]).iter("testcase"):
    skipped = case.find("skipped")
    ran = skipped is None or skipped.get("type") == "pytest.xfail"
    why[case.get("file")].add(None if ran else skipped.get("message", ""))
files = sorted(str(path) for path in pathlib.Path("tests").rglob("test_*.py"))
idle = [f for f in files if not why[f] or why[f] & {"", "unconditional skip"} and None not in why[f]]
if idle:
    sys.exit("no test ran in: " + ", ".join(idle))
for file in files:
    if None not in why[file]:
        print(f"skipped: {file}: {'; '.join(sorted(why[file]))}")
print(f"{sum(None in why[f] for f in files)} of {len(files)} test files ran")
PY

say "a real vLLM (scripts/checks/vllm.sh)"
status=0
if [ "$SKIP_VLLM" != 0 ]; then status=75; else OUT=runs/test_vllm bash scripts/checks/vllm.sh || status=$?; fi
if [ "$status" = 75 ]; then echo "not run: scripts/checks/vllm.sh"; else exit "$status"; fi
