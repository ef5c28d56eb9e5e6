#!/usr/bin/env bash
# What a folder holds belongs to one setting: remembers it, and refuses a folder that was begun with another.
#
#   bash scripts/one_setting.sh runs/a/setting "SEED=1 ALGO=grpo"
set -euo pipefail

file=$1 setting=$2
if [ -e "$file" ] && [ "$(cat "$file")" != "$setting" ]; then
  printf '%s was begun with\n  %s\nand this is\n  %s\nchoose another OUT, or remove it\n' "$(dirname "$file")" "$(cat "$file")" "$setting" >&2
  exit 2
fi
mkdir -p "$(dirname "$file")"
printf '%s\n' "$setting" >"$file"
