#!/usr/bin/env bash
# Fuses several models into one (FusionFactory's model level, arXiv:2507.10540): fine-tunes a checkpoint on the best answers
# that an outcome table has. The result is a candidate for a pool, not a routing policy. No key; a GPU helps.
#
#   TABLE=runs/local/recording/table OUT=runs/fusion bash recipes/fusion.sh
#   TABLE=... MODEL=Qwen/Qwen2.5-1.5B-Instruct TUNING="method=lora epochs=2" bash recipes/fusion.sh
#   DRY_RUN=1 TABLE=... bash recipes/fusion.sh               prints the plan and exits
#
# Three steps, each skipped if it is done:
#   data       OUT/data: the MOST best answers to each training question, by score, then cost (scripts/data/fusion_sft.py)
#   model      OUT/model: MODEL trained on them with TRL; the loss on validation questions before and after is in
#              OUT/model/answers.json
#   thoughts   OUT/thoughts: thought templates from the same questions, for `router-r1 eval --thoughts`
# Test questions are never used. Afterwards, serve OUT/model, add it to a pool file, and compare it on the test questions:
#   router-r1 eval test.jsonl --config pool.yaml --no-agent --single all --out runs/compared
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

#: Variables
TABLE=${TABLE:-}                        # a folder with an outcome table that has texts (docs/tables.md)
OUT=${OUT:-runs/fusion}
MODEL=${MODEL:-HuggingFaceTB/SmolLM2-135M-Instruct} # the checkpoint that is trained: a folder, or a name on the hub
MOST=${MOST:-5}                         # best answers of a question
LEAST_SCORE=${LEAST_SCORE:-0.5}         # score below which an answer is not learned
SYSTEM_PROMPT=${SYSTEM_PROMPT:-}        # system message of every example; serve the model with the same one
EXCLUDE=${EXCLUDE:-}                    # files of questions to keep out, separated by spaces
TUNING=${TUNING:-}                      # e.g. "method=lora epochs=1 batch_size=8 max_tokens=1024 seed=1" (docs/training.md)
CLUSTERS=${CLUSTERS:-0}                 # groups of questions that share a thought template; 0: one for each question
DRY_RUN=${DRY_RUN:-0}                   # 1 prints the plan and exits
VENV=${VENV:-.venv}
#: End

if [ $# -gt 0 ]; then
  case "$1" in
    -h|--help) sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0"
      echo; echo "Variables, with their defaults:"; sed -n '/^#: Variables/,/^#: End/{/^[A-Z]/p}' "$0"; exit 0 ;;
    *) echo "fusion.sh: $1 is no option; settings are variables: OUT=... bash recipes/fusion.sh (see --help)" >&2; exit 2 ;;
  esac
fi
if [ -z "$TABLE" ]; then
  echo "fusion.sh: TABLE is not set; give the folder of an outcome table, e.g. TABLE=runs/local/recording/table" >&2; exit 2
fi
if [ ! -e "$TABLE/pool.yaml" ]; then
  echo "fusion.sh: TABLE is '$TABLE', which has no pool.yaml; give the folder of an outcome table (docs/tables.md)" >&2; exit 2
fi

if [ "$DRY_RUN" != 0 ]; then
  cat <<PLAN
Plan, in $OUT (what is there is skipped):
  data       the $MOST best answers to each training question of $TABLE, with a score of $LEAST_SCORE or more${EXCLUDE:+, without the questions of $EXCLUDE}
  model      $MODEL, trained on them${TUNING:+ ($TUNING)}
  thoughts   thought templates${CLUSTERS:+ (clusters: $CLUSTERS)}
PLAN
  exit 0
fi

say() { printf '\n== %s (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }

bash scripts/env.sh
python=$VENV/bin/python
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
bash scripts/lib/pin_output_settings.sh "$OUT/fusion.setting" "TABLE=$TABLE" "MODEL=$MODEL" "MOST=$MOST" \
  "LEAST_SCORE=$LEAST_SCORE" "SYSTEM_PROMPT=$SYSTEM_PROMPT" "EXCLUDE=$EXCLUDE" "TUNING=$TUNING" "CLUSTERS=$CLUSTERS"
SECONDS=0                               # do not count the installation
kept_out=() tuning=()
for file in $EXCLUDE; do kept_out+=(--exclude "$file"); done
for setting in $TUNING; do tuning+=("$setting"); done

if [ ! -e "$OUT/data/fusion_sft.json" ]; then
  say "data: the best answers of the training questions"
  "$python" scripts/data/fusion_sft.py "$TABLE" --out "$OUT/data" --most "$MOST" --least-score "$LEAST_SCORE" \
    --system "$SYSTEM_PROMPT" ${kept_out[@]+"${kept_out[@]}"}
fi
say "model: $MODEL learns them"
"$python" -m router_r1_envs.supervised.answer_tuning "$MODEL" --data "$OUT/data" --out "$OUT/model" ${tuning[@]+"${tuning[@]}"}
if [ ! -e "$OUT/thoughts/thoughts.json" ]; then
  say "thoughts: templates from the same questions"
  "$python" scripts/data/thought_templates.py "$TABLE" --out "$OUT/thoughts" --clusters "$CLUSTERS" \
    ${kept_out[@]+"${kept_out[@]}"}
fi
say "done: serve $OUT/model, and put it into a pool file"
