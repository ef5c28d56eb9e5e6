"""The files of MS-GQA: steps become graphs, lists become splits."""

import gzip
import json

import pytest

from router_r1.errors import DataError
from router_r1.routers.programs import INPUT, read_m3
from router_r1.routers.programs.m3_files import PROGRAMS, SPLITS, parse_program

DRESS = """BOX0=LOC(image=IMAGE,object='a dress, (red) = {BOX9}?')
IMAGE0=CROP(image=IMAGE,box=BOX0)
ANSWER0=VQA(image=IMAGE0,question="Who's = wearing BOX0?",strict=True)

ANSWER10=EVAL(expr="'yes' if {ANSWER0} == 'man' else 'no'")
FINAL_RESULT=RESULT(var=ANSWER10)"""


def write(folder, programs, **splits) -> None:
    rows = [{"imageId": "n1", "question": "Who?", "program": text} for text in programs]
    (folder / f"{PROGRAMS}.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    for name, file in SPLITS.items():
        (folder / file).write_text(json.dumps(splits.get(name, [])))


def test_a_step_reads_the_results_it_names_and_no_words_of_texts() -> None:
    with pytest.raises(DataError, match="'BOX0' reads 'BOX9'"):
        parse_program("p", "Who?", DRESS)
    found = parse_program("p", "Who?", DRESS.replace("{BOX9}", "BOX9"))
    assert [task.inputs for task in found.tasks] == [
        (INPUT,),
        (INPUT, "BOX0"),
        ("IMAGE0",),
        ("ANSWER0",),
        ("ANSWER10",),
    ]
    assert found.kinds == ("LOC", "CROP", "VQA", "EVAL", "RESULT")


def test_programs_are_split_by_their_places_and_broken_ones_are_named(tmp_path) -> None:
    good = "A=VQA(image=IMAGE,question='?')\nF=RESULT(var=A)"
    broken = "There seems to be an error in the program."
    write(tmp_path, [good, broken, good, good, "F=RESULT(var=A)"], train=[2, 4], val=[0])
    found = read_m3(tmp_path)
    ids = {name: [p.id for p in programs] for name, programs in found.splits.items()}
    assert ids == {"train": ["2"], "val": ["0"], "test": ["3"]}
    assert set(found.left_out) == {"1", "4"}
    assert "expected RESULT=TYPE(...), got 'There seems" in found.left_out["1"]
    assert "'F' reads 'A'" in found.left_out["4"]
    assert found.splits["train"][0].image == "n1"


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({"train": [0], "val": [0]}, "program 0 is in the splits train and val"),
        ({"train": [1]}, "expected a list of places from 0 to 0"),
        ({"train": ["0"]}, "expected a list of places"),
        ({"val": [0, 0]}, "a place is listed twice"),
    ],
)
def test_broken_splits_are_errors(tmp_path, splits, message) -> None:
    write(tmp_path, ["A=VQA(image=IMAGE)"], **splits)
    with pytest.raises(DataError, match=message):
        read_m3(tmp_path)


def test_missing_and_other_files_are_errors(tmp_path) -> None:
    with pytest.raises(DataError, match="no file gqa_computation_graph"):
        read_m3(tmp_path)
    (tmp_path / PROGRAMS).write_text("{")
    with pytest.raises(DataError, match="is not JSON"):
        read_m3(tmp_path)
    (tmp_path / PROGRAMS).write_text('[{"question": "?", "program": 1, "imageId": "n"}]')
    with pytest.raises(DataError, match=r"train_random_list_0\.6\.json: cannot be read"):
        read_m3(tmp_path)
    for file in SPLITS.values():
        (tmp_path / file).write_text("[]")
    with pytest.raises(DataError, match="program 0: expected texts in imageId, question"):
        read_m3(tmp_path)
