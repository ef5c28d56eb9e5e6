"""How many threads torch and scikit-learn use on a CPU that other programs use too."""

from __future__ import annotations

import os

from router_r1.counts import check_count


def use_threads(threads: int | None) -> None:
    """Set the number of torch's threads in this process, and of the threads of scikit-learn if it is not loaded yet.

    Args:
        threads: the number; None keeps torch's own choice where OMP_NUM_THREADS is set, and else takes the number of
            idle cores, from 1 to 4. A thread that waits for a busy core spins: two such threads are slower than one.

    Raises:
        ConfigError: more threads than any machine has cores.
    """
    if threads is not None:
        check_count(threads, "threads", "lower --threads", most=4096, why="help on any machine")
    import psutil
    import torch

    if threads is None and "OMP_NUM_THREADS" not in os.environ:
        busy = psutil.cpu_percent(interval=0.5, percpu=True)
        threads = min(4, max(1, sum(share < 50 for share in busy)))
    if threads is not None:
        torch.set_num_threads(threads)
        os.environ["OMP_NUM_THREADS"] = str(threads)  # read when a library with OpenMP is loaded
