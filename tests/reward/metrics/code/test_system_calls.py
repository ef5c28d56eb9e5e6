"""The numbers of system calls, compared with the headers of the kernel."""

import re
from pathlib import Path

import pytest

from router_r1_reward.metrics.code import system_calls

HEADERS = {"asm/unistd_64.h": 0, "asm-generic/unistd.h": 1}


@pytest.mark.parametrize("header", HEADERS)
def test_the_numbers_match_the_headers_of_the_kernel(header: str) -> None:
    paths = [Path("/usr/include/x86_64-linux-gnu", header), Path("/usr/include", header)]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        pytest.skip("the headers of the kernel are not installed")
    found = re.findall(r"^#define __NR(?:3264)?_(\w+)\s+(\d+)$", path.read_text(), re.MULTILINE)
    numbers = {name: int(number) for name, number in found}
    tables = (system_calls.DENIED, system_calls.CHANGES, system_calls.CONDITIONAL)
    for name, row in ((name, row) for table in tables for name, row in table.items()):
        assert row[HEADERS[header]] == numbers.get(name), name
