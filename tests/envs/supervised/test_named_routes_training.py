"""`train named-routes` on a tiny checkpoint: both stages, what is learned, the report, and what is refused."""

import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from router_r1.conversation import Conversation  # noqa: E402
from router_r1.errors import ConfigError  # noqa: E402
from router_r1.routers.named_routes import (  # noqa: E402
    Decision,
    NamedRoutes,
    Route,
    RoutesFile,
    load_routes,
    route_messages,
    written,
)
from router_r1_envs.supervised.named_routes_examples import RoutedQuestion  # noqa: E402
from router_r1_envs.supervised.named_routes_held_out import wilson  # noqa: E402
from router_r1_envs.supervised.named_routes_training import (  # noqa: E402
    NamedRoutesConfig,
    end_id,
    preferences,
    to_example,
)
from router_r1_envs.supervised.small_policy import (  # noqa: E402
    make_model,
    make_tokenizer,
    save_policy,
)

ROUTES = """
routes:
  - {name: red, description: warm}
  - {name: blue, description: cold}
map: {red: small, blue: large}
default: small
max_reply_tokens: 24
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a checkpoint of one layer, a routes file, and examples: `fire` is red, `ice` is blue."""
    folder = tmp_path_factory.mktemp("named-routes")
    (folder / "routes.yaml").write_text(ROUTES)
    rows = [
        {
            "question": f"{('fire ', 'ice ')[n % 2] * 12}{n}",
            "route": ("red", "blue")[n % 2],
            "id": str(n),
        }
        for n in range(60)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    routes = load_routes(folder / "routes.yaml")
    texts = [
        route_messages(routes, Conversation.read([{"role": "user", "content": row["question"]}]))[0]["content"]
        + written(row["route"])
        for row in rows
    ]  # fmt: skip
    tokenizer = make_tokenizer(texts)
    save_policy(
        make_model(tokenizer, hidden=64, layers=2, heads=2, seed=1), tokenizer, folder / "tiny"
    )
    return folder


@pytest.fixture
def train(router_r1, place, tmp_path):
    def run(*options, out=tmp_path / "out"):
        few = ("--learn", "held_out=16", "--sft", "batch_size=8", "--dpo", "batch_size=8")
        files = ("--routes", place / "routes.yaml", "--examples", place / "rows.jsonl")
        router_r1(
            "train",
            "named-routes",
            place / "tiny",
            *files,
            "--out",
            out,
            "--threads",
            1,
            *few,
            *options,
        )
        return json.loads((out / "report.json").read_text())

    return run


def test_both_stages_learn_the_routes(train, place, tmp_path) -> None:
    report = train(
        "--sft", "epochs=16", "--sft", "learning_rate=0.005", "--learn", "max_pairs=16", "--before"
    )
    stages = report["stages"]
    assert list(stages) == ["before", "sft", "dpo"]
    assert stages["before"]["held_out"]["unreadable"] == 1.0
    for stage in ("sft", "dpo"):
        figures = stages[stage]["held_out"]
        assert figures["accuracy"] > 0.9 and figures["unreadable"] == 0
        low, high = figures["interval"]
        assert figures["chance"] == 0.5 < low < figures["accuracy"] <= high
    assert stages["sft"]["losses"][-1] < 0.2 * stages["sft"]["losses"][0]
    assert (report["examples"], report["pairs"]["all"]) == (44, 16)
    pairs = [json.loads(line) for line in (tmp_path / "out/pairs.jsonl").read_text().splitlines()]
    assert all(pair["better"] != pair["worse"] for pair in pairs)
    # The result is a checkpoint that `NamedRoutes` uses, with any map.
    routes = load_routes(place / "routes.yaml").with_map({"red": "another"})
    router = NamedRoutes.of_checkpoint(routes, tmp_path / "out/dpo", dtype="float32", device="cpu")
    assert [router.decide_now(text).model for text in ("fire " * 12 + "3", "ice " * 12 + "4")] == [
        "another",
        "small",
    ]
    router.close()
    # Finished: started again, it is left as it is; other settings are refused.
    assert (
        train(
            "--sft",
            "epochs=16",
            "--sft",
            "learning_rate=0.005",
            "--learn",
            "max_pairs=16",
            "--before",
        )
        == report
    )
    with pytest.raises(ConfigError, match="was started with another"):
        train("--sft", "epochs=1")


def test_the_second_stage_can_be_left_out(train, tmp_path) -> None:
    report = train("--learn", "max_pairs=0", "--sft", "epochs=1")
    assert list(report["stages"]) == ["sft"] and not (tmp_path / "out/dpo").exists()
    assert report["checkpoint"].endswith("sft")


def test_an_example_learns_the_reply_and_its_end_alone(place) -> None:
    from collections import Counter

    from router_r1.policies.checkpoint import load_checkpoint

    tokenizer, _ = load_checkpoint(place / "tiny")
    routes = load_routes(place / "routes.yaml")
    left_out: Counter[str] = Counter()
    example = to_example(routes, "ice 4", written("blue"), tokenizer, 999, left_out)
    learned = [i for i, learn in zip(example.ids, example.mask, strict=True) if learn]
    assert tokenizer.decode(learned[:-1]).strip() == written("blue")
    assert learned[-1] == end_id(tokenizer) == tokenizer.eos_token_id
    assert to_example(routes, "ice 4", written("blue"), tokenizer, 9, left_out) is None
    assert left_out == {"longer than max_tokens": 1}


def test_pairs_are_own_errors_first_and_never_between_equally_good_routes() -> None:
    routes = RoutesFile(
        routes=tuple(Route(name=n, description=n) for n in ("a", "b", "c")), default="m"
    )
    rows = [
        RoutedQuestion(question="1", route="a"),  # right: a drawn route is worse
        RoutedQuestion(question="2", route="a"),  # unreadable
        RoutedQuestion(question="3", route="a", worse=("b",)),  # `c` is as good
        RoutedQuestion(question="4", route="a", worse=("b",)),  # wrong
        RoutedQuestion(question="5", route="a", worse=()),  # all equal: no pair
    ]
    replies = [("a", ""), (None, "odd"), ("c", ""), ("b", ""), ("c", "")]
    decisions = [Decision(r, "m", written(r) if r else "???", p) for r, p in replies]
    found = preferences(rows, decisions, routes, NamedRoutesConfig())
    assert [(q, w) for q, _, w in found[:2]] == [("2", "???"), ("4", written("b"))]
    assert {q for q, _, _ in found[2:]} == {"1", "3"}
    assert {q: w for q, _, w in found}["3"] == written("b")
    assert all(better == written("a") for _, better, _ in found)
    assert len(preferences(rows, decisions, routes, NamedRoutesConfig(max_pairs=1))) == 1


def test_the_interval_of_a_share() -> None:
    # Wilson's interval for 8 of 10, as tables have it.
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=0.001)
    assert wilson(0, 10)[0] == 0.0 and wilson(10, 10)[1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--table", "x"), "give either --table"),
        (("--labels", "best"), "expected category or oracle, got 'best'"),
        (("--oracle", "wrong=1"), "--oracle is for --table with --labels oracle"),
        (("--learn", "held_out=60"), "of 60 distinct questions 60 are held out"),
        (("--sft", "max_tokens=9"), "all 44 examples have more than 9 tokens"),
        (("--sft", "method=qlora"), "needs a GPU"),
        (("--dpo", "betta=1"), "did you mean beta"),
    ],
)
def test_bad_options_are_errors(train, options, message: str) -> None:
    if "qlora" in str(options) and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ConfigError, match=message):
        train(*options)
