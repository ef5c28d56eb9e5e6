#!/usr/bin/env bash
# Trains a routing policy by reinforcement learning with verl: GRPO or PPO, on two CPU cores or on nodes of GPUs.
#
#   bash recipes/train.sh                                    a small policy in the generated world, on the CPU; about as long as scripts/quickstart.sh
#   ALGO=ppo bash recipes/train.sh                           PPO with a critic instead of GRPO
#   STACK=gpu MODEL=Qwen/Qwen2.5-3B-Instruct WORLD=world.yaml bash recipes/train.sh     one GPU with 80 GB
#   STACK=gpu MODEL=Qwen/Qwen2.5-1.5B-Instruct LORA=32 WORLD=world.yaml bash recipes/train.sh     an adapter, one GPU with 24 GB
#   STACK=gpu MODEL=meta-llama/Llama-3.2-3B-Instruct GPUS=8 WORLD=world.yaml bash recipes/train.sh
#   STACK=gpu GPUS=8 NODES=2 ... bash recipes/train.sh       on one node of a running Ray cluster (recipes/cluster.sh)
#   QUIET=1 bash recipes/train.sh                            prints one line per step; all output goes to OUT/train.log; a finished run is not repeated
#   DRY_RUN=1 bash recipes/train.sh                          prints what the run will use and the composed configuration, and exits
#   bash recipes/train.sh trainer.total_training_steps=100   any override of verl, last
#
# Variables, with their defaults: docs/training.md. On GPUs, what is not set is chosen so that the run fits their memory;
# a run that cannot fit, or whose episodes are longer than RESPONSE, ends at once and says what to change.
#
# Results: OUT/checkpoints has verl's checkpoints, from which a restarted run resumes, and `best/`, the checkpoint with the
# highest validation reward in the Hugging Face format. OUT/metrics/ has every metric of every step. Watch episode/accuracy,
# episode/calls and share/* beside episode/reward: the reward can rise while the policy stops calling any model.
#
# A policy for a generated world needs a cold start first (`router-r1 train cold-start`); without MODEL this script makes one.
# A policy with random weights writes no well-formed turn, and one that has seen only a random router's episodes converges
# to calling the most expensive candidate every time.
#
# On several nodes OUT, MODEL and the environment must have the same path everywhere: workers read rows and write
# checkpoints there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ "${BASH_VERSINFO[0]}${BASH_VERSINFO[1]}" -lt 44 ]; then
  echo "train.sh: bash 4.4 or newer is needed, this is $BASH_VERSION (on a Mac: brew install bash)" >&2; exit 2
fi

STACK=${STACK:-cpu}                     # cpu or gpu
ALGO=${ALGO:-grpo}                      # grpo or ppo
WORLD=${WORLD:-generated}               # generated, a folder with an outcome table, or a YAML file (docs/worlds.md)
OUT=${OUT:-runs/$ALGO}
SEED=${SEED:-0}
REWARD=${REWARD:-graded}                # graded, or router_r1 as published (docs/reward.md)
ALPHA=${ALPHA:-0.5}                     # weight of cost in the reward
STEPS=${STEPS:-$([ "$STACK" = gpu ] && echo 200 || echo 30)}
TRAIN_QUESTIONS=${TRAIN_QUESTIONS:-8000}
VAL_QUESTIONS=${VAL_QUESTIONS:-200}     # each at every level; with too few, the luckiest checkpoint is taken for the best
NODES=${NODES:-1}
QUIET=${QUIET:-0}                       # 1 in recipes that call this one
DRY_RUN=${DRY_RUN:-0}

case "$STACK" in cpu|gpu) ;; *) echo "train.sh: STACK is '$STACK'; it must be cpu or gpu" >&2; exit 2 ;; esac
case "$ALGO" in grpo|ppo) ;; *) echo "train.sh: ALGO is '$ALGO'; it must be grpo or ppo" >&2; exit 2 ;; esac
# The head of a cluster needs no GPU; the trainer asks the cluster.
if [ "$STACK" = gpu ] && [ "$DRY_RUN" = 0 ] && [ "$NODES" = 1 ] && [ -z "${RAY_ADDRESS:-}" ] && ! nvidia-smi -L >/dev/null 2>&1; then
  echo "train.sh: STACK is gpu, and nvidia-smi finds no GPU on this machine; STACK=cpu trains a small policy without one" >&2; exit 2
