"""How errors come and pods differ: in clusters, with heavy tails, for good or slowly drifting."""

import math
from collections.abc import Iterator
from random import Random

from bench.judge.chance import geometric, pareto
from bench.judge.scenario import Incident, Noise, Sizes


def in_clusters(mean: float) -> Sizes:
    """Clusters of geometric size."""
    return lambda random: geometric(random, mean)


def of_size(size: int) -> Sizes:
    """Clusters that are all of one size."""
    return lambda _random: size


def heavy(shape: float, most: int) -> Sizes:
    """Clusters with Pareto's tail, cut."""
    return lambda random: pareto(random, shape, most)


def mean_heavy(shape: float, most: int, *, draws: int = 200_000) -> float:
    """The mean size of such clusters, counted rather than computed: the cut and the rounding make a formula long."""
    random = Random(0)
    return sum(pareto(random, shape, most) for _ in range(draws)) / draws


def lasting(deviation: float) -> Noise:
    """Every pod has a rate of its own, log-normal around the true one, and keeps it."""

    def levels(random: Random, pods: int) -> Iterator[list[float]]:
        level = [random.lognormvariate(-(deviation**2) / 2, deviation) for _ in range(pods)]
        while True:
            yield level

    return levels


def drifting(memory: float, deviation: float) -> Noise:
    """Every pod's logarithm of its rate drifts, with so much memory from block to block."""

    def levels(random: Random, pods: int) -> Iterator[list[float]]:
        now = [random.gauss(0, deviation) for _ in range(pods)]
        while True:
            yield [math.exp(each - deviation**2 / 2) for each in now]
            step = deviation * math.sqrt(1 - memory**2)
            now = [memory * each + random.gauss(0, step) for each in now]

    return levels


def shared_incident(random: Random) -> Incident:
    """Both versions fail 10 to 40 times as often, for one to four minutes."""
    return Incident(factor=random.uniform(10, 40), start=random.randrange(6, 150), blocks=random.randrange(6, 25))
