"""Whether more than half of the canary's requests fail: bets against one half, from the first request on."""

from dataclasses import dataclass
from typing import Final

from analysis.judge import ceiling
from analysis.judge.block import checked
from analysis.judge.evidence import reaches
from analysis.judge.scale import mean
from analysis.judge.stored import numbers

_HALF: Final = 0.5
_MARGIN: Final = 20


@dataclass(frozen=True)
class Outage:
    """The evidence of an outage; it needs no comparison, and speaks at twenty times what aborts one."""

    alpha: float = 0.01
    money: tuple[float, ...] = (0.0,) * len(ceiling.STAKES)

    def after(self, requests: float, bad: float) -> "Outage":
        """With what one more block counted on the canary."""
        checked("canary", requests, bad)
        if not requests:
            return self
        return Outage(self.alpha, ceiling.bet(self.money, bad / requests, _HALF))

    @property
    def e_value(self) -> float:
        """The evidence that more than half of the requests fail: 1 says nothing."""
        return mean(self.money)

    @property
    def speaks(self) -> bool:
        """Whether there is enough."""
        return reaches(self.e_value, _MARGIN / self.alpha)

    def dump(self) -> dict[str, object]:
        """What to remember, as JSON can hold it."""
        return {"money": list(self.money)}

    @classmethod
    def load(cls, alpha: float, data: object) -> "Outage":
        """What was remembered under the same `alpha`; a ValueError where that is no such thing."""
        return cls(alpha, numbers(data, "money", len(ceiling.STAKES)))
