"""API keys, and what each may use: rates and budgets, exact for all workers, in SQLite or in Redis."""
