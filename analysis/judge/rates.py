"""How many times the stable's rate the canary's is: an estimate that neither ramps nor shared incidents mislead.

Mantel & Haenszel (1959): each block's bad requests count by the other side's part of its traffic. Where the share never
changes this is the plain ratio of the two rates.
"""

from typing import Final, NamedTuple

from analysis.judge.block import LARGEST, Sums


class Rates(NamedTuple):
    """The bad requests of each side, weighed by the other's part of the traffic."""

    canary: float = 0.0
    stable: float = 0.0

    def plus(self, sums: Sums) -> "Rates":
        """With one more block."""
        requests = sums.canary + sums.stable
        if not requests:
            return self
        canary = sums.canary_bad * (sums.stable / requests)
        return Rates(self.canary + canary, self.stable + sums.stable_bad * (sums.canary / requests))

    @property
    def ratio(self) -> float | None:
        """The estimate; None where the stable version has nothing to compare with."""
        return min(self.canary / self.stable, LARGEST) if self.stable else None


UNKNOWN: Final = Rates()
