"""Routers that learn from preferences, battles of two models on one question (RouteLLM, arXiv:2406.18665).

battles.py                 a battle, battles of a table, and files in the formats of the public arenas
battle_set.py              battles as arrays, in which no model is the first one
router.py                  strengths of models, win rates, and their scale as scores
similarity_weighted.py     sw: Bradley-Terry ratings from battles on similar questions
matrix_factorization.py    mf: a bilinear form of a vector of the model and one of the question
text_model.py              what a fine-tuned model of text needs: loading, cutting, training, saving
bert.py                    bert: an encoder that classifies win, tie or loss
causal_lm.py               causal_lm: a language model that writes a score from 1 to 5
"""
