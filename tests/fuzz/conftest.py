"""How long the fuzzing runs: the same few examples in every run of the tests; as many as asked, each time others, in
`scripts/checks/fuzz.sh`, which sets FUZZ_EXAMPLES.
"""

import os

from hypothesis import HealthCheck, settings

_examples = os.environ.get("FUZZ_EXAMPLES")

settings.register_profile(
    "fuzz",
    max_examples=int(_examples or 40),
    derandomize=_examples is None,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
