"""Generation on a CPU with continuous batching; needs torch and transformers, neither verl nor Ray.

    policy.py              a checkpoint folder as a policy for rolling out many episodes
    sampler.py             the engine: a thread that runs the model, and the queue in front of it
    generation_request.py  what the engine takes and returns
    running_batch.py       the sequences that are generated together
    kv_cache.py            their keys and values, and the attention that reads them
    stop_strings.py        detects stop strings in generated tokens

Importing this package imports neither torch nor transformers.
"""
