"""What a request costs on both sides, averaged over batches long enough to be independent of each other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from analysis.blocks import Closed
from analysis.growth import Growth
from analysis.judge import Usage
from analysis.results import State

Sums = tuple[float, float]
"""What was used, and the requests it is divided by."""


@dataclass(frozen=True, kw_only=True)
class Spending:
    """The batches so far, and the one that goes on since `start` (Unix seconds)."""

    start: float
    canary: Sums = (0.0, 0.0)
    stable: Sums = (0.0, 0.0)
    usage: Usage

    def after(self, closed: Closed, *, batch: float) -> "Spending":
        """With one more block. A batch without use or requests on one side says nothing."""
        now = replace(self, canary=_with(self.canary, closed.canary), stable=_with(self.stable, closed.stable))
        if closed.end - self.start < batch:
            return now
        return Spending(start=closed.end, usage=now.usage.after(_cost(now.canary), _cost(now.stable)))

    @property
    def state(self) -> State:
        """What the batches say; regress holds a release, and may pass again."""
        if self.usage.worse:
            return State.REGRESS
        return State.PASS if self.usage.interval[0] > 0 else State.NOT_ENOUGH_DATA


def _with(sums: Sums, growths: Sequence[Growth]) -> Sums:
    return sums[0] + sum(each.bad[0] for each in growths), sums[1] + sum(each.total for each in growths)


def _cost(sums: Sums) -> float:
    used, requests = sums
    return used / requests if requests else 0.0
