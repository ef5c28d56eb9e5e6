"""Where questions and responses come from during training, and verl's agent loop. Imports core and reward only."""
