#!/usr/bin/env bash
# Checks that other people's programs work against `router-r1 serve`: lm-evaluation-harness, Inspect, LangChain, and under Node.js
# the packages openai and ai (Vercel AI SDK). Runs tests/serve/tools, whose models are a server on 127.0.0.1 with written replies.
#
#   bash scripts/checks/clients.sh                      everything
#   bash scripts/checks/clients.sh -k langchain         some tests; all arguments go to pytest
#
# Makes an environment of its own, because these programs need other versions than training does: router-r1 with the extra
# `serve`, and pinned versions from PyPI and npm; less than 1 GB and no torch. Needs Python 3.11 or 3.12, node 20 or newer, npm.
# Safe to repeat: nothing is installed again unless this script, pyproject.toml or the npm packages have changed.
#
# Variables
#   CLIENTS_VENV  folder of the environment; .venv-clients by default
#   PYTHON        its interpreter; by default the first suitable one of python3.11, python3.12 and python3
#   OUT           folder of the npm packages; runs/clients by default
#
# The exit status is 75 if node or npm is missing; nothing was checked then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

VENV=${CLIENTS_VENV:-.venv-clients}
OUT=${OUT:-runs/clients}
NODE=tests/serve/tools/node
PACKAGES=(
  "inspect-ai==0.3.285"
  "langchain-openai==1.7.4"
  "lm_eval[api]==0.4.13"
  "pytest>=8.3"
  "pytest-asyncio>=1.0"
)

fail() { echo "clients.sh: $*" >&2; exit "${status:-1}"; }
for program in node npm; do
  command -v "$program" >/dev/null || status=75 fail "$program is missing; nothing was checked"
done
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' ||
  status=75 fail "expected node 20 or newer, found $(node --version); nothing was checked"

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))' 2>/dev/null; }
if [ -z "${PYTHON:-}" ]; then
  for candidate in python3.11 python3.12 python3; do
    if command -v "$candidate" >/dev/null && fits "$candidate"; then PYTHON=$candidate; break; fi
  done
fi
if [ -z "${PYTHON:-}" ] || ! fits "$PYTHON"; then
  status=2 fail "expected Python 3.11 or 3.12, found ${PYTHON:-none}; set PYTHON to one of them"
fi

# --- the environment and the npm packages: one installation at a time

mkdir -p "$(dirname "$VENV")" "$OUT"
OUT=$(cd "$OUT" && pwd)
exec 9>"$VENV.lock"
if command -v flock >/dev/null; then flock 9; fi

wanted=$({ cat pyproject.toml scripts/checks/clients.sh; "$PYTHON" --version; pwd; } | cksum)
if [ ! -x "$VENV/bin/python" ] || [ "$(cat "$VENV/.made-from" 2>/dev/null)" != "$wanted" ]; then
  echo "clients.sh: installing ${PACKAGES[*]}"
  "$PYTHON" -m venv --clear "$VENV"
  echo '*' >"$VENV/.gitignore"
  "$VENV/bin/python" -m pip --disable-pip-version-check -qq install --no-compile --editable ".[serve]" "${PACKAGES[@]}" ||
    fail "the Python packages could not be installed (see above)"
  echo "$wanted" >"$VENV/.made-from"
fi
wanted=$({ cat "$NODE/package.json" "$NODE/package-lock.json"; node --version; } | cksum)
if [ "$(cat "$OUT/.made-from" 2>/dev/null)" != "$wanted" ]; then
  echo "clients.sh: installing the npm packages of $NODE"
  rm -f "$OUT/.made-from"
  cp "$NODE/package.json" "$NODE/package-lock.json" "$OUT/"
  npm ci --prefix "$OUT" --ignore-scripts --no-audit --no-fund --loglevel error ||
    fail "the npm packages could not be installed (see above)"
  echo "$wanted" >"$OUT/.made-from"
fi
exec 9>&-

# --- the tests, which reach nothing but 127.0.0.1: every other address is behind a proxy that does not exist

export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TOKENIZERS_PARALLELISM=false
export HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 HF_HOME="$OUT/huggingface" HF_HUB_DISABLE_TELEMETRY=1
export DO_NOT_TRACK=1 LANGSMITH_TRACING=false LANGCHAIN_TRACING_V2=false
export HTTP_PROXY=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY=127.0.0.1
export http_proxy=$HTTP_PROXY https_proxy=$HTTPS_PROXY no_proxy=$NO_PROXY
export ROUTER_R1_NODE_CLIENTS=$OUT
# -W ignore: what these programs warn about themselves is not what is tested.
exec "$VENV/bin/python" -m pytest -q -W ignore -p no:cacheprovider -rs tests/serve/tools "$@"
