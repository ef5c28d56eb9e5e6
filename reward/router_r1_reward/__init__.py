"""What an episode was worth: format, correctness and cost. Imports the core only."""
