#!/usr/bin/env bash
# Trains a routing policy by reinforcement learning with verl: GRPO or PPO, on two CPU cores or on nodes of GPUs.
#
#   bash recipes/train.sh                                    a small policy in the generated world, on the CPU; about as long as scripts/quickstart.sh
#   ALGO=ppo bash recipes/train.sh                           PPO with a critic instead of GRPO
#   STACK=gpu MODEL=Qwen/Qwen2.5-3B-Instruct WORLD=world.yaml bash recipes/train.sh     one GPU with 80 GB
#   STACK=gpu MODEL=meta-llama/Llama-3.2-3B-Instruct GPUS=8 WORLD=world.yaml bash recipes/train.sh
#   STACK=gpu GPUS=8 NODES=2 ... bash recipes/train.sh       on the head node of a Ray cluster (`ray start --head`, `ray start --address=`)
#   QUIET=1 bash recipes/train.sh                            prints one line per step; all output goes to OUT/train.log; a finished run is not repeated
#   DRY_RUN=1 bash recipes/train.sh                          prints the composed configuration and exits
#   bash recipes/train.sh trainer.total_training_steps=100   any override of verl, last
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
MODEL=${MODEL:-}                        # a folder or a name on the hub; on a CPU, a cold start makes it by default
SEED=${SEED:-0}
GPUS=${GPUS:-1}                         # per node
TP=${TP:-1}                             # GPUs that share one rollout server
NODES=${NODES:-1}
LOGGER=${LOGGER:-console,file,tensorboard}   # add wandb; WANDB_MODE=offline works
ALPHA=${ALPHA:-0.5}                     # weight of cost in the reward
TRAIN_QUESTIONS=${TRAIN_QUESTIONS:-8000}
VAL_QUESTIONS=${VAL_QUESTIONS:-200}     # each at every level; with too few, the luckiest checkpoint is taken for the best
if [ "$STACK" = cpu ]; then
  STEPS=${STEPS:-30}; BATCH=${BATCH:-16}; MINI=${MINI:-8}; GROUP=${GROUP:-8}; LR=${LR:-2e-4}; CRITIC_LR=${CRITIC_LR:-1e-3}
  PROMPT=${PROMPT:-64}; RESPONSE=${RESPONSE:-320}; MICRO=${MICRO:-64}; ROLLOUT=${ROLLOUT:-hf_cpu}; KL=${KL:-0}
  # A small policy miscopies names at temperature 1, and then learns to save money on questions that it fails by accident.
  TEST_EVERY=${TEST_EVERY:-10}; TEMPERATURE=${TEMPERATURE:-0.7}
else
  STEPS=${STEPS:-200}; BATCH=${BATCH:-64}; MINI=${MINI:-64}; GROUP=${GROUP:-8}; LR=${LR:-1e-6}; CRITIC_LR=${CRITIC_LR:-1e-5}
  PROMPT=${PROMPT:-2048}; RESPONSE=${RESPONSE:-6144}; MICRO=${MICRO:-4}; ROLLOUT=${ROLLOUT:-vllm}; KL=${KL:-0.001}
  TEST_EVERY=${TEST_EVERY:-10}; TEMPERATURE=${TEMPERATURE:-1.0}; MODEL=${MODEL:-Qwen/Qwen2.5-3B-Instruct}
fi
# Divide advantages by the group's standard deviation? In a generated world groups differ in correctness, and it does no harm.
# In a recorded world they often differ in cost alone; a difference of a cent would then count as much as right against wrong.
NORM_STD=${NORM_STD:-$([ "$WORLD" = generated ] && echo True || echo False)}
MODE=${MODE:-sync}                      # sync; colocate_async or separate_async play AHEAD batches of episodes ahead (trainer_mode.py)
AHEAD=${AHEAD:-1} ROLLOUT_GPUS=${ROLLOUT_GPUS:-$GPUS}   # ROLLOUT_GPUS: of each node, beside GPUS; only with separate_async
QUIET=${QUIET:-0}                       # 1 in recipes that call this one
DRY_RUN=${DRY_RUN:-0}

case "$STACK" in cpu|gpu) ;; *) echo "train.sh: STACK is '$STACK'; it must be cpu or gpu" >&2; exit 2 ;; esac
case "$ALGO" in grpo|ppo) ;; *) echo "train.sh: ALGO is '$ALGO'; it must be grpo or ppo" >&2; exit 2 ;; esac
case "$MODE" in sync|colocate_async|separate_async) ;;
  *) echo "train.sh: MODE is '$MODE'; it must be sync, colocate_async or separate_async" >&2; exit 2 ;;
esac
if [ "$STACK" = cpu ] && { [ "$GPUS" != 1 ] || [ "$NODES" != 1 ]; }; then
  echo "train.sh: GPUS and NODES are for STACK=gpu; on a CPU there is one worker" >&2; exit 2
fi

if [ $((BATCH % MINI)) != 0 ] || [ $((MINI * GROUP % MICRO)) != 0 ]; then
  echo "train.sh: MINI ($MINI) must divide BATCH ($BATCH), and MICRO ($MICRO) must divide MINI x GROUP ($((MINI * GROUP)))" >&2; exit 2
