"""Policies: the models that write the turns of an episode.

    openai_policy.py          a hosted model or a vLLM server, by chat or by completions with token ids
    transformers_policy.py    a checkpoint on this machine

A policy keeps no state between turns: everything it needs is in the episode, so one object serves any number of
episodes at once. `router_r1.testing.ScriptedPolicy` writes a given list of turns.
"""
