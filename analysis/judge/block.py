"""What both sides counted between two moments, pod by pod; a count that cannot be is refused where it enters."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

LARGEST: Final = 1e15
"""Beyond it a float no longer counts by one."""

Counts = Mapping[str, tuple[float, float]]
"""For each pod (or proxy) its requests and how many of them were bad."""


class Sums(NamedTuple):
    """A block without its pods."""

    canary: float
    canary_bad: float
    stable: float
    stable_bad: float


@dataclass(frozen=True, slots=True)
class Block:
    """What both sides counted between two moments: by pod, or by proxy, (requests, bad ones among them)."""

    canary: Counts
    stable: Counts

    def __post_init__(self) -> None:
        """Refuse counts that cannot be."""
        for side, counts in (("canary", self.canary), ("stable", self.stable)):
            for name, (requests, bad) in counts.items():
                # Written so that a NaN, which is neither above nor below anything, never passes.
                if not 0 <= bad <= requests <= LARGEST:
                    raise ValueError(_refusal(f"{side} {name!r}", requests, bad))

    def sums(self) -> Sums:
        """Both sides without their pods."""
        return Sums(*_sum(self.canary), *_sum(self.stable))


def _sum(counts: Counts) -> tuple[float, float]:
    requests = bad = 0.0
    for more, worse in counts.values():
        requests += more
        bad += worse
    return requests, bad


def checked(name: str, requests: float, bad: float) -> None:
    """Refuse counts that cannot be, with a ValueError that names them."""
    if not 0 <= bad <= requests <= LARGEST:
        raise ValueError(_refusal(name, requests, bad))


def _refusal(name: str, requests: float, bad: float) -> str:
    if bad > requests:
        return f"{name}: {bad:g} bad of {requests:g} requests: there cannot be more bad requests than requests"
    return f"{name}: {bad:g} bad of {requests:g} requests: counts are numbers from 0 to {LARGEST:g}"
