"""The figure of accuracy against cost: labels, lines and colours."""

import math
import xml.etree.ElementTree as ElementTree

from router_r1_eval.report.cost_accuracy_figure import frontier
from router_r1_eval.report.labels import Box
from router_r1_eval.report.svg import NARROW, WIDE
from router_r1_eval.results import Results


def drawn(results: dict, width: float) -> ElementTree.Element:
    return ElementTree.fromstring(frontier(Results(**results), width).inline())


def box_of(text: ElementTree.Element) -> Box:
    """At least what a text covers."""
    width = 6.0 * len(text.text or "")
    x, y = float(text.get("x", "")), float(text.get("y", ""))
    left = x - {"middle": width / 2, "end": width}.get(text.get("text-anchor", ""), 0)
    return Box(left, y - 10, left + width, y + 2)


def large_points(picture: ElementTree.Element) -> dict[str, tuple[float, float]]:
    """Name -> centre of the main points, except diamonds."""
    found = {}
    for mark in picture:
        title = mark.find("title")
        radius = float(mark.get("r", 0)) or float(mark.get("width", 0)) / 2
        if title is None or radius <= 4:
            continue
        x, y = mark.get("cx"), mark.get("cy")
        if mark.tag == "rect":
            x, y = (float(mark.get(key)) + radius for key in ("x", "y"))
        found[(title.text or "").partition(":")[0]] = (float(x), float(y))
    return found


def test_a_phone_has_room_for_one_name_of_a_row(results):
    wide, narrow = (frontier(Results(**results), width).inline() for width in (WIDE, NARROW))
    assert ">best single = large</text>" in wide
    assert ">best single</text>" in narrow and "best single = large</text>" not in narrow


def test_every_main_point_has_a_label_beside_it_or_at_a_leader_line(crowded_results):
    """Or, where ten are in one place, below the plot with its figures."""
    picture = drawn(crowded_results, WIDE)
    texts = {text.text or "": box_of(text) for text in picture.iter("text")}
    leaders = [line for line in picture.iter("polyline") if line.get("stroke-width") == "0.8"]
    ends = [[tuple(map(float, s.split(","))) for s in e.get("points").split()] for e in leaders]
    points = large_points(picture)
    assert {"ours", "theirs", "a rather long name of a baseline", "baseline number 5"} <= set(
        points
    )
    assert len(leaders) > 2, "there is no room beside all points"
    below = {text.partition(": ")[0] for text in texts if " at $" in text}
    assert len(below) < 4 and not below & {"ours", "theirs", "best single = large"}
    for name, (x, y) in points.items():
        if name in below:
            continue
        box = texts[name]
        end = min(max(x, box.left), box.right), min(max(y, box.top), box.bottom)
        beside = math.dist(end, (x, y)) < 10
        led = any(
            math.dist(start, (x, y)) < 1 and math.dist(stop, end) < 12 for start, stop in ends
        )
        assert beside or led, name
        assert not any(box.contains(point) for point in points.values()), f"{name} covers a point"


def test_on_a_phone_the_best_single_model_and_the_routers_have_labels(crowded_results):
    texts = " ".join(text.text or "" for text in drawn(crowded_results, NARROW).iter("text"))
    for name in ("best single", "policy", "knn", "ours", "theirs"):
        assert name in texts, name


def test_points_at_one_place_share_a_label_with_the_best_single_model_in_it(
    results, make_row, make_run
):
    levels = {"poor": make_run(110, cost=0.0005), "rich": make_run(120, cost=0.004)}
    results["rows"].append(make_row("twin", "router", levels, "rich"))
    results["rows"].append(make_row("prompt length", "baseline", {"": levels["rich"]}))
    for width in (WIDE, NARROW):
        picture = frontier(Results(**results), width)
        assert ">twin, best single</text>" in picture.inline()


def test_only_what_the_caption_names_is_dashed_or_dotted(crowded_results):
    lines = list(drawn(crowded_results, WIDE).iter("polyline"))
    dashed = [line for line in lines if line.get("stroke-dasharray")]
    assert sorted(line.get("stroke-dasharray") for line in dashed) == ["1 4", "1 4", "6 4"]
    grey = [line for line in lines if line.get("class") == "l-baseline" and line not in dashed]
    assert sum(line.get("stroke-width") == "1" for line in grey) >= 7, "their levels and intervals"
