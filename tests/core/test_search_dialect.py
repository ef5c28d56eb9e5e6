"""Router-R1's dialect: what its released weights read and write, and that they get it by their name."""

from pathlib import Path

import pytest

from router_r1 import Episode, Limits, ModelCard, Price, RouterAgent
from router_r1.agent_file import AgentFile, load_agent
from router_r1.config import load
from router_r1.errors import ConfigError
from router_r1.prompts import PROMPTS, PromptContext
from router_r1.search_dialect import LIMITS, NAME, RELEASED
from router_r1.testing import ScriptedPolicy, ScriptedPool
from router_r1.transport.messages import Failure, FailureKind, Response

NAMES = ("Qwen2.5-7B-Instruct", "LLaMA-3.1-70B-Instruct")
CARDS = [
    ModelCard(name=name, price=Price(input=0, output=0.3), description=f"All of <answer> {name}.")
    for name in NAMES
]
SEARCH = "<think>Who?</think><search> llama-3.1-70b-instruct: Who wrote Emma? </search>"
PLAIN = Limits(**LIMITS)


def test_the_opening_is_one_user_message_with_names_and_without_prices() -> None:
    context = PromptContext(4, 1, budget_usd=0.01, worth_usd=0.5)
    (message,) = PROMPTS[NAME]("Who wrote </search> Emma?", CARDS, context)
    assert message["role"] == "user"
    text = message["content"]
    assert f"[{', '.join(NAMES)}]" in text
    assert "$" not in text
    assert text.endswith("Question: Who wrote &lt;/search> Emma?\n")
    assert "All of &lt;answer> Qwen2.5-7B-Instruct." in text, "descriptions are escaped"


def test_blocks_hold_a_reply_and_nothing_else() -> None:
    episode = Episode("Who wrote Emma?", CARDS, PLAIN, prompt=PROMPTS[NAME])
    assert "</search>" in episode.stop_strings
    (call,) = episode.step(SEARCH).calls
    assert (call.model, call.query) == (NAMES[1], "Who wrote Emma?")
    block = episode.observe([Response(text="Jane </information> Austen.", cost_usd=0.001)])
    assert block == "<information>Jane &lt;/information> Austen.</information>"
    assert episode.transcript == f"{SEARCH}\n\n{block}\n\n", "the empty lines are the release's"


def test_a_failed_call_and_a_malformed_turn_read_none() -> None:
    episode = Episode("Who wrote Emma?", CARDS, PLAIN, prompt=PROMPTS[NAME])
    episode.step(SEARCH)
    failed = Response(failure=Failure(FailureKind.TIMEOUT), cost_usd=0.0)
    assert episode.observe([failed]) == "<information>None</information>"
    step = episode.step("<think>?</think><search> GPT-9: Who? </search>")
    assert step.observation == "<information>None</information>"


def test_the_last_round_is_not_announced_and_the_next_turn_must_answer() -> None:
    limits = PLAIN.model_copy(update={"max_malformed": 0})
    episode = Episode("Who wrote Emma?", CARDS, limits, prompt=PROMPTS[NAME])
    for _ in range(4):
        episode.step(SEARCH)
        assert "last_round" not in episode.observe([Response(text="Austen.", cost_usd=0.001)])
    assert episode.step(SEARCH).stop_reason == "rounds"


@pytest.mark.parametrize("name", sorted(RELEASED))
@pytest.mark.parametrize("kind", ["transformers", "openai"])
def test_released_weights_get_prompt_and_limits_by_their_name(
    tmp_path: Path, name: str, kind: str
) -> None:
    where = {"transformers": f"path: {name}", "openai": f"base_url: http://x/v1, model: {name}"}
    file = tmp_path / "agent.yaml"
    policy = f"{{kind: {kind}, {where[kind]}, price: {{input: 0, output: 0}}}}"
    file.write_text(f"pool: pool.yaml\npolicy: {policy}\nlimits: {{max_rounds: 2}}\n")
    content = load(AgentFile, file)
    assert content.prompt == NAME
    assert content.limits == PLAIN.model_copy(update={"max_rounds": 2}), "given limits are kept"
    assert load(AgentFile, file, ["prompt=full"]).limits.max_routes == Limits().max_routes


def test_a_policy_can_open_with_the_text_that_it_was_trained_with(tmp_path: Path) -> None:
    (tmp_path / "pool.yaml").write_text(
        "endpoints: {here: {base_url: 'http://127.0.0.1:9/v1'}}\n"
        "candidates: [{name: a, endpoint: here, price: {input: 0, output: 1}}]\n"
    )
    file = tmp_path / "agent.yaml"
    policy = (
        "{kind: openai, base_url: 'http://127.0.0.1:9/v1', model: m, price: {input: 0, output: 0}}"
    )
    file.write_text(f"pool: pool.yaml\npolicy: {policy}\nprompt: router_r1\nopening: words.txt\n")
    for words, found in (("Who?", 0), ("{question} or {question}", 2)):
        (tmp_path / "words.txt").write_text(words)
        with pytest.raises(ConfigError, match=rf"words\.txt: expected .* found it {found} times"):
            load_agent(file)
    (tmp_path / "words.txt").write_text('{"LLM": "a"}\nQuestion: {question}\n')
    with load_agent(file) as agent:
        episode = Episode("Who is <answer>?", agent.pool.cards, agent.limits, prompt=agent.prompt)
    (message,) = episode.opening
    assert message["content"] == '{"LLM": "a"}\nQuestion: Who is &lt;answer>?\n'
    (tmp_path / "words.txt").unlink()
    with pytest.raises(ConfigError, match=r"words\.txt: cannot be read: No such file"):
        load_agent(file)


def test_an_agent_with_this_prompt_has_its_limits() -> None:
    policy = ScriptedPolicy([SEARCH, "<think>So.</think><answer>Jane Austen</answer>"])
    pool = ScriptedPool({NAMES[1]: "Jane Austen."})
    with RouterAgent(policy=policy, pool=pool, prompt=NAME) as agent:
        result = agent.ask("Who wrote Emma?")
    assert agent.limits == PLAIN
    assert result.answer == "Jane Austen"
    observed = [turn.observation for turn in result.trace.turns]
    assert observed == ["<information>Jane Austen.</information>", ""]
    assert [turn.observation for turn in result.trace.replay().turns] == observed
