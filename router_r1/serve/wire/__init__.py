"""Bodies of requests, within limits, and replies of server-sent events."""
