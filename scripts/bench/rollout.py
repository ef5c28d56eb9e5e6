"""How fast a batch of episodes is rolled out: the asynchronous driver, a lock-step driver, and what no driver can beat.

The same episodes, of one to a few rounds, are driven twice against one loopback server whose latencies are lognormal:

    asynchronous   `RouterAgent.aask_many`: episodes do not wait for each other; the pool's slots are the only limit
    lock-step      what Router-R1 does: write the turns of all unfinished episodes, carry out their routes in a pool
                   of ten threads over a synchronous client, wait for the last one, next round

Both go through the same `Episode`, and a call's latency and reply depend on its draw, episode and round alone, so
both make the same calls and must end with the same answers; otherwise the run fails. The policy writes its turns at
once. The server is a process of its own.

    lower bound  = max(critical path, total latency / slots, calls / rate)
    critical path = the longest sum of one episode's latencies
    efficiency   = lower bound / wall time

The row `ideal queue` is a simulation of a driver that serves calls in order of arrival and takes no time of its own.
What lies between it and the bound is the price of not knowing which episodes will be long; what lies between it and
the asynchronous driver is that driver's overhead.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import heapq
import json
import math
import re
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, NoReturn

import openai
from rich.console import Console
from rich.table import Table

from router_r1 import testing
from router_r1.agent import RouterAgent
from router_r1.episode import Call, Episode, Limits
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import ModelPool
from router_r1.pricing import Price, Usage, cost_usd
from router_r1.transport.messages import Response

FULL_MEAN_LATENCY_S = 4.0  # what a call to a hosted model takes; the default is a tenth of it
CANDIDATES = 4
FOREVER_S = 86400.0  # no call is to be given up: a time-out would change what is measured


# --- the work: what both drivers are asked to do


@dataclass(frozen=True)
class Draw:
    """One draw of rounds and latencies. Everything in it is a hash of its fields, so every process sees the same."""

    seed: int
    episodes: int
    rounds: int
    mean_s: float
    sigma: float

    def _uniform(self, *key: object) -> float:
        """A number in (0, 1) that depends on the seed and the key."""
        digest = hashlib.sha256(":".join(map(str, (self.seed, *key))).encode()).digest()
        return (int.from_bytes(digest[:6], "big") + 0.5) / 2.0**48

    def rounds_of(self, episode: int) -> int:
        """1 to `rounds`, each as likely."""
        return 1 + int(self._uniform("rounds", episode) * self.rounds)

    def latency_s(self, episode: int, number: int) -> float:
        """Lognormal with the given mean: the median is `mean * exp(-sigma^2 / 2)`."""
        z = NormalDist().inv_cdf(self._uniform("latency", episode, number))
        return self.mean_s * math.exp(self.sigma * z - self.sigma**2 / 2)

    def fact(self, episode: int, number: int) -> str:
        """What the server replies to one call."""
        return hashlib.sha256(f"{self.seed}:{episode}:{number}".encode()).hexdigest()[:12]

    def latencies(self) -> list[list[float]]:
        """Seconds of each call, by episode and round."""
        return [
            [self.latency_s(episode, number) for number in range(self.rounds_of(episode))]
            for episode in range(self.episodes)
        ]

    def question(self, episode: int) -> str:
        """The question of an episode."""
        return f"What do the candidates say in episode {episode}?"

    def query(self, episode: int, number: int) -> str:
        """The sub-query of a call: all that the server needs to find its latency."""
        return f"draw={self.seed} mean={self.mean_s!r} sigma={self.sigma!r} episode={episode} round={number}"

    def expected_answers(self) -> list[str]:
        """The answer of each episode: the replies of its rounds, in order."""
        return [
            " ".join(self.fact(episode, number) for number in range(self.rounds_of(episode)))
            for episode in range(self.episodes)
        ]

    def write_turn(self, episode: Episode) -> str:
        """The policy: a route in every round, then an answer made of the replies."""
        index = int(re.findall(r"\d+", episode.question)[0])
        number = len(episode.turns)
        if number < self.rounds_of(index):
            model = _name((index + number) % CANDIDATES)
            query = self.query(index, number)
            return f'<think>Not known yet.</think><route model="{model}">{query}</route>'
        said = [
            o.response.text for t in episode.turns for o in t.outcomes if o.response is not None
        ]
        return f"<think>All have replied.</think><answer>{' '.join(said)}</answer>"


_QUERY = re.compile(r"draw=(-?\d+) mean=(\S+) sigma=(\S+) episode=(\d+) round=(\d+)")


def read_query(query: str) -> tuple[float, str]:
    """Latency in seconds and reply of a call, from its query."""
    found = _QUERY.search(query)
    if found is None:
        raise ValueError(f"expected the query of a draw, got {query!r}")
    seed, mean_s, sigma, episode, number = found.groups()
    draw = Draw(int(seed), 0, 0, float(mean_s), float(sigma))
    return draw.latency_s(int(episode), int(number)), draw.fact(int(episode), int(number))


def _name(index: int) -> str:
    return f"candidate-{index + 1}"


def make_pool(base_url: str, slots: int) -> ModelPool:
    """Several candidates behind one endpoint that takes `slots` calls at a time, as pools are in practice."""
    limits = CallLimits(
        max_concurrency=slots, max_attempts=1, attempt_timeout_s=FOREVER_S, deadline_s=FOREVER_S
    )
    cards = [
        ModelCard(
            name=_name(index),
            endpoint="loopback",
            price=Price(input=0.1, output=0.4),
            description="Replies after a while.",
            limits=limits,
        )
        for index in range(CANDIDATES)
    ]
    return ModelPool(cards, {"loopback": Endpoint(base_url=base_url, max_concurrency=slots)})


# --- the server, in a process of its own


def serve(rate: float | None) -> None:
    """Serve until standard input closes: print the base URL, then one line of figures for each line that comes in."""
    free_at = 0.0

    async def reply(exchange: testing.Exchange) -> testing.Served:
        nonlocal free_at
        latency_s, text = read_query(exchange.body["messages"][-1]["content"])
        if rate is not None:  # a turnstile: each call takes 1 / rate seconds to pass
            free_at = max(time.monotonic(), free_at) + 1.0 / rate
            await asyncio.sleep(free_at - time.monotonic())
        return testing.Served(
            testing.chat_reply(text, usage=testing.usage(40, 8)), delay_s=latency_s
        )

    # An interrupt from the keyboard reaches both processes; the parent reports it.
    with suppress(KeyboardInterrupt), testing.LoopbackServer(reply) as server:
        print(server.base_url, flush=True)
        for _ in sys.stdin:
            figures = {
                "calls": len(server.exchanges),
                "most_in_flight": server.most_in_flight,
                "cpu_s": time.process_time(),
            }
            server.exchanges.clear()
            server.most_in_flight = 0
            print(json.dumps(figures), flush=True)


class Server:
    """The server process, as this process sees it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.base_url = self._read()
        if not self.base_url.startswith("http"):
            raise SystemExit("bench/rollout: the server process did not start; its error is above")

    def _read(self) -> str:
        assert self._process.stdout is not None, "opened with a pipe"
        return self._process.stdout.readline().strip()

    def figures(self) -> dict[str, Any]:
        """Calls and most calls in flight since the last time this was asked, and CPU seconds since the start."""
        assert self._process.stdin is not None, "opened with a pipe"
        print(file=self._process.stdin, flush=True)
        figures: dict[str, Any] = json.loads(self._read())
        return figures


