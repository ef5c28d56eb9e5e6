#!/usr/bin/env bash
# Trains a routing policy on an outcome table (recorded answers of real models), from the table to a report. No key, no GPU.
#
#   TABLE=../shared/data/mmlu_pro OUT=runs/mmlu_pro bash recipes/recorded.sh
#   TABLE=... OUT=runs/seed1 SEED=1 bash recipes/recorded.sh
#   TABLE=... STEPS=100 bash recipes/recorded.sh             more steps of reinforcement learning
#   IMITATION="steps=300 copies=1" TABLE=... bash recipes/recorded.sh
#   DRY_RUN=1 TABLE=... bash recipes/recorded.sh             prints the composed configuration of the training and exits
#
# Four steps: fit a planner on the training questions and train a small policy to imitate it; reinforcement learning with verl
# (recipes/train.sh); a tournament of policies, planner and baselines on the test questions at every level; a report. Finished
# steps are skipped, so an interrupted run continues when it is started again. Remove OUT to start over. The small policy reads
# features of the question and the candidates' short answers, not their texts. For 3,000 training questions and ten candidates
# the imitation took 15 minutes on two cores with AVX-512, and 30 steps of reinforcement learning took 20 minutes on a busy
# machine; run it on an idle one.
#
# Results: OUT/results.json, and OUT/report.html with a curve of accuracy against cost; the level that represents a curve is
# chosen on the validation questions. The planner is a strong router itself; the same table shows what reinforcement learning
# adds to imitation.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

TABLE=${TABLE:-}                        # a folder with an outcome table (docs/tables.md)
OUT=${OUT:-runs/recorded}
SEED=${SEED:-0}
DUPLICATES=${DUPLICATES:-first}         # the same question under two ids: first keeps one, error rejects the table
MAX_ROUNDS=${MAX_ROUNDS:-5}             # most calls per question
LEVELS=${LEVELS:-}                      # e.g. "0.1 0.2 0.3": the accuracy that a call of the best single model must gain; seven values by default
IMITATION=${IMITATION:-}                # e.g. "steps=600 copies=1"
ALPHA=${ALPHA:-0.9}                     # weight of cost in the reward (docs/reward.md)
STEPS=${STEPS:-40}                      # steps of reinforcement learning, with BATCH * GROUP episodes each
BATCH=${BATCH:-64}                      # questions per step, each at one level and with one order of its options
MINI=${MINI:-32}                        # questions per optimiser step
GROUP=${GROUP:-8}                       # episodes per question
LR=${LR:-2e-4}
TEST_EVERY=${TEST_EVERY:-10}
VAL_QUESTIONS=${VAL_QUESTIONS:-150}     # validation questions, each at every level, to choose the checkpoint
PASSES=${PASSES:-3}                     # rows per training question, each with a random level and random labels
DRY_RUN=${DRY_RUN:-0}
VENV=${VENV:-.venv}

if [ -z "$TABLE" ]; then
  echo "recorded.sh: TABLE is not set; give the folder of an outcome table, e.g. TABLE=data/mmlu_pro" >&2; exit 2
fi
if [ ! -e "$TABLE/pool.yaml" ]; then
  echo "recorded.sh: TABLE is '$TABLE', which has no pool.yaml; give the folder of an outcome table (docs/tables.md)" >&2; exit 2
fi

say() { printf '\n== %s (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

# A dry run uses any existing environment.
if [ "$DRY_RUN" = 0 ] || [ ! -x "$VENV/bin/python" ]; then bash scripts/env.sh; fi
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
world=$OUT/world.yaml
bin=$VENV/bin
cat >"$world.new" <<YAML
kind: recorded
table: "$(cd "$TABLE" && pwd)"
view: answer
duplicates: $DUPLICATES
complete: true
max_rounds: $MAX_ROUNDS
max_routes: 1
YAML
if [ -n "$LEVELS" ]; then echo "sensitivities: [${LEVELS// /, }]" >>"$world.new"; fi
if [ -e "$world" ] && ! cmp -s "$world" "$world.new"; then
  echo "recorded.sh: $OUT was started with another world, see $world and $world.new; choose another OUT, or remove it" >&2
  exit 2
fi
mv "$world.new" "$world"

# Short limits: prompts are features, and answers are short.
TRAIN=(
  WORLD="$world" OUT="$OUT" MODEL="$OUT/imitation" ALGO=grpo NORM_STD=False SEED="$SEED" ALPHA="$ALPHA" STEPS="$STEPS" BATCH="$BATCH"
  MINI="$MINI" GROUP="$GROUP" LR="$LR" TEST_EVERY="$TEST_EVERY" PROMPT=64 RESPONSE=384 MICRO=128 VENV="$VENV" DRY_RUN="$DRY_RUN"
)
if [ "$DRY_RUN" != 0 ]; then exec env "${TRAIN[@]}" bash recipes/train.sh "$@"; fi
bash scripts/lib/pin_output_settings.sh "$OUT/recorded.setting" \
  "SEED=$SEED" "ALPHA=$ALPHA" "IMITATION=$IMITATION" "PASSES=$PASSES" "VAL_QUESTIONS=$VAL_QUESTIONS"
SECONDS=0                               # do not count the installation

if [ ! -e "$OUT/imitation/cold_start.json" ]; then
  say "imitation: a planner fitted on the training questions, and a small policy that imitates it"
  options=()
  for option in $IMITATION; do options+=(--cold-start "$option"); done
  "$bin/router-r1" train cold-start "$world" --out "$OUT/imitation" --seed "$SEED" ${options[@]+"${options[@]}"}
fi
if ! grep -qs router_r1_envs.verl_training "$OUT/data/agent_loop.yaml"; then  # missing, or of a version with other modules
  "$bin/router-r1" train prepare "$world" --out "$OUT/data" --seed "$SEED" --reward alpha="$ALPHA" --passes "$PASSES" \
    --validation "$VAL_QUESTIONS"
fi
say "reinforcement learning: $STEPS steps of $((BATCH * GROUP)) episodes; all output in $OUT/train.log"
env "${TRAIN[@]}" QUIET=1 bash recipes/train.sh "$@"
if [ ! "$OUT/results.json" -nt "$OUT/trained" ]; then
  say "tournament: all test questions at every level"
  rm -rf "$OUT/policy"
  cp -r "$OUT/checkpoints/best" "$OUT/policy"
  "$bin/router-r1" tournament --table "$world" --policy policy="$OUT/policy" --policy imitation="$OUT/imitation" \
    --planner "$OUT/imitation/planner.skops" --out "$OUT" --reward alpha="$ALPHA" --seed "$SEED"
fi
say "report"
"$bin/router-r1" report "$OUT" --log "$OUT/metrics"
say "done: open $OUT/report.html"
