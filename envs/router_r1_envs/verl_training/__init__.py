"""Reinforcement learning with verl. Every file that imports verl is here or in `verl_on_cpu`, and this package never
imports that one.

    train.py               the entry point: composes the configuration, checks it, starts verl
    trainer.py             verl's trainers with episode metrics and the best checkpoint
    agent_loop.py          verl's agent loop: one episode
    agent_loop_worker.py   the Ray actors that run agent loops
    pool_actor.py          the Ray actor that holds pool and record store for all of them
    replay_buffer.py       the buffer that waits for episodes; it ends the run when they cannot come
    model_loading.py       how verl loads models: without flash attention, beside TRL
    config_layout.py       whether a composed configuration fits the GPUs
    ray_cluster.py         the nodes of a cluster

These need no verl:

    settings.py            the variables of recipes/train.sh
    run_plan.py            what they leave open: the response length, and how the model lies on the GPUs
    verl_overrides.py      verl's configuration from both
    hardware_plan.py       the fastest settings that fit the GPUs
    memory_estimate.py     memory and disk
    model_shapes.py        sizes of models
    run_estimate.py        episodes, calls, dollars, hours
    episode_length.py      the longest episode of a world
    dataset.py             the parquet files that verl reads
    episode_metrics.py     metrics of a step's episodes
    first_episodes.py      ends a run whose policy writes no valid episode
    checkpoints.py         the best checkpoint, and stale ones
    trainer_mode.py        whether episodes are played ahead
    training_log.py        reads the metrics of a run
    stall_limit.py         how long a run may make no progress
"""
