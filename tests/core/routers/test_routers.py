"""One-shot routers: they learn from score vectors which model is good at what, and weigh that against its cost."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec

import numpy as np
import pytest

from router_r1 import routers
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.routers.cascade.base import Cascade
from router_r1.routers.traffic.capacity import utilities

SETTINGS = {
    "knn": {"k": 20},
    "kmeans": {"clusters": 2},
    "embedllm": {"penalty": 2.0},
    "irt": {"penalty": 2.0},
    "graphrouter": {"steps": 50},
    "routoo": {"steps": 200},
    "mlp": {"nets": "each", "passes": 80},
}
"""Of routers that need others than the defaults on a table of 120 questions."""
BLIND = ("elo", "question_length")
"""Routers that do not read the words of a question."""


@pytest.fixture(scope="module", autouse=True)
def tiny_backbones(request):
    """Gives the routers that fine-tune a model a tiny one, where its libraries are installed."""
    for name, fixture in (("bert", "tiny_encoder"), ("causal_lm", "tiny_language_model")):
        if find_spec("torch") and find_spec("transformers"):
            backbone = str(request.getfixturevalue(fixture))
            trained = {"layers": 9, "learning_rate": 3e-3, "epochs": 12}
            SETTINGS[name] = {"backbone": backbone, **trained}


@pytest.fixture(scope="module", params=routers.names())
def router(request, topic_table):
    if request.param != "label":
        pytest.importorskip("sklearn")
    return make(request.param).fit(topic_table(0))


def make(name: str) -> routers.Router:
    return routers.make(name, **SETTINGS.get(name, {}))


def wanted(table: OutcomeTable) -> list[str]:
    return ["lawyer" if q.category == "law" else "solver" for q in table.questions]


def test_it_learns_which_model_is_good_at_what(router, topic_table) -> None:
    if router.name in BLIND:
        pytest.skip("does not read words")
    unseen = topic_table(1)
    scores = router.scores(unseen.questions)
    assert scores.shape == (120, 2)
    assert router.models == ("lawyer", "solver")
    if isinstance(router, Cascade):  # what it asks first need not be what it answers with
        ((found, _),) = router.replay(unseen, unseen.questions, [float("inf")])
        assert found.mean() > 0.8
        return
    chosen = router.choose(unseen.questions, float("inf"))
    assert np.mean([a == b for a, b in zip(chosen, wanted(unseen), strict=True)]) > 0.95
    law = np.array([q.category == "law" for q in unseen.questions])
    assert scores[law].mean(0) == pytest.approx((0.9, 0.2), abs=0.12)


def test_it_pays_for_the_expensive_model_only_what_a_better_answer_is_worth(
    router, topic_table
) -> None:
    if router.name in BLIND:
        pytest.skip("does not read words")
    questions = topic_table(1).questions
    assert router.costs(questions)[0].tolist() == pytest.approx([0.0002, 0.002])
    if isinstance(router, Cascade):
        _, least = router.replay(topic_table(1), questions, [0.0, 1.0])[0]
        assert set(least.tolist()) == {0.0002}
        return
    # In mathematics `solver` is right 0.7 more often, and costs $0.0018 more.
    assert set(router.choose(questions, 0.0018 / 0.7 / 2)) == {"lawyer"}
    assert set(router.choose(questions, 0.0018 / 0.7 * 2)) == {"lawyer", "solver"}
    assert set(router.choose(questions, 0)) == {"lawyer"}


def test_the_same_table_gives_the_same_router(router, topic_table) -> None:
    questions = topic_table(1).questions
    again = make(router.name).fit(topic_table(0))
    assert np.array_equal(again.scores(questions), router.scores(questions))


def test_unknown_words_and_categories_get_a_prediction(router) -> None:
    odd = [
        Question(id="x", question="Xyzzy plugh?", answer="1", metric="em", category="magic"),
        Question(id="y", question="!?", answer="1", metric="em"),
    ]
    scores = router.scores(odd)
    assert scores.shape == (2, 2)
    assert np.isfinite(scores).all()
    assert len(router.choose(odd, 1.0)) == 2
    assert router.choose([], 1.0) == []


@pytest.mark.parametrize("name", routers.names())
def test_a_handful_of_questions_is_enough(name, topic_table) -> None:
    if name != "label":
        pytest.importorskip("sklearn")
    few = topic_table(0, 3)
    scores = make(name).fit(few).scores(few.questions)
    assert scores.shape == (3, 2)
    assert np.isfinite(scores).all()


def test_a_category_without_training_questions_gets_the_overall_mean(topic_table) -> None:
    table = topic_table(0)
    rare = Question(id="r", question="?", answer="1", metric="em", category="rare")
    fitted = routers.make("label").fit(table)
    overall = np.mean(
        [[table.outcome(q.id, n).score for n in table.names] for q in table.questions], 0
    )
    assert fitted.scores([rare])[0] == pytest.approx(overall)


def test_samples_are_averaged_and_questions_with_empty_cells_are_left_out(topic_table) -> None:
    table = topic_table(0)
    first = table.questions[0].id
    rows = [o for o in table if not (o.id == first and o.model == "solver")]
    second = [o.model_copy(update={"sample": 1, "score": 0.0}) for o in rows]
    fitted = routers.make("label", prior=0).fit(
        OutcomeTable(table.cards, table.questions, [*rows, *second])
    )
    law = [q for q in table.questions if q.category == "law" and q.id != first]
    mean = np.mean([[table.outcome(q.id, n).score for n in table.names] for q in law], 0)
    assert fitted.scores(law[:1])[0] == pytest.approx(mean / 2)
    alone = [o for o in table if o.model == "lawyer"]
    with pytest.raises(DataError, match="no question has an outcome of every model"):
        routers.make("label").fit(OutcomeTable(table.cards, table.questions, alone))


def test_equal_predictions_go_to_the_cheaper_model(topic_table) -> None:
    table = topic_table(0)
    same = [o.model_copy(update={"score": 0.5}) for o in table]
    cards = tuple(reversed(table.cards))
    fitted = routers.make("label").fit(OutcomeTable(cards, table.questions, same))
    assert set(fitted.choose(table.questions, float("inf"))) == {"lawyer"}


def test_unknown_names_settings_and_values_are_errors(topic_table) -> None:
    with pytest.raises(
        ConfigError, match=r"there is no router 'best'; choose one of .*kmeans, .*linear"
    ):
        routers.make("best")
    with pytest.raises(ConfigError, match=r"router 'label': .*unexpected"):
        routers.make("label", k=3)
    unfitted = routers.make("label")
    with pytest.raises(ConfigError, match="is not fitted"):
        unfitted.scores([])
    fitted = unfitted.fit(topic_table(0))
    for willingness_to_pay in (-1.0, float("nan")):
        with pytest.raises(ConfigError, match="dollars of 0 or more"):
            fitted.choose([], willingness_to_pay)


def test_a_name_with_settings_makes_a_router(topic_table) -> None:
    table = topic_table(0)
    three_clusters = routers.from_text("kmeans:clusters=3,seed=1").fit(table)
    assert (
        three_clusters.scores(table.questions)
        == routers.make("kmeans", clusters=3, seed=1).fit(table).scores(table.questions)
    ).all()
    for text, message in {
        "kmeans:3": "expected NAME:SETTING=VALUE",
        "kmeans:": "expected NAME:SETTING=VALUE",
        "kmeans:clusters=null": "clusters: expected a whole number, got 'null'",
        "kmeans:clusters=2.5": "clusters: expected a whole number, got '2.5'",
        "kmeans:clusters=0": "clusters: expected 1 or more, got '0'",
        "linear:penalty=nan": "penalty: expected a finite number",
        "kmeans:k=3": "unexpected keyword argument 'k'",
        "none": "there is no router 'none'",
    }.items():
        with pytest.raises(ConfigError, match=message):
            routers.from_text(text)


def test_a_saved_router_predicts_the_same(router, topic_table, tmp_path) -> None:
    questions = topic_table(1).questions
    router.save(tmp_path / "saved")
    loaded = routers.load(tmp_path / "saved")
    assert loaded.models == router.models
    assert loaded.settings == router.settings
    assert np.array_equal(loaded.scores(questions), router.scores(questions))
    assert np.array_equal(loaded.costs(questions), router.costs(questions))
    assert loaded.explain(questions[0]) == router.explain(questions[0])


def test_a_replay_scores_and_pays_what_the_router_asks_for(router, topic_table) -> None:
    table = topic_table(1)
    questions = table.questions[10:40]
    worths = [0.0, 0.002, float("inf")]
    replayed = router.replay(table, questions, worths)
    assert [(s.shape, c.shape) for s, c in replayed] == [((30,), (30,))] * 3
    if isinstance(router, Cascade):
        reading = router.read(table, questions)
        played = [router.play(reading, worth) for worth in worths]
        assert [r[0].tolist() for r in replayed] == [p.score.tolist() for p in played]
        assert [r[1].tolist() for r in replayed] == [p.cost.tolist() for p in played]
        return
    for worth, (scores, costs) in zip(worths, replayed, strict=True):
        chosen = router.choose(questions, worth)
        outcomes = [table.outcome(q.id, m) for q, m in zip(questions, chosen, strict=True)]
        assert scores.tolist() == [o.score for o in outcomes]
        assert costs == pytest.approx([table.cost_usd(o) for o in outcomes])


def test_nothing_heavy_is_imported_to_list_make_and_describe_routers() -> None:
    code = (
        "import sys\n"
        "from router_r1 import routers\n"
        "made = [routers.make(name).settings for name in routers.names()]\n"
        "heavy = {'numpy', 'torch', 'sklearn', 'scipy', 'transformers', 'sentence_transformers'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr


def test_an_explanation_names_the_choice_and_what_it_rests_on(router, topic_table) -> None:
    question = topic_table(1).questions[0]
    explained = router.explain(question)
    assert explained.model == router.choose([question], float("inf"))[0]
    assert set(explained.scores) == set(router.models)
    assert all("\n" not in line for line in explained.because)


def test_a_folder_that_is_no_router_of_this_version_is_an_error(topic_table, tmp_path) -> None:
    with pytest.raises(DataError, match="a saved router is a folder from"):
        routers.load(tmp_path)
    folder = tmp_path / "saved"
    with pytest.raises(ConfigError, match="is not fitted"):
        routers.make("label").save(folder)
    routers.make("label").fit(topic_table(0)).save(folder)
    described = (folder / "router.json").read_text()
    for change, message in {
        described.replace('"format": 1', '"format": 99'): "has format 99, this version reads 1",
        described.replace('"solver"', '"solver", "other"'): "differ; fit the router again",
        described.replace('"prior"', '"priority"'): "unexpected keyword",
        "[]": "has format None",
        "{": "is not JSON",
    }.items():
        (folder / "router.json").write_text(change)
        with pytest.raises((ConfigError, DataError), match=message):
            routers.load(folder)
    (folder / "router.json").write_text(described)
    (folder / "learned.npz").write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match=r"learned\.npz: cannot be read"):
        routers.load(folder)


@pytest.mark.parametrize("name", ["label", "knn", "linear", "kmeans"])
def test_a_model_is_added_from_a_few_questions(name, topic_table) -> None:
    whole, few = topic_table(0), topic_table(3, 40)
    alone = [o for o in whole if o.model == "lawyer"]
    others = [o.model_copy(update={"model": "other", "score": 0.5}) for o in alone]
    cards = (*whole.cards[:1], whole.cards[1].model_copy(update={"name": "other"}))
    fitted = make(name).fit(OutcomeTable(cards, whole.questions, [*alone, *others]))
    fitted.add_model("solver", few)
    assert fitted.models == ("lawyer", "other", "solver")
    unseen = topic_table(1).questions
    maths = [q for q in unseen if q.category == "maths"]
    assert set(fitted.choose(maths, float("inf"))) == {"solver"}
    assert fitted.costs(unseen)[0, 2] == pytest.approx(0.002)
    with pytest.raises(ConfigError, match="knows 'solver' already"):
        fitted.add_model("solver", few)
    with pytest.raises(DataError, match="the pool has no 'stranger'"):
        fitted.add_model("stranger", few)


def test_one_model_is_no_choice(topic_table) -> None:
    table = topic_table(0)
    alone = OutcomeTable(
        table.cards[:1], table.questions, [o for o in table if o.model == "lawyer"]
    )
    with pytest.raises(DataError, match="has one model"):
        routers.make("label").fit(alone)


def test_questions_of_one_word_or_the_same_text_can_be_fitted(topic_table) -> None:
    pytest.importorskip("sklearn")
    table = topic_table(0)
    for text in ("x", "the same words for all"):
        asked = [q.model_copy(update={"question": text}) for q in table.questions]
        fitted = routers.make("knn", k=5).fit(OutcomeTable(table.cards, asked, table))
        assert np.isfinite(fitted.scores(asked[:3])).all()


def test_several_threads_may_use_a_loaded_router_at_once(topic_table, tmp_path) -> None:
    pytest.importorskip("sklearn")
    questions = topic_table(1).questions[:3]
    routers.make("linear").fit(topic_table(0)).save(tmp_path / "saved")
    for _ in range(5):
        loaded = routers.load(tmp_path / "saved")
        with ThreadPoolExecutor(8) as threads:
            found = [s.tolist() for s in threads.map(loaded.scores, [questions] * 8)]
        assert all(scores == found[0] for scores in found)


def test_a_cascade_is_said_to_ask_first_what_it_asks_first(topic_table) -> None:
    pytest.importorskip("sklearn")
    questions = topic_table(1).questions[:20]
    for name in ("routerbench_cascade", "automix", "cascade_routing"):
        fitted = make(name).fit(topic_table(0))
        for worth in (0.001, float("inf")):
            first = [fitted.step(q, {}, worth).ask for q in questions]
            assert fitted.choose(questions, worth) == first


def test_seconds_count_wherever_latency_decides(topic_table) -> None:
    pytest.importorskip("sklearn")
    fitted = routers.make("latency", value_of_a_second=0.0).fit(topic_table(0))
    questions = topic_table(1).questions
    assert set(fitted.choose(questions, float("inf"))) == {"lawyer", "solver"}
    fitted.value_of_a_second = 1.0
    fitted.learned["seconds"] = np.array([1000.0, 0.0])
    assert set(fitted.choose(questions, float("inf"))) == {"solver"}
    assert (utilities(fitted, questions).argmax(1) == 1).all()
    with pytest.raises(ConfigError, match="is a cascade"):
        routers.make("latency", base="frugalgpt").fit(topic_table(0))
