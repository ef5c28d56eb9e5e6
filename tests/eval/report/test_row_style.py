"""Colours and markers of rows."""

import xml.etree.ElementTree as ElementTree

from router_r1_eval.report.row_style import row_styles
from router_r1_eval.results import Results


def test_policies_routers_baselines_single_models_and_oracles_look_different(results):
    styles = row_styles(Results(**results))
    looks = {name: (style.shape, style.colour) for name, style in styles.items()}
    assert looks == {
        "policy": ("circle", "s0"),
        "knn": ("square", "s1"),
        "small": ("ring", "baseline"),
        "best single = large": ("ring", "baseline"),
        "random": ("circle", "baseline"),
        "oracle": ("diamond", "oracle"),
    }
    assert [name for name, style in styles.items() if style.has_curve] == ["policy"]


def test_a_router_has_the_same_colour_in_all_figures(results, write_page, tmp_path):
    for place, row in enumerate(results["rows"]):
        row["reward"] = 0.1 * place - 0.2
    write_page(results)
    for name in ("frontier", "differences"):
        classes = {}
        for mark in ElementTree.parse(tmp_path / f"{name}.svg").iter():
            title = mark.find("{*}title")
            if title is not None:
                classes[(title.text or "").partition(":")[0]] = (mark.get("class") or "").split()
        assert "f-s0" in classes["policy"] or "l-s0" in classes["policy"], name
        assert "f-s1" in classes["knn"] or "l-s1" in classes["knn"], name
    rewards = (tmp_path / "bars.svg").read_text()
    assert rewards.count('class="f-s0"') == rewards.count('class="f-s1"') == 1
