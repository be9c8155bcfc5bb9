"""What a request costs on each side (CPU, memory): a confidence sequence of the ratio, to warn, never to abort.

A normal mixture around the mean logarithm, as in Waudby-Smith et al., "Time-uniform central limit theory and asymptotic
confidence sequences" (Annals of Statistics 2024, arXiv 2103.06476): right in the limit of many batches. A few are
waited for; even so, in simulations with independent batches the interval was ever wrong in 9 of 100 runs, not in 5, and
a canary exactly at the margin called worse in 4. A batch must be long enough that one says little about the next.
"""

import math
from dataclasses import dataclass, replace
from typing import Final

from analysis.judge import stored
from analysis.judge.scale import raised

LEAST: Final = 5
_TIGHTEST: Final = 10
"""The number of batches at which the interval is narrowest."""
_MOST: Final = 10**9


@dataclass(frozen=True, slots=True)
class Usage:
    """The batches so far. `margin` is how much more the canary may use; `alpha` is how often an interval ever errs."""

    margin: float = 0.2
    alpha: float = 0.05
    batches: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that cannot be."""
        if not 0 <= self.margin <= 1000:
            raise ValueError(f"margin must be from 0 to 1000, not {self.margin:g}: 0.2 allows a fifth more")
        if not 1e-9 <= self.alpha <= 0.5:
            raise ValueError(f"alpha must be above 0 and at most 0.5, not {self.alpha:g}")

    @classmethod
    def begun(cls, *, margin: float = 0.2, alpha: float = 0.05) -> "Usage":
        """Before the first batch."""
        return cls(margin, alpha)

    def after(self, canary: float, stable: float) -> "Usage":
        """With the usage per request of one more batch on each side; a side that used nothing says nothing."""
        if not (0 <= canary < math.inf and 0 <= stable < math.inf):
            raise ValueError(f"usage must be a number that is not negative, not {canary:g} and {stable:g}")
        if not canary or not stable:
            return self
        batches, found = self.batches + 1, math.log(canary) - math.log(stable)
        mean = self.mean + (found - self.mean) / batches
        squares = self.squares + (found - self.mean) * (found - mean)
        return replace(self, batches=batches, mean=mean, squares=squares)

    @property
    def ratio(self) -> float | None:
        """How many times what the stable version uses the canary uses; None before the first batch."""
        return raised(self.mean) if self.batches else None

    @property
    def interval(self) -> tuple[float, float]:
        """Between which values that ratio lies, at all looks together; (0, inf) while there are few batches."""
        if self.batches < LEAST:
            return 0.0, math.inf
        width = self._width()
        return raised(self.mean - width), raised(self.mean + width)

    @property
    def worse(self) -> bool:
        """Whether the canary uses more than the margin allows, and not by chance."""
        return self.interval[0] > 1 + self.margin

    def dump(self) -> dict[str, object]:
        """What to remember besides the settings, as JSON can hold it."""
        return {"batches": self.batches, "mean": self.mean, "squares": self.squares}

    @classmethod
    def load(cls, data: object, *, margin: float = 0.2, alpha: float = 0.05) -> "Usage":
        """What was remembered under the same settings; a ValueError where that is no such thing."""
        batches = stored.whole(data, "batches", _MOST)
        squares = stored.number(data, "squares")
        if squares < 0:
            raise ValueError(f"what was remembered as 'squares' is negative: {squares:g}")
        return cls(margin, alpha, batches, stored.number(data, "mean"), squares)

    def _width(self) -> float:
        time = self.batches * _mixture(self.alpha)
        deviation = math.sqrt(self.squares / (self.batches - 1))
        level = math.log(math.sqrt(time + 1) / self.alpha)
        return deviation * math.sqrt(2 * (time + 1) / (self.batches * time) * level)


def _mixture(alpha: float) -> float:
    """The mixture's variance, fixed before the first batch."""
    level = -2 * math.log(alpha)
    return (level + math.log(level) + 1) / _TIGHTEST
