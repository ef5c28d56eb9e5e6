"""The routes file: what is accepted, what is refused, and where routes lead."""

import pytest

from router_r1.conversation import Conversation
from router_r1.errors import ConfigError
from router_r1.routers.named_routes import RoutesFile, load_routes, route_messages

TEXT = """
routes:
  - {name: code, description: "Writing programs"}
  - {name: contract law, description: "Contracts and courts"}
map: {code: coder}
default: small
"""


def loaded(tmp_path, text: str = TEXT) -> RoutesFile:
    path = tmp_path / "routes.yaml"
    path.write_text(text)
    return load_routes(path)


def test_a_route_leads_to_its_candidate_and_anything_else_to_the_default(tmp_path) -> None:
    routes = loaded(tmp_path)
    assert routes.names == ("code", "contract law")
    assert [routes.model_of(r) for r in ("code", "contract law", None)] == [
        "coder",
        "small",
        "small",
    ]
    assert routes.models == ("coder", "small")


def test_the_map_changes_and_the_prompt_does_not(tmp_path) -> None:
    routes = loaded(tmp_path)
    changed = routes.with_map({"code": "small", "contract law": "large"}, default="tiny")
    asked = Conversation.read([{"role": "user", "content": "Fix my loop."}])
    assert route_messages(changed, asked) == route_messages(routes, asked)
    assert changed.models == ("small", "large", "tiny")
    assert routes.model_of("code") == "coder"
    with pytest.raises(
        ConfigError, match="there is no route 'poems'; the routes are code, contract law"
    ):
        routes.with_map({"poems": "small"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("contract law", "Code", "two routes are called 'Code'; rename one"),
        ("contract law", "Other", "'other' is what a model replies where no route fits"),
        ("contract law", "<law>", "a route's name has 1 to 64 letters"),
        ("{code: coder}", "{poems: coder}", "map: there is no route 'poems'"),
        ("default: small", "", "default: it is required"),
        ("Contracts and courts", "", "description"),
        ("default: small", "default: small\nwindow: 3", "window: no such field"),
    ],
)
def test_a_bad_file_says_what_is_wrong(tmp_path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        loaded(tmp_path, TEXT.replace(old, new))
    assert "\n" not in str(error.value)
