#!/usr/bin/env bash
# Checks a real OpenAI-compatible server that is already running: chat, streams, usage, stop strings, limits, a prompt that is
# too long, many calls at once, and a call that is cancelled. Prints a table of behaviours; fetches and starts nothing.
#
#   bash scripts/checks/real_servers.sh http://127.0.0.1:8080/v1 MODEL [WINDOW]
#
# MODEL is the id that the server knows, WINDOW its context window in tokens (2048 by default). Set API_KEY_ENV to the name of the
# variable that holds the key, if the server needs one; a hosted server bills about 30 short calls.
#
# Variables
#   PYTHON       the interpreter with router-r1; .venv/bin/python by default
#   API_KEY_ENV  name of the environment variable with the key; none by default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ $# -lt 2 ]; then
  echo "real_servers.sh: expected a base URL and a model, e.g. http://127.0.0.1:8080/v1 llama" >&2
  exit 2
fi
exec "${PYTHON:-.venv/bin/python}" scripts/checks/real_servers.py "$@"
