#!/usr/bin/env bash
# Runs everything that must hold before a change lands: format, lint, types, light import, wheel, tests. Makes its own
# virtual environment first. Needs Python 3.11 or 3.12, git and pip; no key, no GPU, no download but packages.
#
#   bash scripts/test.sh                          everything
#   bash scripts/test.sh tests/unit/test_x.py     only these tests; any arguments go to pytest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${VENV:-.venv}
export VENV
# More threads than this spin against each other on small machines.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
say() { printf '\n== %s\n' "$*"; }

bash scripts/env.sh
bin=$VENV/bin
if [ $# -gt 0 ]; then exec "$bin/python" -m pytest "$@"; fi

say "format and lint"
"$bin/ruff" format --check .
"$bin/ruff" check .
for script in scripts/*.sh recipes/*.sh .ci/run; do
  if [ -e "$script" ]; then bash -n "$script"; fi
done

say "types"
"$bin/mypy"

say "unit and integration tests"
report=$(mktemp)
trap 'rm -f "$report"' EXIT
"$bin/python" -m pytest -q --durations=5 --junitxml="$report"

say "every test file ran a test"
"$bin/python" - "$report" <<'PY'
import pathlib, sys, xml.etree.ElementTree as ET

ran = {
    case.get("classname", "").replace(".", "/") + ".py"
    for case in ET.parse(sys.argv[1]).iter("testcase")
    if case.find("skipped") is None
}
skipped_only = {
    case.get("classname", "").replace(".", "/") + ".py" for case in ET.parse(sys.argv[1]).iter("testcase")
} - ran
files = {str(path) for path in pathlib.Path("tests").rglob("test_*.py")}
# A file may skip as a whole only where it says why: it needs data or hardware that is not here.
allowed = {f for f in skipped_only if "pytest.mark.skipif" in pathlib.Path(f).read_text()}
idle = sorted(files - ran - allowed)
if idle:
    sys.exit("no test ran in: " + ", ".join(idle))
print(f"{len(ran)} of {len(files)} test files ran" + (f"; skipped with a reason: {sorted(allowed)}" if allowed else ""))
PY
