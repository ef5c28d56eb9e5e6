#!/usr/bin/env bash
# The experiments of the Router-R1 paper (arXiv 2506.09033) in four commands: data, training, evaluation, figure.
#
#   DATA=FlashRAG_datasets bash recipes/router_r1_paper.sh prepare     question files, and the world of the training
#   ALPHA=0.6 bash recipes/router_r1_paper.sh train                    PPO with the published reward, four GPUs with 80 GB
#   ALPHA=0.6 bash recipes/router_r1_paper.sh evaluate                 500 questions of each of seven QA sets, on one GPU
#   bash recipes/router_r1_paper.sh plot                               cost against exact match, a point for each alpha
#
#   ALPHA=0.6 DRY_RUN=1 bash recipes/router_r1_paper.sh train          what the training will use, and its configuration
#   ALPHA=0.9 OUT=runs/released POLICY=ulab-ai/Router-R1-Qwen2.5-3B-Instruct-Alpha0.9 bash recipes/router_r1_paper.sh evaluate
#   ALPHA=0.6 bash recipes/router_r1_paper.sh train trainer.total_training_steps=100      any override of verl, last
#   bash recipes/router_r1_paper.sh evaluate --single all --limit 100                     any option of `router-r1 eval`, last
#
# Repeat train and evaluate with ALPHA=0, 0.6, 0.7, 0.8 and 0.9 for the paper's sweep. The candidates are called at NVIDIA
# NIM (NVIDIA_API_KEY); its rate limit decides how long a run takes, and DRY_RUN=1 says so. All commands resume. What is
# as in the paper and what is not: docs/router-r1-paper.md.
#
# Results: OUT/alpha-A/checkpoints/best, the policy; OUT/alpha-A/eval/SET, a run of `router-r1 eval`; OUT/sweep/report.html,
# the figure, the tables of exact match by set, and the intervals.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

OUT=${OUT:-runs/router_r1_paper}
DATA=${DATA:-}                          # folder with the data sets (scripts/data/qa.py); empty: the Hugging Face hub
POOL=${POOL:-docs/pools/router-r1.yaml}
ALPHA=${ALPHA:-0}                       # weight of cost in the reward: the paper's alpha, cost_coe in its code
MODEL=${MODEL:-Qwen/Qwen2.5-3B-Instruct}  # or meta-llama/Llama-3.2-3B-Instruct
POLICY=${POLICY:-}                      # what is evaluated: a folder, a name on the hub; default: what was trained with ALPHA
AGENT=${AGENT:-}                        # an agent file of your own instead, e.g. with a policy behind vLLM
TRAIN_QUESTIONS=${TRAIN_QUESTIONS:-14000}
VAL_QUESTIONS=${VAL_QUESTIONS:-200}
TEST_QUESTIONS=${TEST_QUESTIONS:-500}   # of each set; Bamboogle has 125
SETS=${SETS:-nq triviaqa popqa hotpotqa 2wikimultihopqa musique bamboogle}  # what is evaluated
DRY_RUN=${DRY_RUN:-0}

usage() { echo "router_r1_paper.sh: give prepare, train, evaluate or plot; found '${1:-nothing}'" >&2; exit 2; }
fail() { echo "router_r1_paper.sh: $*" >&2; exit 2; }
verb=${1:-}
case "$verb" in prepare|train|evaluate|plot) shift ;; *) usage "$verb" ;; esac
[ -e "$POOL" ] || fail "POOL is '$POOL', which does not exist"
POOL=$(realpath "$POOL")
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
run=$OUT/alpha-$ALPHA
world=$OUT/world.yaml

# The environment is train.sh's on GPUs; a dry run uses any.
VENV=${VENV:-.venv-gpu}
if [ ! -x "$VENV/bin/python" ] && [ "$verb" != train ]; then VENV=.venv; fi
[ -x "$VENV/bin/python" ] || [ "$verb" = train ] || fail "there is no environment in $VENV; make one with bash scripts/env.sh"

prepare() {
  # The validation questions are a share of those that are drawn, so a few more than the training questions are.
  local drawn=$(((TRAIN_QUESTIONS + VAL_QUESTIONS) * 51 / 100))
  "$VENV/bin/python" scripts/data/qa.py --out "$OUT/data" --limit "$drawn" --test "$TEST_QUESTIONS" ${DATA:+--data "$DATA"} "$@"
  cat >"$world" <<YAML
kind: live
pool: "$POOL"
questions: "$OUT/data/qa.jsonl.gz"
store: "$OUT/candidates.sqlite"
prompt: router_r1
vary: null
levels: [{name: paper}]
limits: {max_malformed: 0}  # the reward of a malformed turn is -1 in any case
validation: $(LC_ALL=C awk -v v="$VAL_QUESTIONS" -v t="$TRAIN_QUESTIONS" 'BEGIN {printf "%.4f", 1.2 * v / (t + v)}')
test: 0
YAML
  echo "$world: the world of the training"
}

train() {
  [ "$DRY_RUN" != 0 ] || [ -e "$world" ] || fail "$world is missing; run bash recipes/router_r1_paper.sh prepare first"
  # The values of the authors' train.sh. Its batch of 64 questions is played once: PPO needs no groups.
  export STACK=gpu ALGO=ppo REWARD=router_r1 ALPHA MODEL WORLD=$world OUT=$run TRAIN_QUESTIONS VAL_QUESTIONS DRY_RUN \
    GPUS=${GPUS:-4} BATCH=${BATCH:-64} MINI=${MINI:-32} GROUP=1 STEPS=${STEPS:-225} TEST_EVERY=${TEST_EVERY:-15} \
    LR=${LR:-1e-6} CRITIC_LR=${CRITIC_LR:-1e-5} WARMUP=${WARMUP:-0} KL=${KL:-0.001} TEMPERATURE=${TEMPERATURE:-1.0} VENV
  exec bash recipes/train.sh algorithm.use_kl_in_reward=True algorithm.kl_ctrl.kl_coef="$KL" \
    actor_rollout_ref.actor.use_kl_loss=False actor_rollout_ref.actor.entropy_coeff=0.001 "$@"
}

evaluate() {
  local options=(--config "${AGENT:-docs/pools/agent-router-r1.yaml}")
  if [ -z "$AGENT" ]; then
    if [ -z "$POLICY" ]; then
      [ -e "$run/checkpoints/best" ] || fail "$run/checkpoints/best is missing; run train with ALPHA=$ALPHA first, or set POLICY"
      POLICY=$run/checkpoints/best
    fi
    options+=(--set "policy.path=$POLICY" --set "pool=$POOL")
  fi
  for set in $SETS; do
    local questions=$OUT/data/test/$set.jsonl.gz
    [ -e "$questions" ] || fail "$questions is missing; run bash recipes/router_r1_paper.sh prepare first"
    echo "== $set, alpha $ALPHA"
    "$VENV/bin/router-r1" eval "$questions" "${options[@]}" --out "$run/eval/$set" --resume "$@"
  done
}

plot() {
  local runs=()
  for folder in "$OUT"/alpha-*; do
    if [ -d "$folder/eval" ]; then runs+=("alpha ${folder##*/alpha-}=$folder/eval"); fi
  done
  [ "${#runs[@]}" -gt 0 ] || fail "$OUT holds no evaluation; run bash recipes/router_r1_paper.sh evaluate first"
  "$VENV/bin/router-r1" sweep "${runs[@]}" --out "$OUT/sweep" "$@"
  "$VENV/bin/router-r1" report "$OUT/sweep"
}

"$verb" "$@"
