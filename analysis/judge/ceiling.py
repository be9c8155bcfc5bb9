"""Bets that the canary's share of bad requests is above what it may ever be: betting on a bounded mean.

Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting" (JRSS B 2024, arXiv 2010.09686).
"""

import math
from typing import Final

STAKES: Final = (0.1, 0.25, 0.5, 0.75, 0.95)
_GUARD: Final = 2


def allowed(ceiling: float, tolerance: float, *stable: float) -> float:
    """What the canary's share is held against: the ceiling, or far above the stable's where that is high itself.

    `stable` are the stable's shares of bad requests: in this block, and in all so far.
    """
    return max(ceiling, _GUARD * tolerance * max(stable))


def bet(money: tuple[float, ...], share: float, limit: float) -> tuple[float, ...]:
    """The logarithms of the money after a block with that share; the mean factor is 1 where `limit` is the mean."""
    surplus = share / limit - 1
    return tuple([each + math.log1p(stake * surplus) for each, stake in zip(money, STAKES, strict=True)])
