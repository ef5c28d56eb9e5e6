"""Fusing what models can do (FusionFactory, arXiv:2507.10540), at three levels.

    query level      one model answers: the routers of `router_r1.routers`. An arm may be a model with a way of prompting it
                     (direct, step by step): a table with one candidate for each pair, which differ in `system_prompt`
    thought level    how similar questions were answered well goes into the prompt: `thought_templates.py`
    model level      one model is fine-tuned on the best answers of all: `best_answers.py`, `scripts/data/fusion_sft.py`,
                     `recipes/fusion.sh`

`best_answers.py` ranks the answers of a table, for both lower levels; `answer_removal.py` takes the final answer out of a
reply; `prompts.py` has the texts that models read.
"""
