#!/usr/bin/env bash
# Pins an output folder to the settings of its first run: writes them to a file there, and fails if the file holds different ones.
#
#   bash scripts/lib/pin_output_settings.sh FILE SETTINGS
#   bash scripts/lib/pin_output_settings.sh runs/a/setting "SEED=1 ALGO=grpo"
#
# Exit status: 0, or 2 if the folder was started with other settings.
set -euo pipefail

file=$1 settings=$2
if [ -e "$file" ] && [ "$(cat "$file")" != "$settings" ]; then
  printf '%s was started with\n  %s\nand this run has\n  %s\nchoose another OUT, or remove the folder\n' \
    "$(dirname "$file")" "$(cat "$file")" "$settings" >&2
  exit 2
fi
mkdir -p "$(dirname "$file")"
printf '%s\n' "$settings" >"$file"
