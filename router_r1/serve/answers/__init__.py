"""Who answers a request: the agent, a candidate passed straight through, or one that a one-shot router chooses."""
