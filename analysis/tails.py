"""At which bounds two whole distributions are compared."""

from collections.abc import Mapping
from typing import Final

_PERCENTILES: Final = (0.5, 0.25, 0.1, 0.05, 0.01, 0.001)
"""Shares of requests that are slower: the median, p75, p90, p95, p99 and p99.9."""


def chosen(above: Mapping[float, float]) -> tuple[float, ...]:
    """The bounds nearest to six percentiles of a distribution, in order; `above` is the share of events above each.

    A bound above which there is nothing, or everything, tells nothing and is left out where others are there.
    """
    telling = {bound: share for bound, share in above.items() if 0 < share < 1} or dict(above)
    return tuple(sorted({min(telling, key=lambda bound: abs(telling[bound] - share)) for share in _PERCENTILES}))
