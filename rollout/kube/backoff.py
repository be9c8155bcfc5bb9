"""How long to wait after failures in a row, and how to spread those who wait at the same time."""

import random
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

Jitter: TypeAlias = Callable[[float], float]
"""Gives the seconds really waited for the longest that may be waited."""


class Backoff(NamedTuple):
    """Seconds after the n-th failure in a row: doubled from `first`, up to `cap`."""

    first: float
    cap: float

    def after(self, failures: int) -> float:
        """The longest wait after that many failures; the first is 1."""
        return min(self.first * 2.0 ** min(failures - 1, 32), self.cap)


def half_to_all(seconds: float) -> float:
    """Anything between half of the wait and all of it."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
