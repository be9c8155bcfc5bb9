"""Numbers that span hundreds of orders of magnitude are kept as logarithms, and never leave the range of a float."""

import math
from collections.abc import Sequence
from typing import Final

TOP: Final = 600.0
"""The largest logarithm that is ever turned into a number: evidence beyond e^600 says nothing more."""


def raised(logarithm: float) -> float:
    """The number itself, at most e^600."""
    return math.exp(min(logarithm, TOP))


def mean(logarithms: Sequence[float]) -> float:
    """The mean of the numbers themselves."""
    return sum([raised(each) for each in logarithms]) / len(logarithms)


def ln_mean(logarithms: Sequence[float]) -> float:
    """The logarithm of the mean of the numbers."""
    top = max(logarithms)
    return top + math.log(sum([math.exp(each - top) for each in logarithms]) / len(logarithms))


def ln_mean_over(logarithms: Sequence[float], divisor: float) -> float:
    """The logarithm of the mean of the numbers, each to the power 1 / divisor."""
    return ln_mean([each / divisor for each in logarithms])
