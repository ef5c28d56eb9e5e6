#!/usr/bin/env bash
# Real language models on this machine, end to end: records what each of them answers, fits routers on that, trains a
# small policy, and plays it live against the same models. No key; a GPU helps but is not needed.
#
#   ollama serve &  ollama pull qwen2.5:0.5b; ollama pull qwen2.5:1.5b; ollama pull llama3.2:3b
#   LIMIT=20 OUT=runs/trial bash recipes/local.sh            everything with 20 questions: does it work here?
#   OUT=runs/local bash recipes/local.sh                     600 questions: hours; it says how many before it starts
#   DRY_RUN=1 bash recipes/local.sh                          finds the servers, prints the plan and exits
#   UNTIL=routers bash recipes/local.sh                      stops after that stage: pool, table, routers, imitation, grpo, live
#   SERVERS="small=127.0.0.1:8081 large=127.0.0.1:8082" QUESTIONS=mine.jsonl bash recipes/local.sh
#   bash recipes/local.sh --help                             all variables
#
# Any server of the OpenAI protocol will do: Ollama, llama.cpp, vLLM, LM Studio are found on their usual ports.
#
# Six stages, each skipped if it is done; Ctrl-C loses only what was in flight, and the same command continues from there.
#   pool       OUT/pool.yaml: what the servers offer. Local models cost nothing, so prices are made up from the number of
#              parameters. Edit the file (prices, descriptions, which models) before the next stage, or set PRICES.
#   table      OUT/recording: every model answers every question. A few answers measure the pace; then it says how long
#              the rest takes. `router-r1 report OUT/recording` shows what there is, also half-way.
#   routers    OUT/compared: routers that choose before they ask, and the planner, fitted on 60 % of the questions, chosen
#              on 10 %, measured on the other 30 %; beside every single model and the oracle.
#   imitation  OUT/imitation: MODEL learns the form of a turn and the planner's choices. A 135M writes no valid turn before.
#   grpo       OUT/grpo: reinforcement learning on the recorded answers (recipes/train.sh); the models rest meanwhile.
#   live       OUT/live: the policy asks the running servers about questions it has not seen, next to the best model.
# Last, the reports: OUT/recording, OUT/compared and OUT/live, each with a report.html that opens offline.
#
# Questions about code are graded by running the programs in the answers, in a sandbox: that needs
# ROUTER_R1_ALLOW_CODE=1 (docs/reward.md).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

#: Variables
OUT=${OUT:-runs/local}                  # folder for everything
SERVERS=${SERVERS:-}                    # "NAME=URL NAME=URL"; by default the usual ports of this machine
MODELS=${MODELS:-}                      # only these of the served models, by name or id, separated by spaces
PRICES=${PRICES:-}                      # "MODEL=INPUT,OUTPUT ..." in dollars per million tokens, instead of the made-up ones
MAX_TOKENS=${MAX_TOKENS:-512}           # most tokens of an answer; an answer that is cut is usually wrong
SYSTEM_PROMPT=${SYSTEM_PROMPT:-"Work it out step by step, in at most five short lines, each with its calculation or reason. Only after that write the last line, \`Answer:\` and the number or the letter. If a function is asked for, write only its code."}
QUESTIONS=${QUESTIONS:-"gsm8k=300 humaneval=150 mmlu_redux=150"} # benchmarks or .jsonl files of your own, with a count or without
DATA=${DATA:-}                          # folder with the benchmarks' files; by default the hub (docs/benchmarks.md)
LIMIT=${LIMIT:-}                        # at most so many questions, and a short training: a trial of everything
RECORD=${RECORD:-1}                     # 0: continue with what has been recorded so far
CONCURRENCY=${CONCURRENCY:-8}           # questions in flight; each server gets at most four calls at a time
SEED=${SEED:-0}
MODEL=${MODEL:-HuggingFaceTB/SmolLM2-135M-Instruct} # the checkpoint that becomes the policy: a folder, or a name on the hub
IMITATION=${IMITATION:-"max_examples=400 epochs=1 batch_size=8 micro_batch=2 learning_rate=4e-4"} # docs/training.md
HELD_OUT=${HELD_OUT:-${LIMIT:+5}}; HELD_OUT=${HELD_OUT:-30} # validation questions that are played after the imitation
ALPHA=${ALPHA:-0.9}                     # weight of cost in the reward (docs/reward.md)
STEPS=${STEPS:-${LIMIT:+2}}; STEPS=${STEPS:-20} # steps of reinforcement learning, BATCH * GROUP episodes each
BATCH=${BATCH:-8}
GROUP=${GROUP:-8}
LR=${LR:-1e-5}
LEVEL=${LEVEL:-0.03}                    # live: the accuracy that a call of the best model must add to be worth its price
LIVE=${LIVE:-${LIMIT:-100}}             # live: at most so many held-out questions
UNTIL=${UNTIL:-live}                    # the last stage
DRY_RUN=${DRY_RUN:-0}                   # 1 prints the plan and exits
VENV=${VENV:-.venv}
#: End

