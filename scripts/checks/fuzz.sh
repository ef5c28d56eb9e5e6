#!/usr/bin/env bash
# Fuzzes what reads text from outside: replies of servers, configuration files, traces, tables. The tests do the same with
# the same few examples each time; this runs for longer, with new ones.
#
#   bash scripts/checks/fuzz.sh                10 minutes
#   bash scripts/checks/fuzz.sh 60             an hour; the round in progress is finished
#   SEED=17 bash scripts/checks/fuzz.sh 1      starts with this seed, to repeat a failure
#
# Each round prints its seed. The exit status is 1 after the first round that fails.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

minutes=${1:-10}
VENV=${VENV:-.venv}
PY=$VENV/bin/python
if [ ! -x "$PY" ]; then PY=$(command -v python3); fi
export PYTHONPATH=.:reward:envs:eval OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
export FUZZ_EXAMPLES=${FUZZ_EXAMPLES:-500}
end=$((SECONDS + minutes * 60))
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}
rounds=0
while :; do
  echo "== seed $seed"
  "$PY" -m pytest -q -p no:cacheprovider --hypothesis-seed="$seed" tests/fuzz || exit 1
  rounds=$((rounds + 1)) seed=$((seed + 1))
  if [ "$SECONDS" -ge "$end" ]; then break; fi
done
echo "$rounds rounds, $FUZZ_EXAMPLES examples for each property, no failure"
