#!/usr/bin/env bash
# Trains a small routing policy on this machine's CPU, compares it with baselines and oracles on questions about names
# that it never saw, and writes a report. Takes about 10 minutes on two cores after the installation; needs no key and no
# GPU, and downloads nothing but packages.
#
#   bash scripts/quickstart.sh                       writes runs/quickstart/{results.json,report.html,traces.jsonl,policy/}
#   ALGO=ppo OUT=runs/ppo bash scripts/quickstart.sh
#   SEED=1 OUT=runs/seed1 bash scripts/quickstart.sh
#
# Four steps: a cold start (supervised training on demonstrations that do not know the candidates' skills),
# reinforcement learning with verl, evaluation, report. Started again, an interrupted run resumes and skips finished
# steps. Remove OUT to start from scratch.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

OUT=${OUT:-runs/quickstart}
ALGO=${ALGO:-grpo}                      # grpo or ppo
SEED=${SEED:-0}
ALPHA=${ALPHA:-0.5}                     # weight of cost in the reward
STEPS=${STEPS:-30}                      # steps of reinforcement learning, 128 episodes each
QUESTIONS=${QUESTIONS:-300}             # questions of the evaluation, at every budget
COLD_START=${COLD_START:-}              # e.g. "explore_steps=300 best_steps=60"
DRY_RUN=${DRY_RUN:-0}
VENV=${VENV:-.venv}
export ALGO SEED ALPHA STEPS VENV DRY_RUN

say() { printf '\n== %s (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

# A dry run uses any existing environment.
if [ "$DRY_RUN" = 0 ] || [ ! -x "$VENV/bin/python" ]; then bash scripts/env.sh; fi
if [ "$DRY_RUN" != 0 ]; then OUT=$OUT MODEL=$OUT/cold_start exec bash recipes/train.sh "$@"; fi
SECONDS=0                               # do not count the installation
bash scripts/lib/pin_output_settings.sh "$OUT/quickstart.setting" "SEED=$SEED" "ALPHA=$ALPHA" "ALGO=$ALGO" "COLD_START=$COLD_START"
bin=$VENV/bin

if [ ! -e "$OUT/cold_start/cold_start.json" ]; then
  say "cold start: copying, episodes of a random router, the best of several"
  options=()
  for option in $COLD_START; do options+=(--cold-start "$option"); done
  "$bin/router-r1" train cold-start --out "$OUT/cold_start" --reward alpha="$ALPHA" --seed "$SEED" \
    ${options[@]+"${options[@]}"}
fi
say "reinforcement learning: $ALGO, $STEPS steps of 128 episodes; all output in $OUT/train.log"
QUIET=1 OUT=$OUT MODEL=$OUT/cold_start bash recipes/train.sh "$@"
say "evaluation: $QUESTIONS questions about names that occur in no training question, at every budget"
rm -rf "$OUT/policy"
cp -r "$OUT/checkpoints/best" "$OUT/policy"
"$bin/router-r1" tournament --table generated --policy policy="$OUT/policy" --policy "cold start=$OUT/cold_start" --out "$OUT" \
  --limit "$QUESTIONS" --reward alpha="$ALPHA" --seed "$SEED"
say "report"
"$bin/router-r1" report "$OUT" --log "$OUT/metrics"
say "done: open $OUT/report.html"
