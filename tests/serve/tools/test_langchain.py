"""LangChain (`langchain-openai`) with the agent and a candidate: calls, streams, tools, structured output, Responses.

`scripts/checks/clients.sh` installs it and runs this.
"""

from functools import reduce
from operator import add
from typing import Any

import pytest
from gateway_process import GatewayProcess
from moons import ARNA, BESK, PIXEL, PIXEL_SEEN, RAIN
from pydantic import BaseModel
from serving import LARGE

pytest.importorskip(
    "langchain_openai",
    reason="langchain-openai is not installed; scripts/checks/clients.sh runs this",
)

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

QUESTION = "How wide is Arna?"
MODELS = ["router-r1", "router-r1:cheap", LARGE]
each_model = pytest.mark.parametrize("model", MODELS)


class Width(BaseModel):
    """Width of a moon."""

    moon: str
    km: int


def weather(city: str) -> str:
    """The weather of a city."""
    return f"rain in {city}"


def chat(gateway: GatewayProcess, model: str, **options: Any) -> ChatOpenAI:
    """The model as LangChain has it."""
    return ChatOpenAI(
        model=model, base_url=gateway.base_url, api_key="none", max_retries=0, **options
    )


def tokens(message: AIMessage) -> int:
    """The tokens that a reply reports."""
    assert message.usage_metadata is not None
    return message.usage_metadata["total_tokens"]


@each_model
def test_invoke_and_batch(gateway: GatewayProcess, model: str) -> None:
    options: dict[str, Any] = {"temperature": 0.2, "max_tokens": 50, "seed": 7, "stop": ["STOP"]}
    reply = chat(gateway, model, **options).invoke(QUESTION)
    assert reply.content == ARNA
    assert tokens(reply) == (50 if model == LARGE else 270)
    sent = gateway.received[-1]
    assert (sent["temperature"], sent["seed"], sent["stop"]) == (0.2, 7, ["STOP"])
    assert sent.get("max_completion_tokens", sent.get("max_tokens")) == 50
    both = chat(gateway, model).batch([QUESTION, "How wide is Besk?"])
    assert [each.content for each in both] == [ARNA, BESK]


@each_model
def test_streams(gateway: GatewayProcess, model: str) -> None:
    llm = chat(gateway, model, stream_usage=True)
    chunks = list(llm.stream(QUESTION))
    assert "".join(chunk.text for chunk in chunks) == ARNA
    assert tokens(reduce(add, chunks)) == (50 if model == LARGE else 270)


async def test_asynchronous_streams(gateway: GatewayProcess) -> None:
    # All in one test: LangChain shares one asynchronous client among its models, which is bound to an event loop.
    for model in MODELS:
        chunks = [chunk async for chunk in chat(gateway, model).astream(QUESTION)]
        assert "".join(chunk.text for chunk in chunks) == ARNA


@each_model
@pytest.mark.parametrize("choice", [None, "any", "weather"])
def test_bind_tools(gateway: GatewayProcess, model: str, choice: str | None) -> None:
    llm = chat(gateway, model).bind_tools([weather], tool_choice=choice, parallel_tool_calls=False)
    called = llm.invoke("How is the weather in Oslo?")
    assert [(c["name"], c["args"]) for c in called.tool_calls] == [("weather", {"city": "Oslo"})]
    streamed = reduce(add, llm.stream("How is the weather in Oslo?"))
    assert streamed.tool_calls == called.tool_calls
    result = ToolMessage(weather("Oslo"), tool_call_id=called.tool_calls[0]["id"])
    history = [HumanMessage("How is the weather in Oslo?"), called, result]
    assert llm.invoke(history).content == RAIN


@each_model
@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_structured_output(gateway: GatewayProcess, model: str, method: Any) -> None:
    llm = chat(gateway, model).with_structured_output(Width, method=method)
    assert llm.invoke(f"{QUESTION} Reply in JSON.") == Width(moon="Arna", km=612)
    assert list(llm.stream(f"{QUESTION} Reply in JSON."))[-1] == Width(moon="Arna", km=612)


@each_model
def test_an_image(gateway: GatewayProcess, model: str) -> None:
    image = {"type": "image", "base64": PIXEL.partition(",")[2], "mime_type": "image/png"}
    message = HumanMessage([{"type": "text", "text": "What is this?"}, image])
    assert chat(gateway, model).invoke([message]).content == PIXEL_SEEN
    assert gateway.received[-1]["messages"][-1]["content"][1]["image_url"]["url"] == PIXEL


@each_model
def test_responses(gateway: GatewayProcess, model: str) -> None:
    llm = chat(gateway, model, use_responses_api=True)
    first = llm.invoke(QUESTION)
    assert first.text == ARNA
    assert reduce(add, llm.stream(QUESTION)).text == ARNA
    assert llm.invoke([HumanMessage(QUESTION), first, HumanMessage("Besk?")]).text == BESK
    (call,) = llm.bind_tools([weather]).invoke("How is the weather in Oslo?").tool_calls
    assert call["args"] == {"city": "Oslo"}


def test_embeddings(gateway: GatewayProcess) -> None:
    # Without a name that tiktoken knows, the text must go as text instead of tokens.
    options: Any = {"base_url": gateway.base_url, "api_key": "none"}
    embeddings = OpenAIEmbeddings(model="vectors", check_embedding_ctx_length=False, **options)
    assert embeddings.embed_query("Arna") == [0.5, 0.25]
