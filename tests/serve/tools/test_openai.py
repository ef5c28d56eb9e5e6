"""Helpers of OpenAI's Python client that read replies for the caller: parsed objects, and images in Responses.

Its plain calls (chat, streams, tools, images, Responses) are tested in `tests/serve/test_agent_chat.py` and
`tests/serve/test_other_clients.py`.
"""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from gateway_process import GatewayProcess
from moons import ARNA, PIXEL, PIXEL_SEEN
from pydantic import BaseModel
from serving import LARGE

pytestmark = pytest.mark.parametrize("model", ["router-r1", "router-r1:best", LARGE])


class Width(BaseModel):
    """Width of a moon."""

    moon: str
    km: int


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key="none", max_retries=0) as client:
        yield client


def test_parsed_chat_completion(client: openai.OpenAI, gateway: GatewayProcess, model: str) -> None:
    asked: Any = {"model": model, "messages": [{"role": "user", "content": "How wide is Arna?"}]}
    completion = client.chat.completions.parse(**asked, response_format=Width)
    assert completion.choices[0].message.parsed == Width(moon="Arna", km=612)
    with client.chat.completions.stream(**asked, response_format=Width) as stream:
        streamed = stream.get_final_completion()
    assert streamed.choices[0].message.parsed == Width(moon="Arna", km=612)
    for body in gateway.received:
        assert body["response_format"]["json_schema"]["strict"] is True
        assert "moon" in body["response_format"]["json_schema"]["schema"]["properties"]


def test_parsed_response(client: openai.OpenAI, model: str) -> None:
    response = client.responses.parse(model=model, input="How wide is Arna?", text_format=Width)
    assert response.output_parsed == Width(moon="Arna", km=612)


def test_parsed_arguments_of_a_tool(client: openai.OpenAI, model: str) -> None:
    completion = client.chat.completions.parse(
        model=model,
        messages=[{"role": "user", "content": "How wide is Arna?"}],
        tools=[openai.pydantic_function_tool(Width)],
    )
    calls = completion.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.parsed_arguments == Width(moon="Arna", km=612)


def test_an_image_in_a_response(client: openai.OpenAI, model: str) -> None:
    question: Any = [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
    ]
    response = client.responses.create(model=model, input=[{"role": "user", "content": question}])
    assert response.output_text == PIXEL_SEEN


def test_a_conversation_goes_on(client: openai.OpenAI, model: str) -> None:
    first = client.responses.create(model=model, input="How wide is Arna?")
    history: Any = [
        {"role": "user", "content": "How wide is Arna?"},
        *[item.model_dump(exclude_none=True) for item in first.output],
        {"role": "user", "content": "Are you sure?"},
    ]
    assert client.responses.create(model=model, input=history).output_text == ARNA
