"""How a request reaches a model: over HTTP, from a record store, or through a Python function."""
