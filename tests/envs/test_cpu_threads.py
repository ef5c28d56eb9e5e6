"""The number of threads of torch, and of libraries with OpenMP that are loaded later."""

import os

import pytest

torch = pytest.importorskip("torch")

from router_r1.errors import ConfigError  # noqa: E402
from router_r1_envs.cpu_threads import use_threads  # noqa: E402


@pytest.fixture
def as_before(monkeypatch):
    """No number in the environment; restores it and torch's own number."""
    monkeypatch.setenv("OMP_NUM_THREADS", "x")  # so that it is restored, whatever the test sets
    monkeypatch.delenv("OMP_NUM_THREADS")
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_stated_number_is_used_by_torch_and_by_what_is_loaded_later(as_before) -> None:
    use_threads(2)
    assert torch.get_num_threads() == 2 and os.environ["OMP_NUM_THREADS"] == "2"


def test_without_a_number_idle_cores_count_and_the_environment_comes_first(
    as_before, monkeypatch
) -> None:
    use_threads(None)
    assert 1 <= torch.get_num_threads() <= 4
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    use_threads(None)
    assert torch.get_num_threads() == 1 and os.environ["OMP_NUM_THREADS"] == "3"


def test_more_threads_than_any_machine_has_are_an_error() -> None:
    with pytest.raises(ConfigError, match="threads"):
        use_threads(100_000)
