"""Reinforcement learning with verl. Every file that imports verl is here or in `verl_on_cpu`, and this package never
imports that one.

    train.py               the entry point: composes the configuration, checks it, starts verl
    trainer.py             verl's trainers with episode metrics and the best checkpoint
    agent_loop.py          verl's agent loop: one episode
    agent_loop_worker.py   the Ray actors that run agent loops
    pool_actor.py          the Ray actor that holds pool and record store for all of them
    replay_buffer.py       the buffer that waits for episodes; it ends the run when they cannot come
    critic_value_head.py   verl's critic without flash attention

These need no verl:

    dataset.py             the parquet files that verl reads
    episode_metrics.py     metrics of a step's episodes
    checkpoints.py         the best checkpoint, and stale ones
    trainer_mode.py        whether episodes are played ahead
    training_log.py        reads the metrics of a run
    stall_limit.py         how long a run may make no progress
"""
