"""Routers that look up how the models did on similar questions: by category, neighbours or cluster."""
