"""Every block with bad requests is one vote, split by whose they are; bets on it at odds fair to an equal canary.

The bets form a test martingale (Ville's inequality: it reaches 1/a with chance at most a, whenever one looks), in the
manner of Lindon & Malek, "Anytime-valid inference for multinomial count data" (NeurIPS 2022, arXiv 2011.03567), but
with one bet a block instead of one a request: requests that fail together count once.
"""

import math
from typing import Final, NamedTuple

from analysis.judge.block import Sums
from analysis.judge.scale import raised

BETS: Final = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""By how much more than tolerated the canary fails, as those who bet believe."""
LN_BETS: Final = tuple(math.log(bet) for bet in BETS)
PART: Final = 0.85
"""The part of all money that bets on votes."""

_STAKE: Final = 0.95
_EXPONENT: Final = 100
_ONE_SIDED: Final = 1e-15


class Ballot(NamedTuple):
    """A block that votes: its bad requests, the canary's among them, and the part of them expected of the canary.

    `falls` are the logarithms of how the stable's part shrinks where a bet is right.
    """

    bad: float
    canary_bad: float
    expected: float
    falls: tuple[float, ...]


def ballot(sums: Sums, tolerance: float, bets: tuple[float, ...] = BETS) -> Ballot | None:
    """How a block votes on `tolerance`; None where nothing is bad, or (nearly) everything went to one side."""
    bad, requests = sums.canary_bad + sums.stable_bad, sums.canary + sums.stable
    if not bad or min(sums.canary, sums.stable) <= _ONE_SIDED * requests:
        return None
    canary = tolerance * sums.canary
    expected = canary / (canary + sums.stable)
    return Ballot(bad, sums.canary_bad, expected, tuple([-math.log1p((bet - 1) * expected) for bet in bets]))


def voted(votes: tuple[float, ...], cast: Ballot, limit: float) -> tuple[float, ...]:
    """The logarithms of the bets' money after a vote.

    At a single bad request nobody bets more than what lifts the votes to `limit`: a coincidence is to be enough, and
    what is won beyond it would only be lost again.
    """
    stakes = [min(_STAKE, -math.expm1(cast.bad * fall)) for fall in cast.falls]
    part = 1.0 if cast.bad != 1 else _restraint(votes, stakes, 1 / cast.expected - 1, limit)
    gain = part * (cast.canary_bad / cast.bad / cast.expected - 1)
    return tuple([vote + math.log1p(stake * gain) for vote, stake in zip(votes, stakes, strict=True)])


def hastened(fast: tuple[float, ...], cast: Ballot) -> tuple[float, ...]:
    """The logarithms of the money that bets on single bad requests, seen through an exponent of 1/100.

    Where bad requests come in clusters of up to 100 of one version, each factor's mean is still at most 1.
    """
    drawn = zip(fast, LN_BETS, cast.falls, strict=True)
    return tuple([each + (cast.canary_bad * rise + cast.bad * fall) / _EXPONENT for each, rise, fall in drawn])


def _restraint(votes: tuple[float, ...], stakes: list[float], gain: float, limit: float) -> float:
    money = [raised(vote) for vote in votes]
    owned = PART * sum(money) / len(money)
    if owned >= limit:
        return 0.0
    won = PART * sum([each * stake for each, stake in zip(money, stakes, strict=True)]) / len(money) * gain
    return (limit - owned) / won if owned + won > limit else 1.0
