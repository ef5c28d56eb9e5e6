"""Chat templates that think by themselves, state the date, or refuse system messages: settings, and what is said."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from router_r1 import (
    Episode,
    Limits,
    ModelCard,
    OpenAIPolicy,
    Price,
    RouterAgent,
    TransformersPolicy,
)
from router_r1.agent_file import load_agent
from router_r1.errors import ConfigError
from router_r1.policies import token_ids
from router_r1.policies.checkpoint import load_checkpoint
from router_r1.testing import Exchange, LoopbackServer, ScriptedPool, Served, chat_reply, usage

CARDS = (ModelCard(name="a", price=Price(input=1, output=1)),)
ANSWER = "<think>Fine.</think><answer>4</answer>"
TURNS = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}"
ENDING = "{% if add_generation_prompt %}[assistant]{% endif %}"
THINKS = TURNS + ENDING + "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
DATED = "{{ day if day is defined else strftime_now('%d %B %Y') }}" + TURNS + ENDING
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('only users here') }}{% endif %}"
    + TURNS
    + ENDING
)
NO_OPENING = "{{ raise_exception('closed') }}"

Save = Callable[[str], Path]


@pytest.fixture
def save(checkpoint: Path, tmp_path: Path) -> Save:
    """Saves the tiny checkpoint with another chat template."""

    def copy(template: str) -> Path:
        folder = tmp_path / "other"
        shutil.copytree(checkpoint, folder)
        (folder / "chat_template.jinja").write_text(template)
        return folder

    return copy


def prompt_of(policy: TransformersPolicy) -> str:
    """The prompt of an episode's first turn."""
    ids = policy.prompt_ids(Episode("What is 2+2?", CARDS))
    text: str = policy._tokenizer.decode(ids)
    return text


def test_a_variable_of_the_template_switches_its_own_thinking_off(save: Save) -> None:
    folder = save(THINKS)
    assert prompt_of(TransformersPolicy(folder)).endswith("[assistant]")
    quiet = TransformersPolicy(folder, chat_template_kwargs={"enable_thinking": False})
    assert prompt_of(quiet).endswith("[assistant]<think>\n\n</think>\n\n")


def test_an_agent_file_has_the_settings(save: Save, tmp_path: Path) -> None:
    save(THINKS)
    (tmp_path / "pool.yaml").write_text(
        "endpoints: {l: {base_url: 'http://127.0.0.1:1/v1'}}\n"
        "candidates: [{name: a, endpoint: l, price: {input: 1, output: 1}}]\n"
    )
    agent_file = tmp_path / "agent.yaml"
    agent_file.write_text(
        "pool: pool.yaml\npolicy: {kind: transformers, path: other, price: {input: 0, output: 0},\n"
        "  chat_template_kwargs: {enable_thinking: false}}\n"
    )
    with load_agent(agent_file) as agent:
        assert isinstance(agent.policy, TransformersPolicy)
        assert prompt_of(agent.policy).endswith("</think>\n\n")
    agent_file.write_text(
        "pool: pool.yaml\npolicy: {kind: openai, base_url: 'http://127.0.0.1:1/v1', model: m, system_role: merge,\n"
        "  price: {input: 0, output: 0}, chat_template_kwargs: {enable_thinking: false}}\n"
    )
    load_agent(agent_file).close()


def test_a_template_that_states_the_date_is_warned_about_until_the_date_is_fixed(
    save: Save, caplog: pytest.LogCaptureFixture
) -> None:
    folder = save(DATED)
    with caplog.at_level(logging.WARNING):
        load_checkpoint(folder)
    (record,) = caplog.records
    assert "today's date" in record.getMessage() and "chat_template_kwargs" in record.getMessage()
    caplog.clear()
    policy = TransformersPolicy(folder, chat_template_kwargs={"day": "26 July 2024"})
    assert not caplog.records
    assert prompt_of(policy).startswith("26 July 2024[system]")


def test_a_template_without_a_system_role_reads_the_rules_in_the_users_message(save: Save) -> None:
    prompt = prompt_of(TransformersPolicy(save(NO_SYSTEM)))
    system, user = (message["content"] for message in Episode("What is 2+2?", CARDS).opening)
    assert prompt == f"[user]{system}\n\n{user}[assistant]"


def test_a_template_that_takes_no_opening_is_refused_when_it_is_loaded(save: Save) -> None:
    folder = save(NO_OPENING)
    with pytest.raises(ConfigError, match=r"refuses the opening .*closed") as caught:
        load_checkpoint(folder)
    assert str(caught.value).startswith(str(folder)) and "\n" not in str(caught.value)


# --- servers


def bodies(policy_options: dict[str, Any], mode: str = "chat") -> list[dict[str, Any]]:
    """The requests of one question, by a server that takes chats, or token ids of one character each."""

    def handle(exchange: Exchange) -> Served:
        if exchange.path == "/tokenize":
            return Served({"tokens": [1, 2, 3]})
        if exchange.path == "/v1/completions":
            choice = {"index": 0, "text": ANSWER, "finish_reason": "stop", "token_ids": [4]}
            return Served({"choices": [choice], "usage": usage(3, 1)})
        return Served(chat_reply(ANSWER, usage=usage(100, 10)))

    with LoopbackServer(handle) as server:
        policy = OpenAIPolicy(server.base_url, "m", mode=mode, **policy_options)  # type: ignore[arg-type]
        with RouterAgent(policy=policy, pool=ScriptedPool({"a": "4"}), limits=Limits()) as agent:
            assert agent.ask("What is 2+2?").answer == "4"
        return [exchange.body for exchange in server.exchanges]


def test_a_server_gets_the_variables_of_the_template_with_each_chat() -> None:
    (body,) = bodies({"chat_template_kwargs": {"enable_thinking": False}})
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    (body,) = bodies({})
    assert "chat_template_kwargs" not in body


def test_in_native_mode_only_the_server_that_renders_the_opening_gets_them() -> None:
    options = {"chat_template_kwargs": {"enable_thinking": False}, "system_role": "merge"}
    tokenize, complete = bodies(options, mode="native")
    assert tokenize["chat_template_kwargs"] == {"enable_thinking": False}
    assert [message["role"] for message in tokenize["messages"]] == ["user"]
    assert "chat_template_kwargs" not in complete


def test_a_server_that_refuses_system_messages_can_be_given_none() -> None:
    (body,) = bodies({"system_role": "merge"})
    (message,) = body["messages"]
    assert message["role"] == "user"
    assert message["content"].startswith("You answer a question") and "2+2" in message["content"]


def test_the_settings_are_known_to_opening_ids() -> None:
    """Training and supervision pass them on to this function, so all of them read the same opening."""

    class Echo:
        def apply_chat_template(self, messages: Any, **options: Any) -> list[int]:
            self.options = options
            return [0]

    echo = Echo()
    token_ids.opening_ids(echo, ({"role": "user", "content": "x"},), {"date_string": "1 May"})
    assert echo.options["date_string"] == "1 May"
