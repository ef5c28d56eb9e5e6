"""The behaviours of `scripts/checks/real_servers.py`, against a server that is running.

    ROUTER_R1_TEST_SERVER=http://127.0.0.1:8080/v1 ROUTER_R1_TEST_MODEL=llama pytest tests/core/transport/test_real_server.py

`ROUTER_R1_TEST_WINDOW` is the model's context window in tokens, 2048 by default. Skipped without a server.
"""

import importlib.util
import os
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "checks" / "real_servers.py"
BASE_URL = os.environ.get("ROUTER_R1_TEST_SERVER")

spec = importlib.util.spec_from_file_location("real_servers", SCRIPT)
checks = importlib.util.module_from_spec(spec)
spec.loader.exec_module(checks)


@pytest.mark.skipif(BASE_URL is None, reason="ROUTER_R1_TEST_SERVER names no server")
@pytest.mark.parametrize(
    ("behaviour", "name"), checks.BEHAVIOURS, ids=lambda each: getattr(each, "__name__", each)
)
async def test_a_behaviour(behaviour, name):
    model = os.environ.get("ROUTER_R1_TEST_MODEL", "default")
    server = checks.Server(BASE_URL, model, int(os.environ.get("ROUTER_R1_TEST_WINDOW", "2048")))
    async with server.pool:
        await behaviour(server, name)
