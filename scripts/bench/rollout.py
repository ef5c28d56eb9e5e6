"""Benchmark the rollout of a batch of episodes: the asynchronous driver, a lock-step driver, and a lower bound.

The same episodes, of one to a few rounds, are rolled out twice against one loopback server with lognormal latencies:

    asynchronous   `RouterAgent.aask_many`: episodes do not wait for each other; only the pool's slots limit the calls
    lock-step      what Router-R1 does: write the turns of all unfinished episodes, make their calls in a pool of ten
                   threads over a synchronous client, wait for the last one, start the next round

A call's latency and reply depend only on its draw, episode and round, so both drivers make the same calls and must end
with the same answers; otherwise the run fails. The policy takes no time. The server is a process of its own.

    lower bound   = max(critical path, total latency / slots, calls / rate)
    critical path = the longest sum of one episode's latencies
    efficiency    = lower bound / wall time

The row `ideal queue` simulates a driver without overhead that serves calls in order of arrival. Its distance from the
bound is the cost of not knowing which episodes will be long; the distance of the asynchronous driver from it is that
driver's overhead.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace

from rollout_bench.bounds import simulate
from rollout_bench.comparison import compare
from rollout_bench.server import serve, server_process
from rollout_bench.tables import show, summary
from rollout_bench.workload import Draw

FULL_MEAN_LATENCY_S = 4.0  # a call to a hosted model; the default is a tenth of it

EXAMPLES = """\
examples
  python scripts/bench/rollout.py                      three draws of the default batch, two minutes
  python scripts/bench/rollout.py --seed 7 --seeds 1   one other draw
  python scripts/bench/rollout.py --mean-latency-s 4   full scale, twenty minutes
  python scripts/bench/rollout.py --threads 64         as many threads as slots: the cost of the barrier alone
  python scripts/bench/rollout.py --simulate 300       how much the ratios vary with the draw, in seconds
  python scripts/bench/rollout.py --rate 40            a server that starts at most 40 calls per second

how to read it
  The ratios vary from draw to draw, whatever the driver: one call in 640 can take longer than all other work of the
  slots; --simulate 300 shows by how much. The last line of the output has the medians over the draws of this run,
  and each draw under "draws".
"""


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is not at least 1")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


def _not_negative(text: str) -> float:
    value = float(text)
    if not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/bench/rollout.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXAMPLES,
    )
    add = made.add_argument
    add("--episodes", type=_count, default=256, help="episodes in the batch (%(default)s)")
    add("--rounds", type=_count, default=4, help="maximum rounds of an episode (%(default)s)")
    add(
        "--slots",
        type=_count,
        default=64,
        help="maximum concurrent calls of the pool (%(default)s)",
    )
    add("--threads", type=_count, default=10, help="threads of the lock-step driver (%(default)s)")
    add(
        "--mean-latency-s",
        type=_positive,
        default=0.4,
        help="mean seconds of a call (%(default)s, a tenth of a hosted model's); small values give the client's own "
        "time more weight than it has in practice",
    )
    add("--sigma", type=_not_negative, default=1.0, help="spread of log latency (%(default)s)")
    add(
        "--rate", type=_positive, default=None, help="calls the server starts per second (no limit)"
    )
    add("--seed", type=int, default=0, help="the first draw (%(default)s)")
    add("--seeds", type=_count, default=3, help="number of draws, from --seed on (%(default)s)")
    add(
        "--simulate",
        type=_count,
        metavar="N",
        help="measure nothing; simulate N draws with drivers without overhead and print the quartiles",
    )
    add("--serve", action="store_true", help=argparse.SUPPRESS)
    return made


def main() -> None:
    """Measure, print the table, and print one JSON object on the last line."""
    options = parser().parse_args()
    if options.serve:
        serve(options.rate)
        return
    draw = Draw(
        options.seed, options.episodes, options.rounds, options.mean_latency_s, options.sigma
    )
    if options.simulate:
        if options.simulate < 2 or options.rate is not None:
            raise SystemExit("rollout.py: --simulate takes at least 2 draws, and no --rate")
        print(json.dumps(simulate(draw, options.simulate, options.slots, options.threads)))
        return
    scale = options.mean_latency_s / FULL_MEAN_LATENCY_S
    print(
        f"{draw.episodes} episodes of 1 to {draw.rounds} rounds; latency lognormal, sigma {draw.sigma:g}, mean "
        f"{draw.mean_s:g} s: {scale:.3g} of the {FULL_MEAN_LATENCY_S:g} s of a hosted model"
    )
    results = []
    with server_process(options.rate) as server:
        # Import and warm up both clients, so that the first draw does not pay for it.
        warm_up = replace(draw, seed=-1, episodes=8, mean_s=0.001)
        compare(warm_up, server, options.slots, options.threads, None)
        for seed in range(options.seed, options.seed + options.seeds):
            results.append(
                compare(
                    replace(draw, seed=seed), server, options.slots, options.threads, options.rate
                )
            )
    show(results, options.slots, options.threads)
    print(json.dumps(summary(results, options)))


if __name__ == "__main__":
    main()