fi

if [ "$STACK" = gpu ] && [ "$DRY_RUN" = 0 ] && ! nvidia-smi -L >/dev/null 2>&1; then
  echo "train.sh: STACK is gpu, and nvidia-smi finds no GPU on this machine; STACK=cpu trains a small policy without one" >&2; exit 2
fi

export STACK VENV=${VENV:-$([ "$STACK" = cpu ] && echo .venv || echo .venv-gpu)}
# A dry run uses any existing environment.
if [ "$DRY_RUN" = 0 ] || [ ! -x "$VENV/bin/python" ]; then bash scripts/env.sh; fi
PY=$VENV/bin/python
mkdir -p "$OUT"
OUT=$(cd "$OUT" && pwd)
if [ "$DRY_RUN" = 0 ]; then
  # One run at a time. Wait a moment: the processes of a killed run need time to end.
  exec 8>"$OUT/.lock"
  if command -v flock >/dev/null && ! flock -w "${LOCK_WAIT_S:-30}" 8; then
    echo "train.sh: another run is using $OUT; wait for it, or choose another OUT" >&2; exit 2
  fi
  # The rows, the cold start and the checkpoints in a folder belong to one setting.
  world=$([ ! -f "$WORLD" ] || cksum <"$WORLD")
  bash scripts/lib/pin_output_settings.sh "$OUT/setting" "STACK=$STACK WORLD=$WORLD ${world:+($world) }MODEL=$MODEL SEED=$SEED ALPHA=$ALPHA \
ALGO=$ALGO TRAIN_QUESTIONS=$TRAIN_QUESTIONS VAL_QUESTIONS=$VAL_QUESTIONS"
fi
mkdir -p "$OUT/metrics"
# One file for each start, because verl overwrites its file.
export VERL_FILE_LOGGER_PATH=$OUT/metrics/$(date -u +%Y%m%dT%H%M%S).jsonl TENSORBOARD_DIR=$OUT/tensorboard WANDB_DIR=$OUT DRY_RUN

if [ "$DRY_RUN" = 0 ]; then
  if ! grep -qs router_r1_envs.verl_training "$OUT/data/agent_loop.yaml"; then  # missing, or of a version with other modules
    world_settings=()
    # The prompt of a pre-trained LLM states the rules and the candidates; a small policy learns them.
    if [ "$STACK" = gpu ] && [ "$WORLD" = generated ] && [ ! -e "$MODEL/cold_start.json" ]; then world_settings=(--set prompt=full); fi
    "$VENV/bin/router-r1" train prepare "$WORLD" --out "$OUT/data" --seed "$SEED" --reward alpha="$ALPHA" \
      --train "$TRAIN_QUESTIONS" --validation "$VAL_QUESTIONS" ${world_settings[@]+"${world_settings[@]}"}
  fi
  if [ -z "$MODEL" ]; then
    MODEL=$OUT/cold_start
    if [ ! -e "$MODEL/cold_start.json" ]; then
      "$VENV/bin/router-r1" train cold-start "$WORLD" --out "$MODEL" --seed "$SEED" --reward alpha="$ALPHA"
    fi
  fi
fi
MODEL=${MODEL:-$OUT/cold_start}

DATA=(
  data.train_files="$OUT/data/train.parquet" data.val_files="$OUT/data/validation.parquet"
  data.train_batch_size="$BATCH" data.max_prompt_length="$PROMPT" data.max_response_length="$RESPONSE"
  data.filter_overlong_prompts=False data.return_raw_chat=True data.seed="$SEED"
)
POLICY=(
  actor_rollout_ref.model.path="$MODEL"
)
ACTOR=(
  actor_rollout_ref.actor.strategy=fsdp2
  actor_rollout_ref.actor.optim.lr="$LR" actor_rollout_ref.actor.optim.weight_decay=0
  actor_rollout_ref.actor.ppo_mini_batch_size="$MINI" actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu="$MICRO"
  actor_rollout_ref.actor.use_kl_loss="$([ "$KL" = 0 ] && echo False || echo True)" actor_rollout_ref.actor.kl_loss_coef="$KL"
  actor_rollout_ref.actor.kl_loss_type=low_var_kl actor_rollout_ref.actor.loss_agg_mode=token-mean
  "actor_rollout_ref.actor.checkpoint.save_contents=[model,optimizer,extra,hf_model]"
  actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu="$MICRO"
)
ROLLOUTS=(
  actor_rollout_ref.rollout.name="$ROLLOUT" actor_rollout_ref.rollout.n="$([ "$ALGO" = ppo ] && echo 1 || echo "$GROUP")"
  actor_rollout_ref.rollout.temperature="$TEMPERATURE" actor_rollout_ref.rollout.val_kwargs.temperature=0
  actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu="$MICRO" actor_rollout_ref.rollout.calculate_log_probs=True
  actor_rollout_ref.rollout.agent.default_agent_loop=router_r1
  actor_rollout_ref.rollout.agent.agent_loop_config_path="$OUT/data/agent_loop.yaml"
  actor_rollout_ref.rollout.tensor_model_parallel_size="$TP"
)
ALGORITHM=(algorithm.use_kl_in_reward=False algorithm.norm_adv_by_std_in_grpo="$NORM_STD")
if [ "$ALGO" = ppo ]; then
  # As many episodes per step as with groups, each on its own question.
  DATA+=(data.train_batch_size="$((BATCH * GROUP))")
  ACTOR+=(actor_rollout_ref.actor.ppo_mini_batch_size="$((MINI * GROUP))")
  ALGORITHM+=(algorithm.adv_estimator=gae algorithm.gamma=1.0 algorithm.lam=1.0)
  CRITIC=(
    critic.strategy=fsdp2 critic.model.path="$MODEL" critic.model.tokenizer_path="$MODEL" critic.optim.lr="$CRITIC_LR"
    critic.ppo_mini_batch_size="$((MINI * GROUP))" critic.ppo_micro_batch_size_per_gpu="$MICRO"
  )
