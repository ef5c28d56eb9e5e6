"""The selector finds the planted structure; its network is one of graphs; its loss counts what was run."""

import dataclasses
import math
import subprocess
import sys

import numpy as np
import pytest

from router_r1.errors import ConfigError, DataError
from router_r1.routers.programs import ProgramSelector, ProgramTable, draw_programs
from router_r1.routers.programs.network import Graphs, first_weights, forward
from router_r1.routers.programs.success_rate import (
    best_fixed,
    best_of_shape,
    majority_of_each_type,
    successes,
)

INF = float("inf")


def rate(selector, table) -> float:
    chosen = selector.decide(selector.scores(table.programs), selector.costs(table.programs), INF)
    return float(successes(table, chosen).mean())


def test_it_beats_every_choice_that_sees_neither_question_nor_combination(
    selector, planted
) -> None:
    fit, test = planted
    bars = [
        successes(test, choice(fit, test.programs)).mean()
        for choice in (best_fixed, majority_of_each_type, best_of_shape)
    ]
    assert rate(selector, test) > max(bars) + 0.08
    scores = selector.scores(test.programs)
    # Predicted probabilities are calibrated as a whole.
    assert scores.mean() == pytest.approx(test.outcomes.mean(), abs=0.06)


def test_the_order_of_steps_does_not_matter_and_their_edges_do(selector, planted) -> None:
    long = [p for p in planted[1].programs if len(p.tasks) >= 6][:8]
    turned = [dataclasses.replace(p, tasks=tuple(reversed(p.tasks))) for p in long]
    assert selector.scores(turned) == pytest.approx(selector.scores(long), abs=1e-5)
    cut = [
        dataclasses.replace(p, tasks=tuple(dataclasses.replace(t, inputs=()) for t in p.tasks))
        for p in long
    ]
    assert np.abs(selector.scores(cut) - selector.scores(long)).max() > 1e-3


def test_models_of_absent_types_change_nothing(selector, planted) -> None:
    ask = next(p for p in planted[1].programs if "LOC" not in p.kinds)
    scores = selector.scores([ask]).reshape(4, 4)  # [LOC, VQA]
    assert (scores == scores[0]).all()
    assert set(selector.choose([ask], INF)[0]) == {"VQA"}


def test_the_choice_weighs_success_against_cost(selector, planted) -> None:
    programs = planted[1].programs
    scores, costs = selector.scores(programs), selector.costs(programs)
    spent, expected = [], []
    for worth in (0.0, 1e-3, INF):
        chosen = selector.decide(scores, costs, worth)
        spent.append(costs[np.arange(len(chosen)), chosen].mean())
        expected.append(scores[np.arange(len(chosen)), chosen].mean())
    assert spent == sorted(spent)
    assert expected == sorted(expected)
    assert spent[0] == pytest.approx(costs.min(1).mean())
    assert expected[-1] == pytest.approx(scores.max(1).mean())
    with pytest.raises(ConfigError, match="dollars of 0 or more"):
        selector.choose(programs, -1.0)


def test_a_saved_selector_chooses_the_same(selector, planted, tmp_path) -> None:
    programs = planted[1].programs[:40]
    selector.save(tmp_path / "s")
    loaded = ProgramSelector.load(tmp_path / "s")
    assert np.array_equal(loaded.scores(programs), selector.scores(programs))
    assert loaded.explain(programs[0]) == selector.explain(programs[0])
    assert loaded.settings == selector.settings
    (tmp_path / "s" / "learned.npz").write_bytes(b"PK nonsense")
    with pytest.raises(DataError, match="is no saved program selector"):
        ProgramSelector.load(tmp_path / "s")
    (tmp_path / "s" / "selector.json").write_text('{"format": 99}')
    with pytest.raises(DataError, match="no program selector of format 1"):
        ProgramSelector.load(tmp_path / "s")


