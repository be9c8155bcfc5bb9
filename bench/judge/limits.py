"""How far a rate that was counted may be from the true one: 95 % limits (Clopper and Pearson, Biometrika 26, 1934)."""

import math
from collections.abc import Callable
from functools import cache

_OUTSIDE = 0.025


def limits(count: int, runs: int) -> tuple[float, float]:
    """The limits of the true rate where it happened `count` times in `runs`."""
    low = 0.0 if count == 0 else _solve(lambda rate: 1 - _at_most(count - 1, runs, rate) - _OUTSIDE)
    high = 1.0 if count == runs else _solve(lambda rate: _OUTSIDE - _at_most(count, runs, rate))
    return low, high


def _solve(rising: Callable[[float], float]) -> float:
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if rising(middle) > 0 else (middle, high)
    return (low + high) / 2


def _at_most(count: int, runs: int, rate: float) -> float:
    if rate <= 0 or rate >= 1:
        return 1.0 if rate <= 0 else float(count >= runs)
    return math.fsum(
        math.exp(_ln_choose(runs, each) + each * math.log(rate) + (runs - each) * math.log1p(-rate))
        for each in range(count + 1)
    )


@cache
def _ln_choose(whole: int, part: int) -> float:
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)
