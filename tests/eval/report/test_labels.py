"""Placement of labels."""

import math

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from router_r1_eval.report.labels import Box, place_labels

FRAME = Box(0, 0, 400, 400)
coordinate = st.floats(10, 390)


@hypothesis_settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(st.text("abc", min_size=1, max_size=20), coordinate, coordinate), max_size=25
    ),
    st.lists(st.tuples(coordinate, coordinate), max_size=5),
)
def test_labels_cover_neither_each_other_nor_a_point_and_leaders_lead_to_their_own(items, more):
    points = [(x, y) for _, x, y in items]
    labels = [(text, (x, y)) for text, x, y in items]
    placed = place_labels(labels, FRAME, more, reach=math.inf)
    boxes = [label.box for label in placed if label is not None]
    for place, box in enumerate(boxes):
        assert box.within(FRAME)
        assert not any(box.overlaps(other) for other in boxes[place + 1 :])
        assert not any(box.contains(point) for point in (*points, *more))
    for label, point in zip(placed, points, strict=True):
        if label is not None:
            assert label.point == point
            assert label.far or math.dist(label.end, point) <= 9
            for dot in label.leader():
                assert not any(box.contains(dot) for box in boxes if box != label.box)
                assert all(math.dist(dot, other) >= 4 for other in points if other != point)


def test_a_lone_label_is_beside_its_point():
    (found,) = place_labels([("name", (100, 100))], FRAME)
    assert found is not None and (found.anchor, found.x, found.far) == ("start", 108, False)


def test_a_label_in_a_crowd_is_at_a_distance_with_a_leader_line():
    crowd = [(100.0 + 12 * x, 100.0 + 12 * y) for x in range(-2, 3) for y in range(-2, 3)]
    crowd.remove((100, 100))
    (found, *_) = place_labels([("name", (100, 100))], FRAME, crowd, reach=math.inf)
    assert found is not None and found.far and len(found.leader()) > 3
    assert place_labels([("name", (100, 100))], FRAME, crowd, reach=20) == [None]