fi

VENV=${VENV:-$([ "$STACK" = cpu ] && echo .venv || echo .venv-gpu)}
# A dry run uses any existing environment.
if [ "$DRY_RUN" != 0 ] && [ ! -x "$VENV/bin/python" ] && [ -x .venv/bin/python ]; then VENV=.venv; fi
export STACK ALGO WORLD SEED REWARD ALPHA STEPS TRAIN_QUESTIONS VAL_QUESTIONS NODES DRY_RUN VENV
if [ "$DRY_RUN" = 0 ] || [ ! -x "$VENV/bin/python" ]; then bash scripts/env.sh; fi
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
export OUT
if [ "$DRY_RUN" = 0 ]; then
  # One run at a time. Wait a moment: the processes of a killed run need time to end.
  exec 8>"$OUT/.lock"
  if command -v flock >/dev/null && ! flock -w "${LOCK_WAIT_S:-30}" 8; then
    echo "train.sh: another run is using $OUT; wait for it, or choose another OUT" >&2; exit 2
  fi
fi
mkdir -p "$OUT/metrics"
# One file for each start, because verl overwrites its file.
export VERL_FILE_LOGGER_PATH=$OUT/metrics/$(date -u +%Y%m%dT%H%M%S).jsonl TENSORBOARD_DIR=$OUT/tensorboard WANDB_DIR=$OUT

# All settings and their defaults; what the run will use; what does not fit.
OVERRIDES=() PINS=() WORLD_SETTINGS=() GIVEN_MODEL=${MODEL:-}
plan=$("$VENV/bin/python" -m router_r1_envs.train_launch) || exit $?
while read -r kind item; do
  case "$kind" in
    export) export "${item?}" ;;
    model) MODEL=$item ;;
    world) WORLD_SETTINGS+=(--set "$item") ;;
    pin) PINS+=("$item") ;;
    set) OVERRIDES+=("$item") ;;
  esac
done <<<"$plan"

if [ "$DRY_RUN" = 0 ]; then
  # The rows, the cold start and the checkpoints in a folder belong to one setting.
  bash scripts/lib/pin_output_settings.sh "$OUT/setting" "${PINS[@]}"
  if ! grep -qs router_r1_envs.verl_training "$OUT/data/agent_loop.yaml"; then  # missing, or of a version with other modules
    "$VENV/bin/router-r1" train prepare "$WORLD" --out "$OUT/data" --seed "$SEED" --reward kind="$REWARD" \
      --reward alpha="$ALPHA" --train "$TRAIN_QUESTIONS" --validation "$VAL_QUESTIONS" ${WORLD_SETTINGS[@]+"${WORLD_SETTINGS[@]}"}
  fi
  if [ -z "$GIVEN_MODEL" ] && [ "$STACK" = cpu ] && [ ! -e "$MODEL/cold_start.json" ]; then
    "$VENV/bin/router-r1" train cold-start "$WORLD" --out "$MODEL" --seed "$SEED" --reward kind="$REWARD" \
      --reward alpha="$ALPHA"
  fi
fi

TRAIN=("$VENV/bin/router-r1" train run "${OVERRIDES[@]}" "$@")
if [ "$QUIET" = 0 ] || [ "$DRY_RUN" != 0 ]; then exec "${TRAIN[@]}"; fi

if [ "$(cat "$OUT/trained" 2>/dev/null)" = "$STEPS" ]; then
  echo "train.sh: $OUT has its $STEPS steps; nothing to do"; exit 0
fi
"$VENV/bin/router-r1" train watch "$OUT/metrics" &
watcher=$!
"${TRAIN[@]}" >"$OUT/train.log" 2>&1 &
training=$!
# When this script ends, the training ends.
trap 'kill "$watcher" "$training" 2>/dev/null || true' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if ! wait "$training"; then
  tail -n 30 "$OUT/train.log" >&2
  echo "train.sh: the training failed, see $OUT/train.log; run the same command again to resume from the last checkpoint" >&2
  exit 1
fi
sleep 2  # until the last step is printed
echo "$STEPS" >"$OUT/trained"
