"""The gateway: an OpenAI-compatible server in front of an agent and its pool, and the quick ways to set one up."""
