"""The status of an episode in a run, and the answer that is graded.

An interrupted episode never ended (Ctrl-C, a bug): its question counts as not asked. A failed one says too little about
the router, so `--resume` asks again; until then its answer counts, if it has one.
"""

from __future__ import annotations

from router_r1.episode import StopReason
from router_r1.trace import Trace
from router_r1.transport.messages import MODEL_FAULTS

SINGLE_MODEL_POLICY = "passes on to "
"""The policy of a single model's traces is called this plus the name of the model."""
_INTERRUPTED = frozenset({StopReason.ERROR, StopReason.CANCELLED})
_NO_ANSWER = frozenset({StopReason.POLICY_FAILED, StopReason.DEADLINE})


def is_single_model(trace: Trace) -> bool:
    """Whether a single model answered, not an agent."""
    return trace.policy.startswith(SINGLE_MODEL_POLICY)


def interrupted(trace: Trace) -> bool:
    """Whether the episode never ended, through no fault of the router."""
    return trace.stop_reason in _INTERRUPTED


def failed(trace: Trace) -> bool:
    """Whether the question should be asked again.

    True if the episode was interrupted; if the policy failed or ran out of time and there is no answer; or if
    candidates were called and all calls failed for reasons outside the models. An empty reply is the model's own
    doing.
    """
    if interrupted(trace):
        return True
    if trace.stop_reason in _NO_ANSWER and trace.answer is None:
        return True
    replies = [o.response for turn in trace.turns for o in turn.outcomes if o.response]
    return bool(replies) and all(
        reply.failure is not None and reply.failure.kind not in MODEL_FAULTS for reply in replies
    )


def failure_reason(trace: Trace) -> str:
    """Why an episode failed: its last failed call, or else why it stopped."""
    failures = [
        o.response.failure
        for turn in trace.turns
        for o in turn.outcomes
        if o.response is not None and o.response.failure is not None
    ]
    if failures:
        return f"{failures[-1].kind.value}: {failures[-1].detail}".strip(": ")
    return trace.stop_detail or trace.stop_reason.value


def graded_answer(trace: Trace) -> str | None:
    """The answer that counts, even while a failed episode waits to be repeated; None if there is none."""
    return None if interrupted(trace) else trace.answer


def evidence(trace: Trace) -> tuple[bool, bool, bool]:
    """How much an episode says about the router; of several tries, the one with the greatest evidence counts."""
    return not failed(trace), graded_answer(trace) is not None, not interrupted(trace)
