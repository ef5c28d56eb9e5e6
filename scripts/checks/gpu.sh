#!/usr/bin/env bash
# Runs the checks for a machine with an NVIDIA GPU, as far as the packages installed there allow.
#
#   bash scripts/checks/gpu.sh                 tests of agent loop, reward and masks; optimiser steps on CUDA; two verl runs of 0.5B
#   VENV=.venv-gpu bash scripts/checks/gpu.sh  uses another environment; by default .venv-gpu, or else the first `python3`
#   MODEL=folder bash scripts/checks/gpu.sh    trains a real checkpoint in the verl runs, instead of random weights
#
# Installs and downloads nothing. The exit status is 1 if a check fails, and 2 without a GPU. A check whose packages are missing
# does not fail; the summary names it.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

VENV=${VENV:-.venv-gpu}
PY=$VENV/bin/python
if [ ! -x "$PY" ]; then PY=$(command -v python3); fi
export PYTHONPATH=.:reward:envs:eval OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
passed=() failed=() skipped=()
has() { "$PY" -c "import $1" 2>/dev/null; }
check() { # name, required modules, command
  local name=$1 module; shift
  for module in ${1//,/ }; do
    if ! has "$module"; then skipped+=("$name: $module is not installed"); return; fi
  done
  shift
  printf '\n== %s\n' "$name"
  if "$@"; then passed+=("$name"); else failed+=("$name"); fi
}

echo "python: $("$PY" --version), $PY"
"$PY" - <<'PY' || true
import importlib.metadata as m
for name in ("torch", "transformers", "verl", "vllm", "ray", "openai", "pydantic", "pytest"):
    try: print(f"{name} {m.version(name)}")
    except m.PackageNotFoundError: print(f"{name} is not installed")
PY
if ! has torch || ! "$PY" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())'; then
  echo "gpu.sh: torch finds no GPU here; nothing to check" >&2
  exit 2
fi
"$PY" -c 'import torch; print(torch.cuda.get_device_name(0), torch.version.cuda)'

pytest=(timeout 600 "$PY" -m pytest -q -p no:cacheprovider)
check "reward" pydantic,pytest,pytest_asyncio,hypothesis "${pytest[@]}" tests/reward/test_formula.py tests/reward/metrics/test_grade.py tests/reward/metrics/test_text_match.py
check "tokens and masks" pydantic,pytest,pytest_asyncio,transformers "${pytest[@]}" tests/core/policies/test_token_ids.py
check "agent loop" verl,pytest,pytest_asyncio,ray,transfer_queue "${pytest[@]}" tests/train/test_agent_loop.py
check "optimiser steps on CUDA" transformers,pydantic timeout 600 "$PY" scripts/checks/gpu_steps.py
if [ -x "$VENV/bin/router-r1" ]; then
  # With weights made here, or a checkpoint of this machine in MODEL, because a hub may be unreachable.
  check "two steps of 0.5B on CUDA through verl and vLLM" verl,vllm,ray,transfer_queue \
    timeout 1200 "$PY" scripts/checks/gpu_training.py ${MODEL:+--model "$MODEL"}
else
  skipped+=("two steps of 0.5B on CUDA through verl and vLLM: $VENV has no router-r1; STACK=gpu bash scripts/env.sh makes it")
fi

printf '\n== summary\n'
for item in ${passed[@]+"${passed[@]}"}; do echo "passed   $item"; done
for item in ${skipped[@]+"${skipped[@]}"}; do echo "not run  $item"; done
for item in ${failed[@]+"${failed[@]}"}; do echo "FAILED   $item"; done
[ ${#failed[@]} -eq 0 ]
