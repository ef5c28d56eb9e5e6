#!/usr/bin/env bash
# Starts Ray on one node of a cluster, with what every node needs for recipes/train.sh: environment, keys, network, token.
#
#   POOL=pool.yaml bash recipes/cluster.sh head                 on the first node; it may have no GPU
#   POOL=pool.yaml bash recipes/cluster.sh node 10.0.0.1        on every other node, with the address of the first
#   bash recipes/cluster.sh wait 2                              until two nodes have joined, at most ten minutes
#   bash recipes/cluster.sh stop
#   STACK=gpu NODES=2 GPUS=8 MODEL=... WORLD=... OUT=/shared/run bash recipes/train.sh      then, on the first node
#
# Variables
#   POOL       a pool file: the keys that it names must be set on this node, because candidates are called from any node
#   IFNAME     network interface between the nodes, e.g. ib0; by default the one of the default route
#   PORT       Ray's port on the first node; by default 6379
#   GPUS       GPUs that this node offers; by default all
#   BLOCK      1 stays in the foreground until Ray is stopped, for schedulers that end what a step leaves behind
#   VENV, INSTALL      as for scripts/env.sh
#
# The repository, the environment, MODEL and OUT must have the same path on every node. Processes of a run inherit the
# environment that Ray was started with on their node, not that of recipes/train.sh: export keys (HF_TOKEN, WANDB_API_KEY,
# those of the pool) before. Nodes authenticate with a token, ~/.ray/auth_token, which must be the same everywhere: a shared
# home directory has one, otherwise copy it from the first node. recipes/cluster.slurm does all of this under Slurm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

role=${1:-} head=${2:-}
PORT=${PORT:-6379}
export STACK=gpu VENV=${VENV:-.venv-gpu}
RAY=$VENV/bin/ray

case "$role" in
  head) ;;
  node) [ -n "$head" ] || { echo "cluster.sh: give the address of the first node: bash recipes/cluster.sh node 10.0.0.1" >&2; exit 2; } ;;
  wait) ;;
  stop) exec "$RAY" stop ;;
  *) echo "cluster.sh: expected head, node ADDRESS, wait NODES or stop, got '${role:-nothing}'" >&2; exit 2 ;;
esac

export RAY_AUTH_MODE=token
if [ "$role" = wait ]; then
  exec "$VENV/bin/python" - "$head" <<'PY'
import sys, time
import ray
wanted, began = int(sys.argv[1]), time.monotonic()
while time.monotonic() - began < 600:
    try:
        ray.init(address="auto", log_to_driver=False, logging_level="ERROR")
        if sum(node["Alive"] for node in ray.nodes()) >= wanted:
            sys.exit()
        ray.shutdown()
    except ConnectionError:
        pass
    time.sleep(3)
sys.exit(f"cluster.sh: {wanted} nodes have not joined within ten minutes; see their logs under /tmp/ray")
PY
fi

bash scripts/env.sh  # before Ray starts: its processes use this environment
if [ -n "${POOL:-}" ]; then
  "$VENV/bin/python" -c 'import sys; from router_r1.pool import ModelPool; ModelPool.from_yaml(sys.argv[1]).check()' "$POOL" 2>/dev/null || {
    echo "cluster.sh: a key that $POOL names is not set on $(hostname); \`router-r1 pool check $POOL\` says which; export it and start again" >&2
    exit 2
  }
fi

IFNAME=${IFNAME:-$(ip -o route get 1.1.1.1 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p')}
if [ -z "$IFNAME" ]; then
  echo "cluster.sh: this node has no default route; set IFNAME to the network interface between the nodes" >&2; exit 2
fi
# Otherwise each library picks an interface of its own, and a wrong one waits until a time-out.
export NCCL_SOCKET_IFNAME=$IFNAME GLOO_SOCKET_IFNAME=$IFNAME
export TOKENIZERS_PARALLELISM=false

if [ "$role" = head ]; then
  "$RAY" get-auth-token --generate >/dev/null
  address=$(ip -o -4 address show "$IFNAME" | sed -n 's/.* inet \([0-9.]*\).*/\1/p' | head -n 1)
  "$RAY" start --head --node-ip-address="$address" --port="$PORT" ${GPUS:+--num-gpus="$GPUS"} ${BLOCK:+--block}
  echo "cluster.sh: on every other node: bash recipes/cluster.sh node $address"
else
  if [ ! -s ~/.ray/auth_token ] && [ -z "${RAY_AUTH_TOKEN:-}" ]; then
    echo "cluster.sh: $(hostname) has no ~/.ray/auth_token; copy it from the first node (its content is secret)" >&2; exit 2
  fi
  "$RAY" start --address="$head:$PORT" ${GPUS:+--num-gpus="$GPUS"} ${BLOCK:+--block}
fi
