"""The parts of the event-loop benchmark; `scripts/bench/event_loop.py` is its command.

bodies.py: the replies. server.py: the server that sends them, in a process of its own.
"""
