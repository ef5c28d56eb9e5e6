"""Parts of `scripts/bench/prompts.py`."""
