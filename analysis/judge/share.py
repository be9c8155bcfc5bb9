"""Whether the traffic is split as configured, at the measuring point: two bets on the share, each block one vote."""

from dataclasses import dataclass
from typing import Final

from analysis.judge import ceiling, stored
from analysis.judge.block import LARGEST
from analysis.judge.evidence import reaches
from analysis.judge.scale import mean

_NOTHING: Final = (0.0,) * len(ceiling.STAKES)


@dataclass(frozen=True)
class Share:
    """The evidence that the canary gets too much or too little of the traffic; it begins anew with every weight.

    `expected` is the canary's configured share, from 0 to 1. What is tolerated is `tolerance` of it, and at least
    `points`. `alpha` is the chance that either is said of a split that is as configured.
    """

    expected: float
    tolerance: float = 0.2
    points: float = 0.02
    alpha: float = 0.01
    canary: float = 0.0
    stable: float = 0.0
    many: tuple[float, ...] = _NOTHING
    few: tuple[float, ...] = _NOTHING

    def __post_init__(self) -> None:
        """Refuse settings that cannot be."""
        if not 0 <= self.expected <= 1:
            raise ValueError(f"expected must be a share from 0 to 1, not {self.expected:g}")
        for name, value in (("tolerance", self.tolerance), ("points", self.points), ("alpha", self.alpha)):
            if not 1e-9 <= value <= 1:
                raise ValueError(f"{name} must be above 0 and at most 1, not {value:g}")

    @classmethod
    def begun(cls, expected: float, *, tolerance: float = 0.2, points: float = 0.02, alpha: float = 0.01) -> "Share":
        """Before the first block at that share."""
        return cls(expected, tolerance, points, alpha)

    def after(self, canary: float, stable: float) -> "Share":
        """With the requests of one more block on each side."""
        if not (0 <= canary <= LARGEST and 0 <= stable <= LARGEST):
            raise ValueError(f"{canary:g} and {stable:g} requests: counts are numbers from 0 to {LARGEST:g}")
        if not canary + stable:
            return self
        part = canary / (canary + stable)
        slack = max(self.points, self.tolerance * self.expected)
        return Share(
            expected=self.expected,
            tolerance=self.tolerance,
            points=self.points,
            alpha=self.alpha,
            canary=self.canary + canary,
            stable=self.stable + stable,
            many=ceiling.bet(self.many, part, min(1.0, self.expected + slack)),
            few=ceiling.bet(self.few, 1 - part, min(1.0, 1 - self.expected + slack)),
        )

    @property
    def observed(self) -> float | None:
        """The canary's share of the requests seen; None without any."""
        requests = self.canary + self.stable
        return self.canary / requests if requests else None

    @property
    def many_value(self) -> float:
        """The evidence that the canary gets too much."""
        return mean(self.many)

    @property
    def few_value(self) -> float:
        """The evidence that the canary gets too little."""
        return mean(self.few)

    @property
    def too_many(self) -> bool:
        """Whether the canary gets more than its share, and not by chance."""
        return reaches(self.many_value, 2 / self.alpha)

    @property
    def too_few(self) -> bool:
        """Whether the canary gets less than its share, and not by chance."""
        return reaches(self.few_value, 2 / self.alpha)

    def dump(self) -> dict[str, object]:
        """What to remember, as JSON can hold it."""
        return {
            "settings": [self.expected, self.tolerance, self.points, self.alpha],
            "requests": [self.canary, self.stable],
            "many": list(self.many),
            "few": list(self.few),
        }

    @classmethod
    def load(cls, data: object) -> "Share":
        """What was remembered; a ValueError where that is no such thing."""
        expected, tolerance, points, alpha = stored.numbers(data, "settings", 4)
        canary, stable = stored.numbers(data, "requests", 2)
        return cls(
            expected=expected,
            tolerance=tolerance,
            points=points,
            alpha=alpha,
            canary=canary,
            stable=stable,
            many=stored.numbers(data, "many", len(ceiling.STAKES)),
            few=stored.numbers(data, "few", len(ceiling.STAKES)),
        )
