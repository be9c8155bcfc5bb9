"""Several checks that share one budget: the mean of what they own is evidence too, whatever they depend on.

Vovk & Wang, "E-values: calibration, combination and applications" (Annals of Statistics 2021, arXiv 1912.06116).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.judge.evidence import reaches
from analysis.judge.key import ENOUGH


@dataclass(frozen=True)
class Several:
    """The evidence of all checks together, and the places of those that take the canary back."""

    e_value: float
    culprits: tuple[int, ...]

    @property
    def aborts(self) -> bool:
        """Whether the canary is taken back."""
        return bool(self.culprits)


def several(entries: Sequence[tuple[float, float, float]], *, alpha: float) -> Several:
    """What checks say together, each with its part of the budget, its evidence and its key; without data 1 and 1.

    A culprit has enough evidence by itself for its part, or owns most where all together have enough; and its excess
    is more than equal pods differ among themselves. Where nobody's is, nothing is aborted.
    """
    if not math.fsum(part for part, _, _ in entries) <= 1 + 1e-9:
        raise ValueError("the checks' parts of the budget must add up to at most 1")
    owned = [part * evidence for part, evidence, _ in entries]
    enough = reaches(sum(owned), 1 / alpha)
    most = owned.index(max(owned)) if enough else None
    guilty = [place for place, each in enumerate(owned) if reaches(each, 1 / alpha) or place == most]
    return Several(sum(owned), tuple(place for place in guilty if entries[place][2] >= ENOUGH))
