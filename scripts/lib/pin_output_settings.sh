#!/usr/bin/env bash
# Pins an output folder to the settings of its first run: writes them to a file there, and fails if the file holds different ones.
#
#   bash scripts/lib/pin_output_settings.sh FILE NAME=VALUE ...
#   bash scripts/lib/pin_output_settings.sh runs/a/setting SEED=1 ALGO=grpo
#
# Exit status: 0, or 2 if the folder was started with other settings; the message names each one that differs.
set -euo pipefail

file=$1; shift
settings=$(printf '%s\n' "$@")
if [ -e "$file" ] && [ "$(cat "$file")" != "$settings" ]; then
  printf '%s was started with other settings:\n' "$(dirname "$file")" >&2
  { diff <(sort "$file") <(sort <<<"$settings") || true; } | sed -n 's/^< /  then  /p; s/^> /  now   /p' | sort -t= -k1.9,1 -s >&2
  echo "choose another OUT, set the same values, or remove the folder" >&2
  exit 2
fi
mkdir -p "$(dirname "$file")"
printf '%s\n' "$settings" >"$file"
