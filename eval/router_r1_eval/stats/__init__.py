"""Statistics of evaluations: bootstrap intervals, significance tests, cost curves, oracles."""
