"""What a router or an agent is worth, on benchmarks and outcome tables. Imports core and reward only."""
