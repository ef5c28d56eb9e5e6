"""Named routes as models of the gateway: a candidate reads the routes, the map says who answers."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from serving import LARGE, SMALL, Serve, agent_file

from router_r1.config import validate
from router_r1.errors import ConfigError
from router_r1.serve.settings import ServeSettings
from router_r1.serve.start import Opened, Plan, load_gateway
from router_r1.testing.loopback_server import Exchange, Served, chat_reply, usage

ROUTES = {
    "routes": [
        {"name": "sums", "description": "Arithmetic"},
        {"name": "moons", "description": "Astronomy"},
    ],
    "map": {"sums": SMALL, "moons": LARGE},
    "default": SMALL,
}
AGENT = {"serve": {"named_routes": {"topics": {"routes": "routes.yaml", "candidate": SMALL}}}}


def handle(exchange: Exchange) -> Served:
    """As the reader of routes, and as the candidate that answers."""
    text = str(exchange.body["messages"][-1]["content"])
    if "<routes>" not in text:
        return Served(chat_reply(f"by {exchange.body['model']}", usage=usage(1, 1)))
    assert exchange.body["model"] == SMALL
    asked = text.partition("<conversation>")[2]
    reply = '{"route": "moons"}' if "moon" in asked else "<route>sums</route>"
    return Served(chat_reply("moons!" if "planet" in asked else reply, usage=usage(50, 5)))


def test_the_map_says_who_answers_and_the_reading_is_booked(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "routes.yaml").write_text(yaml.safe_dump(ROUTES))
    with serve(handle, agent=AGENT) as serving:
        client = serving.client()
        assert "router:topics" in [model.id for model in client.models.list()]
        for question, best, why in (
            ("Which moon is widest?", LARGE, "route moons"),
            ("What is 2 + 3?", SMALL, "route sums"),
            ("Which planet?", SMALL, "the default, because the reply is neither JSON nor XML"),
        ):
            messages: Any = [{"role": "user", "content": question}]
            raw = client.chat.completions.with_raw_response.create(
                model="router:topics", messages=messages
            )
            assert raw.parse().choices[0].message.content == f"by {best}"
            assert raw.headers["x-router-r1-route"] == best
            calls = serving.receipt(raw.headers["x-request-id"])["hops"]
            assert [call["role"] for call in calls] == ["policy", "candidate"]
            dry: Any = client.post(
                "/route", cast_to=object, body={"model": "router:topics", "messages": messages}
            )
            assert dry["calls"][0]["model"] == best and dry["why"].startswith(why)
        # Only the large one reads images, whatever its route is.
        image: Any = [
            {"type": "text", "text": "What is 2 + 3?"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ]
        reply = client.chat.completions.create(
            model="router:topics", messages=[{"role": "user", "content": image}]
        )
        assert reply.choices[0].message.content == f"by {LARGE}"


@pytest.mark.parametrize(
    ("routes", "message"),
    [
        (ROUTES | {"default": "huge"}, "topics: a route leads to 'huge', and the candidates are"),
        (ROUTES | {"map": {"poems": SMALL}}, "topics: .*routes.yaml: .*there is no route 'poems'"),
    ],
)
def test_a_bad_routes_file_ends_the_start(
    tmp_path: Path, routes: dict[str, Any], message: str
) -> None:
    (tmp_path / "routes.yaml").write_text(yaml.safe_dump(routes))
    path = agent_file(tmp_path, "http://127.0.0.1:9/v1", {"agent": AGENT})
    opened = Opened()
    with pytest.raises(ConfigError, match=message):
        load_gateway(Plan(str(path)), opened)
    asyncio.run(opened.aclose())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"named_routes": {"a": {"routes": "r.yaml"}}}, "give either checkpoint or candidate"),
        (
            {
                "named_routes": {"a": {"routes": "r.yaml", "candidate": "x"}},
                "routers": {"a": {"kind": "knn", "table": "t", "worth_usd": 1}},
            },
            "routers and named_routes both have 'a'",
        ),
    ],
)
def test_settings_that_do_not_fit_together(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(ServeSettings, given, "serve")
