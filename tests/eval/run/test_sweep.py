"""`router-r1 sweep`: settings over several question sets, each set with the same weight, single models as baselines."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from router_r1.agent import RouterAgent
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.testing import ScriptedPolicy, ScriptedPool
from router_r1_eval.results import Results, Row
from router_r1_eval.run import commands
from router_r1_eval.run.run_folder import RunFolder
from router_r1_eval.run.single_model import single_model
from router_r1_eval.run.sweep import sweep

POOL = ScriptedPool({"cheap": "yes", "expensive": "no"})
Right = Mapping[str, list[bool]]
"""Set -> for each of its questions whether the policy answers it right."""


def record(folder: Path, right: Right, *, calls: int = 1, single: bool = False) -> Path:
    """Runs of a policy that makes some calls and then answers right or wrong; all gold answers are `no`."""
    for name, answers in right.items():
        run = RunFolder(folder / name)
        run.path.mkdir(parents=True)
        questions = [
            Question(id=f"{name}/{n}", question=f"Is it {n}?", answer="no", metric="em")
            for n in range(len(answers))
        ]
        run.begin({"benchmark": name, "agent": None}, questions, resume=False)
        for question, is_right in zip(questions, answers, strict=True):
            turns = ['<think>?</think><route model="expensive">Is it?</route>'] * calls
            turns.append(f"<think>!</think><answer>{'no' if is_right else 'yes'}</answer>")
            with RouterAgent(policy=ScriptedPolicy(turns), pool=POOL, traces=run.traces) as agent:
                agent.ask(question.question, metadata={"router": "agent", "id": question.id})
            if single:
                with single_model(POOL, "expensive", run.traces, None) as alone:
                    alone.ask(
                        question.question, metadata={"router": "expensive", "id": question.id}
                    )
    return folder


def rows(results: Results) -> dict[str, Row]:
    return {row.name: row for row in results.rows}


def test_each_set_has_the_same_weight_and_each_setting_a_point(tmp_path: Path) -> None:
    one = {"large": [True] * 6 + [False] * 2, "small": [True, False]}
    other = {"large": [True] * 8, "small": [False, False]}
    results = sweep(
        {
            "alpha 0": record(tmp_path / "a", one, calls=2, single=True),
            "alpha 0.9": record(tmp_path / "b", other, calls=0),
        }
    )
    found = rows(results)
    assert list(found) == ["alpha 0", "expensive", "alpha 0.9"]
    assert found["alpha 0"].accuracy == pytest.approx((6 / 8 + 1 / 2) / 2)
    assert found["alpha 0.9"].accuracy == pytest.approx((1 + 0) / 2)
    assert (found["alpha 0"].calls, found["alpha 0.9"].calls) == (2, 0)
    assert found["alpha 0"].cost_usd > found["alpha 0.9"].cost_usd == 0
    assert found["alpha 0"].categories["large"].accuracy == 6 / 8
    assert found["alpha 0"].categories["small"].questions == 2
    low, high = found["alpha 0"].ci95 or (1, 0)
    assert low < found["alpha 0"].accuracy < high
    # The single model is always right.
    assert (found["expensive"].kind, found["expensive"].accuracy) == ("baseline", 1)
    assert results.settings.best_single == "expensive"
    versus = found["alpha 0.9"].vs_best_single
    assert versus is not None and versus.accuracy_diff == -0.5
    assert results.questions == 10


def test_only_questions_that_every_setting_was_asked_count(tmp_path: Path) -> None:
    results = sweep(
        {
            "a": record(tmp_path / "a", {"set": [True, True, False]}),
            "b": record(tmp_path / "b", {"set": [True, True]}),
        }
    )
    assert [row.accuracy for row in results.rows] == [1, 1]
    assert (results.questions, results.left_out) == (2, 1)


def test_settings_on_other_sets_and_empty_folders_are_named(tmp_path: Path) -> None:
    full = record(tmp_path / "a", {"nq": [True], "popqa": [True]})
    part = record(tmp_path / "b", {"nq": [True]})
    with pytest.raises(DataError, match=rf"^{part}: has no run on popqa; run every setting"):
        sweep({"a": full, "b": part})
    with pytest.raises(DataError, match=rf"^{part}: has no run on popqa"):
        sweep({"b": part, "a": full})
    with pytest.raises(DataError, match=rf"^{tmp_path / 'c'}: holds no runs; give a folder with"):
        sweep({"c": tmp_path / "c"})
    alone = record(tmp_path / "d", {"nq": [True]}, single=True)
    with pytest.raises(ConfigError, match=r"^expensive: a candidate has this name"):
        sweep({"expensive": alone})


def test_the_command_writes_results_for_the_report(tmp_path: Path) -> None:
    runs = record(tmp_path / "a", {"nq": [True, False]})
    out = tmp_path / "out"
    app = typer.Typer()
    commands.register(app)
    result = CliRunner().invoke(app, ["sweep", f"alpha 0={runs}", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "alpha 0 " in result.output
    (row,) = Results.read(out / "results.json").rows
    assert (row.name, row.kind, row.accuracy) == ("alpha 0", "agent", 0.5)
    for wrong, message in ((str(runs), "expected SETTING=FOLDER"), (f"={runs}", "must not be")):
        result = CliRunner().invoke(app, ["sweep", wrong, "--out", str(out)])
        assert result.exit_code and message in str(result.exception or result.output)
