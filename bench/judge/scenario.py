"""A simulated release: what both versions' pods count in every block of ten seconds."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from analysis.judge import Block
from bench.judge.chance import binomial, poisson

SECONDS = 10
MINUTES = 30

Sizes = Callable[[Random], int]
"""How many errors come together."""

Noise = Callable[[Random, int], Iterator[list[float]]]
"""Block for block, by how much the rate of each of so many pods differs from what it should be."""


@dataclass(frozen=True)
class Incident:
    """Both versions fail this many times as often, from one block on for some blocks."""

    factor: float
    start: int
    blocks: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """`rate` in requests a second, `share` the canary's part, `errors` the stable's share of bad requests.

    The canary's is `ratio` times as much, or `canary_errors`. `shares` overrides the share block by block. `late` is
    the part of every scrape that shows up one block later on the canary, `carried` the part of a cluster that spills
    into the next block, `sticky` how many blocks a session stays where it began, and `retried` the part of failed
    requests that is sent once more, to either version.
    """

    rate: float
    errors: float
    share: float = 0.05
    ratio: float = 1.0
    canary_errors: float | None = None
    canary_pods: int = 1
    stable_pods: int = 19
    shares: tuple[float, ...] = ()
    clusters: Sizes | None = None
    mean_size: float = 1.0
    noise: Noise | None = None
    incident: Callable[[Random], Incident] | None = None
    late: float = 0.0
    carried: float = 0.0
    sticky: int = 0
    retried: float = 0.0
    ceiling: float = 0.01
    minutes: int = MINUTES

    @property
    def blocks(self) -> int:
        """How many blocks a release has."""
        return self.minutes * 60 // SECONDS


@dataclass
class _Pods:
    """One side while it is simulated."""

    names: list[str]
    errors: float
    noise: Iterator[list[float]]
    spilled: dict[str, int] = field(default_factory=dict)
    owed: dict[str, tuple[int, int]] = field(default_factory=dict)
    sessions: float = 1.0


def blocks(scenario: Scenario, random: Random) -> Iterator[Block]:
    """One release, block by block."""
    incident = scenario.incident(random) if scenario.incident else None
    canary_errors = scenario.canary_errors if scenario.canary_errors is not None else scenario.ratio * scenario.errors
    canary = _side("c", scenario.canary_pods, canary_errors, scenario, random)
    stable = _side("s", scenario.stable_pods, scenario.errors, scenario, random)
    retries = 0
    for number in range(scenario.blocks):
        share = scenario.shares[number * len(scenario.shares) // scenario.blocks] if scenario.shares else scenario.share
        if scenario.sticky:
            share = _stuck(canary, share, scenario, random)
        factor = incident.factor if incident and 0 <= number - incident.start < incident.blocks else 1.0
        requests = scenario.rate * SECONDS + retries
        block = Block(
            _delayed(canary, _counted(canary, requests * share, factor, scenario, random), scenario.late),
            _counted(stable, requests * (1 - share), factor, scenario, random),
        )
        retries = binomial(random, int(sum(block.sums()[1::2])), scenario.retried) if scenario.retried else 0
        yield block


def _side(letter: str, pods: int, errors: float, scenario: Scenario, random: Random) -> _Pods:
    noise = scenario.noise(random, pods) if scenario.noise else _even(pods)
    return _Pods([f"{letter}{number}" for number in range(pods)], errors, noise)


def _even(pods: int) -> Iterator[list[float]]:
    level = [1.0] * pods
    while True:
        yield level


def _counted(
    side: _Pods, requests: float, factor: float, scenario: Scenario, random: Random
) -> dict[str, tuple[float, float]]:
    each, more = divmod(poisson(random, requests), len(side.names))  # taken in turn
    numbers = [each + (place < more) for place in range(len(side.names))]
    if scenario.noise is None and scenario.clusters is None:
        bad = _scattered(random, numbers, min(1.0, side.errors * factor))
    else:
        levels = next(side.noise)
        bad = [
            _bad(side, name, number, min(1.0, side.errors * level * factor), scenario, random)
            for name, number, level in zip(side.names, numbers, levels, strict=True)
        ]
    found = zip(side.names, numbers, bad, strict=True)
    return {name: (float(number), float(min(failed, number))) for name, number, failed in found}


def _scattered(random: Random, numbers: list[int], chance: float) -> list[int]:
    """Bad ones among the requests of pods that are all alike: drawn together, and dealt out pod by pod."""
    rest = sum(numbers)
    bad, found = binomial(random, rest, chance), []
    for number in numbers:
        share = binomial(random, bad, number / rest) if bad and number < rest else (bad if number else 0)
        found.append(min(share, number))
        bad, rest = bad - found[-1], rest - number
    return found


def _bad(side: _Pods, name: str, number: int, chance: float, scenario: Scenario, random: Random) -> int:
    if scenario.clusters is None:
        return binomial(random, number, chance)
    found = side.spilled.pop(name, 0)
    for _ in range(poisson(random, number * chance / scenario.mean_size)):
        size = scenario.clusters(random)
        later = binomial(random, size, scenario.carried)
        found += size - later
        if later:
            side.spilled[name] = side.spilled.get(name, 0) + later
    return found


def _delayed(side: _Pods, counts: dict[str, tuple[float, float]], late: float) -> dict[str, tuple[float, float]]:
    """Scrapes out of step: a part of what was counted is seen with the next block."""
    if not late:
        return counts
    seen = {}
    for name, (requests, bad) in counts.items():
        held = (int(requests * late), int(bad * late))
        before = side.owed.get(name, (0, 0))
        side.owed[name] = held
        seen[name] = (requests - held[0] + before[0], bad - held[1] + before[1])
    return seen


def _stuck(canary: _Pods, share: float, scenario: Scenario, random: Random) -> float:
    """Sessions that stay where they began: the share of all requests wanders around what is configured."""
    keep = 1 - 1 / scenario.sticky
    spread = math.sqrt((1 - keep**2) * (1 - share) / share / 20)  # some twenty sessions on the canary
    canary.sessions = max(0.05, 1 + keep * (canary.sessions - 1) + random.gauss(0, spread))
    return min(0.95, share * canary.sessions)
