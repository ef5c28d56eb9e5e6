"""Routers that learn a vector for each model, and predict from it and the question's vector.

    embed_llm.py       embedllm      weighted product of a model's vector and a projection of the question's
    item_response.py   irt           abilities of the model against discrimination and difficulty of the question
    router_dc.py       routerdc      cosine of the two vectors, trained by contrast
    graph_router.py    graphrouter   messages between tasks, questions and models; a model is what its answers say
    routoo.py          routoo        a network that reads the question and an embedding of each model; budgets

    mean_budget.py                     choices under a mean budget, from any router's predictions
    universe.py                        which models to route between: greedy complementary choice
    graph_messages.py, causal_model_embedding.py     parts of graphrouter and routoo

`embedllm` and `irt` are fitted with numpy and SciPy, the others with torch (extra `local`); all predict with numpy.
"""
