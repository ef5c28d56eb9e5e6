"""Supervised training, before reinforcement learning.

Of a new small policy, from random weights, on a CPU in minutes:

    small_policy.py            the model and its tokenizer
    cold_start.py              training for the generated world, in three stages
    demonstrations.py          its demonstrations: copies, random explorations, the best of several
    imitation.py               training for a recorded world, on demonstrations of the planner
    planner_demonstrations.py  these demonstrations
    training_loop.py           the optimisation
    muon.py                    the optimiser of the matrices
    progress.py                stages, and their display

Of any checkpoint in the Hugging Face format, with TRL:

    tuning_run.py              one training from start to report
    tuning_config.py           its settings
    demonstration_sources.py   where the episodes come from
    sampling.py                episodes that a policy samples, kept as traces
    scored_episodes.py         traces with rewards: the best ones, and pairs
    token_ids_of_turns.py      episodes with the token ids of the trained policy
    checkpoint_imitation.py    examples, and TRL's trainer for imitation
    preference_training.py     pairs, and TRL's trainer for DPO
    checkpoint_tuning.py       what both share: loading, adapters, resuming, saving
    held_out.py                validation questions, played with the result

Of a checkpoint that chooses named routes (`router_r1.routers.named_routes`), with the same trainers:

    named_routes_oracle.py     which model should have answered, from recorded replies
    named_routes_examples.py   questions with their routes
    named_routes_training.py   both stages
    named_routes_held_out.py   what the result does with questions that were held out

`commands.py` and `named_routes_commands.py` have the commands.
"""
