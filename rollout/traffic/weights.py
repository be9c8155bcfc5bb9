"""Whole-number weights that divide some backends between two sides and leave every other share as it was."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

MAX_WEIGHT = 1_000_000  # the Gateway API's limit for one backend
DEFAULT_WEIGHT = 1  # what the Gateway API takes an absent weight for
TENTHS = 1000  # of a per cent, in the whole


@dataclass(frozen=True)
class Part:
    """One declared backend of a rule: its weight, and whether it is to be divided between two sides."""

    weight: int
    divided: bool


def totals(parts: Sequence[Part], tenths: int) -> tuple[int, ...]:
    """The weights of the parts, in their order, scaled so that `tenths` of every divided one is a whole number.

    The shares of the parts stay exactly what they were. A single part becomes 100, or 1000 where a share in per cent
    needs its decimal; several become multiples of that, and fewer where `MAX_WEIGHT` would be exceeded: then a side
    of a divided part can be off by up to one unit of weight. Without a divided part that has weight, nothing is scaled.
    """
    if not any(part.divided and part.weight for part in parts):
        return tuple(part.weight for part in parts)
    unit = gcd(*(part.weight for part in parts))
    factor = min(_precision(tenths), MAX_WEIGHT * unit // max(part.weight for part in parts))
    return tuple(part.weight // unit * factor for part in parts)


def too_far_apart(parts: Sequence[Part]) -> bool:
    """Whether `MAX_WEIGHT` leaves a divided part too little weight to be divided in tenths of a per cent."""
    scaled = totals(parts, tenths=1)
    return any(part.divided and 0 < total < TENTHS for part, total in zip(parts, scaled, strict=True))


def canary_weight(total: int, tenths: int) -> int:
    """The canary's part of `total`: never more than `tenths` of it."""
    return total * tenths // TENTHS


def canary_tenths(stable: int, canary: int) -> int:
    """The canary's share, in tenths of a per cent, that these weights stand for; 0 when both are 0.

    What lies between two tenths is rounded up, so that 0 means none; 1000 means that nothing else is left.
    """
    if stable == 0:
        return TENTHS if canary else 0
    return min(TENTHS - 1, -(-TENTHS * canary // (stable + canary)))


def _precision(tenths: int) -> int:
    return TENTHS if tenths % 10 else 100