if [ $# -gt 0 ]; then
  case "$1" in
    -h|--help) sed -n '2,/^set -euo/{/^#/s/^# \{0,1\}//p}' "$0"
      echo; echo "Variables, with their defaults:"; sed -n '/^#: Variables/,/^#: End/{/^[A-Z]/p}' "$0"; exit 0 ;;
    *) echo "local.sh: $1 is no option; settings are variables: OUT=... bash recipes/local.sh (see --help)" >&2; exit 2 ;;
  esac
fi
case "$UNTIL" in
  pool|table|routers|imitation|grpo|live) ;;
  *) echo "local.sh: UNTIL is '$UNTIL'; it must be pool, table, routers, imitation, grpo or live" >&2; exit 2 ;;
esac

say() { printf '\n== %s (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }
stop_after() { if [ "$UNTIL" = "$1" ]; then say "stopped after $1, as UNTIL says; $OUT"; exit 0; fi; }

# A dry run uses any existing environment.
if [ "$DRY_RUN" = 0 ] || [ ! -x "$VENV/bin/python" ]; then bash scripts/env.sh; fi
bin=$VENV/bin
r1=("$bin/router-r1")
found=() wanted=()
for server in $SERVERS; do found+=(--server "$server"); done
for model in $MODELS; do found+=(--model "$model"); done
for price in $PRICES; do found+=(--price "$price"); done
for item in $QUESTIONS; do wanted+=("$item"); done

if [ "$DRY_RUN" != 0 ]; then
  if [ -e "$OUT/pool.yaml" ]; then "${r1[@]}" pool check "$OUT/pool.yaml"; else "${r1[@]}" pool find ${found[@]+"${found[@]}"}; fi
  cat <<PLAN

Plan, in $OUT (what is there is skipped; a stage runs if the one before has):
  pool       the models above, with at most $MAX_TOKENS tokens for an answer
  table      each answers ${LIMIT:-all} of the questions: ${wanted[*]}
  routers    knn, linear, kmeans, label and the planner; 60 % of the questions to fit, 10 % to choose, 30 % for the figures
  imitation  $MODEL learns to follow the protocol and the planner${IMITATION:+ ($IMITATION)}
  grpo       $STEPS steps of $BATCH questions x $GROUP episodes, learning rate $LR, alpha $ALPHA
  live       the policy against these servers on at most $LIVE held-out questions, at level $LEVEL
PLAN
  exit 0
fi
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
bash scripts/lib/pin_output_settings.sh "$OUT/local.setting" "QUESTIONS=$QUESTIONS" "LIMIT=$LIMIT" "SEED=$SEED" "MODEL=$MODEL" \
  "IMITATION=$IMITATION" "ALPHA=$ALPHA" "LEVEL=$LEVEL" "LIVE=$LIVE"
SECONDS=0                               # do not count the installation

if [ ! -e "$OUT/pool.yaml" ]; then
  say "pool: what runs on this machine"
  "${r1[@]}" pool find ${found[@]+"${found[@]}"} --system-prompt "$SYSTEM_PROMPT" --max-output-tokens "$MAX_TOKENS" \
    --out "$OUT/pool.yaml"
fi
stop_after pool

if [ ! -e "$OUT/questions.jsonl" ]; then
  "${r1[@]}" benchmark mix "$OUT/questions.jsonl" "${wanted[@]}" ${DATA:+--data "$DATA"}
fi
record=("${r1[@]}" eval "$OUT/questions.jsonl" --config "$OUT/pool.yaml" --no-agent --single all --out "$OUT/recording"
  --concurrency "$CONCURRENCY" --resume)
if [ "$RECORD" = 0 ]; then
  say "table: of what has been recorded so far, as RECORD=0 says"
  "${r1[@]}" rescore "$OUT/recording"
elif [ ! -e "$OUT/recorded" ]; then
  if [ ! -e "$OUT/recording/results.json" ]; then
    say "table: a few answers of each model, to measure the pace"
    "${record[@]}" --limit "$((${LIMIT:-3} < 3 ? ${LIMIT:-3} : 3))"
  fi
  say "table: every model answers every question; Ctrl-C stops it, the same command continues"
  "${record[@]}" ${LIMIT:+--limit "$LIMIT"}
  touch "$OUT/recorded"                 # remove it to ask again what failed
fi
# Later stages are repeated if, and only if, the content of the table is another one.
sum=$(cd "$OUT/recording/table" && { cat pool.yaml; gzip -dc questions.jsonl.gz responses.jsonl.gz; } | cksum)
if [ "$sum" != "$(cat "$OUT/table.sum" 2>/dev/null)" ]; then echo "$sum" >"$OUT/table.sum"; fi
newer() { [ "$OUT/$1" -nt "$OUT/table.sum" ]; }
stop_after table

# One route in a turn: what a small model can follow. The compact prompt: a trained policy knows rules and candidates.
world=$OUT/world.yaml
cat >"$world" <<YAML
kind: recorded
table: "$OUT/recording/table"
view: text
prompt: compact
duplicates: first
complete: true
max_rounds: 5
max_routes: 1
${LIMIT:+validation: 0.3}
YAML
if ! newer planner.skops; then
  say "routers: the planner"
  rm -f "$OUT/planner.skops"
  "${r1[@]}" train planner "$world" --out "$OUT/planner.skops" --seed "$SEED"
fi
if ! newer compared/results.json; then
  say "routers: fitted, chosen and measured"
  "${r1[@]}" tournament --table "$world" --router knn --router linear --router kmeans --router label \
    --planner "$OUT/planner.skops" --reward alpha="$ALPHA" --seed "$SEED" --out "$OUT/compared"
fi
stop_after routers

if [ -e "$OUT/imitation/imitation.json" ] && ! newer imitation/imitation.json; then
  echo "local.sh: the table has changed since $OUT/imitation was trained; remove $OUT/imitation, $OUT/grpo and $OUT/live" >&2
  exit 2
fi
say "imitation: $MODEL learns to route as the planner does"
mkdir -p "$OUT/imitation"
cp -p "$OUT/planner.skops" "$OUT/imitation/planner.skops"
options=()
for option in $IMITATION ${LIMIT:+max_examples=16}; do options+=(--imitation "$option"); done
"${r1[@]}" train imitate "$MODEL" --world "$world" --out "$OUT/imitation" --reward alpha="$ALPHA" --seed "$SEED" \
  --held-out "$HELD_OUT" ${options[@]+"${options[@]}"}
stop_after imitation

say "grpo: $STEPS steps of $((BATCH * GROUP)) episodes; all output in $OUT/grpo/train.log"
WORLD=$world OUT=$OUT/grpo MODEL=$OUT/imitation ALPHA=$ALPHA SEED=$SEED STEPS=$STEPS BATCH=$BATCH MINI=${MINI:-$BATCH} \
  GROUP=$GROUP MICRO=${MICRO:-4} LR=$LR NORM_STD=False PROMPT=${PROMPT:-768} RESPONSE=${RESPONSE:-2048} \
  VAL_QUESTIONS=${VAL_QUESTIONS:-20} TEST_EVERY=${TEST_EVERY:-10} VENV=$VENV QUIET=1 bash recipes/train.sh
stop_after grpo

say "live: the policy and the best single model on held-out questions"
rm -rf "$OUT/policy"
cp -r "$OUT/grpo/checkpoints/best" "$OUT/policy"
"${r1[@]}" world questions "$world" "$OUT/held_out.jsonl" --split test --limit "$LIVE"
"${r1[@]}" world agent "$world" --level "$LEVEL" --pool "$OUT/pool.yaml" --policy "$OUT/policy" --out "$OUT/agent.yaml"
# The best on the training questions.
best=$("$bin/python" -c 'import json, sys; print(json.load(open(sys.argv[1]))["settings"]["best_single"])' "$OUT/compared/results.json")
"${r1[@]}" eval "$OUT/held_out.jsonl" --config "$OUT/agent.yaml" --single "$best" --out "$OUT/live" \
  --concurrency "$CONCURRENCY" --resume
say "reports"
"${r1[@]}" report "$OUT/recording"
"${r1[@]}" report "$OUT/compared" --log "$OUT/grpo/metrics"
"${r1[@]}" report "$OUT/live"
say "done: open $OUT/compared/report.html and $OUT/live/report.html"
