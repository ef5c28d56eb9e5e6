"""`NamedRoutes`: a policy names a route, the map names the candidate."""

import json
import logging

import pytest

from router_r1.conversation import Conversation
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.ledger import Ledger, Role
from router_r1.policies.base import WrittenTurn
from router_r1.policies.openai_policy import OpenAIPolicy
from router_r1.pool import Account
from router_r1.routers.named_routes import NamedRoutes, Route, RoutesFile
from router_r1.routers.named_routes.router import TRAINED, check_trained, write_trained
from router_r1.testing import LoopbackServer, ScriptedPolicy, Served, chat_reply
from router_r1.token_prices import Price
from router_r1.transport.messages import Failure, FailureKind

ROUTES = RoutesFile(
    routes=(Route(name="code", description="Programs"), Route(name="law", description="Courts")),
    map={"code": "coder", "law": "lawyer"},
    default="small",
)


def by_words(episode) -> str:
    """Replies as a trained model would, from the conversation in the prompt alone."""
    text = episode.messages[-1]["content"].partition("<conversation>")[2]
    if "Python" in text:
        return '{"route": "code"}'
    if "court" in text:
        return "<route>law</route>"
    return '{"route": "other"}' if "hello" in text else "I would say code."


@pytest.fixture
def router():
    made = NamedRoutes(ROUTES, ScriptedPolicy(by_words, price=Price(input=1, output=1)))
    yield made
    made.close()


def asked(text: str, **fields) -> Question:
    return Question(id=text, question=text, answer="GOLD", metric="em", **fields)


def test_questions_get_the_candidates_of_their_routes(router, caplog) -> None:
    texts = ("Python?", "Which court?", "hello", "Why?")
    with caplog.at_level(logging.WARNING):
        assert router.choose([asked(t) for t in texts]) == ["coder", "lawyer", "small", "small"]
    assert "1 of 4 decisions fell back to small" in caplog.text
    assert router.choose([]) == []
    assert router.models == ("coder", "lawyer", "small")


def test_a_decision_says_why_it_fell_back(router) -> None:
    read = router.decide_now("Python?")
    assert (read.route, read.model, read.problem) == ("code", "coder", "")
    assert read.cost_usd is not None and read.cost_usd > 0
    unread = router.decide_now("Why?")
    assert (unread.route, unread.model, unread.reply) == (None, "small", "I would say code.")
    assert unread.problem == "the reply is neither JSON nor XML with a route"
    other = router.decide_now("hello")
    assert (other.route, other.model, other.problem) == (None, "small", "")


async def test_the_newest_turn_decides_and_the_call_is_booked() -> None:
    router = NamedRoutes(ROUTES, ScriptedPolicy(by_words, price=Price(input=1, output=1)))
    talk = [{"role": "user", "content": "x" * 9000 + " Python"}, {"role": "assistant", "content": "ok"}, {"role": "user", "content": "And in court?"}]  # fmt: skip
    ledger = Ledger()
    found = await router.decide(Conversation.read(talk), Account(ledger, "e", 1, Role.POLICY))
    assert found.route == "law"
    assert ledger.cost_usd() == pytest.approx(found.cost_usd)


async def test_options_are_shown_and_answers_are_not() -> None:
    seen = []

    def spy(episode) -> str:
        seen.append(episode.messages[-1]["content"])
        return '{"route": "law"}'

    router = NamedRoutes(ROUTES, ScriptedPolicy(spy))
    await router.decide(asked("Which?", choices=("first option", "second option")))
    assert "(B) second option" in seen[0] and "GOLD" not in seen[0]


async def test_a_failed_call_leads_to_the_default_and_is_named() -> None:
    class Down(ScriptedPolicy):
        async def write_turn(self, episode, account):
            return WrittenTurn(failure=Failure(FailureKind.TIMEOUT, "late"))

    found = await NamedRoutes(ROUTES, Down([], name="tiny")).decide("Python?")
    assert (found.model, found.problem) == ("small", "no reply of tiny: timeout")


@pytest.mark.parametrize("reply", ['{"route": "code"}', "<route>code</route>", "<route>code"])
async def test_a_server_is_asked_once_with_the_prompt_and_its_limit(reply: str) -> None:
    bodies = []

    def answer(exchange) -> Served:
        bodies.append(exchange.body)
        return Served(chat_reply(reply))

    with LoopbackServer(answer) as server:
        policy = OpenAIPolicy(server.base_url, "tiny")
        router = NamedRoutes(ROUTES, policy)
        found = await router.decide("Python?")
        await router.aclose()
    # A server leaves out the stop string `</route>`; it is put back.
    assert (found.route, found.model) == ("code", "coder")
    (body,) = bodies
    assert body["max_tokens"] == ROUTES.max_reply_tokens
    (message,) = body["messages"]
    assert message["content"].endswith("if none fits.")


def test_a_checkpoint_remembers_its_routes_and_its_prompt(tmp_path, caplog) -> None:
    check_trained(ROUTES, tmp_path)  # not trained here: anything goes
    write_trained(ROUTES, tmp_path)
    with caplog.at_level(logging.WARNING):
        check_trained(ROUTES.with_map({"code": "another"}), tmp_path)
    assert caplog.text == ""
    other = ROUTES.model_copy(update={"routes": ROUTES.routes[:1], "map": {}})
    with caplog.at_level(logging.WARNING):
        check_trained(other, tmp_path)
    assert "was trained with other routes (of 2 routes)" in caplog.text
    saved = json.loads((tmp_path / TRAINED).read_text())
    assert "coder" not in json.dumps(saved)
    (tmp_path / TRAINED).write_text(json.dumps({**saved, "prompt": "0"}))
    with pytest.raises(ConfigError, match="trained with prompt 0 of named routes, and this is 1"):
        check_trained(ROUTES, tmp_path)
    (tmp_path / TRAINED).write_text("{")
    with pytest.raises(DataError, match=r"named_routes.json: cannot be read"):
        check_trained(ROUTES, tmp_path)
