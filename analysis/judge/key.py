"""Whether the canary's excess is more than equal pods differ among themselves: the second condition of an abort.

A likelihood ratio of the votes, divided by an overdispersion that is learnt from the pods of both sides and from a
prior worth a few of them, and measured against a Student distribution. It only takes aborts away, never adds one.
"""

import math
from typing import Final, NamedTuple

from analysis.judge.scale import TOP
from analysis.judge.side import Side, unlikeness
from analysis.judge.votes import Ballot

ENOUGH: Final = 30.0

_PRIOR: Final = 3
_PRIOR_OF_ONE: Final = 12
_CAUTION: Final = 3


class Tally(NamedTuple):
    """Bad requests in the blocks that voted: the canary's, of both sides, and how many were due from the canary."""

    canary: float = 0.0
    both: float = 0.0
    due: float = 0.0

    def plus(self, cast: Ballot) -> "Tally":
        """With one more vote."""
        return Tally(self.canary + cast.canary_bad, self.both + cast.bad, self.due + cast.bad * cast.expected)


NO_VOTE: Final = Tally()


class Pods(NamedTuple):
    """How the pods differ: a chi-square, its degrees of freedom, a prior's, and the effective number on each side."""

    square: float
    freedom: int
    prior: int
    canary: float
    stable: float


def pods(canary: Side, stable: Side) -> Pods:
    """What the counters of the pods say about how equal pods are."""
    (square, freedom), (more, further) = unlikeness(stable), unlikeness(canary)
    first = prior(len(canary.pods), len(stable.pods))
    return Pods(square + more, freedom + further, first, canary.number, stable.number)


def prior(canary: int, stable: int) -> int:
    """What the prior is worth in degrees of freedom: more where one reporter a side leaves nothing to learn from."""
    return _PRIOR_OF_ONE if canary == stable == 1 else _PRIOR


def dispersion(tally: Tally, seen: Pods, spread: float) -> float:
    """By how much the votes scatter more than single independent bad requests would; at least 1."""
    if not tally.both:
        return 1.0
    assumed = seen.prior * (1 + spread * spread * tally.due / seen.canary)
    found = (seen.square + assumed) / (seen.freedom + seen.prior) - 1
    return max(1.0, 1 + _CAUTION * found * (1 + seen.canary / seen.stable) * (1 - tally.due / tally.both))


def ln_key(tally: Tally, seen: Pods, spread: float) -> float:
    """The logarithm of the key, 0 where the canary has no more than its part; at most 600."""
    if tally.canary <= tally.due:
        return 0.0
    freedom = seen.freedom + seen.prior
    excess = deviance(tally) / (freedom * dispersion(tally, seen, spread))
    return min(TOP, (freedom + 1) / 2 * math.log1p(excess))


def ln_beyond(alone: tuple[float, float], canary: Side, *, limit: float, spread: float) -> float:
    """The logarithm of the key where nothing stood beside the canary: its excess above the limit; at most 600.

    `alone` are the canary's requests, and the bad ones, in blocks in which the stable version had none.
    """
    requests, bad = alone
    due = limit * requests
    if bad <= due:
        return 0.0
    square, further = unlikeness(canary)
    freedom = further + _PRIOR
    found = (square + _PRIOR * (1 + spread * spread * due / (canary.number or 1.0))) / freedom - 1
    excess = 2 * (bad * math.log(bad / due) - (bad - due)) / (freedom * max(1.0, 1 + _CAUTION * found))
    return min(TOP, (freedom + 1) / 2 * math.log1p(excess))


def deviance(tally: Tally) -> float:
    """Twice the logarithm of how much better the votes fit their own share than the one that was due."""
    stable = tally.both - tally.canary
    rest = stable * math.log(stable / (tally.both - tally.due)) if stable > 0 else 0.0
    return max(0.0, 2 * (tally.canary * math.log(tally.canary / tally.due) + rest))
