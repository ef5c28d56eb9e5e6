"""The gateway: one OpenAI-compatible endpoint in front of an agent, its candidates and one-shot routers.

    commands.py      `router-r1 serve`, `receipts`; `keys` and `init` are in their folders
    workers.py       processes behind one socket -> worker.py, one event loop -> start.py, what it serves
    app.py           paths -> completions.py (the three that complete), endpoints.py (all others)
    gateway.py       what a worker holds; names.py: what a client may ask for; settings.py: section `serve`;
                     trained_levels.py: the levels of a trained policy; worker_share.py: limits among workers
    ticket.py        one request: its key, its reservation, its receipt (receipts.py, metrics.py, telemetry.py)
    sessions.py      who gave the last reply of a conversation, and what it saves to ask that model again
    shapes/          Chat Completions, Responses, Messages: translated to chat and back
    answers/         who answers: the agent, a candidate passed straight through, a one-shot router's choice
    access/          API keys, rate limits and budgets, in SQLite or Redis
    wire/            bodies and event streams
    quick_start/     known providers and prices: `serve --models`, `init`

A request: app -> completions -> shapes (to chat) -> names (who) -> ticket (may it) -> answers -> shapes (from chat).
"""