def test_an_explanation_has_the_choice_and_its_alternatives(selector, planted) -> None:
    program = next(p for p in planted[1].programs if {"LOC", "VQA"} <= set(p.kinds))
    found = selector.explain(program)
    assert found.chosen == selector.choose([program], INF)[0]
    assert found.score == pytest.approx(selector.scores([program]).max())
    assert [line.split(" alone")[0][-3:] for line in found.because[:2]] == ["LOC", "VQA"]
    assert found.because[2].startswith("next: ")


def test_the_seed_decides_and_the_caller_keeps_its_random_numbers(planted) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    fit = planted[0]
    few = ProgramTable(fit.programs[:40], fit.models, fit.outcomes[:40])
    state = torch.random.get_rng_state()
    one, two, other = (ProgramSelector(epochs=2, seed=seed).fit(few) for seed in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), state)
    programs = fit.programs[40:60]
    assert np.array_equal(one.scores(programs), two.scores(programs))
    assert not np.array_equal(one.scores(programs), other.scores(programs))


def test_programs_that_nothing_solves_teach_and_runs_left_out_do_not() -> None:
    torch = pytest.importorskip("torch")
    from router_r1.routers.programs.training import loss_of

    nan = float("nan")
    scores = torch.tensor([[0.5, -1.0, 2.0, 0.3]] * 3, requires_grad=True)
    outcomes = torch.tensor([[1, 0, nan, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
    loss = loss_of(scores, outcomes)
    e = math.exp
    first = math.log(1 + e(-1.0) + e(0.3)) + math.log(1 + e(-0.5))
    assert loss.tolist()[0] == pytest.approx(first)
    assert loss.tolist()[1] == pytest.approx(math.log(1 + e(0.5) + e(-1.0) + e(2.0) + e(0.3)))
    loss.sum().backward()
    assert scores.grad[0, 2] == 0  # not run
    assert (scores.grad[1] > 0).all()  # nothing succeeds: all scores fall
    assert scores.grad[2, 0] < 0


def test_missing_runs_are_masked_in_training(planted) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    fit, test = planted
    lost = np.random.default_rng(0).random(fit.outcomes.shape) < 0.5
    half = ProgramTable(fit.programs, fit.models, np.where(lost, np.nan, fit.outcomes))
    found = ProgramSelector(epochs=10, rate=0.005).fit(half)
    assert rate(found, test) > successes(test, best_fixed(fit, test.programs)).mean()
    with pytest.raises(DataError, match="no run is recorded"):
        ProgramSelector().fit(ProgramTable(fit.programs, fit.models, fit.outcomes * np.nan))


def test_numpy_and_torch_compute_the_same_network(planted) -> None:
    torch = pytest.importorskip("torch")
    programs = planted[1].programs[:30]
    graphs = Graphs.of(programs, planted[1].models)
    weights = first_weights(graphs.embeddings, 5, 8, seed=0)
    weights["out_2"] = np.ones_like(weights["out_2"])
    weights["prior"] = np.random.default_rng(1).normal(size=(4, 16)).astype(np.float32)
    questions = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    tensors = {name: torch.from_numpy(array) for name, array in weights.items()}
    for batch in graphs.batches(programs, 8):
        fields = ("nodes", "adjacent", "real")
        there = {name: torch.from_numpy(getattr(batch, name)) for name in fields}
        asked = questions[batch.rows]
        theirs = forward(
            torch, tensors, torch.from_numpy(asked), dataclasses.replace(batch, **there)
        )
        assert forward(np, weights, asked, batch) == pytest.approx(theirs.numpy(), abs=1e-5)


def test_settings_and_use_before_fit_are_checked() -> None:
    for settings, message in (
        ({"width": 30}, "multiple of 4"),
        ({"epochs": 0}, "epochs: expected a whole number, at least 1, got '0'"),
        ({"rate": float("nan")}, "rate: expected a number"),
        ({"seed": True}, "seed: expected a whole number"),
    ):
        with pytest.raises(ConfigError, match=message):
            ProgramSelector(**settings)
    with pytest.raises(ConfigError, match="is not fitted"):
        ProgramSelector().scores(draw_programs(1))


def test_an_import_loads_nothing_heavy() -> None:
    code = "import sys, router_r1.routers.programs; print({'torch', 'numpy'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"
