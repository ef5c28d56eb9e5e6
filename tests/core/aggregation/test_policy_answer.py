"""`policy`: the policy's own answer."""

from collections.abc import Callable

from router_r1 import Result, testing

Ask = Callable[..., tuple[Result, testing.ScriptedPool]]


def test_the_policys_answer_is_returned_without_a_call(ask: Ask) -> None:
    result, pool = ask({"a": "The answer is Sydney."}, "policy")
    assert result.answer == "Canberra" and len(pool.asked) == 1
