"""How traffic is divided between the versions of a workload."""

from dataclasses import dataclass

from rollout.models.traffic import Match

STABLE = "stable"
CANARY = "canary"


@dataclass(frozen=True, kw_only=True)
class Split:
    """Shares of the traffic by side, in tenths of a per cent that sum to 1000, and who goes to the canary besides.

    A canary release has two sides, `stable` and `canary`; there is room for more.
    """

    shares: tuple[tuple[str, int], ...]
    match: Match | None = None

    @classmethod
    def at(cls, weight: float, match: Match | None = None) -> "Split":
        """`weight` per cent (0 to 100, one decimal) and what matches to the canary, the rest to the stable side."""
        tenths = round(weight * 10)
        if not 0 <= tenths <= 1000:
            raise ValueError(f"{weight} is not a percentage: a weight is from 0 to 100")
        return cls(shares=((STABLE, 1000 - tenths), (CANARY, tenths)), match=match)

    @property
    def canary(self) -> float:
        """The canary's share in per cent."""
        return dict(self.shares).get(CANARY, 0) / 10

    @property
    def flows(self) -> bool:
        """Whether the canary gets any request."""
        return self.canary > 0 or self.match is not None


@dataclass(frozen=True, kw_only=True)
class Backend:
    """One Service people already have, and the owned Service that leads to the canary beside it."""

    service: str
    canary: str
    namespace: str
