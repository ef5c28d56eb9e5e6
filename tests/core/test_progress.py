"""Progress without a terminal: lines on standard error, and nothing on standard output."""

import pytest

from router_r1 import progress


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("TTY_COMPATIBLE", raising=False)


def test_the_last_step_prints_the_count_and_the_total_cost(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.show_progress("asking [a]", 3) as advance:
        for _ in range(3):
            advance(0.25)
    out, err = capsys.readouterr()
    assert (out, err) == ("", "asking [a]: 3 of 3, $0.7500\n")


def test_the_cost_can_be_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_progress("scoring", 1, show_cost=False) as advance:
        advance(0.0)
    assert capsys.readouterr().err == "scoring: 1 of 1\n"


def test_a_slow_task_prints_a_line_every_twentieth_of_the_steps(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_MIN_INTERVAL_S", -1.0)
    with progress.show_progress("scoring", 200, show_cost=False) as advance:
        for _ in range(200):
            advance(0.0)
    lines = capsys.readouterr().err.splitlines()
    counted = [line.removesuffix(", 0 s left") for line in lines]
    assert counted == [f"scoring: {done} of 200" for done in range(10, 201, 10)]
    assert counted[-1] == lines[-1] and counted[0] != lines[0]


@pytest.mark.parametrize(
    ("seconds", "words"), [(3.2, "3 s"), (99, "99 s"), (700, "12 min"), (9000, "2.5 h")]
)
def test_time_left_is_told_in_a_fitting_unit(
    seconds: float, words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, seconds, seconds])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress.show_progress("scoring", 2, show_cost=False) as advance:
        advance(0.0)
    assert capsys.readouterr().err == f"scoring: 1 of 2, {words} left\n"


def test_a_fast_task_prints_only_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.show_progress("scoring", 200, show_cost=False) as advance:
        for _ in range(200):
            advance(0.0)
    assert capsys.readouterr().err == "scoring: 200 of 200\n"
