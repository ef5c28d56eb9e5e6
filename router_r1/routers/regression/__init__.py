"""Routers that fit a function of the question's vector to each model's score."""
