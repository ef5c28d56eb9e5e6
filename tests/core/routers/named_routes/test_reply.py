"""Replies: JSON or XML with a route there is; anything else is no choice, and the reason is said."""

import pytest

from router_r1.routers.named_routes import RouteReply, read_reply

NAMES = ("code", "contract law")


@pytest.mark.parametrize(
    "reply",
    [
        '{"route": "contract law"}',
        ' {"route":\n"contract law"}\n',
        '```json\n{"route": "contract law"}\n```',
        '<think>code? {"route": "code"}</think>{"route": "contract law"}',
        "<route>contract law</route>",
        "<route> contract law </route>",
        '<route name="contract law"/>',
        "<route name='contract law'></route>",
    ],
)
def test_json_and_xml_are_read(reply: str) -> None:
    assert read_reply(reply, NAMES) == RouteReply("contract law")


@pytest.mark.parametrize("reply", ['{"route": "other"}', "<route>other</route>"])
def test_other_is_no_route_and_no_problem(reply: str) -> None:
    assert read_reply(reply, NAMES) == RouteReply(None)


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("", "empty"),
        ("<think>hm</think>", "empty"),
        ("code", "neither JSON nor XML"),
        ('The route is {"route": "code"}', "neither JSON nor XML"),
        ('{"route": "code"} because', "not valid JSON"),
        ('{"route": "code"', "not valid JSON"),
        ("{'route': 'code'}", "not valid JSON"),
        ('{"route": "code", "route": "code"}', "not valid JSON"),
        ('{"route": "code", "why": "x"}', "one key"),
        ('{"Route": "code"}', "one key"),
        ('{"route": ["code"]}', "not a text"),
        ('{"route": null}', "not a text"),
        ('{"route": "Code"}', "no route 'Code'"),
        ('{"route": "poems"}', "no route 'poems'"),
        ("<route>code</route><route>code</route>", "neither JSON nor XML"),
        ("<route>poems</route>", "no route 'poems'"),
        ("<route>code", "neither JSON nor XML"),
    ],
)
def test_anything_else_is_no_choice_and_says_why(reply: str, problem: str) -> None:
    found = read_reply(reply, NAMES)
    assert found.route is None
    assert problem in found.problem
