"""The fixture of a gateway that runs as its own process; what it is made of is in `moons.py` and `gateway_process.py`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gateway_process import GatewayProcess, started


@pytest.fixture(scope="session")
def one_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One process for all tests of these files."""
    with started(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def gateway(one_gateway: GatewayProcess) -> GatewayProcess:
    """The gateway; `received` has what candidates were sent in this test."""
    one_gateway.upstream.exchanges.clear()
    return one_gateway
