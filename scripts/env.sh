#!/usr/bin/env bash
# Creates or updates the project's virtual environment and prints what it does. Safe to repeat: it does nothing if the
# environment is up to date.
#
#   bash scripts/env.sh                  .venv for a CPU: development tools, torch, transformers
#   STACK=gpu bash scripts/env.sh        .venv-gpu for a machine with NVIDIA GPUs
#
# Variables
#   STACK      cpu (default) or gpu. They cannot share an environment: they pin different versions of torch.
#   VENV       folder of the environment; by default .venv or .venv-gpu
#   PYTHON     its interpreter; by default the first suitable one of python3.11, python3.12 and python3
#   INSTALL    0 uses the environment as it is, without a check
#   TORCH_INDEX_URL    package index of torch for the CPU, e.g. https://download.pytorch.org/whl/cpu; by default pip's
#              configured index, which on Linux usually has the (large) CUDA build
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

STACK=${STACK:-cpu}
TORCH_INDEX_URL=${TORCH_INDEX_URL:-}
case "$STACK" in
  cpu) VENV=${VENV:-.venv}; TORCH="torch==2.13.0" ;;
  gpu) VENV=${VENV:-.venv-gpu}; TORCH="torch==2.11.0" ;;  # the version that verl[vllm]==0.9.1 is tested with
  *) echo "env.sh: STACK is '$STACK'; it must be cpu or gpu" >&2; exit 2 ;;
esac

if [ "${INSTALL:-1}" = 0 ]; then
  echo "env.sh: using $VENV as it is"
  exit 0
fi

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; }
if [ -z "${PYTHON:-}" ]; then
  for candidate in python3.11 python3.12 python3; do
    if command -v "$candidate" >/dev/null && fits "$candidate"; then PYTHON=$candidate; break; fi
  done
fi
if [ -z "${PYTHON:-}" ] || ! fits "$PYTHON"; then
  echo "env.sh: expected Python 3.11 or 3.12, found ${PYTHON:-none}; set PYTHON to one of them" >&2
  exit 2
fi

# One installation at a time: two recipes that start together must not both install. (Without flock, as on macOS, they might.)
mkdir -p "$(dirname "$VENV")"
exec 9>"$VENV.lock"
if command -v flock >/dev/null; then flock 9; fi

# The environment is up to date if it was created from the same description.
wanted=$({ cat pyproject.toml scripts/env.sh; "$PYTHON" --version; pwd; } | cksum)
if [ -x "$VENV/bin/python" ] && [ "$(cat "$VENV/.made-from" 2>/dev/null)" = "$wanted" ]; then
  echo "env.sh: $VENV is up to date"
  exit 0
fi

if [ ! -x "$VENV/bin/python" ] || ! fits "$VENV/bin/python"; then
  echo "env.sh: creating $VENV with $("$PYTHON" --version)"
  "$PYTHON" -m venv --clear "$VENV"
fi
rm -f "$VENV/.made-from"
pip() { "$VENV/bin/python" -m pip --disable-pip-version-check -qq "$@"; }

# The resolver of pip 23 takes minutes to hours for verl's requirements, a newer one seconds.
pip install --upgrade "pip>=25"
# torch goes first and alone: as a dependency of another package it would come in its newest build.
echo "env.sh: installing $TORCH"
if [ "$STACK" = cpu ] && [ -n "$TORCH_INDEX_URL" ]; then
  pip install "$TORCH" --index-url "$TORCH_INDEX_URL"
else
  pip install "$TORCH"
fi
constraints=$(mktemp)
trap 'rm -f "$constraints"' EXIT
echo "$TORCH" >"$constraints"
engine=()
if [ "$STACK" = gpu ]; then engine=("verl[vllm]==0.9.1"); fi  # includes vLLM in the version that verl is tested with
echo "env.sh: installing ${engine[*]:+${engine[*]} and }router-r1 with the extras dev, docs, embeddings, eval, local, math, otel, parquet, redis, routers, serve, sft and train"
pip install --constraint "$constraints" ${engine[@]+"${engine[@]}"} --editable ".[dev,docs,embeddings,eval,local,math,otel,parquet,redis,routers,serve,sft,train]"
echo "$wanted" >"$VENV/.made-from"
echo "env.sh: done; activate it with: source $VENV/bin/activate"