else
  ALGORITHM+=(algorithm.adv_estimator=grpo)
  CRITIC=()
fi
# No reward workers: the agent loop scores its episodes itself.
TRAINER=(
  reward.num_workers=0 hydra.run.dir="$OUT/hydra" hydra.output_subdir=null
  trainer.total_training_steps="$STEPS" trainer.total_epochs=1000
  trainer.n_gpus_per_node="$GPUS" trainer.nnodes="$NODES" "trainer.logger=[$LOGGER]"
  trainer.project_name=router-r1 trainer.experiment_name="$(basename "$OUT")" trainer.default_local_dir="$OUT/checkpoints"
  trainer.save_freq="$TEST_EVERY" trainer.test_freq="$TEST_EVERY" trainer.val_before_train=True
  trainer.max_actor_ckpt_to_keep=2 trainer.max_critic_ckpt_to_keep=2 trainer.resume_mode=auto
)
overrides="from router_r1_envs.verl_training.trainer_mode import mode_overrides; print(*map('='.join, mode_overrides(
  '$MODE', ahead=$AHEAD, updates=$((BATCH / MINI)), gpus=$ROLLOUT_GPUS, nodes=$NODES,
  cpu='$STACK' == 'cpu').items()), sep='\n')"
lines=$("$PY" -c "$overrides")
mapfile -t -O "${#TRAINER[@]}" TRAINER <<<"$lines"
HARDWARE=()
if [ "$STACK" = cpu ]; then
  # What verl needs without a GPU. It comes first, so that the sections above take precedence.
  settings() { "$PY" -c "from router_r1_envs.verl_on_cpu.settings import environment, overrides; print(*$1, sep='\n')"; }
  # The log-probs of hf_cpu agree with the trainer's to 1e-6, so the trainer does not recompute them.
  lines=$(settings "overrides(rollout='$ROLLOUT', critic='$ALGO' == 'ppo', reuse_log_probs='$ROLLOUT' == 'hf_cpu')")
  mapfile -t HARDWARE <<<"$lines"
  lines=$(settings "map('='.join, environment().items())")
  while IFS= read -r assignment; do export "${assignment?}"; done <<<"$lines"
else
  HARDWARE=(
    trainer.device=cuda actor_rollout_ref.model.enable_gradient_checkpointing=True
    actor_rollout_ref.model.use_remove_padding=False +actor_rollout_ref.model.override_config.attn_implementation=sdpa
    actor_rollout_ref.rollout.gpu_memory_utilization=0.5 actor_rollout_ref.rollout.max_model_len="$((PROMPT + RESPONSE))"
    # As on a CPU: a failed episode or a dead worker ends the run with its error.
    trainer.v1.sampler.custom_sampler.path=pkg://router_r1_envs.verl_training.replay_buffer
    trainer.v1.sampler.custom_sampler.name=WatchedReplayBuffer
    +actor_rollout_ref.rollout.agent.agent_loop_manager_class=router_r1_envs.verl_training.agent_loop_worker.Manager
  )
  if [ "$ALGO" = ppo ]; then
    # verl's critic requires flash attention; this module removes the requirement.
    HARDWARE+=(critic.model.use_remove_padding=False +critic.model.override_config.attn_implementation=sdpa)
    export VERL_USE_EXTERNAL_MODULES=router_r1_envs.verl_training.critic_value_head
  fi
  # The processes of a cluster inherit the environment of its nodes, not of this script. Set keys such as WANDB_API_KEY and
  # HF_TOKEN on the nodes, before `ray start`.
  for name in VERL_USE_EXTERNAL_MODULES VERL_FILE_LOGGER_PATH TENSORBOARD_DIR WANDB_DIR WANDB_MODE; do
    if [ -n "${!name:-}" ]; then HARDWARE+=("+ray_kwargs.ray_init.runtime_env.env_vars.$name='${!name}'"); fi
  done
fi

TRAIN=(
  "$VENV/bin/router-r1" train run
  "${HARDWARE[@]}" "${DATA[@]}" "${POLICY[@]}" "${ACTOR[@]}" "${ROLLOUTS[@]}" "${CRITIC[@]}" "${ALGORITHM[@]}" "${TRAINER[@]}" "$@"
)
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
