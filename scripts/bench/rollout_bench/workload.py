"""The batch of episodes that every driver rolls out: rounds, latencies and replies drawn from a seed, and the pool."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from statistics import NormalDist

from router_r1.episode import Episode
from router_r1.model_cards import CallLimits, Endpoint, ModelCard
from router_r1.pool import ModelPool
from router_r1.token_prices import Price

CANDIDATES = 4
FOREVER_S = 86400.0  # no call is given up: a timeout would change what is measured


@dataclass(frozen=True)
class Draw:
    """One draw of rounds and latencies. All of it is a hash of the fields, so every process computes the same."""

    seed: int
    episodes: int
    rounds: int
    """Maximum number of rounds of an episode."""
    mean_s: float
    """Mean latency of a call in seconds."""
    sigma: float
    """Standard deviation of the logarithm of the latency."""

    def _uniform(self, *key: object) -> float:
        """A number in (0, 1) that depends on the seed and the key."""
        digest = hashlib.sha256(":".join(map(str, (self.seed, *key))).encode()).digest()
        return (int.from_bytes(digest[:6], "big") + 0.5) / 2.0**48

    def rounds_of(self, episode: int) -> int:
        """The number of rounds of an episode: uniform on 1 to `rounds`."""
        return 1 + int(self._uniform("rounds", episode) * self.rounds)

    def latency_s(self, episode: int, number: int) -> float:
        """The latency of the call in round `number`: lognormal with mean `mean_s`.

        Its median is `mean_s * exp(-sigma^2 / 2)`.
        """
        z = NormalDist().inv_cdf(self._uniform("latency", episode, number))
        return self.mean_s * math.exp(self.sigma * z - self.sigma**2 / 2)

    def reply(self, episode: int, number: int) -> str:
        """The server's reply to the call in round `number`."""
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
        """The sub-query of a call; the server computes latency and reply from it (`read_query`)."""
        return f"draw={self.seed} mean={self.mean_s!r} sigma={self.sigma!r} episode={episode} round={number}"

    def expected_answers(self) -> list[str]:
        """The right answer of each episode: the replies of its rounds, in order."""
        return [
            " ".join(self.reply(episode, number) for number in range(self.rounds_of(episode)))
            for episode in range(self.episodes)
        ]

    def write_turn(self, episode: Episode) -> str:
        """The policy: one route in every round, then an answer that joins the replies."""
        index = int(re.findall(r"\d+", episode.question)[0])
        number = len(episode.turns)
        if number < self.rounds_of(index):
            model = _candidate((index + number) % CANDIDATES)
            query = self.query(index, number)
            return f'<think>Not known yet.</think><route model="{model}">{query}</route>'
        replies = [
            o.response.text for t in episode.turns for o in t.outcomes if o.response is not None
        ]
        return f"<think>All have replied.</think><answer>{' '.join(replies)}</answer>"


_QUERY = re.compile(r"draw=(-?\d+) mean=(\S+) sigma=(\S+) episode=(\d+) round=(\d+)")


def read_query(query: str) -> tuple[float, str]:
    """Latency in seconds and reply of a call, from its query. Raises `ValueError` for another text."""
    found = _QUERY.search(query)
    if found is None:
        raise ValueError(f"expected a query of `Draw.query`, got {query!r}")
    seed, mean_s, sigma, episode, number = found.groups()
    draw = Draw(int(seed), 0, 0, float(mean_s), float(sigma))
    return draw.latency_s(int(episode), int(number)), draw.reply(int(episode), int(number))


def _candidate(index: int) -> str:
    return f"candidate-{index + 1}"


def make_pool(base_url: str, slots: int) -> ModelPool:
    """A pool of several candidates behind one endpoint that takes `slots` calls at a time."""
    limits = CallLimits(
        max_concurrency=slots, max_attempts=1, attempt_timeout_s=FOREVER_S, deadline_s=FOREVER_S
    )
    cards = [
        ModelCard(
            name=_candidate(index),
            endpoint="loopback",
            price=Price(input=0.1, output=0.4),
            description="Replies after a while.",
            limits=limits,
        )
        for index in range(CANDIDATES)
    ]
    return ModelPool(cards, {"loopback": Endpoint(base_url=base_url, max_concurrency=slots)})