@contextmanager
def server_process(rate: float | None) -> Iterator[Server]:
    """Start the server in another process, so that it takes no time from the drivers' interpreter."""
    command = [sys.executable, __file__, "--serve"]
    if rate is not None:
        command += ["--rate", str(rate)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Server(process)


# --- the drivers: draw, base URL, most calls at once -> the answers in the order of the episodes

Driver = Callable[[Draw, str, int], list[str | None]]


def asynchronous(draw: Draw, base_url: str, slots: int) -> list[str | None]:
    """This package's driver. All episodes are under way from the start; the pool's slots are what limits the calls."""

    async def run() -> list[str | None]:
        policy = testing.ScriptedPolicy(draw.write_turn)
        pool = make_pool(base_url, slots)
        agent = RouterAgent(policy=policy, pool=pool, max_rounds=draw.rounds)
        questions = [draw.question(episode) for episode in range(draw.episodes)]
        try:
            results = await agent.aask_many(questions, concurrency=draw.episodes)
        finally:
            await agent.aclose()
        return [result.answer for result in results]

    return asyncio.run(run())


def lock_step(draw: Draw, base_url: str, threads: int) -> list[str | None]:
    """Router-R1's driver: a barrier after every round, and a pool of threads for each."""
    cards = make_pool(base_url, threads).cards
    by_name = {card.name: card for card in cards}
    limits = Limits(max_rounds=draw.rounds)
    episodes = [Episode(draw.question(index), cards, limits) for index in range(draw.episodes)]

    with openai.OpenAI(base_url=base_url, api_key="none", max_retries=0, timeout=None) as client:

        def ask(call: Call) -> Response:
            card = by_name[call.model]
            reply = client.chat.completions.create(
                model=card.model_id,
                messages=[{"role": "user", "content": call.query}],
                temperature=0.0,
                max_tokens=card.max_output_tokens,
            )
            assert reply.usage is not None, "the loopback server reports usage"
            usage = Usage(reply.usage.prompt_tokens, reply.usage.completion_tokens)
            text = reply.choices[0].message.content or ""
            return Response(text=text, usage=usage, cost_usd=cost_usd(usage, card.price))

        while active := [episode for episode in episodes if not episode.done]:
            steps = [(episode, episode.step(draw.write_turn(episode))) for episode in active]
            asking = [(episode, call) for episode, step in steps for call in step.calls]
            with ThreadPoolExecutor(threads) as pool:
                responses = list(pool.map(ask, [call for _, call in asking]))
            for (episode, _), response in zip(asking, responses, strict=True):
                episode.observe([response])
    return [episode.answer for episode in episodes]


# --- what no driver can beat, and what one without overhead would do


@dataclass(frozen=True)
class Bound:
    """The three terms of the lower bound, in seconds."""

    critical_path_s: float
    work_s: float
    rate_s: float

    @classmethod
    def of(cls, latencies: Sequence[Sequence[float]], slots: int, rate: float | None) -> Bound:
        """The bound of some episodes, given the latency of each round."""
        calls = sum(map(len, latencies))
        total = math.fsum(map(math.fsum, latencies))
        critical = max(map(math.fsum, latencies))
        return cls(critical, total / slots, 0.0 if rate is None else calls / rate)

    @property
    def wall_s(self) -> float:
        """The lower bound itself."""
        return max(self.critical_path_s, self.work_s, self.rate_s)


def ideal_queue(
    latencies: Sequence[Sequence[float]], slots: int, rate: float | None = None
) -> float:
    """Seconds that calls served in order of arrival take, when nothing but the server takes time."""
    now, free_at = 0.0, 0.0
    waiting = deque((episode, 0) for episode in range(len(latencies)))
    running: list[tuple[float, int, int]] = []
    while waiting or running:
        while waiting and len(running) < slots:
            episode, number = waiting.popleft()
            free_at = now if rate is None else max(now, free_at) + 1.0 / rate
            heapq.heappush(running, (free_at + latencies[episode][number], episode, number))
        now, episode, number = heapq.heappop(running)
        if number + 1 < len(latencies[episode]):
            waiting.append((episode, number + 1))
    return now


def ideal_lock_step(latencies: Sequence[Sequence[float]], threads: int) -> float:
    """Seconds that the lock-step driver takes when nothing but the server takes time: rounds one after another."""
    return math.fsum(
        ideal_queue([[of[number]] for of in latencies if number < len(of)], threads)
        for number in range(max(map(len, latencies)))
    )


def simulate(draw: Draw, count: int, slots: int, threads: int) -> dict[str, Any]:
    """What the draw alone decides: both drivers without any time of their own, over many draws."""
    lock, bound = [], []
    for seed in range(draw.seed, draw.seed + count):
        latencies = replace(draw, seed=seed).latencies()
        queue = ideal_queue(latencies, slots)
        lock.append(ideal_lock_step(latencies, threads) / queue)
        bound.append(queue / Bound.of(latencies, slots, None).wall_s)
    return {
        "draws": count,
        "ratio_lockstep_quartiles": statistics.quantiles(lock),
        "ratio_bound_quartiles": statistics.quantiles(bound),
        "share_lockstep_4": sum(ratio >= 4 for ratio in lock) / count,
        "share_bound_1.35": sum(ratio <= 1.35 for ratio in bound) / count,
        "share_both": sum(r >= 4 and b <= 1.35 for r, b in zip(lock, bound, strict=True)) / count,
    }


# --- measuring


@dataclass(frozen=True)
class Run:
    """One driver's run."""

    wall_s: float
    client_cpu_s: float
    server_cpu_s: float
    calls: int
    most_in_flight: int


def measure(name: str, drive: Driver, draw: Draw, server: Server, limit: int) -> Run:
    """Run one driver and check what it did. Exits when it lost, changed or repeated anything."""
    before = server.figures()
    wall, cpu = time.perf_counter(), time.process_time()
    answers = drive(draw, server.base_url, limit)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    after = server.figures()

    def fail(what: str) -> NoReturn:
        raise SystemExit(f"bench/rollout: the {name} driver, draw {draw.seed}: {what}")

    expected = draw.expected_answers()
    if len(answers) != len(expected):
        fail(f"{len(answers)} answers to {len(expected)} questions")
    wrong = [index for index, answer in enumerate(answers) if answer != expected[index]]
    if wrong:
        found, right = answers[wrong[0]], expected[wrong[0]]
        fail(
            f"{len(wrong)} of {len(answers)} answers are wrong; expected {right!r} in episode {wrong[0]}, got {found!r}"
        )
    calls = sum(map(draw.rounds_of, range(draw.episodes)))
    if after["calls"] != calls:
        fail(f"{after['calls']} calls reached the server, {calls} were to be made")
    if after["most_in_flight"] > limit:
        fail(f"{after['most_in_flight']} calls were in flight at once, {limit} are allowed")
    return Run(wall, cpu, after["cpu_s"] - before["cpu_s"], calls, after["most_in_flight"])


@dataclass(frozen=True)
class Comparison:
    """Both drivers on one draw."""

    draw: Draw
    bound: Bound
    ideal_s: float
    ours: Run
    lock: Run

    def figures(self) -> dict[str, float]:
        """The ratios that are reported, and what they are made of."""
        return {
            "ratio_lockstep": self.lock.wall_s / self.ours.wall_s,
            "ratio_bound": self.ours.wall_s / self.bound.wall_s,
            "efficiency": self.bound.wall_s / self.ours.wall_s,
            "efficiency_lockstep": self.bound.wall_s / self.lock.wall_s,
            "ratio_ideal_queue": self.ours.wall_s / self.ideal_s,
            "wall_s": self.ours.wall_s,
            "wall_lockstep_s": self.lock.wall_s,
            "bound_s": self.bound.wall_s,
            "critical_path_s": self.bound.critical_path_s,
            "work_s": self.bound.work_s,
            "rate_s": self.bound.rate_s,
            "client_cpu_s": self.ours.client_cpu_s,
            "client_cpu_lockstep_s": self.lock.client_cpu_s,
        }


def compare(draw: Draw, server: Server, slots: int, threads: int, rate: float | None) -> Comparison:
    """Run both drivers on one draw."""
    latencies = draw.latencies()
    return Comparison(
        draw,
        Bound.of(latencies, slots, rate),
        ideal_queue(latencies, slots, rate),
        ours=measure("asynchronous", asynchronous, draw, server, slots),
        lock=measure("lock-step", lock_step, draw, server, threads),
    )


# --- showing


def show(results: Sequence[Comparison], slots: int, threads: int) -> None:
    """Print the tables."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=110, highlight=False)
    table = Table(title="One batch, driven twice", title_justify="left")
    for column in ("draw", "driver", "wall s", "x bound", "efficiency", "calls", "in flight"):
        table.add_column(column, justify="left" if column == "driver" else "right", no_wrap=True)
    table.add_column("client CPU s", justify="right")
    table.add_column("server CPU s", justify="right")
    for result in results:
        bound, ideal = result.bound.wall_s, result.ideal_s
        seed = str(result.draw.seed)
        table.add_row(seed, "lower bound", f"{bound:.2f}", "1.00", "1.00")
        table.add_row(
            "", "ideal queue", f"{ideal:.2f}", f"{ideal / bound:.2f}", f"{bound / ideal:.2f}"
        )
        for name, run in (
            (f"asynchronous, {slots} slots", result.ours),
            (f"lock-step, {threads} threads", result.lock),
        ):
            table.add_row(
                "",
                name,
                f"{run.wall_s:.2f}",
                f"{run.wall_s / bound:.2f}",
                f"{bound / run.wall_s:.2f}",
                str(run.calls),
                str(run.most_in_flight),
                f"{run.client_cpu_s:.2f}",
                f"{run.server_cpu_s:.2f}",
            )
        table.add_section()
    console.print(table)
    for result in results:
        terms = result.bound
        console.print(
            f"draw {result.draw.seed}: lower bound {terms.wall_s:.2f} s = max(critical path {terms.critical_path_s:.2f}, "
            f"total latency / slots {terms.work_s:.2f}, calls / rate {terms.rate_s:.2f}); "
            f"lock-step / asynchronous {result.figures()['ratio_lockstep']:.2f}",
            soft_wrap=True,
        )


def summary(results: Sequence[Comparison], options: argparse.Namespace) -> dict[str, Any]:
    """The last line: medians over the draws, and every draw."""
    draws = [{"seed": result.draw.seed} | result.figures() for result in results]
    middle = {
        name: statistics.median(result.figures()[name] for result in results)
        for name in results[0].figures()
    }
    names = ("episodes", "rounds", "slots", "threads", "mean_latency_s", "sigma", "rate")
    return middle | {"settings": {name: getattr(options, name) for name in names}, "draws": draws}


# --- the command


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
        epilog="""\
examples
  python scripts/bench/rollout.py                                    three draws of the default batch, two minutes
  python scripts/bench/rollout.py --seed 7 --seeds 1                 another draw, alone
  python scripts/bench/rollout.py --mean-latency-s 4                 full scale, twenty minutes
  python scripts/bench/rollout.py --threads 64                       threads as many as slots: the barrier's cost alone
  python scripts/bench/rollout.py --simulate 300                     what the draws alone decide, in seconds
  python scripts/bench/rollout.py --rate 40                          a server that starts at most 40 calls a second

reading it
  The ratios differ from draw to draw, whatever the driver: one call in 640 can take longer than all that the slots
  have to do; --simulate 300 shows by how much. The last line of the output holds the medians over the draws of this
  run, and each draw under "draws".
""",
    )
    add = made.add_argument
    add("--episodes", type=_count, default=256, help="episodes in the batch (%(default)s)")
    add("--rounds", type=_count, default=4, help="most rounds of an episode (%(default)s)")
    add("--slots", type=_count, default=64, help="calls the pool takes at once (%(default)s)")
    add("--threads", type=_count, default=10, help="threads of the lock-step driver (%(default)s)")
    add(
        "--mean-latency-s",
        type=_positive,
        default=0.4,
        help="mean seconds of a call (%(default)s, a tenth of what a hosted model takes); small values make the "
        "client's own time count for more than it does in practice",
    )
    add("--sigma", type=_not_negative, default=1.0, help="spread of log latency (%(default)s)")
    add("--rate", type=_positive, default=None, help="calls a second the server starts (no limit)")
    add("--seed", type=int, default=0, help="the first draw (%(default)s)")
    add("--seeds", type=_count, default=3, help="how many draws, from --seed on (%(default)s)")
    add(
        "--simulate",
        type=_count,
        metavar="N",
        help="instead, simulate N draws with drivers that take no time of their own, and print the quartiles",
    )
    add("--serve", action="store_true", help=argparse.SUPPRESS)
    return made


def main() -> None:
    """Measure, show, and print one JSON object on the last line."""
    options = parser().parse_args()
    if options.serve:
        serve(options.rate)
        return
    draw = Draw(
        options.seed, options.episodes, options.rounds, options.mean_latency_s, options.sigma
    )
    if options.simulate:
        if options.simulate < 2 or options.rate is not None:
            raise SystemExit("bench/rollout: --simulate takes at least 2 draws, and no --rate")
        print(json.dumps(simulate(draw, options.simulate, options.slots, options.threads)))
        return
    scale = options.mean_latency_s / FULL_MEAN_LATENCY_S
    print(
        f"{draw.episodes} episodes of 1 to {draw.rounds} rounds; latency lognormal, sigma {draw.sigma:g}, mean "
        f"{draw.mean_s:g} s: {scale:.3g} of the {FULL_MEAN_LATENCY_S:g} s a hosted model takes"
    )
    results = []
    with server_process(options.rate) as server:
        # Both clients' imports and code paths once, so that the first draw does not pay for them.
        warm = replace(draw, seed=-1, episodes=8, mean_s=0.001)
        compare(warm, server, options.slots, options.threads, None)
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
