"""The cold start in miniature: a checkpoint, a report, and its stages."""

import json
import math

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from router_r1 import TransformersPolicy
from router_r1_envs.supervised.cold_start import ColdStartConfig, cold_start
from router_r1_reward import RewardConfig


def test_a_cold_start_saves_a_checkpoint_and_returns_a_report(world, tmp_path):
    settings = ColdStartConfig(
        copy_steps=2, explore_steps=2, best_steps=2, batch_size=4, explore_questions=60,
        best_questions=20, tries=2,
    )  # fmt: skip
    reward = RewardConfig(alpha=0.5, reference_usd=world.reference_usd)
    stages = []
    report = cold_start(world, reward, tmp_path / "policy", settings, stages.append)
    assert set(report["losses"]) == {"copying", "exploration", "imitation"}
    assert all(math.isfinite(loss) for loss in report["losses"].values())
    assert report["demonstrations"]["explored"] == 60
    assert 0 < report["demonstrations"]["best"] < 20
    assert report["settings"] == settings.model_dump()
    assert json.loads(json.dumps(report)) == report
    names = list(dict.fromkeys(stage.name for stage in stages))
    assert names == ["demonstrations", "copying", "exploration", "best of several", "imitation"]
    TransformersPolicy(tmp_path / "policy", dtype="float32")


def test_a_stage_without_steps_is_skipped(world, tmp_path):
    settings = ColdStartConfig(
        copy_steps=0, explore_steps=1, best_steps=0, batch_size=2, explore_questions=10,
        best_questions=1, tries=1,
    )  # fmt: skip
    reward = RewardConfig(reference_usd=world.reference_usd)
    report = cold_start(world, reward, tmp_path / "policy", settings)
    assert set(report["losses"]) == {"exploration"}
