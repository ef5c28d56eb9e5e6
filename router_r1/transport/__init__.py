"""How a request reaches a model: over HTTP, from a record store, or through a Python function.

The path of one live reply:

1. `live.py` finds the endpoint's client, limits and dialect; `record_replay.py` before it may know the answer.
2. `live_call.py` waits for its turn (`rate_limiter.py`, `circuit_breaker.py`), makes attempts, and books each.
3. `http.py` sends the request of one attempt, changed as `refused_parameters.py` has learned from refusals.
4. `connections.py` carries it, and sends it again if a kept connection had died.
5. `bounded_body.py` decompresses the reply and bounds it; `loop_sharing.py` lets others run meanwhile.
6. `http.py` sees from the first byte whether it is JSON (`json_body.py`) or a stream (`event_stream.py`).
7. `reply_parsing.py` collects either in a `PartialReply`: the message (`message_content.py`), the usage
   (`reported_usage.py`), an error (`error_reports.py`), tokens (`generated_tokens.py`).
8. What raised instead, and HTTP errors, are classified by `faults.py`, `error_reports.py` and `retry_after.py`.
9. Both end as an `AttemptResult` (`attempt_result.py`), its text without keys (`credentials.py`).
10. `live_call.py` retries it or makes it the `Response` (`messages.py`) that the pool prices.
"""
