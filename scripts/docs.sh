#!/usr/bin/env bash
# Builds the documentation site into runs/site, in an environment of its own (.venv-docs, without torch). A broken link, a
# missing page or an unknown name in the API reference is an error.
#
#   bash scripts/docs.sh          build
#   bash scripts/docs.sh serve    serve it on this machine and rebuild on every change
#
# Variables
#   VENV       where the environment goes; .venv-docs by default
#   PYTHON     the interpreter to make it with; python3 by default (3.11 or newer)
#   INSTALL    0 uses the environment as it is
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

VENV=${VENV:-.venv-docs}
if [ "${INSTALL:-1}" != 0 ]; then
  if [ ! -x "$VENV/bin/python" ]; then "${PYTHON:-python3}" -m venv "$VENV"; fi
  # Only the extra `docs`: the API reference is read from the sources and imports nothing.
  "$VENV/bin/python" -c 'import tomllib
with open("pyproject.toml", "rb") as file:
    print(*tomllib.load(file)["project"]["optional-dependencies"]["docs"], sep="\n")' >"$VENV/requirements.txt"
  "$VENV/bin/python" -m pip --disable-pip-version-check install -q -r "$VENV/requirements.txt"
fi

case "${1:-build}" in
  build) NO_MKDOCS_2_WARNING=1 exec "$VENV/bin/python" -m mkdocs build --strict ;;
  serve) NO_MKDOCS_2_WARNING=1 exec "$VENV/bin/python" -m mkdocs serve ;;
  *) echo "docs.sh: expected build or serve, got '$1'" >&2; exit 2 ;;
esac
