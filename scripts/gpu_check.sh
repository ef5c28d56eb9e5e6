#!/usr/bin/env bash
# What can be checked on a machine with an NVIDIA GPU, with what is installed there, and what could not be.
#
#   bash scripts/gpu_check.sh                 agent loop, reward and mask tests; optimiser steps on CUDA; a short verl run
#   VENV=.venv-gpu bash scripts/gpu_check.sh  with another environment; without one, the first `python3` is used
#
# Installs nothing. Exit status 1 when a check fails; a check that can not run is no failure, and is named at the end.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${VENV:-.venv-gpu}
PY=$VENV/bin/python
if [ ! -x "$PY" ]; then PY=$(command -v python3); fi
export PYTHONPATH=.:reward:envs:eval OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
passed=() failed=() skipped=()
has() { "$PY" -c "import $1" 2>/dev/null; }
check() { # name, modules it needs, command
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
  echo "gpu_check.sh: torch finds no GPU here; nothing to check" >&2
  exit 2
fi
"$PY" -c 'import torch; print(torch.cuda.get_device_name(0), torch.version.cuda)'

pytest=(timeout 600 "$PY" -m pytest -q -p no:cacheprovider)
check "reward" pydantic,pytest,hypothesis "${pytest[@]}" tests/unit/test_reward.py tests/unit/test_metrics.py
check "tokens and masks" pydantic,pytest,transformers "${pytest[@]}" tests/unit/test_native.py
check "agent loop" verl,pytest,ray,transfer_queue "${pytest[@]}" tests/train/test_agent_loop.py
check "optimiser steps on CUDA" transformers,pydantic timeout 600 "$PY" scripts/gpu_steps.py
check "GRPO on CUDA through verl and vLLM" verl,vllm,ray,transfer_queue \
  env STACK=gpu STEPS=2 OUT="$(mktemp -d)" VENV="$VENV" MODEL="${MODEL:-}" timeout 1200 bash recipes/train.sh

printf '\n== summary\n'
for item in ${passed[@]+"${passed[@]}"}; do echo "passed   $item"; done
for item in ${skipped[@]+"${skipped[@]}"}; do echo "not run  $item"; done
for item in ${failed[@]+"${failed[@]}"}; do echo "FAILED   $item"; done
[ ${#failed[@]} -eq 0 ]
