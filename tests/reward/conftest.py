"""The development data that real question sets are read from."""

from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def development_data() -> Path:
    """The folder of the development data, beside the checkout; skips the test where there is none."""
    if not DATA.is_dir():
        pytest.skip("the development data is not beside the checkout")
    return DATA
