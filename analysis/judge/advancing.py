"""The mirror image: bets that the canary is not worse than allowed, one on every single bad request."""

import math
from typing import Final

from analysis.judge.scale import ln_mean_over
from analysis.judge.votes import Ballot

BETS: Final = (0.9, 0.8, 0.65, 0.5, 0.35, 0.2)
"""What part of the allowed ratio the canary's is, as those who bet believe."""
_LN_BETS: Final = tuple(math.log(bet) for bet in BETS)


def advanced(money: tuple[float, ...], cast: Ballot) -> tuple[float, ...]:
    """The logarithms of the likelihood ratios after a vote on the allowed ratio."""
    drawn = zip(money, _LN_BETS, cast.falls, strict=True)
    return tuple([each + cast.canary_bad * rise + cast.bad * fall for each, rise, fall in drawn])


def ln_advance(money: tuple[float, ...], dispersion: float) -> float:
    """The logarithm of the evidence that the canary is not worse than allowed."""
    return ln_mean_over(money, dispersion)
